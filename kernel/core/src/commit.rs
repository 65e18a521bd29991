//! Admitted operations take effect: all of them, in order, or none.
//!
//! What can fail is done first and aside: every address space that the plan
//! needs is built before anything changes. If one cannot be, those that were
//! are given back and the plan is rejected. What comes then cannot fail.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use proviso_abi::describe::Joined;
use proviso_abi::outcome::{ProcessName, Reason, Rejection};
use proviso_abi::plan::MAX_ACTIONS;
use proviso_abi::value::Argument;
use proviso_abi::wire::{IntentId, MemoryChange, ToAgent};
use proviso_abi::words::Policy;
use proviso_abi::{Bytes, Effect, INIT, List, Message, Name, Percent, Pid, Priority, Text};

use crate::effects::Effects;
use crate::kernel::{Kernel, Shutdown};
use crate::lifecycle::Birth;
use crate::loader::{self, Start};
use crate::machine::{Machine, NoMemory};
use crate::memory;
use crate::process::Process;
use crate::undo::Inverse;
use crate::view::{Change, Operation, Principal};

/// How long the machine stays up after a shutdown was committed, so that the
/// one who asked for it can still say so.
const GRACE_NS: u64 = 200_000_000;

const MS_NS: u64 = 1_000_000;

/// Tasks that a plan needs, in the order in which it needs them: the index of
/// the operation, the process, the task.
type Prepared<M> = VecDeque<(usize, Pid, <M as Machine>::Task)>;

/// Why none of a plan was done.
pub(crate) type Rejections = List<Rejection, MAX_ACTIONS>;

impl<M: Machine> Kernel<M> {
    /// Does all of a plan, or nothing.
    pub(crate) fn commit(
        &mut self,
        machine: &mut M,
        order: &Order,
        operations: &[Operation],
    ) -> Result<Vec<Effect>, Rejections> {
        let Order {
            principal,
            submitter,
            intent,
        } = *order;
        let mut inverse = Inverse::default();
        let effects = self.transact(machine, order, operations, &mut inverse)?;
        // Init brings the shell back on nobody's wish; whoever takes back their
        // last change does not mean that.
        if inverse.is_change() && submitter != INIT {
            let what = Text::format(format_args!("{}", Joined(&effects, ", ")));
            self.history.add(principal, what, inverse);
        }
        for operation in operations {
            if let Operation::Shutdown(mode) = operation {
                let at_ns = machine.now_ns().saturating_add(GRACE_NS);
                self.room_to_settle = 0;
                self.shutdown = Some(Shutdown {
                    mode: *mode,
                    submitter,
                    intent,
                    at_ns,
                });
            }
        }
        Ok(effects)
    }

    /// Does what a rule says: like a plan of its maker's, but not one of the
    /// changes that the maker takes back.
    pub(crate) fn carry_out(
        &mut self,
        machine: &mut M,
        principal: Principal,
        operations: &[Operation],
    ) -> Result<Vec<Effect>, Rejections> {
        let order = Order {
            principal,
            submitter: INIT,
            intent: 0,
        };
        self.transact(machine, &order, operations, &mut Inverse::default())
    }

    fn transact(
        &mut self,
        machine: &mut M,
        order: &Order,
        operations: &[Operation],
        inverse: &mut Inverse,
    ) -> Result<Vec<Effect>, Rejections> {
        let mut prepared = self.prepare(machine, order.submitter, operations)?;
        if let Err(rejections) = self.tell_memory(machine, order.principal, operations) {
            for (_, _, task) in prepared {
                machine.destroy_task(task);
            }
            return Err(rejections);
        }
        let mut effects = Effects::new(operations.len());
        for (index, operation) in operations.iter().enumerate() {
            let mut tasks = Vec::new();
            while prepared.front().is_some_and(|(of, ..)| *of == index) {
                tasks.extend(prepared.pop_front().map(|(_, pid, task)| (pid, task)));
            }
            let born: Vec<Pid> = tasks.iter().map(|(pid, _)| *pid).collect();
            self.note_inverse(operation, &born, inverse);
            let effect = self.apply(machine, order, operation, tasks, effects.share());
            effects.push(effect);
        }
        Ok(effects.into_vec())
    }

    /// Builds every task that a plan needs.
    fn prepare(
        &self,
        machine: &mut M,
        submitter: Pid,
        operations: &[Operation],
    ) -> Result<Prepared<M>, Rejections> {
        // A plan that frees memory was admitted on the promise of it. Until it
        // is committed, old and new exist side by side, and the reserve bridges
        // the gap: afterwards it is whole again. And init brings the shell back
        // out of the reserve, if need be.
        let frees =
            |operation: &Operation| matches!(operation, Operation::Kill(_) | Operation::Restart(_));
        let keep_free = match operations.iter().any(frees) {
            true => 0,
            false => memory::keep_free_of_plan(machine, submitter),
        };
        let mut prepared = Prepared::<M>::new();
        let mut next_pid = self.table.next_pid();
        for (index, operation) in operations.iter().enumerate() {
            let before = operations.get(..index).unwrap_or_default();
            for start in self.starts(operation, before, &mut next_pid) {
                match self.start(machine, &start, keep_free) {
                    Ok(task) => prepared.push_back((index, start.pid, task)),
                    Err(NoMemory) => {
                        for (_, _, task) in prepared {
                            machine.destroy_task(task);
                        }
                        return Err(no_memory(index, &start.name));
                    }
                }
            }
        }
        Ok(prepared)
    }

    /// The tasks that an operation needs, given the operations before it.
    fn starts<'a>(
        &'a self,
        operation: &'a Operation,
        before: &[Operation],
        next_pid: &mut Pid,
    ) -> Vec<Task<'a>> {
        match operation {
            Operation::Spawn {
                program,
                args,
                count,
                memory_limit,
                ..
            } => {
                let first = *next_pid;
                *next_pid = first.saturating_add(*count);
                (first..*next_pid)
                    .map(|pid| Task {
                        pid,
                        name: program.clone(),
                        args,
                        limit: *memory_limit,
                    })
                    .collect()
            }
            Operation::Restart(pids) => pids
                .iter()
                .filter_map(|pid| self.table.get(*pid))
                .map(|p| Task {
                    pid: p.pid,
                    name: p.name.clone(),
                    args: &p.args,
                    limit: limit_by_then(p, before),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn start(&self, machine: &mut M, task: &Task<'_>, keep_free: u64) -> Result<M::Task, NoMemory> {
        // Admission found the program; a process's program is always there.
        let program = self.program(&task.name).ok_or(NoMemory)?;
        let start = Start {
            args: &Process::<M::Task>::joined_args(task.args),
            pid: task.pid,
            limit_frames: task.limit.0 / proviso_abi::layout::PAGE,
            keep_free,
        };
        loader::build(machine, program, &start)
    }

    /// Does one operation. Processes that an earlier operation of the plan ended
    /// are passed over.
    fn apply(
        &mut self,
        machine: &mut M,
        order: &Order,
        operation: &Operation,
        tasks: Vec<(Pid, M::Task)>,
        bytes: usize,
    ) -> Effect {
        let submitter = order.submitter;
        match operation {
            Operation::Status => self.show_status(machine),
            Operation::ListProcesses { sort, limit } => self.show_processes(machine, *sort, *limit),
            Operation::ListPrograms => self.show_programs(),
            Operation::ListMemory => self.show_memory(machine),
            Operation::ListLog { limit } => self.show_log(*limit, bytes),
            Operation::ListRules => self.show_rules(),
            Operation::ListEndpoints => self.show_endpoints(),
            Operation::ListDevices => self.show_devices(machine),
            Operation::Inspect(pids) => self.inspect(machine, pids),
            Operation::Explain(pids) => self.explain(machine, pids),
            Operation::SearchLog(query) => self.search_log(query),
            Operation::SearchHistory(query) => self.search_history(order.principal, query),
            Operation::ListAudit { limit } => self.show_audit(*limit),
            Operation::Spawn {
                program,
                args,
                priority,
                memory_limit,
                ..
            } => {
                let born = tasks.into_iter().map(|(pid, task)| {
                    let birth = Birth {
                        pid,
                        name: program.clone(),
                        args: args.clone(),
                        parent: submitter,
                        priority: *priority,
                        limit: *memory_limit,
                        owner: order.principal.user(),
                    };
                    self.begin_life(machine, birth, task)
                });
                Effect::Spawned(born.collect())
            }
            Operation::Kill(pids) => Effect::Killed(
                pids.iter()
                    .filter_map(|pid| self.kill(machine, *pid))
                    .collect(),
            ),
            Operation::Suspend(pids) => Effect::Suspended(self.set_suspended(machine, pids, true)),
            Operation::Resume(pids) => Effect::Resumed(self.set_suspended(machine, pids, false)),
            Operation::Restart(_) => {
                let again = tasks
                    .into_iter()
                    .filter_map(|(pid, task)| self.begin_again(machine, pid, task));
                Effect::Restarted(again.collect())
            }
            Operation::SetPriority(list) => Effect::PrioritySet(
                list.iter()
                    .filter_map(|(pid, to)| self.set_priority(*pid, *to))
                    .collect(),
            ),
            Operation::SetLimit(list) => Effect::LimitSet(
                list.iter()
                    .filter_map(|(pid, to)| self.set_limit(*pid, *to))
                    .collect(),
            ),
            Operation::SetCpuLimit(list) => Effect::CpuLimitSet(
                list.iter()
                    .filter_map(|(pid, to)| self.set_cpu_limit(*pid, *to))
                    .collect(),
            ),
            Operation::SetScheduler { policy, quantum_ms } => {
                self.set_scheduler(*policy, *quantum_ms)
            }
            Operation::Send { to, message } => Effect::Sent(
                to.iter()
                    .filter_map(|pid| self.deliver(machine, submitter, *pid, message))
                    .collect(),
            ),
            Operation::Reclaim(list) => Effect::Reclaimed(
                list.iter()
                    .filter_map(|(pid, to)| self.set_limit(*pid, *to))
                    .collect(),
            ),
            Operation::Connect(pairs) => Effect::Connected(self.relate(machine, pairs, true)),
            Operation::Disconnect(pairs) => {
                Effect::Disconnected(self.relate(machine, pairs, false))
            }
            Operation::SetRule(rule) => {
                Effect::RuleSet(self.rules.set(rule.clone(), order.principal))
            }
            Operation::ClearRule(id) => match self.rules.clear(*id) {
                Some(rule) => Effect::RuleCleared(rule),
                None => Effect::Unchanged(Text::cut("the rule was gone already")),
            },
            // The agent was told before anything else was done.
            Operation::Remember(fact) => Effect::Remembered(fact.clone()),
            Operation::Forget(fact) => Effect::Forgotten(fact.clone()),
            Operation::Undo(changes) => self.take_back(machine, order, changes),
            Operation::ReadFile(_)
            | Operation::ListFiles(_)
            | Operation::WriteFile(..)
            | Operation::DeleteFile(_)
            | Operation::RestoreFiles(_) => self.file_effect(operation),
            Operation::Shutdown(mode) => Effect::ShuttingDown(*mode),
            Operation::Say(effect) => effect.clone(),
        }
    }

    /// Undoes changes. What takes them back starts nothing, so it cannot fail.
    fn take_back(&mut self, machine: &mut M, order: &Order, changes: &[Change]) -> Effect {
        for change in changes {
            for operation in &change.inverse {
                self.apply(machine, order, operation, Vec::new(), 0);
            }
            self.history.forget(change.number);
        }
        let done = changes.iter().filter(|change| !change.inverse.is_empty());
        Effect::Undone(done.map(|change| change.what.clone()).collect())
    }

    /// Opens or closes a name to processes; with the name go the handles.
    fn relate(
        &mut self,
        machine: &mut M,
        pairs: &[(Pid, Pid)],
        may_call: bool,
    ) -> Vec<(ProcessName, ProcessName)> {
        let mut done = Vec::new();
        for (from, to) in pairs {
            match may_call {
                true => self.relations.mend(*from, *to),
                false => self.relations.cut(*from, *to),
            };
            if !may_call {
                self.sever(machine, *from, *to);
            }
            let title = |pid: &Pid| self.table.get(*pid).map(Process::title);
            done.extend(title(from).zip(title(to)));
        }
        done
    }

    /// Tells the agent what to remember and to forget, all of a plan in one
    /// frame, so that it is told all or nothing.
    fn tell_memory(
        &mut self,
        machine: &mut M,
        principal: Principal,
        operations: &[Operation],
    ) -> Result<(), Rejections> {
        let undone = operations.iter().flat_map(|operation| match operation {
            Operation::Undo(changes) => changes.iter().flat_map(|one| one.inverse.iter()).collect(),
            other => alloc::vec![other],
        });
        let facts: Vec<MemoryChange> = undone
            .filter_map(|operation| match operation {
                Operation::Remember(fact) => Some(MemoryChange::Remember(fact.clone())),
                Operation::Forget(fact) => Some(MemoryChange::Forget(fact.clone())),
                _ => None,
            })
            .collect();
        if facts.is_empty() {
            return Ok(());
        }
        let user = self.principal_name(principal);
        match self.link.send(machine, ToAgent::Memory { user, facts }) {
            true => Ok(()),
            false => Err(agent_gone()),
        }
    }

    fn set_suspended(&mut self, machine: &M, pids: &[Pid], is_suspended: bool) -> Vec<ProcessName> {
        let mut done = Vec::new();
        for pid in pids {
            let Some(process) = self
                .table
                .get_mut(*pid)
                .filter(|process| process.is_alive())
            else {
                continue;
            };
            process.is_suspended = is_suspended;
            let title = process.title();
            self.settle(*pid);
            let word = if is_suspended { "suspended" } else { "resumed" };
            self.log.push(
                machine.now_ns(),
                crate::log::KERNEL,
                format_args!("{title} {word}"),
            );
            done.push(title);
        }
        done
    }

    fn set_priority(&mut self, pid: Pid, priority: Priority) -> Option<(ProcessName, Priority)> {
        let process = self.table.get_mut(pid)?;
        process.priority = priority;
        let title = process.title();
        self.scheduler.remove(pid);
        self.settle(pid);
        // Whoever it waits for is as urgent as it is now.
        let server = self.server_of(pid);
        server.into_iter().for_each(|server| self.lend(server));
        Some((title, priority))
    }

    fn set_limit(&mut self, pid: Pid, limit: Bytes) -> Option<(ProcessName, Bytes)> {
        let process = self.table.get_mut(pid)?;
        process.limit = limit;
        Some((process.title(), limit))
    }

    fn set_cpu_limit(&mut self, pid: Pid, percent: Percent) -> Option<(ProcessName, Percent)> {
        let process = self.table.get_mut(pid)?;
        process.cpu_cap.set(percent);
        let title = process.title();
        self.settle(pid);
        Some((title, percent))
    }

    fn set_scheduler(&mut self, policy: Policy, quantum_ms: Option<u32>) -> Effect {
        let quantum_ns = quantum_ms.map_or(self.scheduler.quantum_ns(), |ms| {
            u64::from(ms).saturating_mul(MS_NS)
        });
        self.scheduler.set_policy(policy, quantum_ns);
        Effect::SchedulerSet(policy, self.quantum_ms())
    }

    /// How long a turn is, in whole milliseconds.
    pub(crate) fn quantum_ms(&self) -> u32 {
        let ms = self.scheduler.quantum_ns().div_ceil(MS_NS);
        u32::try_from(ms).unwrap_or(u32::MAX)
    }

    fn deliver(
        &mut self,
        machine: &mut M,
        sender: Pid,
        to: Pid,
        message: &Message,
    ) -> Option<ProcessName> {
        let process = self
            .table
            .get_mut(to)
            .filter(|process| process.is_alive())?;
        process
            .mailbox
            .push(sender.into(), message.as_bytes())
            .ok()?;
        let title = process.title();
        // Another may receive there, with a handle from it.
        let home = self.home_of(to).and_then(|home| self.endpoint(home));
        let receiver = home.and_then(|endpoint| endpoint.receiver);
        receiver
            .into_iter()
            .for_each(|receiver| self.advance(machine, receiver));
        Some(title)
    }
}

/// Who has a plan carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    /// On whose authority.
    pub(crate) principal: Principal,
    /// By which process.
    pub(crate) submitter: Pid,
    /// As which intent.
    pub(crate) intent: IntentId,
}

/// A task to be built.
struct Task<'a> {
    pid: Pid,
    name: Name,
    args: &'a [Argument],
    limit: Bytes,
}

/// The limit of a process once these operations have taken effect.
fn limit_by_then<T>(process: &Process<T>, before: &[Operation]) -> Bytes {
    let set = before.iter().rev().find_map(|operation| match operation {
        Operation::SetLimit(list) => list.iter().rev().find(|(pid, _)| *pid == process.pid),
        _ => None,
    });
    set.map_or(process.limit, |(_, limit)| *limit)
}

fn agent_gone() -> Rejections {
    let rejection = Rejection {
        action: None,
        reason: Reason::WrongState,
        text: Text::cut("the agent that remembers does not take anything now; try again"),
        instead: None,
    };
    let mut rejections = List::default();
    // One reason always fits.
    let _ = rejections.push(rejection);
    rejections
}

fn no_memory(index: usize, name: &Name) -> Rejections {
    let text = Text::format(format_args!(
        "{name} does not fit into free memory while the old processes still hold theirs; end or shrink something first"
    ));
    let rejection = Rejection {
        action: u8::try_from(index).ok(),
        reason: Reason::WouldExhaustMemory,
        text,
        instead: None,
    };
    // One reason always fits.
    let mut rejections = List::default();
    let _ = rejections.push(rejection);
    rejections
}
