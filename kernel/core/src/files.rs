//! Actions on files: admitted here, carried out by the service that keeps files.
//!
//! The file part of a plan is done first, and whole: the service can still take it
//! back. Then the plan is admitted anew and the rest of it committed; if that
//! fails, the file part is owed back, and so it is if the service died over it or
//! the one who asked is gone. What is owed is the next thing that the service is
//! asked, also when it has been started again, and asking twice does no harm. What
//! it has not begun waits: the end of a service costs a plan time, and no more.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use proviso_abi::files::{FileReply, FileRequest, FileResult, FileStep, home_of};
use proviso_abi::ipc::IS_CALL;
use proviso_abi::outcome::{Reason, Rejection};
use proviso_abi::wire::IntentId;
use proviso_abi::{Effect, Handle, List, Pid, Plan, Text};

use crate::admit::admit;
use crate::commit::{Order, Rejections};
use crate::intents::Pending;
use crate::ipc::Message;
use crate::kernel::Kernel;
use crate::machine::{BadAddress, Machine};
use crate::user_slice::UserSlice;
use crate::view::{FilesView, OPERATOR, Operation, Principal};
use crate::waits::Answer;

/// Changes that are owed back at once; there is one only while none is under way.
const MAX_DEBTS: usize = 8;

/// What the service is doing for the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    /// The file part of this intent's plan.
    Plan(IntentId),
    /// Taking back what is owed.
    Debts,
}

/// Who keeps files, and what is asked of it.
#[derive(Debug, Default)]
pub(crate) struct Files {
    server: Option<Pid>,
    waiting: VecDeque<IntentId>,
    current: Option<Job>,
    debts: Vec<IntentId>,
    /// Whether anything was answered since the machine started.
    has_begun: bool,
    /// What the steps gave that the plan being committed has, and its number.
    results: VecDeque<FileResult>,
    committing: IntentId,
}

impl Files {
    /// What takes the file part of the plan back that is being committed.
    pub(crate) const fn inverse(&self) -> Operation {
        Operation::RestoreFiles(self.committing)
    }

    fn owe(&mut self, id: IntentId) {
        if self.debts.len() < MAX_DEBTS {
            self.debts.push(id);
        }
    }
}

/// The steps of an operation.
fn steps(operation: &Operation) -> Vec<FileStep> {
    match operation {
        Operation::ReadFile(path) => alloc::vec![FileStep::Read(path.clone())],
        Operation::ListFiles(path) => alloc::vec![FileStep::List(path.clone())],
        Operation::WriteFile(path, content) => {
            alloc::vec![FileStep::Write(path.clone(), content.clone())]
        }
        Operation::DeleteFile(path) => alloc::vec![FileStep::Delete(path.clone())],
        Operation::RestoreFiles(id) => alloc::vec![FileStep::Undo(*id)],
        Operation::Undo(changes) => {
            let inverses = changes.iter().flat_map(|change| &change.inverse);
            inverses.flat_map(steps).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether operations are about files.
pub(crate) fn touch_files(operations: &[Operation]) -> bool {
    operations
        .iter()
        .any(|operation| !steps(operation).is_empty())
}

impl<M: Machine> Kernel<M> {
    /// From now on this process is asked about files.
    pub(crate) fn serve_files(&mut self, machine: &mut M, pid: Pid) {
        self.lose_files(machine, self.files.server.unwrap_or(pid));
        self.files.server = Some(pid);
    }

    /// What admission has to know about files.
    pub(crate) fn files_view(&self, principal: Principal) -> FilesView {
        let home = match self.owner_of(principal) {
            OPERATOR => None,
            user => Some(home_of(&self.users.name(user))),
        };
        let is_closed = |store| match principal {
            Principal::Process(pid) => !self.relations.may_call(pid, store),
            _ => false,
        };
        match self.files.server {
            Some(store) if is_closed(store) => FilesView::Closed,
            None if !self.has_disk => FilesView::NoDisk,
            // If nobody keeps them now, init sees to it that somebody will.
            _ => FilesView::There { home },
        }
    }

    /// An admitted plan waits for its file part.
    pub(crate) fn begin_files(
        &mut self,
        machine: &mut M,
        order: &Order,
        plan: &Plan,
        operations: &[Operation],
    ) {
        let now = machine.now_ns();
        let Some(intent) = self.intents.get_mut(order.intent) else {
            return;
        };
        intent.wait_for_files(
            now,
            Pending {
                plan: plan.clone(),
                operations: operations.to_vec(),
                principal: order.principal,
            },
        );
        // Those that were given up have nothing pending any more.
        let intents = &self.intents;
        let waits = |id: &IntentId| intents.get(*id).is_some_and(|one| one.pending().is_some());
        self.files.waiting.retain(waits);
        self.files.waiting.push_back(order.intent);
        self.offer_files(machine);
    }

    /// Wakes the service, if it waits and there is something for it.
    fn offer_files(&mut self, machine: &mut M) {
        if let Some(server) = self.files.server {
            self.advance(machine, server);
        }
    }

    /// The next request for a service that receives at its own endpoint.
    pub(crate) fn receive_request(
        &mut self,
        machine: &mut M,
        pid: Pid,
        room: UserSlice,
    ) -> Result<Option<Answer>, BadAddress> {
        if self.files.server != Some(pid) || self.files.current.is_some() {
            return Ok(None);
        }
        let Some((job, request)) = self.next_request() else {
            return Ok(None);
        };
        // What is bounded encodes.
        let bytes = postcard::to_allocvec(&request).unwrap_or_default();
        let answer = self.copy_out(machine, pid, room, &bytes)?;
        self.files.current = Some(job);
        if answer.is_err() {
            // It has no room, so it would never get further.
            self.lose_files(machine, pid);
            return Ok(None);
        }
        self.set_words(machine, pid, 0, [0; 4], Handle::NONE);
        Ok(Some(answer.map(|bytes| bytes | IS_CALL)))
    }

    fn next_request(&mut self) -> Option<(Job, FileRequest)> {
        let changes = self.history.operations();
        let kept = changes.filter_map(|operation| match operation {
            Operation::RestoreFiles(id) => Some(*id),
            _ => None,
        });
        let oldest = kept.chain(self.files.debts.iter().copied()).min();
        let request = |number, steps: Vec<FileStep>| FileRequest {
            number,
            oldest: oldest.unwrap_or(number),
            is_first: !self.files.has_begun,
            steps: List::new(steps).unwrap_or_default(),
        };
        if !self.files.has_begun {
            // Nothing is done before the store has dropped what it kept for the plans
            // of an earlier boot, whose numbers are those of this one.
            return Some((Job::Debts, request(0, Vec::new())));
        }
        if !self.files.debts.is_empty() {
            let steps = self.files.debts.iter().map(|id| FileStep::Revert(*id));
            return Some((Job::Debts, request(0, steps.collect())));
        }
        // Those that were given up or are overdue have nothing pending any more.
        let (id, steps) = loop {
            let id = self.files.waiting.pop_front()?;
            let pending = self.intents.get(id).and_then(|intent| intent.pending());
            if let Some(pending) = pending {
                break (id, pending.operations.iter().flat_map(steps).collect());
            }
        };
        Some((Job::Plan(id), request(id, steps)))
    }

    /// Takes the answer of the service, if it owes the kernel one.
    pub(crate) fn take_reply(
        &mut self,
        machine: &mut M,
        pid: Pid,
        message: &Message,
    ) -> Result<(), BadAddress> {
        if self.files.server != Some(pid) {
            return Ok(());
        }
        let Some(job) = self.files.current else {
            return Ok(());
        };
        let bytes = self.copy_in(machine, pid, message.out)?;
        self.files.current = None;
        match postcard::take_from_bytes(&bytes) {
            Ok((reply, [])) => {
                self.files.has_begun = true;
                self.finish(machine, job, Some(reply));
            }
            _ => self.finish(machine, job, None),
        }
        Ok(())
    }

    /// The service went on without an answer.
    pub(crate) fn abandon_request(&mut self, machine: &mut M, pid: Pid) {
        if self.files.server == Some(pid)
            && let Some(job) = self.files.current.take()
        {
            self.finish(machine, job, None);
        }
    }

    /// The service is no more: what it was doing is owed back. What it has not begun
    /// waits for the next one, as long as it may wait.
    pub(crate) fn lose_files(&mut self, machine: &mut M, pid: Pid) {
        if self.files.server != Some(pid) {
            return;
        }
        self.files.server = None;
        if let Some(job) = self.files.current.take() {
            self.finish(machine, job, None);
        }
    }

    fn finish(&mut self, machine: &mut M, job: Job, reply: Option<FileReply>) {
        let Job::Plan(id) = job else {
            // An answer is the last word: what cannot be taken back now never will be,
            // and asking again would keep everybody else waiting.
            if let Some(FileReply::Refused(_, error)) = &reply {
                let line = format_args!("a change of files is not taken back: {error}");
                self.say(machine, line);
            }
            if reply.is_some() {
                self.files.debts.clear();
            }
            return;
        };
        let results = match reply {
            Some(FileReply::Done(results)) => Ok(results),
            Some(FileReply::Refused(step, error)) => {
                let text = format_args!("{error}");
                Err(refused(Some(step), error.reason(), text))
            }
            None => {
                self.files.owe(id);
                Err(gone())
            }
        };
        self.finish_plan(machine, id, results);
    }

    /// The file part of a plan was done, or why not.
    fn finish_plan(
        &mut self,
        machine: &mut M,
        id: IntentId,
        results: Result<Vec<FileResult>, Rejections>,
    ) {
        let was_done = results.is_ok();
        let begin = machine.now_ns();
        let taken = self.intents.get_mut(id).and_then(|intent| {
            let pending = intent.take_pending()?;
            Some((pending, intent.submitter))
        });
        let Some((pending, submitter)) = taken else {
            // Given up meanwhile.
            if was_done {
                self.files.owe(id);
            }
            return;
        };
        let order = Order {
            principal: self.principal(submitter),
            submitter,
            intent: id,
        };
        let outcome =
            results.and_then(|results| self.commit_rest(machine, &order, &pending, results));
        if was_done && outcome.is_err() {
            self.files.owe(id);
        }
        self.conclude(machine, &order, outcome, begin);
    }

    /// Admits a plan anew whose file part was done, and commits the rest of it.
    fn commit_rest(
        &mut self,
        machine: &mut M,
        order: &Order,
        pending: &Pending,
        results: Vec<FileResult>,
    ) -> Result<Vec<Effect>, Rejections> {
        let view = self.view(machine, order.principal, order.submitter);
        let operations = admit(&pending.plan, order.principal, &view)?;
        let wanted: usize = operations
            .iter()
            .map(|operation| steps(operation).len())
            .sum();
        if operations != pending.operations || order.principal != pending.principal {
            let text = format_args!("things changed while the files were written; ask again");
            return Err(refused(None, Reason::Stale, text));
        }
        if wanted != results.len() {
            return Err(gone());
        }
        self.files.results = results.into();
        self.files.committing = order.intent;
        let outcome = self.commit(machine, order, &operations);
        self.files.results.clear();
        outcome
    }

    /// What an operation on files did, which is done by now.
    pub(crate) fn file_effect(&mut self, operation: &Operation) -> Effect {
        let result = self.files.results.pop_front();
        match (operation, result) {
            (Operation::ReadFile(path), Some(FileResult::Content(text, bytes))) => Effect::File {
                path: path.clone(),
                text,
                bytes,
            },
            (Operation::ListFiles(path), Some(FileResult::Entries(entries, more))) => {
                Effect::Files {
                    path: path.clone(),
                    entries,
                    more,
                }
            }
            (Operation::WriteFile(path, _), Some(FileResult::Changed(bytes, was_there))) => {
                Effect::Wrote {
                    path: path.clone(),
                    bytes,
                    was_there,
                }
            }
            (Operation::DeleteFile(path), Some(FileResult::Changed(bytes, _))) => Effect::Deleted {
                path: path.clone(),
                bytes,
            },
            _ => Effect::Unchanged(Text::cut("the files are as they were")),
        }
    }
}

fn gone() -> Rejections {
    let text = format_args!(
        "the store of files ended or did not answer as it should; what it may have done of this is taken back; try again"
    );
    refused(None, Reason::WrongState, text)
}

fn refused(action: Option<u8>, reason: Reason, text: core::fmt::Arguments<'_>) -> Rejections {
    let mut rejections = List::default();
    // One reason always fits.
    let _ = rejections.push(Rejection {
        action,
        reason,
        text: Text::format(text),
        instead: None,
    });
    rejections
}
