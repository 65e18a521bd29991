//! Requests on their way to the agent and back.
//!
//! The kernel asks, and waits no longer than its deadlines; whatever the agent
//! says or fails to say costs an intent its answer and nothing else.

use alloc::vec::Vec;
use core::fmt;

use proviso_abi::audit::AuditEvent;
use proviso_abi::describe::Joined;
use proviso_abi::outcome::{IntentEvent, Rejection};
use proviso_abi::syscall::Error;
use proviso_abi::trace::TraceKind;
use proviso_abi::wire::{Before, Frame, IntentId, Request, ToAgent, ToKernel, VERSION};
use proviso_abi::{Effect, Name, Pid, Plan, Sentence, Text};

use crate::admit::admit;
use crate::commit::{Order, Rejections};
use crate::files::touch_files;
use crate::intents::{Overdue, Stage};
use crate::kernel::Kernel;
use crate::link::{MAX_TAKE, Peer};
use crate::machine::Machine;
use crate::view::Principal;

/// So many hellos are logged each if the peer or its model changed; later ones,
/// and those of a peer that stayed the same, at every power of two.
const MAX_LOGGED_HELLOS: u64 = 16;

impl<M: Machine> Kernel<M> {
    /// Takes a sentence and sends it out.
    pub(crate) fn submit_sentence(
        &mut self,
        machine: &mut M,
        pid: Pid,
        bytes: &[u8],
    ) -> Result<IntentId, Error> {
        let text = core::str::from_utf8(bytes)
            .map_err(|_| Error::Invalid)?
            .trim();
        if text.is_empty() {
            return Err(Error::Invalid);
        }
        let prompt = Sentence::new(text).map_err(|_| Error::TooLong)?;
        let event = AuditEvent::Sentence(prompt.clone());
        let id = self.add_intent(machine, pid, prompt)?;
        self.note(machine, self.principal(pid), id, event);
        self.request(machine, id, None);
        Ok(id)
    }

    /// Takes a plan, decides on it and sets the result of the call, in an order
    /// that also holds if the plan ends the one who submits it.
    pub(crate) fn submit_plan(
        &mut self,
        machine: &mut M,
        pid: Pid,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let Ok((plan, [])) = postcard::take_from_bytes::<Plan>(bytes) else {
            return Err(Error::Invalid);
        };
        let id = self.add_intent(machine, pid, Sentence::default())?;
        self.set_result(machine, pid, Ok(id));
        self.decide(machine, id, &plan);
        Ok(())
    }

    pub(crate) fn add_intent(
        &mut self,
        machine: &M,
        pid: Pid,
        prompt: Sentence,
    ) -> Result<IntentId, Error> {
        let principal = self.principal(pid);
        // Commands are typed by a person, who must be able to act while the
        // sentences of the same user are too many.
        let is_typed = prompt.is_empty() && self.console_owner() == Some(pid);
        if !is_typed && !self.rates.take(principal, machine.now_ns()) {
            return Err(Error::TooOften);
        }
        let is_operator = !matches!(principal, Principal::Process(_));
        let now = machine.now_ns();
        let id = self
            .intents
            .add(pid, is_operator, prompt, now)
            .ok_or(Error::Full)?;
        self.trace.note(now, pid, TraceKind::Intent, id);
        Ok(id)
    }

    /// Sends an intent's sentence, with what came of the last answer to it;
    /// false if it does not go out. Of a first request the deadline tells that.
    pub(crate) fn request(
        &mut self,
        machine: &mut M,
        id: IntentId,
        before: Option<Before>,
    ) -> bool {
        let now = machine.now_ns();
        let Some(intent) = self.intents.get_mut(id) else {
            return false;
        };
        intent.sent(now);
        intent.begin_round();
        let rounds_left = intent.rounds_left();
        let (prompt, deadline_ms, submitter) = (
            intent.prompt.clone(),
            intent.remaining_ms(now),
            intent.submitter,
        );
        let system = self.system(machine, self.principal(submitter));
        self.link.send(
            machine,
            ToAgent::Request(Request {
                intent: id,
                deadline_ms,
                prompt,
                system,
                before,
                rounds_left,
            }),
        )
    }

    /// Admits a plan and commits it, or says why not.
    fn decide(&mut self, machine: &mut M, id: IntentId, plan: &Plan) {
        let Some(intent) = self.intents.get_mut(id) else {
            return;
        };
        intent.stage = Stage::Decided;
        let submitter = intent.submitter;
        let begin = machine.now_ns();
        let order = Order {
            principal: self.principal(submitter),
            submitter,
            intent: id,
        };
        let words = AuditEvent::Plan(Sentence::format(format_args!("{plan}")));
        self.note(machine, order.principal, id, words);
        let started = machine.now_ns();
        let view = self.view(machine, order.principal, submitter);
        let viewed = machine.now_ns();
        let verdict = admit(plan, order.principal, &view);
        let judged = machine.now_ns();
        for (from, to, kind) in [
            (started, viewed, TraceKind::View),
            (viewed, judged, TraceKind::Judge),
        ] {
            self.trace
                .note(to, submitter, kind, to.saturating_sub(from));
        }
        let outcome = match verdict {
            Ok(operations) => match self.ask_first(machine, &order, plan, &operations, &view) {
                Ok(true) => return,
                Ok(false) if touch_files(&operations) => {
                    return self.begin_files(machine, &order, plan, &operations);
                }
                Ok(false) => self.commit(machine, &order, &operations),
                Err(rejections) => Err(rejections),
            },
            Err(rejections) => Err(rejections),
        };
        match outcome {
            Ok(effects) => self.conclude(machine, &order, Ok(effects), begin),
            Err(rejections) => self.conclude_round(machine, &order, plan, rejections, begin),
        }
    }

    /// Puts the outcome of a plan on record and tells it.
    pub(crate) fn conclude(
        &mut self,
        machine: &mut M,
        order: &Order,
        outcome: Result<Vec<Effect>, Rejections>,
        begin_ns: u64,
    ) {
        let now = machine.now_ns();
        let kernel_ns = now.saturating_sub(begin_ns);
        let event = match outcome {
            Ok(effects) => {
                let words = Sentence::format(format_args!("{}", Joined(&effects, "; ")));
                self.note(
                    machine,
                    order.principal,
                    order.intent,
                    AuditEvent::Committed(words),
                );
                let kind = TraceKind::Admit;
                self.trace.note(now, order.submitter, kind, order.intent);
                IntentEvent::Done { effects, kernel_ns }
            }
            Err(rejections) => {
                self.record_refusal(machine, order, &rejections);
                IntentEvent::Rejected {
                    rejections,
                    kernel_ns,
                }
            }
        };
        self.tell(machine, order.intent, &event);
    }

    /// Puts on record, trace and log that a plan was refused, and why.
    pub(crate) fn record_refusal(&mut self, machine: &M, order: &Order, rejections: &[Rejection]) {
        let words = Sentence::format(format_args!("{}", Joined(rejections, "; ")));
        self.note(
            machine,
            order.principal,
            order.intent,
            AuditEvent::Rejected(words),
        );
        let (now, submitter) = (machine.now_ns(), order.submitter);
        self.trace
            .note(now, submitter, TraceKind::Reject, order.intent);
        for rejection in rejections {
            let line = format_args!("refused a plan of process {submitter}: {rejection}");
            self.log.push(now, crate::log::KERNEL, line);
        }
    }

    /// Adds an event to an intent and wakes who waits for it.
    pub(crate) fn tell(&mut self, machine: &mut M, id: IntentId, event: &IntentEvent) {
        // The submitter's end ended the intent as well, and nobody waits.
        let Some(intent) = self.intents.get_mut(id) else {
            return;
        };
        intent.push(event);
        let submitter = intent.submitter;
        self.advance(machine, submitter);
    }

    pub(crate) fn fail(&mut self, machine: &mut M, id: IntentId, text: fmt::Arguments<'_>) {
        if let Some(submitter) = self.intents.get(id).map(|intent| intent.submitter) {
            let event = AuditEvent::Failed(Sentence::format(text));
            self.note(machine, self.principal(submitter), id, event);
        }
        self.tell(
            machine,
            id,
            &IntentEvent::Failed {
                text: Text::format(text),
            },
        );
    }

    /// Forgets an intent, and tells the agent if it may still work on it.
    pub(crate) fn drop_intent(&mut self, machine: &mut M, id: IntentId) {
        let Some(intent) = self.intents.remove(id) else {
            return;
        };
        if intent.stage != Stage::Finished {
            let event = AuditEvent::Failed(Sentence::cut("given up by the one who asked"));
            self.note(machine, self.principal(intent.submitter), id, event);
        }
        if intent.is_with_agent() {
            self.link.send(machine, ToAgent::Cancel { intent: id });
        }
    }

    /// Forgets all intents of a process.
    pub(crate) fn drop_intents(&mut self, machine: &mut M, pid: Pid) {
        for id in self.intents.of(pid) {
            self.drop_intent(machine, id);
        }
    }

    /// Fails the intents whose time is up.
    pub(crate) fn expire_intents(&mut self, machine: &mut M) {
        for (id, why) in self.intents.overdue(machine.now_ns()) {
            if why == Overdue::Unfiled {
                let text = format_args!(
                    "the store of files did not answer within 30 s; what it does of this yet is taken back; /log may say why"
                );
                self.fail(machine, id, text);
                continue;
            }
            if why == Overdue::Unanswered {
                self.fail(
                    machine,
                    id,
                    format_args!("nobody said yes within 120 s, so nothing was done"),
                );
                continue;
            }
            self.link.send(machine, ToAgent::Cancel { intent: id });
            if why == Overdue::Unheard && self.link.is_agent_known() {
                self.link.note_silence();
            }
            if self.let_stand(machine, id) {
                continue;
            }
            match (why, self.link.peer().clone()) {
                (Overdue::Unanswered | Overdue::Unfiled, _) => {}
                (Overdue::TooLong, _) => {
                    self.fail(machine, id, format_args!("no plan within 60 s; try a simpler request"));
                }
                (Overdue::Silent, _) => {
                    self.fail(machine, id, format_args!("the agent fell silent while it was planning; try again"));
                }
                (Overdue::Unheard, Peer::Foreign(version)) => self.fail(machine, id, format_args!(
                    "the agent speaks version {version} of the protocol and this kernel version {VERSION}; update the older one"
                )),
                (Overdue::Unheard, Peer::Unknown) => self.fail(machine, id, format_args!(
                    "the agent does not answer: none is connected; start it, or use slash commands"
                )),
                (Overdue::Unheard, Peer::Agent(model)) => {
                    self.fail(machine, id, format_args!(
                        "the agent does not answer: it was there with model {model}; restart it, or use slash commands"
                    ));
                }
            }
        }
    }

    /// Takes in what the agent sent.
    pub(crate) fn poll_agent(&mut self, machine: &mut M) {
        let mut budget = MAX_TAKE;
        while let Some(result) = self.link.receive(machine, &mut budget) {
            match result {
                Ok(frame) => {
                    let is_hello = matches!(frame.body, ToKernel::Hello { .. });
                    self.take_frame(machine, frame);
                    // A hello costs an answer and what waits is sent again; what
                    // came after it is looked at next time.
                    if is_hello {
                        return;
                    }
                }
                Err(error) => {
                    let count = self.link.damaged;
                    self.log_dropped(
                        machine,
                        count,
                        format_args!("dropped {count} frames of the agent's: {error}"),
                    );
                }
            }
        }
    }

    /// Logs what a broken agent could repeat without end: at the first, second,
    /// fourth, eighth time and so on.
    fn log_dropped(&mut self, machine: &M, count: u64, line: fmt::Arguments<'_>) {
        if count.is_power_of_two() {
            self.log.push(machine.now_ns(), crate::log::KERNEL, line);
        }
    }

    fn take_frame(&mut self, machine: &mut M, frame: Frame<ToKernel>) {
        if let ToKernel::Hello { version, model } = frame.body {
            return self.take_hello(machine, version, model, frame.sequence);
        }
        self.link.note(frame.sequence);
        let is_known = self.link.is_agent_known();
        let id = match &frame.body {
            ToKernel::Hello { .. } => return,
            ToKernel::Observe { is_on } => return self.trace.set_stream(*is_on && is_known),
            ToKernel::Accepted { intent }
            | ToKernel::Progress { intent, .. }
            | ToKernel::Plan { intent, .. }
            | ToKernel::Look { intent, .. }
            | ToKernel::Failed { intent, .. } => *intent,
        };
        let now = machine.now_ns();
        let intent = self.intents.pending_mut(id).filter(|_| is_known);
        let Some(intent) = intent else {
            self.link.stray = self.link.stray.saturating_add(1);
            let count = self.link.stray;
            return self.log_dropped(
                machine,
                count,
                format_args!("dropped {count} replies that nobody waits for"),
            );
        };
        self.link.note_life();
        intent.touch(now);
        let was_sent = intent.stage == Stage::Sent;
        intent.stage = Stage::Working;
        match frame.body {
            ToKernel::Accepted { .. } if was_sent => self.tell(machine, id, &IntentEvent::Accepted),
            ToKernel::Accepted { .. } | ToKernel::Hello { .. } | ToKernel::Observe { .. } => {}
            ToKernel::Progress {
                generated_tokens, ..
            } => {
                self.tell(machine, id, &IntentEvent::Progress { generated_tokens });
            }
            ToKernel::Plan { plan, stats, .. } => {
                self.tell(
                    machine,
                    id,
                    &IntentEvent::Proposed {
                        plan: plan.clone(),
                        stats,
                    },
                );
                self.decide(machine, id, &plan);
            }
            ToKernel::Look { plan, .. } => self.look(machine, id, plan),
            ToKernel::Failed { text, .. } => {
                if !self.let_stand(machine, id) {
                    self.fail(machine, id, format_args!("the agent has no plan: {text}"));
                }
            }
        }
    }

    /// A hello begins a connection: what the agent knew before is gone, so what
    /// waits for it is sent again, once.
    fn take_hello(&mut self, machine: &mut M, version: u16, model: Name, sequence: u32) {
        let before = self.link.peer().clone();
        self.link.greeted(version, model, sequence);
        // The log is for people: who says hello over and over is counted.
        let count = self.link.hellos;
        let is_new = *self.link.peer() != before;
        let is_logged = is_new && count <= MAX_LOGGED_HELLOS || count.is_power_of_two();
        self.trace.set_stream(false);
        self.link.greet(machine);
        let now = machine.now_ns();
        match self.link.peer().clone() {
            Peer::Agent(model) if is_logged => {
                self.log.push(
                    now,
                    crate::log::KERNEL,
                    format_args!("agent connected, model {model}"),
                );
            }
            Peer::Agent(_) => {}
            Peer::Foreign(_) | Peer::Unknown => {
                let line = format_args!(
                    "an agent of version {version} connected, but this kernel needs version {VERSION}"
                );
                if is_logged {
                    self.log.push(now, crate::log::KERNEL, line);
                }
                return;
            }
        }
        for id in self.intents.pending() {
            let Some(intent) = self.intents.pending_mut(id) else {
                continue;
            };
            let was_resent = core::mem::replace(&mut intent.was_resent, true);
            intent.begin_anew();
            // What it was told of its last plan is gone; another one, from
            // the beginning, is not what the person was told to wait for.
            if self.let_stand(machine, id) {
                continue;
            }
            if was_resent {
                self.fail(
                    machine,
                    id,
                    format_args!("the agent restarted while it was planning; try again"),
                );
            } else {
                self.request(machine, id, None);
            }
        }
    }
}
