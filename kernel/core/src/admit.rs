//! Admission: what of a plan may happen, decided before any of it does.
//!
//! A plan is hostile input. Every action is judged for form, authority,
//! existence, state and limits, on a dry run of the ones before it; the plan is
//! admitted whole or not at all, and every rejected action says why. Nothing
//! here can panic or change the system, and what it allocates is bounded by the
//! sizes of plan and process table.

mod alternative;
mod authority;
mod change;
mod files;
mod form;
mod ledger;
mod relation;
mod rule;
mod undo;
mod whom;
mod words;

use alloc::vec::Vec;
use core::cmp::Reverse;

use proviso_abi::action::{Action, ActionKind};
use proviso_abi::bounded::List;
use proviso_abi::outcome::{Effect, Reason};
use proviso_abi::plan::Plan;
use proviso_abi::snapshot::RuleInfo;
use proviso_abi::target::{MAX_REFS, ProcessRef, Target};
use proviso_abi::value::{Bytes, Pid};
use proviso_abi::words::{ListWhat, SearchWhere, SortKey, State};

pub use authority::OWN_LIMIT;
pub use form::{MAX_COUNT, MAX_QUANTUM_MS};
pub use rule::action_on;

use crate::view::{Operation, Principal, Verdict, View};
use change::Start;
use ledger::Ledger;
use whom::Need;
use words::{Judged, refuse};

/// Processes that evidence is shown on if nobody says on which.
const SUSPECTS: usize = 3;

/// The actions that this kernel executes.
pub const SUPPORTED: &[ActionKind] = &[
    ActionKind::Status,
    ActionKind::List,
    ActionKind::Inspect,
    ActionKind::Explain,
    ActionKind::Search,
    ActionKind::ReadFile,
    ActionKind::Spawn,
    ActionKind::Scale,
    ActionKind::Kill,
    ActionKind::Suspend,
    ActionKind::Resume,
    ActionKind::Restart,
    ActionKind::SetPriority,
    ActionKind::SetCpuLimit,
    ActionKind::SetMemoryLimit,
    ActionKind::GrantMemory,
    ActionKind::SetScheduler,
    ActionKind::Reclaim,
    ActionKind::Connect,
    ActionKind::Disconnect,
    ActionKind::Send,
    ActionKind::WriteFile,
    ActionKind::DeleteFile,
    ActionKind::SetRule,
    ActionKind::ClearRule,
    ActionKind::Remember,
    ActionKind::Forget,
    ActionKind::Undo,
    ActionKind::Shutdown,
    ActionKind::Answer,
    ActionKind::Ask,
    ActionKind::Refuse,
];

/// Of these, the ones that need somebody to keep files.
pub const FILE_ACTIONS: &[ActionKind] = &[
    ActionKind::ReadFile,
    ActionKind::WriteFile,
    ActionKind::DeleteFile,
];

/// Decides on a plan: every operation in order, or every reason why not.
///
/// # Errors
/// One rejection per action that is not admitted, or one for the plan.
pub fn admit(plan: &Plan, principal: Principal, view: &View) -> Verdict {
    let mut rejections = List::default();
    let on_the_whole = form::check_plan(plan)
        .and_then(|()| undo::check_alone(&plan.actions))
        .and_then(|()| authority::check_principal(principal, view));
    if let Err(refusal) = on_the_whole {
        // One always fits.
        let _ = rejections.push(refusal.about(None));
        return Err(rejections);
    }
    let mut judge = Judge {
        principal,
        view,
        ledger: Ledger::of(view),
    };
    let mut operations = Vec::with_capacity(plan.actions.len());
    let mut accepted = Vec::with_capacity(plan.actions.len());
    for (index, action) in plan.actions.iter().enumerate() {
        let rest = plan.actions.get(index + 1..).unwrap_or_default();
        match judge.judge(action, rest) {
            Ok(operation) => {
                operations.push(operation);
                accepted.push((action, rest));
            }
            Err(refusal) => {
                // What is rejected leaves no trace for the next ones. To do those
                // before it once more is dear, but only where something is refused.
                judge.ledger = Ledger::of(view);
                for (action, rest) in &accepted {
                    let _ = judge.judge(action, rest);
                }
                let mut rejection = refusal.about(Some(index));
                rejection.instead = judge.nearest(action, rest);
                // One per action always fits.
                let _ = rejections.push(rejection);
            }
        }
    }
    if rejections.is_empty() {
        Ok(operations)
    } else {
        Err(rejections)
    }
}

/// The exceptions of an action, as the vocabulary types them.
type Except = Option<List<ProcessRef, MAX_REFS>>;

/// One plan being judged.
struct Judge<'a> {
    principal: Principal,
    view: &'a View,
    ledger: Ledger<'a>,
}

impl<'a> Judge<'a> {
    fn judge(&mut self, action: &Action, rest: &[Action]) -> Judged<Operation> {
        form::check_action(action, rest)?;
        let kind = action.kind();
        authority::check_kind(kind, self.principal)?;
        match action {
            Action::Status {} => Ok(Operation::Status),
            Action::List {
                what: ListWhat::Files,
                path,
                ..
            } => self.path(kind, path.as_ref()).map(Operation::ListFiles),
            Action::ReadFile { path } => self.path(kind, Some(path)).map(Operation::ReadFile),
            Action::WriteFile { path, content } => {
                let path = self.path(kind, Some(path))?;
                Ok(Operation::WriteFile(path, content.clone()))
            }
            Action::DeleteFile { path } => self.path(kind, Some(path)).map(Operation::DeleteFile),
            Action::List {
                what, sort, limit, ..
            } => {
                authority::check_list(*what, self.principal)?;
                list(*what, *sort, *limit)
            }
            Action::Inspect { target } => self
                .whom(kind, target, &None, Need::Record)
                .map(|rows| Operation::Inspect(self.pids(&rows))),
            Action::Explain { target } => self.explain(target.as_ref()),
            Action::Search { query, r#where } => Ok(match r#where {
                Some(SearchWhere::History) => Operation::SearchHistory(query.clone()),
                _ => Operation::SearchLog(query.clone()),
            }),
            Action::Scale { program, count } => self.scale(&program.0, *count),
            Action::Spawn {
                program,
                args,
                count,
                priority,
                memory_limit,
            } => self.spawn(Start {
                program: &program.0,
                args: args.as_deref().unwrap_or_default(),
                count: count.unwrap_or(1),
                priority: *priority,
                memory_limit: *memory_limit,
            }),
            Action::Kill { target, except } => self
                .each(kind, target, except, Need::Record, Ledger::kill)
                .map(Operation::Kill),
            Action::Suspend { target, except } => {
                let suspend =
                    |ledger: &mut Ledger<'_>, row| ledger.set_state(row, State::Suspended);
                self.each(kind, target, except, Need::Going, suspend)
                    .map(Operation::Suspend)
            }
            Action::Resume { target, except } => {
                let resume = |ledger: &mut Ledger<'_>, row| ledger.set_state(row, State::Ready);
                self.each(kind, target, except, Need::Suspended, resume)
                    .map(Operation::Resume)
            }
            Action::Restart { target, except } => self
                .each(kind, target, except, Need::Record, Ledger::restart)
                .map(Operation::Restart),
            Action::SetPriority {
                target,
                except,
                priority,
                step,
            } => {
                let rows = self.whom(kind, target, except, Need::Living)?;
                self.set_priority(&rows, *priority, step.unwrap_or_default())
            }
            Action::SetCpuLimit {
                target,
                percent,
                except,
            } => {
                let rows = self.whom(kind, target, except, Need::Living)?;
                self.set_cpu_limit(&rows, *percent)
            }
            Action::SetScheduler { policy, quantum_ms } => Ok(Operation::SetScheduler {
                policy: *policy,
                quantum_ms: *quantum_ms,
            }),
            Action::SetMemoryLimit {
                target,
                except,
                bytes,
                times,
            } => {
                let rows = self.whom(kind, target, except, Need::Living)?;
                self.set_limit(&rows, |limit| {
                    times.map_or(*bytes, |times| times.times(limit))
                })
            }
            Action::GrantMemory { target, bytes } => {
                let rows = self.whom(kind, target, &None, Need::Living)?;
                self.set_limit(&rows, |limit| limit.0.checked_add(bytes.0).map(Bytes))
            }
            Action::Reclaim { target, except } => {
                let rows = self.whom(kind, target, except, Need::Living)?;
                self.reclaim(&rows)
            }
            Action::Connect { from, to } | Action::Disconnect { from, to } => {
                self.relate(kind, from, to)
            }
            Action::SetRule {
                when,
                target,
                r#do,
                threshold,
                priority,
                bytes,
                limit,
            } => self.set_rule(RuleInfo {
                id: 0,
                when: *when,
                target: target.clone(),
                r#do: *r#do,
                threshold: *threshold,
                priority: *priority,
                bytes: *bytes,
                limit: *limit,
            }),
            Action::ClearRule { id } => self.clear_rule(*id),
            Action::Remember { fact } => self.remind().map(|()| Operation::Remember(fact.clone())),
            Action::Forget { fact } => self.remind().map(|()| Operation::Forget(fact.clone())),
            Action::Undo { count } => self.undo(count.unwrap_or(1)),
            Action::Send { to, message } => {
                let rows = self.whom(kind, to, &None, Need::Living)?;
                self.send(&rows, message)
            }
            Action::Shutdown { mode } => Ok(Operation::Shutdown(*mode)),
            Action::Answer { text } => Ok(Operation::Say(Effect::Answer(text.clone()))),
            Action::Ask { question } => Ok(Operation::Say(Effect::Ask(question.clone()))),
            Action::Refuse { reason } => Ok(Operation::Say(Effect::Refuse(reason.clone()))),
        }
    }

    /// Evidence on a target; without one, on whatever crashed or is busiest.
    fn explain(&self, target: Option<&Target>) -> Judged<Operation> {
        if let Some(target) = target {
            let rows = self.whom(ActionKind::Explain, target, &None, Need::Record)?;
            return Ok(Operation::Explain(self.pids(&rows)));
        }
        let mut suspects: Vec<_> = self.view.processes.iter().map(|one| &one.info).collect();
        suspects.sort_by_key(|info| Reverse((info.state == State::Crashed, info.cpu, info.memory)));
        let pids = suspects.iter().take(SUSPECTS).map(|info| info.pid);
        Ok(Operation::Explain(pids.collect()))
    }

    /// What a user says about themselves is kept by the agent.
    fn remind(&self) -> Judged<()> {
        if self.view.is_agent_there {
            return Ok(());
        }
        refuse(
            Reason::WrongState,
            format_args!(
                "no agent is connected, and it is the agent that remembers; start it first"
            ),
        )
    }

    /// Carries out an action on each of its processes in the dry run.
    fn each(
        &mut self,
        kind: ActionKind,
        target: &Target,
        except: &Except,
        need: Need,
        apply: impl Fn(&mut Ledger<'a>, usize) -> Judged<()>,
    ) -> Judged<Vec<Pid>> {
        let rows = self.whom(kind, target, except, need)?;
        rows.iter()
            .try_for_each(|row| apply(&mut self.ledger, *row))?;
        Ok(self.pids(&rows))
    }
}

fn list(what: ListWhat, sort: Option<SortKey>, limit: Option<u32>) -> Judged<Operation> {
    match what {
        ListWhat::Processes => Ok(Operation::ListProcesses {
            sort: sort.unwrap_or(SortKey::Pid),
            limit,
        }),
        ListWhat::Programs => Ok(Operation::ListPrograms),
        ListWhat::Memory => Ok(Operation::ListMemory),
        ListWhat::Log => Ok(Operation::ListLog { limit }),
        ListWhat::Audit => Ok(Operation::ListAudit { limit }),
        ListWhat::Rules => Ok(Operation::ListRules),
        ListWhat::Endpoints => Ok(Operation::ListEndpoints),
        ListWhat::Devices => Ok(Operation::ListDevices),
        _ => form::refuse_list(what),
    }
}
