//! Standing rules: the kernel keeps and runs them, without the model.
//!
//! What a rule watches is looked at every [`CHECK_NS`]. A rule acts once for
//! each time that its condition comes true of a process, with the authority of
//! whoever made it, judged anew by admission each time; what is not admitted
//! then is logged and not done.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proviso_abi::audit::AuditEvent;
use proviso_abi::outcome::Effect;
use proviso_abi::report::RuleReport;
use proviso_abi::snapshot::RuleInfo;
use proviso_abi::words::{RuleDo, RuleWhen, State};
use proviso_abi::{Name, Pid, Plan, Sentence};

use crate::admit::{action_on, admit};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::select::expand;
use crate::view::{Principal, ProcessView};

/// The most rules at once.
pub const MAX_RULES: usize = 16;
/// How often conditions are looked at.
pub const CHECK_NS: u64 = 50_000_000;
/// The most times that one rule acts within [`BURST_NS`]: a rule that restarts
/// what crashes at once must not keep the machine busy with it.
pub const MAX_BURST: u32 = 8;
/// See [`MAX_BURST`].
pub const BURST_NS: u64 = 10_000_000_000;

/// No process: init alone may use the reserve of memory, and a rule, although
/// no plan of another's either, is not what it is for.
const NOBODY: Pid = 0;

/// One rule and what it did so far.
#[derive(Debug)]
struct Standing {
    rule: RuleInfo,
    maker: Principal,
    fired: u32,
    /// Processes of which the condition is true and for which the rule has
    /// acted, and which of their lives that was.
    acted: BTreeMap<Pid, u32>,
    burst_since_ns: u64,
    burst: u32,
}

/// All rules.
#[derive(Debug, Default)]
pub struct Rules {
    list: Vec<Standing>,
    last: u32,
    next_check_ns: u64,
    /// The processor time of each process when it last grew, and when that was.
    idle: BTreeMap<Pid, (u64, u64)>,
}

impl Rules {
    /// The number that the next new rule gets.
    #[must_use]
    pub const fn next_id(&self) -> u32 {
        self.last.saturating_add(1)
    }

    /// A rule by number.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&RuleInfo> {
        let found = self.list.iter().find(|one| one.rule.id == id);
        found.map(|one| &one.rule)
    }

    /// The rules, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &RuleInfo> {
        self.list.iter().map(|one| &one.rule)
    }

    /// Room for more.
    #[must_use]
    pub fn room(&self) -> usize {
        MAX_RULES.saturating_sub(self.list.len())
    }

    /// Adds a rule under a new number; one that was cleared and comes back has
    /// a number already and keeps it.
    pub fn set(&mut self, mut rule: RuleInfo, maker: Principal) -> RuleInfo {
        if rule.id == 0 || self.get(rule.id).is_some() {
            rule.id = self.next_id();
        }
        self.last = self.last.max(rule.id);
        self.list.push(Standing {
            rule: rule.clone(),
            maker,
            fired: 0,
            acted: BTreeMap::new(),
            burst_since_ns: 0,
            burst: 0,
        });
        rule
    }

    /// Takes a rule out.
    pub fn clear(&mut self, id: u32) -> Option<RuleInfo> {
        let place = self.list.iter().position(|one| one.rule.id == id)?;
        Some(self.list.remove(place).rule)
    }

    fn find(&mut self, id: u32) -> Option<&mut Standing> {
        self.list.iter_mut().find(|one| one.rule.id == id)
    }

    /// How long a process has used no processor time, in nanoseconds.
    fn idle_ns(&mut self, pid: Pid, total_ns: u64, now_ns: u64) -> u64 {
        let (known, since) = self.idle.entry(pid).or_insert((total_ns, now_ns));
        if *known != total_ns {
            (*known, *since) = (total_ns, now_ns);
        }
        now_ns.saturating_sub(*since)
    }
}

impl Standing {
    /// Whether the rule acts now, for a process of which its condition is true.
    fn take_turn(&mut self, pid: Pid, life: u32, now_ns: u64) -> bool {
        if self.acted.get(&pid) == Some(&life) {
            return false;
        }
        if self.rule.limit.is_some_and(|limit| self.fired >= limit) {
            return false;
        }
        if now_ns.saturating_sub(self.burst_since_ns) >= BURST_NS {
            (self.burst_since_ns, self.burst) = (now_ns, 0);
        }
        if self.burst >= MAX_BURST {
            // Not noted as acted for: its turn comes when the burst is over.
            return false;
        }
        self.burst = self.burst.saturating_add(1);
        self.fired = self.fired.saturating_add(1);
        self.acted.insert(pid, life);
        true
    }
}

impl<M: Machine> Kernel<M> {
    /// Looks at what the rules watch, if it is time to, and acts.
    pub(crate) fn run_rules(&mut self, machine: &mut M) {
        let now = machine.now_ns();
        if self.rules.list.is_empty() || now < self.rules.next_check_ns {
            return;
        }
        self.rules.next_check_ns = now.saturating_add(CHECK_NS);
        self.note_idleness(now);
        let ids: Vec<u32> = self.rules.iter().map(|rule| rule.id).collect();
        for id in ids {
            for pid in self.due(machine, id, now) {
                self.act_on_rule(machine, id, pid);
            }
        }
    }

    fn note_idleness(&mut self, now_ns: u64) {
        for process in self.table.living() {
            self.rules
                .idle_ns(process.pid, process.cpu.total_ns(), now_ns);
        }
        let table = &self.table;
        self.rules.idle.retain(|pid, _| table.get(*pid).is_some());
    }

    /// The processes for which a rule acts now.
    fn due(&mut self, machine: &M, id: u32, now_ns: u64) -> Vec<Pid> {
        let Some(rule) = self.rules.get(id).cloned() else {
            return Vec::new();
        };
        let view = self.view(machine, Principal::Operator, proviso_abi::INIT);
        let mut pids = expand(&rule.target, &[], &view).pids;
        pids.retain(|pid| {
            let process = view.processes.iter().find(|one| one.info.pid == *pid);
            process.is_some_and(|process| self.is_true(&rule, process, now_ns))
        });
        let lives: Vec<(Pid, u32)> = pids
            .iter()
            .filter_map(|pid| Some((*pid, self.table.get(*pid)?.restarts)))
            .collect();
        let Some(standing) = self.rules.find(id) else {
            return Vec::new();
        };
        // What is not true any more may come true again.
        standing.acted.retain(|pid, _| pids.contains(pid));
        lives
            .into_iter()
            .filter(|(pid, life)| standing.take_turn(*pid, *life, now_ns))
            .map(|(pid, _)| pid)
            .collect()
    }

    fn is_true(&mut self, rule: &RuleInfo, process: &ProcessView, now_ns: u64) -> bool {
        let info = &process.info;
        let threshold = rule.threshold.unwrap_or_default();
        let lives = !matches!(info.state, State::Crashed | State::Exited);
        match rule.when {
            RuleWhen::Crash => info.state == State::Crashed,
            RuleWhen::Exit => info.state == State::Exited,
            RuleWhen::MemoryOver => lives && info.memory.0 > threshold,
            RuleWhen::CpuOver => lives && u64::from(info.cpu) > threshold,
            RuleWhen::Idle => {
                let Some(total_ns) = self.table.get(info.pid).map(|p| p.cpu.total_ns()) else {
                    return false;
                };
                let idle_ns = self.rules.idle_ns(info.pid, total_ns, now_ns);
                lives && info.state != State::Suspended && idle_ns / 1_000_000 >= threshold.max(1)
            }
        }
    }

    /// Does what a rule says to one process, on its maker's authority.
    fn act_on_rule(&mut self, machine: &mut M, id: u32, pid: Pid) {
        let Some((rule, maker)) = self.rules.find(id).map(|one| (one.rule.clone(), one.maker))
        else {
            return;
        };
        let Some(title) = self.table.get(pid).map(|process| process.title()) else {
            return;
        };
        let Some(action) = action_on(&rule, pid) else {
            let what = happened(rule.when);
            return self.say(machine, format_args!("rule {id}: {title} {what}"));
        };
        // Like init, the shell is what a person gets out of a bad rule with.
        let ends = matches!(rule.r#do, RuleDo::Kill | RuleDo::Restart | RuleDo::Suspend);
        if ends && self.console_owner() == Some(pid) {
            let line = format_args!("rule {id} spares {title}, which has the console");
            return self.say(machine, line);
        }
        let plan = Plan::from(action);
        let verdict = admit(&plan, maker, &self.view(machine, maker, NOBODY));
        let done = verdict.and_then(|operations| self.carry_out(machine, maker, &operations));
        match done {
            Ok(effects) => {
                for effect in &effects {
                    self.say(machine, format_args!("rule {id}: {effect}"));
                    let line = format_args!("rule {id}: {effect}");
                    self.note(machine, maker, 0, AuditEvent::Rule(Sentence::format(line)));
                }
            }
            Err(rejections) => {
                for rejection in &rejections {
                    self.say(machine, format_args!("rule {id} was refused: {rejection}"));
                    let line = format_args!("rule {id} was refused: {rejection}");
                    self.note(machine, maker, 0, AuditEvent::Rule(Sentence::format(line)));
                }
            }
        }
    }

    /// The rules as lists show them.
    pub(crate) fn show_rules(&self) -> Effect {
        let report = |one: &Standing| RuleReport {
            rule: one.rule.clone(),
            maker: self.principal_name(one.maker),
            fired: one.fired,
        };
        Effect::Rules(self.rules.list.iter().map(report).collect())
    }

    /// A principal by name, for people.
    pub(crate) fn principal_name(&self, principal: Principal) -> Name {
        match principal {
            Principal::Operator => self.users.name(crate::view::OPERATOR),
            Principal::User(user) => self.users.name(user),
            Principal::Process(pid) => match self.table.get(pid) {
                Some(process) => Name::format(format_args!("{}", process.title())),
                None => Name::format(format_args!("process {pid}")),
            },
        }
    }
}

const fn happened(when: RuleWhen) -> &'static str {
    match when {
        RuleWhen::Crash => "crashed",
        RuleWhen::Exit => "exited",
        RuleWhen::MemoryOver => "holds more memory than it should",
        RuleWhen::CpuOver => "uses more of the processor than it should",
        RuleWhen::Idle => "is idle",
    }
}
