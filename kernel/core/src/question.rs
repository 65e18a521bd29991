//! Plans that wait for a person's yes.

use core::fmt;

use proviso_abi::audit::AuditEvent;
use proviso_abi::outcome::{IntentEvent, Reason, Rejection};
use proviso_abi::syscall::Error;
use proviso_abi::wire::IntentId;
use proviso_abi::{INIT, List, Pid, Plan, Sentence, Text};

use crate::admit::admit;
use crate::commit::{Order, Rejections};
use crate::confirm::{self, Asked, Question};
use crate::files::touch_files;
use crate::intents::Pending;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::view::{Operation, Principal, View};

impl<M: Machine> Kernel<M> {
    /// Asks the person concerned, if they have to be asked; true if the plan
    /// must wait for the answer. A process can never say yes, so a plan of its
    /// own that would need one is refused.
    pub(crate) fn ask_first(
        &mut self,
        machine: &mut M,
        order: &Order,
        plan: &Plan,
        operations: &[Operation],
        view: &View,
    ) -> Result<bool, Rejections> {
        // Init acts for the system, on nobody's wish.
        if order.submitter == INIT {
            return Ok(false);
        }
        let Some(intent) = self.intents.get(order.intent) else {
            return Ok(false);
        };
        let asked = Asked {
            principal: order.principal,
            sentence: (!intent.prompt.is_empty()).then_some(intent.prompt.as_str()),
            policy: self.users.confirm(self.owner_of(order.principal)),
        };
        // After a refusal it is not what was said, so it is always asked about.
        let before = intent.refused.as_ref().map(|refused| &refused.asked);
        let mut loss = before.map_or_else(Question::new, |asked| confirm::changed(asked, plan));
        loss.extend(confirm::question(&asked, plan, operations, view).unwrap_or_default());
        if loss.is_empty() {
            return Ok(false);
        }
        if let Principal::Process(pid) = order.principal {
            return Err(refused(
                Reason::NeedsConfirmation,
                format_args!(
                    "a person has to say yes to this, and process {pid} cannot; ask for it at the console"
                ),
            ));
        }
        let now = machine.now_ns();
        if let Some(intent) = self.intents.get_mut(order.intent) {
            intent.wait_for_answer(
                now,
                Pending {
                    plan: plan.clone(),
                    operations: operations.to_vec(),
                    principal: order.principal,
                },
            );
        }
        let lines = proviso_abi::describe::Joined(&loss, "; ");
        let event = AuditEvent::Asked(Sentence::format(format_args!("{lines}")));
        self.note(machine, order.principal, order.intent, event);
        self.tell(machine, order.intent, &IntentEvent::Confirm { loss });
        Ok(true)
    }

    /// The answer to what an intent of this process's asked. What was agreed to
    /// is judged anew; if it is not the same any more, nothing is done.
    pub(crate) fn take_answer(
        &mut self,
        machine: &mut M,
        pid: Pid,
        id: IntentId,
        yes: bool,
    ) -> Result<(), Error> {
        let begin = machine.now_ns();
        let intent = self.intents.own_mut(id, pid).ok_or(Error::NoSuchIntent)?;
        if !intent.is_asked() {
            return Err(Error::Invalid);
        }
        let pending = intent.take_pending().ok_or(Error::Invalid)?;
        let order = Order {
            principal: self.principal(pid),
            submitter: pid,
            intent: id,
        };
        self.note(machine, order.principal, id, AuditEvent::Answered(yes));
        let outcome = match self.after_answer(machine, &order, &pending, yes) {
            Ok(operations) if touch_files(&operations) => {
                self.begin_files(machine, &order, &pending.plan, &operations);
                return Ok(());
            }
            Ok(operations) => self.commit(machine, &order, &operations),
            Err(rejections) => Err(rejections),
        };
        self.conclude(machine, &order, outcome, begin);
        Ok(())
    }

    fn after_answer(
        &mut self,
        machine: &mut M,
        order: &Order,
        pending: &Pending,
        yes: bool,
    ) -> Result<alloc::vec::Vec<Operation>, Rejections> {
        if !yes {
            return Err(refused(
                Reason::NeedsConfirmation,
                format_args!("it was not confirmed"),
            ));
        }
        let stale = || {
            refused(
                Reason::Stale,
                format_args!(
                    "things changed since you were asked, so your yes does not count; ask again"
                ),
            )
        };
        if order.principal != pending.principal {
            return Err(stale());
        }
        let view = self.view(machine, order.principal, order.submitter);
        let operations = admit(&pending.plan, order.principal, &view)?;
        if operations != pending.operations {
            return Err(stale());
        }
        Ok(operations)
    }
}

fn refused(reason: Reason, text: fmt::Arguments<'_>) -> Rejections {
    let mut rejections = List::default();
    // One reason always fits.
    let _ = rejections.push(Rejection {
        action: None,
        reason,
        text: Text::format(text),
        instead: None,
    });
    rejections
}
