//! Systems made up for a pattern, and what its variables stand for in them.

use std::collections::BTreeMap;

use fastrand::Rng;
use proviso_abi::snapshot::{LogLine, MemoryTotals, ProcessInfo, RuleInfo};
use proviso_abi::words::{Policy, RuleDo, RuleWhen};
use proviso_abi::{Bytes, Name, Pid, Priority, Sentence, State, System, Target};

use crate::names;
use crate::pattern::Variable;
use crate::words;

/// What a variable stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// A name; the pids that have it, lowest first.
    Process(String, Vec<Pid>),
    /// A number, with or without a unit.
    Number(u64),
    /// A path or words.
    Text(String),
    /// A word of the vocabulary.
    Word(&'static str),
}

/// A system, and what the variables of a pattern stand for.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The system.
    pub system: System,
    /// By the variable's name: `p2`.
    pub bound: BTreeMap<String, Bound>,
}

const MIB: u64 = 1 << 20;

/// Makes up a system in which all of `variables` stand for something. `states`
/// are states that the plan looks for.
pub fn scenario(variables: &[Variable], states: &[State], rng: &mut Rng) -> Scenario {
    let mut maker = Maker {
        taken: Vec::new(),
        processes: Vec::new(),
        programs: Vec::new(),
        bound: BTreeMap::new(),
        caller: None,
        rng,
    };
    maker.bind_processes(variables);
    maker.fill_up();
    maker.number();
    for state in states {
        maker.see_to(*state);
    }
    let total = maker
        .rng
        .choice([32, 64, 128, 256, 512, 1024, 4096])
        .unwrap_or(128)
        * MIB;
    let mut system = maker.system(total);
    if let Some(Bound::Process(_, pids)) = maker.bound.get("me") {
        system.caller = pids.first().copied();
    }
    maker.bind_values(variables, &system);
    Scenario {
        system,
        bound: maker.bound,
    }
}

struct Maker<'r> {
    taken: Vec<String>,
    /// Name and state, in the order in which they were started.
    processes: Vec<ProcessInfo>,
    programs: Vec<String>,
    bound: BTreeMap<String, Bound>,
    caller: Option<Pid>,
    rng: &'r mut Rng,
}

impl Maker<'_> {
    /// A name unlike all others, so that no slip turns one into another.
    fn fresh_name(&mut self) -> String {
        loop {
            let name = names::name(self.rng);
            let is_apart = |taken: &String| {
                strsim::osa_distance(taken, &name) > 2
                    && !taken.contains(&name)
                    && !name.contains(taken.as_str())
            };
            if self.taken.iter().all(is_apart) {
                self.taken.push(name.clone());
                return name;
            }
        }
    }

    fn bind_processes(&mut self, variables: &[Variable]) {
        for variable in variables {
            if self.bound.contains_key(&variable.name) {
                continue;
            }
            let count = match variable.kind.as_str() {
                "p" => 1,
                "m" => self.rng.usize(2..=4),
                "x" => self.rng.usize(1..=3),
                "g" => self.rng.usize(0..=2),
                "me" => self.rng.usize(1..=2),
                "absent" => 0,
                _ => continue,
            };
            let name = self.fresh_name();
            let wanted = variables
                .iter()
                .filter(|other| other.name == variable.name)
                .find_map(|other| other.state.as_deref()?.parse().ok());
            for _ in 0..count {
                let state = wanted.unwrap_or_else(|| state(self.rng));
                self.start(&name, state);
            }
            let is_program = match variable.kind.as_str() {
                "g" => true,
                "absent" => false,
                _ => self.rng.u8(..10) < 8,
            };
            if is_program {
                self.programs.push(name.clone());
            }
            self.bound
                .insert(variable.name.clone(), Bound::Process(name, Vec::new()));
        }
    }

    fn start(&mut self, name: &str, state: State) {
        let limit = 1 << self.rng.u32(20..=27);
        let priority = match self.rng.u8(..10) {
            0..=5 => Priority::Normal,
            _ => self
                .rng
                .choice(Priority::ALL)
                .copied()
                .unwrap_or(Priority::Normal),
        };
        self.processes.push(ProcessInfo {
            pid: 0,
            name: Name::cut(name),
            state,
            priority,
            cpu: self.rng.u8(..60),
            memory: Bytes(self.rng.u64(limit / 8..=limit)),
            limit: Bytes(limit),
        });
    }

    /// Bystanders.
    fn fill_up(&mut self) {
        let until = self.rng.usize(3..=14);
        while self.processes.len() < until {
            let name = self.fresh_name();
            for _ in 0..self.rng.choice([1, 1, 1, 2, 3]).unwrap_or(1) {
                let state = state(self.rng);
                self.start(&name, state);
            }
            if self.rng.u8(..10) < 8 {
                self.programs.push(name);
            }
        }
        for _ in 0..self.rng.u8(..4) {
            let name = self.fresh_name();
            self.programs.push(name);
        }
        self.rng.shuffle(&mut self.programs);
    }

    /// Gives every process its number; init is 1.
    fn number(&mut self) {
        self.rng.shuffle(&mut self.processes);
        let mut pid = 1;
        let wide = self.rng.bool();
        for process in &mut self.processes {
            pid += self.rng.u32(1..=if wide { 23 } else { 5 });
            process.pid = pid;
        }
        for bound in self.bound.values_mut() {
            if let Bound::Process(name, pids) = bound {
                let of_name = self
                    .processes
                    .iter()
                    .filter(|process| process.name == name.as_str());
                *pids = of_name.map(|process| process.pid).collect();
            }
        }
    }

    /// Lets somebody be in a state that the plan looks for.
    fn see_to(&mut self, state: State) {
        let several = self.bound.iter().find_map(|(name, bound)| match bound {
            Bound::Process(_, pids) if name.starts_with(['m', 'x']) => pids.first().copied(),
            _ => None,
        });
        let chosen = match several {
            Some(pid) => self.processes.iter_mut().find(|process| process.pid == pid),
            None => {
                let at = self.rng.usize(..self.processes.len().max(1));
                self.processes.get_mut(at)
            }
        };
        if let Some(process) = chosen {
            process.state = state;
        }
    }

    fn system(&mut self, total: u64) -> System {
        let init = ProcessInfo {
            pid: 1,
            name: Name::cut("init"),
            state: State::Ready,
            priority: Priority::High,
            cpu: 0,
            memory: Bytes(MIB),
            limit: Bytes(4 * MIB),
        };
        let rules = self.rules();
        System {
            uptime_s: self.rng.u64(1..100_000),
            user: Name::cut("operator"),
            scheduler: self
                .rng
                .choice(Policy::ALL)
                .copied()
                .unwrap_or(Policy::Fair),
            memory: MemoryTotals {
                total: Bytes(total),
                free: Bytes(total / self.rng.u64(2..9)),
            },
            programs: self.programs.iter().map(|name| Name::cut(name)).collect(),
            processes: std::iter::once(init)
                .chain(self.processes.clone())
                .collect(),
            rules,
            log: vec![LogLine {
                t: 1,
                pid: 0,
                text: Sentence::cut("started"),
            }],
            caller: self.caller,
            omitted: 0,
            actions: Vec::new(),
        }
    }

    fn rules(&mut self) -> Vec<RuleInfo> {
        let count = self.rng.u32(3..7);
        let mut id = 0;
        (0..count)
            .map(|_| {
                id += self.rng.u32(1..5);
                RuleInfo {
                    id,
                    when: RuleWhen::Crash,
                    target: Target::All,
                    r#do: RuleDo::Restart,
                    threshold: None,
                    priority: None,
                    bytes: None,
                    limit: None,
                }
            })
            .collect()
    }

    fn bind_values(&mut self, variables: &[Variable], system: &System) {
        for variable in variables {
            if variable.kind == "absent" && variable.instance.is_some() {
                let is_free = |number: &u64| {
                    let is_pid = system
                        .processes
                        .iter()
                        .any(|one| u64::from(one.pid) == *number);
                    !is_pid
                        && !system
                            .rules
                            .iter()
                            .any(|rule| u64::from(rule.id) == *number)
                };
                let free: Vec<_> = (2..1000).filter(is_free).collect();
                let number = self.rng.choice(free).unwrap_or(9999);
                self.bound
                    .insert(variable.name.clone(), Bound::Number(number));
            }
            if self.bound.contains_key(&variable.name) {
                continue;
            }
            let bound = self.value(&variable.kind, system);
            if let Some(bound) = bound {
                self.bound.insert(variable.name.clone(), bound);
            }
        }
    }

    fn value(&mut self, kind: &str, system: &System) -> Option<Bound> {
        let total = system.memory.total.0;
        Some(match kind {
            "pid" => {
                let others: Vec<_> = system.processes.iter().skip(1).map(|p| p.pid).collect();
                Bound::Number(self.unused(&others)?)
            }
            "rule" => {
                let ids: Vec<_> = system.rules.iter().map(|rule| rule.id).collect();
                Bound::Number(self.unused(&ids)?)
            }
            "norule" => {
                let is_rule = |id| system.rules.iter().any(|rule| u64::from(rule.id) == id);
                let ids: Vec<_> = (1..60).filter(|id| !is_rule(*id)).collect();
                Bound::Number(self.rng.choice(ids)?)
            }
            "size" => Bound::Number(words::size(self.rng, total)),
            "huge" => Bound::Number(total.saturating_mul(self.rng.choice([2, 3, 4, 8, 10, 16])?)),
            "n" => Bound::Number(self.rng.u64(2..=9)),
            "pct" => Bound::Number(self.rng.choice([
                5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 65, 70, 75, 80, 85, 90, 95,
            ])?),
            "level" => Bound::Word(self.rng.choice(Priority::WORDS)?),
            "ms" => Bound::Number(self.rng.u64(2..=20) * 5),
            "idle" => Bound::Number(words::duration_ms(self.rng)),
            "path" => Bound::Text(words::path(self.rng)),
            "dir" => Bound::Text(words::folder(self.rng)),
            "text" => Bound::Text(words::message(self.rng, 7)),
            "msg" => Bound::Text(words::message(self.rng, 4)),
            "fact" => Bound::Text(words::fact(self.rng)),
            "topic" => Bound::Text(words::topic(self.rng)),
            _ => return None,
        })
    }

    /// One of these that no other variable stands for.
    fn unused(&mut self, from: &[u32]) -> Option<u64> {
        let used: Vec<u64> = self
            .bound
            .values()
            .filter_map(|bound| match bound {
                Bound::Number(number) => Some(*number),
                _ => None,
            })
            .collect();
        let free: Vec<u64> = from
            .iter()
            .map(|id| u64::from(*id))
            .filter(|id| !used.contains(id))
            .collect();
        self.rng.choice(free)
    }
}

fn state(rng: &mut Rng) -> State {
    match rng.u8(..20) {
        0 => State::Suspended,
        1 => State::Crashed,
        2 => State::Exited,
        3..=6 => State::Blocked,
        7 => State::Running,
        _ => State::Ready,
    }
}
