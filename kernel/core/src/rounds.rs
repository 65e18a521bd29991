//! Rounds: what came of the agent's answer goes back to it, and it answers again.
//!
//! A plan that is refused goes back once, with the reasons and the nearest that
//! would be admitted; an agent may also look before it plans. Every answer is
//! judged like the first, and what is done after a refusal is not what was said:
//! a person has to say yes to it, whatever else they are asked before. So nothing
//! goes back on behalf of those who cannot say yes (processes) or never want to
//! be asked.

use proviso_abi::audit::AuditEvent;
use proviso_abi::console::ConfirmPolicy;
use proviso_abi::outcome::IntentEvent;
use proviso_abi::wire::{Before, IntentId};
use proviso_abi::words::ListWhat;
use proviso_abi::{Action, Class, Plan, Sentence};

use crate::admit::admit;
use crate::commit::{Order, Rejections};
use crate::intents::{Refused, Stage};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::view::Principal;

impl<M: Machine> Kernel<M> {
    /// Sends a refusal back to the agent; false if it stands, because it is not
    /// the first, there are no more rounds, or nobody could agree to another plan.
    pub(crate) fn ask_for_another(
        &mut self,
        machine: &mut M,
        order: &Order,
        plan: &Plan,
        rejections: &Rejections,
        begin_ns: u64,
    ) -> bool {
        let is_person = !matches!(order.principal, Principal::Process(_));
        let policy = self.users.confirm(self.owner_of(order.principal));
        let may_agree = is_person && policy != ConfirmPolicy::Never;
        let intent = self.intents.get_mut(order.intent);
        let Some(intent) = intent.filter(|intent| may_agree && intent.may_be_revised()) else {
            return false;
        };
        intent.refused = Some(Refused {
            event: IntentEvent::Rejected {
                rejections: rejections.clone(),
                kernel_ns: machine.now_ns().saturating_sub(begin_ns),
            },
            asked: plan.clone(),
        });
        self.record_refusal(machine, order, rejections);
        let event = IntentEvent::Revising {
            rejections: rejections.clone(),
        };
        self.tell(machine, order.intent, &event);
        let before = Before::Rejected {
            plan: plan.clone(),
            rejections: rejections.clone(),
        };
        if !self.request(machine, order.intent, Some(before)) {
            self.let_stand(machine, order.intent);
        }
        true
    }

    /// Tells the refusal that the agent had no better answer to; false if there
    /// was none.
    pub(crate) fn let_stand(&mut self, machine: &mut M, id: IntentId) -> bool {
        let refused = self.intents.get_mut(id).and_then(|one| one.refused.take());
        let Some(Refused { event, .. }) = refused else {
            return false;
        };
        self.tell(machine, id, &event);
        true
    }

    /// Shows the agent what it asks to see before it plans.
    pub(crate) fn look(&mut self, machine: &mut M, id: IntentId, plan: Plan) {
        let begin = machine.now_ns();
        let Some(intent) = self.intents.get_mut(id) else {
            return;
        };
        intent.stage = Stage::Decided;
        let (submitter, rounds_left) = (intent.submitter, intent.rounds_left());
        // What is in files is for the person alone: the model never reads it.
        let looks = |action: &Action| match action {
            Action::ReadFile { .. } => false,
            Action::List { what, .. } => *what != ListWhat::Files,
            other => other.kind().class() == Class::Observe,
        };
        let only_looks = |plan: &Plan| plan.actions.iter().all(looks);
        if rounds_left == 0 || !only_looks(&plan) {
            let why = match rounds_left {
                0 => "it looked again and again instead of planning",
                _ => "it wanted to look by actions that do more than that",
            };
            return self.fail(machine, id, format_args!("the agent has no plan: {why}"));
        }
        let order = Order {
            principal: self.principal(submitter),
            submitter,
            intent: id,
        };
        let words = AuditEvent::Plan(Sentence::format(format_args!("look first: {plan}")));
        self.note(machine, order.principal, id, words);
        self.tell(machine, id, &IntentEvent::Looking { plan: plan.clone() });
        let view = self.view(machine, order.principal, submitter);
        let seen = admit(&plan, order.principal, &view)
            .and_then(|operations| self.commit(machine, &order, &operations));
        match seen {
            Ok(effects) => {
                if !self.request(machine, id, Some(Before::Seen { plan, effects })) {
                    self.fail(
                        machine,
                        id,
                        format_args!("what the agent wanted to see did not reach it; try again"),
                    );
                }
            }
            Err(rejections) => self.conclude_round(machine, &order, &plan, rejections, begin),
        }
    }

    /// Sends a refusal back, or ends the intent with it.
    pub(crate) fn conclude_round(
        &mut self,
        machine: &mut M,
        order: &Order,
        plan: &Plan,
        rejections: Rejections,
        begin_ns: u64,
    ) {
        if !self.ask_for_another(machine, order, plan, &rejections, begin_ns) {
            self.conclude(machine, order, Err(rejections), begin_ns);
        }
    }
}
