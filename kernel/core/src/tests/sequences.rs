//! What holds after every plan, whatever was done before it by whom.
//!
//! Random plans of the operator, of two users and of processes, with time,
//! growth, ends, undo and changes of the user at the console between them. The
//! cases of the test run are few; `./qemu.sh bench admission` makes a million.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestError, TestRunner};
use proviso_abi::action::ProgramName;
use proviso_abi::audit::Verifier;
use proviso_abi::console::ConsoleRequest;
use proviso_abi::snapshot::RuleInfo;
use proviso_abi::syscall::Syscall;
use proviso_abi::words::{Policy, RuleDo, RuleWhen};
use proviso_abi::{
    Action, Bytes, INIT, IntentEvent, Name, Percent, Pid, Plan, Priority, State, Target,
};

use super::{Lab, generate};
use crate::admit::OWN_LIMIT;
use crate::memory;
use crate::view::{OPERATOR, Principal, Quota, UserId};

/// Plans of the test run; the variable of this name has another number.
const PLANS: &str = "PROVISO_PLANS";
const DEFAULT_PLANS: u32 = 4000;
/// Steps of one case, about half of them plans.
const STEPS: usize = 40;
const USERS: [&str; 3] = ["operator", "ann", "bob"];
const QUOTA: Quota = Quota {
    processes: 4,
    memory: Bytes(12 << 20),
};

/// Plans that were decided on, and how: done, refused, taken back.
static TALLY: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

#[derive(Debug, Clone)]
enum Step {
    /// A plan at the console, taken back again at once or not.
    Console(Plan, bool),
    /// A plan of one of the processes.
    Process(usize, Plan),
    /// Another user at the console.
    Become(usize),
    /// One of the processes takes memory.
    Grow(usize, u64),
    /// One of the processes ends.
    Exit(usize),
    /// Time in which rules act.
    Pass(u64),
}

/// Plans that have a chance, unlike most of those of chance alone.
fn likely_plan() -> impl Strategy<Value = Plan> {
    let whom = || {
        let named = select(vec!["worker", "hog", "echo", "shell", "init"]);
        prop_oneof![
            6 => (1u32..14).prop_map(Target::pid),
            2 => named.prop_map(Target::name),
            1 => Just(Target::All),
        ]
    };
    let program =
        || select(vec!["worker", "hog", "echo"]).prop_map(|name| ProgramName(Name::cut(name)));
    let size = || (1u64..32).prop_map(|quarters| Bytes(quarters << 18));
    let percent = (1u8..=100).prop_filter_map("within 1 to 100", Percent::new);
    let except = None;
    let action = prop_oneof![
        3 => (program(), 1u32..3).prop_map(|(program, count)| Action::Spawn {
            program, args: None, count: Some(count), priority: None, memory_limit: None,
        }),
        1 => (program(), 0u32..4).prop_map(|(program, count)| Action::Scale { program, count }),
        1 => whom().prop_map(|target| Action::Kill { target, except: None }),
        1 => whom().prop_map(|target| Action::Restart { target, except: None }),
        2 => whom().prop_map(|target| Action::Suspend { target, except: None }),
        2 => whom().prop_map(|target| Action::Resume { target, except: None }),
        2 => (whom(), select(Priority::ALL)).prop_map(|(target, priority)| Action::SetPriority {
            target, except: None, priority: Some(priority), step: None,
        }),
        2 => (whom(), size()).prop_map(|(target, bytes)| Action::SetMemoryLimit {
            target, except: None, bytes: Some(bytes), times: None,
        }),
        2 => (whom(), size()).prop_map(|(target, bytes)| Action::GrantMemory { target, bytes }),
        2 => (whom(), percent).prop_map(move |(target, percent)| Action::SetCpuLimit {
            target, percent, except: except.clone(),
        }),
        1 => whom().prop_map(|target| Action::Reclaim { target, except: None }),
        1 => (whom(), whom()).prop_map(|(from, to)| Action::Connect { from, to }),
        1 => (whom(), whom()).prop_map(|(from, to)| Action::Disconnect { from, to }),
        1 => select(Policy::ALL).prop_map(|policy| Action::SetScheduler { policy, quantum_ms: None }),
        1 => (whom(), select(RuleDo::ALL), size()).prop_map(|(target, r#do, bytes)| Action::SetRule {
            when: RuleWhen::MemoryOver,
            target,
            r#do,
            threshold: Some(bytes.0),
            priority: (r#do == RuleDo::SetPriority).then_some(Priority::Low),
            bytes: (r#do == RuleDo::SetMemoryLimit).then_some(bytes),
            limit: None,
        }),
        1 => (1u32..8).prop_map(|id| Action::ClearRule { id }),
        1 => (1u32..3).prop_map(|count| Action::Undo { count: Some(count) }),
    ];
    vec(action, 1..4).prop_map(|actions| Plan::new(actions).unwrap_or_default())
}

fn plan() -> impl Strategy<Value = Plan> {
    prop_oneof![3 => likely_plan().boxed(), 1 => generate::plan().boxed()]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (plan(), any::<bool>()).prop_map(|(plan, back)| Step::Console(plan, back)),
        3 => (any::<usize>(), plan()).prop_map(|(who, plan)| Step::Process(who, plan)),
        2 => (0..USERS.len()).prop_map(Step::Become),
        2 => (any::<usize>(), 0u64..2 << 20).prop_map(|(who, bytes)| Step::Grow(who, bytes)),
        1 => any::<usize>().prop_map(Step::Exit),
        2 => (0u64..2_000_000_000).prop_map(Step::Pass),
    ]
}

/// What plans can change of a process that lives.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    owner: UserId,
    name: Name,
    is_suspended: bool,
    priority: Priority,
    limit: Bytes,
    cap: Option<Percent>,
    restarts: u32,
}

/// What plans can change of the system.
#[derive(Debug, Clone, PartialEq)]
struct Picture {
    rows: BTreeMap<Pid, Row>,
    /// The priorities of the dead, which a restart brings back.
    dead: BTreeMap<Pid, Priority>,
    cuts: Vec<(Pid, Vec<Pid>)>,
    rules: Vec<RuleInfo>,
    scheduler: (Policy, u32),
}

impl Picture {
    fn of(lab: &Lab) -> Self {
        let living = || lab.kernel.table.living();
        let row = |process: &crate::process::Process<_>| Row {
            owner: process.owner,
            name: process.name.clone(),
            is_suspended: process.is_suspended,
            priority: process.priority,
            limit: process.limit,
            cap: process.cpu_cap.percent(),
            restarts: process.restarts,
        };
        let mut rules: Vec<RuleInfo> = lab.kernel.rules.iter().cloned().collect();
        rules.sort_by_key(|rule| rule.id);
        let dead = lab.kernel.table.iter().filter(|one| !one.is_alive());
        // A cut from somebody who is gone means nothing any more.
        let lives = |pid: &Pid| living().any(|one| one.pid == *pid);
        let closed = |pid| {
            let mut closed = lab.kernel.relations.closed_to(pid);
            closed.retain(lives);
            (pid, closed)
        };
        Self {
            rows: living().map(|one| (one.pid, row(one))).collect(),
            dead: dead.map(|one| (one.pid, one.priority)).collect(),
            cuts: living().map(|one| closed(one.pid)).collect(),
            rules,
            scheduler: (lab.kernel.scheduler.policy(), lab.kernel.quantum_ms()),
        }
    }

    /// Without what belongs to somebody.
    fn without(&self, is_theirs: impl Fn(Pid, &Row) -> bool) -> Self {
        let is_kept = |pid: &Pid| self.rows.get(pid).is_some_and(|row| !is_theirs(*pid, row));
        let mut rest = self.clone();
        // Old records are dropped when there are many.
        rest.dead.clear();
        rest.rows.retain(|pid, _| is_kept(pid));
        // Whom their own may call is theirs to say as well; and a cut goes with
        // whoever it was from.
        rest.cuts.retain(|(from, _)| is_kept(from));
        for (_, to) in &mut rest.cuts {
            to.retain(is_kept);
        }
        rest
    }

    fn held_by(&self, user: UserId) -> Quota {
        let own = self.rows.values().filter(|row| row.owner == user);
        Quota {
            processes: own.clone().count() as u32,
            memory: Bytes(own.map(|row| row.limit.0).sum()),
        }
    }
}

/// A lab with people, and with processes of each of them.
fn lab(frames: u64) -> Lab {
    let mut lab = Lab::with_frames(frames);
    lab.connect();
    for name in &USERS[1..] {
        let add = ConsoleRequest::AddUser {
            name: Name::cut(name),
            processes: Some(QUOTA.processes),
            memory: Some(QUOTA.memory),
        };
        lab.console_says(&add);
    }
    for name in USERS.iter().rev() {
        lab.console_says(&ConsoleRequest::Become(Name::cut(name)));
        for program in ["worker", "hog"] {
            let shell = lab.shell();
            lab.decide(shell, &Plan::from(super::spawn(program, 1)));
        }
    }
    lab
}

impl Lab {
    /// The console's owner; init brings back one that is gone.
    fn shell(&mut self) -> Pid {
        if let Some(pid) = self.kernel.console_owner() {
            return pid;
        }
        self.decide(INIT, &Plan::from(super::spawn("shell", 1)));
        self.kernel.console_owner().expect("a shell")
    }

    fn console_says(&mut self, request: &ConsoleRequest) {
        let shell = self.shell();
        self.put_aside(shell);
        let intent = self.submit_console(shell, request).unwrap();
        self.event(shell, intent);
    }

    /// A process that waits makes no calls, so the wait is set aside.
    fn put_aside(&mut self, pid: Pid) {
        self.kernel.table.get_mut(pid).unwrap().wait = None;
    }

    /// Has a plan decided on; the last event, unless it ended the one who asked.
    fn decide(&mut self, pid: Pid, plan: &Plan) -> Option<IntentEvent> {
        self.put_aside(pid);
        let intent = self.submit(pid, plan.actions.to_vec());
        // The machine goes down a little later; here it stays.
        self.kernel.shutdown = None;
        let length = self.follow(pid, intent?.unwrap(), 0)?.ok()?;
        Some(self.event_in_buffer(pid, length))
    }

    /// One of the processes that people started.
    fn any_process(&self, number: usize) -> Option<Pid> {
        let owner = self.kernel.console_owner();
        let is_plain = |pid: &Pid| *pid != INIT && Some(*pid) != owner;
        let living = self.kernel.table.living().filter(|one| !one.is_suspended);
        let plain: Vec<Pid> = living.map(|one| one.pid).filter(is_plain).collect();
        (!plain.is_empty()).then(|| plain[number % plain.len()])
    }

    fn newest_change(&self, principal: Principal) -> Option<u64> {
        let history = self.kernel.history.of(principal);
        history.first().map(|change| change.number)
    }

    /// Whether the reserve is whole.
    fn spare(&self) -> bool {
        self.machine.free >= memory::reserve_frames(&self.machine)
    }
}

fn run(frames: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut lab = lab(frames);
    for step in steps {
        match step {
            Step::Console(plan, is_taken_back) => {
                let shell = lab.shell();
                let principal = lab.kernel.users.at_console();
                judge(&mut lab, shell, principal, &plan, is_taken_back)?;
            }
            Step::Process(number, plan) => {
                if let Some(pid) = lab.any_process(number) {
                    judge(&mut lab, pid, Principal::Process(pid), &plan, false)?;
                }
            }
            Step::Become(user) => {
                lab.console_says(&ConsoleRequest::Become(Name::cut(USERS[user])));
            }
            Step::Grow(number, bytes) => {
                if let Some(pid) = lab.any_process(number) {
                    lab.put_aside(pid);
                    lab.call(pid, Syscall::Grow, [bytes, 0, 0, 0]);
                }
            }
            Step::Exit(number) => {
                if let Some(pid) = lab.any_process(number) {
                    lab.put_aside(pid);
                    lab.call(pid, Syscall::Exit, [0; 4]);
                }
            }
            Step::Pass(ns) => lab.pass(ns),
        }
        // So that nobody asks too often.
        lab.pass(300_000_000);
        (lab.machine.to_agent, lab.machine.console) = (Vec::new(), Vec::new());
        check_system(&lab)?;
    }
    let mut verifier = Verifier::default();
    for record in lab.kernel.audit.records() {
        prop_assert_eq!(verifier.check(record), Ok(()));
    }
    Ok(())
}

/// Has a plan decided on, and compares what it did with what it may.
fn judge(
    lab: &mut Lab,
    pid: Pid,
    principal: Principal,
    plan: &Plan,
    is_taken_back: bool,
) -> Result<(), TestCaseError> {
    let (before, was_spare) = (Picture::of(lab), lab.spare());
    let last = lab.newest_change(principal);
    let event = lab.decide(pid, plan);
    let after = Picture::of(lab);
    prop_assert!(lab.spare() || !was_spare, "the reserve is eaten");
    check_authority(principal, &before, &after)?;
    match event {
        Some(IntentEvent::Rejected { .. }) => {
            TALLY[1].fetch_add(1, Relaxed);
            prop_assert_eq!(&after, &before);
        }
        Some(IntentEvent::Done { .. }) => {
            TALLY[0].fetch_add(1, Relaxed);
            let newest = lab.newest_change(principal);
            if is_taken_back && lab.kernel.console_owner() == Some(pid) && newest > last {
                take_back(lab, pid, principal, &before, &after)?;
            }
        }
        // It ended the one who asked.
        None => {
            prop_assert!(!after.rows.contains_key(&pid) || after.rows[&pid] != before.rows[&pid])
        }
        other => prop_assert!(false, "{other:?}"),
    }
    Ok(())
}

/// Takes the last change back, if it can be.
fn take_back(
    lab: &mut Lab,
    pid: Pid,
    principal: Principal,
    before: &Picture,
    after: &Picture,
) -> Result<(), TestCaseError> {
    let history = lab.kernel.history.of(principal);
    let is_whole = history.first().is_some_and(|newest| newest.lost.is_none());
    // A change that changed nothing is passed over, and the one before taken back.
    if before == after || !is_whole {
        return Ok(());
    }
    let undo = Plan::from(Action::Undo { count: Some(1) });
    let event = lab.decide(pid, &undo);
    let now = Picture::of(lab);
    check_authority(principal, after, &now)?;
    match event {
        Some(IntentEvent::Done { .. }) => {
            TALLY[2].fetch_add(1, Relaxed);
            prop_assert_eq!(&now, before);
        }
        // What the operator gave, a user can lose and not take back.
        Some(IntentEvent::Rejected { .. }) => {
            prop_assert!(principal != Principal::Operator, "{event:?}");
            prop_assert_eq!(&now, after);
        }
        other => prop_assert!(false, "{other:?}"),
    }
    Ok(())
}

/// Whether a process is somebody's.
type Owns = Box<dyn Fn(Pid, &Row) -> bool>;

/// Nothing changed that is not the principal's, nor beyond what they may have.
fn check_authority(
    principal: Principal,
    before: &Picture,
    after: &Picture,
) -> Result<(), TestCaseError> {
    let (user, is_theirs): (UserId, Owns) = match principal {
        Principal::Operator => return Ok(()),
        Principal::User(user) => (user, Box::new(move |_, row| row.owner == user)),
        Principal::Process(own) => {
            let owner = before.rows[&own].owner;
            (owner, Box::new(move |pid, _| pid == own))
        }
    };
    prop_assert_eq!(after.without(&is_theirs), before.without(&is_theirs));
    for (pid, row) in after.rows.iter().filter(|(pid, row)| is_theirs(**pid, row)) {
        let old = before.rows.get(pid);
        let had = old.map(|old| old.priority);
        let had = had.or_else(|| before.dead.get(pid).copied());
        let most = had.unwrap_or(Priority::Idle).max(Priority::Normal);
        prop_assert!(row.priority <= most, "{pid}: {row:?}");
        if let (Principal::Process(_), Some(old)) = (principal, old) {
            prop_assert!(row.limit <= old.limit.max(OWN_LIMIT), "{row:?}");
        }
        let cap = |row: &Row| row.cap.map_or(100, Percent::get);
        prop_assert!(old.is_none_or(|old| cap(row) <= cap(old)), "{pid}: {row:?}");
    }
    if user != OPERATOR {
        let (was, is) = (before.held_by(user), after.held_by(user));
        prop_assert!(is.processes <= was.processes.max(QUOTA.processes), "{is:?}");
        prop_assert!(is.memory <= was.memory.max(QUOTA.memory), "{is:?}");
    }
    Ok(())
}

/// What is so at any time.
fn check_system(lab: &Lab) -> Result<(), TestCaseError> {
    let report = memory::report(&lab.machine, &lab.kernel.table);
    let sum = report.kernel.0 + report.processes.0 + report.reserve.0 + report.free.0;
    prop_assert_eq!(sum, report.total.0, "{:?}", report);
    let init = lab.kernel.table.get(INIT);
    let init = init.filter(|init| init.is_alive() && !init.is_suspended);
    prop_assert!(init.is_some(), "init is ended or stopped");
    let info = lab.info(INIT).unwrap();
    prop_assert!(info.priority >= Priority::High && info.state != State::Suspended);
    prop_assert!(init.and_then(|init| init.cpu_cap.percent()).is_none());
    prop_assert!(lab.kernel.intents.pending().is_empty());
    Ok(())
}

fn cases() -> u32 {
    let plans = std::env::var(PLANS).ok().and_then(|text| text.parse().ok());
    // Somewhat more than half of the steps are plans.
    plans.unwrap_or(DEFAULT_PLANS).div_ceil(STEPS as u32 / 2)
}

/// A failure with plans as people read them.
fn in_words(failure: TestError<(u64, Vec<Step>)>) -> String {
    let TestError::Fail(why, (frames, steps)) = failure else {
        return failure.to_string();
    };
    let words = |step: &Step| match step {
        Step::Console(plan, back) => format!("console: {plan}; taken back: {back}\n"),
        Step::Process(who, plan) => format!("process {who}: {plan}\n"),
        other => format!("{other:?}\n"),
    };
    let steps: String = steps.iter().map(words).collect();
    format!("{why}\nin {frames} frames, after\n{steps}")
}

#[test]
fn no_sequence_of_plans_breaks_what_must_hold() {
    let mut config = ProptestConfig::with_cases(cases());
    config.failure_persistence = None;
    config.max_shrink_iters = 4000;
    let strategy = (prop_oneof![Just(2048u64), Just(4096)], vec(step(), STEPS));
    TestRunner::new(config)
        .run(&strategy, |(frames, steps)| run(frames, steps))
        .unwrap_or_else(|failure| panic!("{}", in_words(failure)));
    let [done, refused, undone] = [0, 1, 2].map(|place: usize| TALLY[place].load(Relaxed));
    println!(
        "{} plans: {done} done, {refused} refused; {undone} taken back",
        done + refused
    );
    assert!(done > 0 && refused > 0 && undone > 0);
}
