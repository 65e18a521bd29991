//! Who may do what: questions before what destroys, users, the audit record.

use proviso_abi::audit::{AuditEvent, Verifier};
use proviso_abi::console::{ConfirmPolicy, ConsoleRequest};
use proviso_abi::outcome::Reason;
use proviso_abi::syscall::{Error, SUBMIT_CONSOLE, Syscall};
use proviso_abi::wire::{ModelStats, ToAgent, ToKernel};
use proviso_abi::words::{ListWhat, RuleDo, RuleWhen, SearchWhere, ShutdownMode};
use proviso_abi::{
    Action, Bytes, Effect, IntentEvent, Name, Pid, Plan, Priority, Sentence, State, Target,
};

use super::{BUFFER, Lab, SECOND, SHELL, kill, restart, set_limit, set_priority, spawn, suspend};
use crate::rate::BURST;

impl Lab {
    /// The console asks for something; what it gets to hear.
    fn console(&mut self, request: &ConsoleRequest) -> IntentEvent {
        let wait = self.kernel.table.get_mut(SHELL).unwrap().wait.take();
        let intent = self.submit_console(SHELL, request).unwrap();
        let event = self.event(SHELL, intent);
        let process = self.kernel.table.get_mut(SHELL).unwrap();
        process.wait = wait;
        process.task.as_mut().unwrap().result = None;
        event
    }

    pub(super) fn submit_console(
        &mut self,
        pid: Pid,
        request: &ConsoleRequest,
    ) -> Result<u64, Error> {
        let bytes = postcard::to_allocvec(request).unwrap();
        self.put(pid, &bytes);
        let arguments = [SUBMIT_CONSOLE, BUFFER, bytes.len() as u64, 0];
        self.call(pid, Syscall::Submit, arguments).unwrap()
    }

    /// The console acts as a new ordinary user.
    fn act_as(&mut self, name: &str) {
        let name = Name::cut(name);
        let add = ConsoleRequest::AddUser {
            name: name.clone(),
            processes: Some(3),
            memory: Some(Bytes(8 << 20)),
        };
        assert!(matches!(self.console(&add), IntentEvent::Done { .. }));
        self.become_user(&name);
    }

    fn become_user(&mut self, name: &str) {
        let request = ConsoleRequest::Become(Name::cut(name));
        assert!(matches!(self.console(&request), IntentEvent::Done { .. }));
    }

    /// Somebody says a sentence, and the agent answers with a plan; the last
    /// event, which is a question or final.
    fn told(&mut self, pid: Pid, sentence: &str, actions: Vec<Action>) -> (u64, IntentEvent) {
        let wait = self.kernel.table.get_mut(pid).unwrap().wait.take();
        let intent = self.say(pid, sentence).unwrap();
        let plan = Plan::new(actions).unwrap();
        let stats = ModelStats::default();
        self.agent(ToKernel::Plan {
            intent,
            plan,
            stats,
        });
        let last = loop {
            match self.event(pid, intent) {
                IntentEvent::Accepted
                | IntentEvent::Progress { .. }
                | IntentEvent::Proposed { .. } => {}
                // The agent has nothing better.
                IntentEvent::Revising { .. } => self.agent(ToKernel::Failed {
                    intent,
                    text: Sentence::default(),
                }),
                other => break other,
            }
        };
        if let Some(process) = self.kernel.table.get_mut(pid).filter(|p| p.is_alive()) {
            process.wait = wait;
        }
        (intent, last)
    }

    /// The person answers; the final event.
    fn answer(&mut self, intent: u64, yes: bool) -> IntentEvent {
        self.kernel.table.get_mut(SHELL).unwrap().wait = None;
        let answer = ConsoleRequest::Answer { intent, yes };
        assert_eq!(self.submit_console(SHELL, &answer), Ok(intent));
        self.event(SHELL, intent)
    }

    fn with_agent() -> Self {
        let mut lab = Self::new();
        lab.connect();
        lab
    }
}

fn reason(event: &IntentEvent) -> Option<Reason> {
    match event {
        IntentEvent::Rejected { rejections, .. } => Some(rejections[0].reason),
        _ => None,
    }
}

fn is_question(event: &IntentEvent) -> bool {
    matches!(event, IntentEvent::Confirm { .. })
}

fn named(name: &str) -> Action {
    Action::Kill {
        target: Target::name(name),
        except: None,
    }
}

#[test]
fn what_destroys_is_asked_first_and_done_at_the_yes() {
    let mut lab = Lab::with_agent();
    let pid = lab.spawn("worker");
    let (intent, event) = lab.told(SHELL, "make room", vec![named("worker")]);
    let IntentEvent::Confirm { loss } = event else {
        panic!("{event:?}");
    };
    assert!(
        loss[0].contains(&format!("end worker {pid}: what a killed")),
        "{loss:?}"
    );
    assert_eq!(lab.state(pid), Some(State::Ready));
    assert!(matches!(lab.answer(intent, true), IntentEvent::Done { .. }));
    assert_eq!(lab.state(pid), None);
}

#[test]
fn no_and_silence_do_nothing() {
    let mut lab = Lab::with_agent();
    let pid = lab.spawn("worker");
    let (intent, _) = lab.told(SHELL, "make room", vec![named("worker")]);
    assert_eq!(
        reason(&lab.answer(intent, false)),
        Some(Reason::NeedsConfirmation)
    );
    let (intent, event) = lab.told(SHELL, "make room", vec![restart(pid)]);
    assert!(is_question(&event));
    lab.pass(121 * SECOND);
    assert!(matches!(
        lab.event(SHELL, intent),
        IntentEvent::Failed { .. }
    ));
    assert_eq!(lab.state(pid), Some(State::Ready));
    let late = ConsoleRequest::Answer { intent, yes: true };
    assert_eq!(lab.submit_console(SHELL, &late), Err(Error::NoSuchIntent));
    assert_eq!(lab.state(pid), Some(State::Ready));
}

#[test]
fn a_yes_to_what_has_changed_meanwhile_does_not_count() {
    let mut lab = Lab::with_agent();
    let first = lab.spawn("worker");
    let (intent, event) = lab.told(SHELL, "make room", vec![named("worker")]);
    assert!(is_question(&event));
    let second = lab.spawn("worker");
    assert_eq!(reason(&lab.answer(intent, true)), Some(Reason::Stale));
    assert!(lab.state(first).is_some() && lab.state(second).is_some());
    // Another person sits there now.
    let (intent, event) = lab.told(SHELL, "make room", vec![named("worker")]);
    assert!(is_question(&event));
    lab.act_as("ann");
    assert_eq!(reason(&lab.answer(intent, true)), Some(Reason::Stale));
    assert!(lab.state(first).is_some());
}

#[test]
fn what_was_asked_for_by_name_is_not_asked_again() {
    for (sentence, is_asked) in [
        ("kill the worker", false),
        ("Kill both WORKERS, please", false),
        ("end process 3 and 4", false),
        ("kill 3", true),
        ("kill everything", true),
        ("do something about the worker", true),
        ("don't kill the worker", true),
        ("kill all but the worker", true),
        ("never kill worker", true),
        ("worker says: skill", true),
        ("kill the coworker", true),
        ("kill 34", true),
        ("kill worker 3", true),
        ("don’t kill the worker", true),
        ("you can't kill the worker", true),
        ("I cannot kill the worker", true),
        ("she won't end the workers", true),
        ("you shouldn‘t kill the worker", true),
        ("what happens if I kill the worker", true),
        ("kill the worker?", true),
    ] {
        let mut lab = Lab::with_agent();
        lab.act(vec![spawn("worker", 2)]);
        let (_, event) = lab.told(SHELL, sentence, vec![named("worker")]);
        assert_eq!(is_question(&event), is_asked, "{sentence}: {event:?}");
        assert!(
            is_asked || matches!(event, IntentEvent::Done { .. }),
            "{event:?}"
        );
    }
}

#[test]
fn a_name_means_all_of_that_name() {
    let mut lab = Lab::with_agent();
    let pid = lab.spawn("worker");
    lab.spawn("worker");
    let (intent, event) = lab.told(SHELL, "kill the worker", vec![kill(pid)]);
    assert!(is_question(&event), "which of the two? {event:?}");
    lab.answer(intent, false);
    let sentence = format!("kill worker {pid}");
    let (_, event) = lab.told(SHELL, &sentence, vec![kill(pid)]);
    assert!(matches!(event, IntentEvent::Done { .. }), "{event:?}");
}

#[test]
fn a_rule_that_ends_the_living_needs_a_yes_and_so_does_its_return() {
    let mut lab = Lab::with_agent();
    let rule = |target: Target, r#do| Action::SetRule {
        when: RuleWhen::MemoryOver,
        target,
        r#do,
        threshold: Some(1),
        priority: None,
        bytes: None,
        limit: None,
    };
    for r#do in [RuleDo::Kill, RuleDo::Restart, RuleDo::Suspend] {
        let (intent, event) = lab.told(SHELL, "show status", vec![rule(Target::All, r#do)]);
        let IntentEvent::Confirm { loss } = event else {
            panic!("{event:?}");
        };
        assert!(loss[0].contains(r#do.to_string().as_str()), "{loss:?}");
        lab.answer(intent, false);
    }
    assert_eq!(lab.kernel.rules.iter().count(), 0);
    let hog = || vec![rule(Target::name("hog"), RuleDo::Kill)];
    let (_, event) = lab.told(SHELL, "kill hogs over 1 byte", hog());
    assert!(matches!(event, IntentEvent::Done { .. }), "{event:?}");
    lab.act(vec![Action::ClearRule { id: 1 }]);
    let undo = vec![Action::Undo { count: None }];
    let (_, event) = lab.told(SHELL, "that was wrong", undo);
    assert!(is_question(&event), "{event:?}");
}

#[test]
fn shutting_down_scaling_down_and_ending_by_undo_are_asked_too() {
    let mut lab = Lab::with_agent();
    lab.act(vec![spawn("worker", 3)]);
    let scale = Action::Scale {
        program: proviso_abi::action::ProgramName(Name::cut("worker")),
        count: 1,
    };
    let down = Action::Shutdown {
        mode: ShutdownMode::Halt,
    };
    for (sentence, action) in [
        ("too many of these", scale.clone()),
        ("that was wrong", Action::Undo { count: None }),
        ("good night", down),
    ] {
        let (intent, event) = lab.told(SHELL, sentence, vec![action]);
        assert!(is_question(&event), "{sentence}: {event:?}");
        assert!(reason(&lab.answer(intent, false)).is_some());
    }
    let (_, event) = lab.told(SHELL, "scale worker to 1", vec![scale]);
    assert!(matches!(event, IntentEvent::Done { .. }), "{event:?}");
}

#[test]
fn policies_ask_always_or_never() {
    let mut lab = Lab::with_agent();
    let pid = lab.spawn("worker");
    lab.console(&ConsoleRequest::Confirm(ConfirmPolicy::Always));
    let lower = || vec![set_priority(pid, Priority::Low)];
    let (intent, event) = lab.told(SHELL, "lower the worker", lower());
    assert!(is_question(&event));
    assert!(matches!(lab.answer(intent, true), IntentEvent::Done { .. }));
    let (_, event) = lab.told(SHELL, "look", vec![Action::Status {}]);
    assert!(matches!(event, IntentEvent::Done { .. }), "looking is free");
    // A process can never say yes.
    let (_, event) = lab.told(pid, "lower me", vec![set_priority(pid, Priority::Idle)]);
    assert_eq!(reason(&event), Some(Reason::NeedsConfirmation));
    lab.console(&ConsoleRequest::Confirm(ConfirmPolicy::Never));
    let (_, event) = lab.told(SHELL, "make room", vec![kill(pid)]);
    assert!(matches!(event, IntentEvent::Done { .. }));
}

#[test]
fn a_process_may_end_itself_and_answers_for_nobody() {
    let mut lab = Lab::with_agent();
    let pid = lab.spawn("worker");
    let other = lab.spawn("echo");
    let (intent, event) = lab.told(SHELL, "make room", vec![named("echo")]);
    assert!(is_question(&event));
    let yes = ConsoleRequest::Answer { intent, yes: true };
    assert_eq!(lab.submit_console(pid, &yes), Err(Error::NotPermitted));
    assert_eq!(
        lab.submit_console(pid, &ConsoleRequest::Become(Name::cut("operator"))),
        Err(Error::NotPermitted)
    );
    assert!(lab.state(other).is_some());
    // Its end ends its intents, so what happened shows in its record alone.
    let intent = lab.say(other, "enough").unwrap();
    let plan = Plan::new(vec![restart(other)]).unwrap();
    let stats = ModelStats::default();
    lab.agent(ToKernel::Plan {
        intent,
        plan,
        stats,
    });
    assert_eq!(lab.kernel.table.get(other).unwrap().restarts, 1);
}

#[test]
fn a_user_has_their_own_processes_and_quota_and_nothing_else() {
    let mut lab = Lab::new();
    let theirs = lab.spawn("hog");
    lab.act_as("ann");
    let own = lab.spawn("worker");
    assert_eq!(lab.kernel.table.get(own).unwrap().owner, 1);
    for action in [
        kill(theirs),
        kill(SHELL),
        suspend(theirs),
        set_limit(theirs, 4 << 20),
        set_priority(theirs, Priority::Low),
        Action::Kill {
            target: Target::All,
            except: None,
        },
        Action::Shutdown {
            mode: ShutdownMode::Halt,
        },
        Action::ClearRule { id: 1 },
        Action::Send {
            to: Target::pid(theirs),
            message: proviso_abi::Message::cut("x"),
        },
        Action::Connect {
            from: Target::pid(own),
            to: Target::pid(theirs),
        },
        set_priority(own, Priority::High),
        Action::List {
            what: ListWhat::Audit,
            sort: None,
            limit: None,
            path: None,
        },
    ] {
        let event = lab.plan(SHELL, vec![action.clone()]);
        assert_eq!(
            reason(&event),
            Some(Reason::NotPermitted),
            "{action}: {event:?}"
        );
    }
    // Three processes of 2M, 8M in all.
    assert_eq!(
        reason(&lab.plan(SHELL, vec![spawn("worker", 3)])),
        Some(Reason::OverQuota)
    );
    assert_eq!(
        reason(&lab.plan(SHELL, vec![set_limit(own, 9 << 20)])),
        Some(Reason::OverQuota)
    );
    lab.act(vec![spawn("worker", 2), set_limit(own, 4 << 20)]);
    assert_eq!(
        reason(&lab.plan(SHELL, vec![spawn("echo", 1)])),
        Some(Reason::OverQuota)
    );
    lab.act(vec![kill(own), spawn("echo", 1)]);
    assert!(matches!(
        lab.console(&ConsoleRequest::AddUser {
            name: Name::cut("bob"),
            processes: None,
            memory: None
        }),
        IntentEvent::Failed { .. }
    ));
    // Nothing of the operator's comes back by undo either.
    let event = lab.plan(SHELL, vec![Action::Undo { count: Some(16) }]);
    assert!(reason(&event).is_some());
    assert!(lab.state(theirs).is_some() && lab.state(SHELL).is_some());
    lab.become_user("operator");
    lab.act(vec![kill(theirs)]);
}

#[test]
fn what_was_given_beyond_a_quota_is_not_given_twice() {
    let mut lab = Lab::new();
    lab.act_as("ann");
    let (one, two) = (lab.spawn("worker"), lab.spawn("worker"));
    lab.become_user("operator");
    lab.act(vec![set_limit(one, 12 << 20)]);
    lab.become_user("ann");
    // 14M of 8M are held; with the 2M of the other process gone, still 12M.
    for actions in [
        vec![kill(two), spawn("worker", 1)],
        vec![set_limit(one, 9 << 20)],
        vec![restart(two)],
    ] {
        let event = lab.plan(SHELL, actions);
        assert_eq!(reason(&event), Some(Reason::OverQuota), "{event:?}");
    }
    lab.act(vec![set_limit(one, 6 << 20)]);
}

#[test]
fn a_crashed_shell_does_not_come_back_with_more_authority() {
    let mut lab = Lab::new();
    lab.act_as("ann");
    lab.raw_call(SHELL, 9999, [0; 4]);
    let shell = Target::pid(SHELL);
    lab.plan(
        super::INIT,
        vec![Action::Restart {
            target: shell,
            except: None,
        }],
    );
    assert_eq!(lab.kernel.principal(SHELL), crate::view::Principal::User(1));
}

#[test]
fn asking_too_often_is_an_error_and_giving_up_does_not_help() {
    let mut lab = Lab::with_agent();
    let pid = lab.spawn("worker");
    for _ in 0..BURST {
        let intent = lab.say(pid, "hello").unwrap();
        lab.call(pid, Syscall::Cancel, [intent, 0, 0, 0]);
    }
    assert_eq!(lab.say(pid, "hello"), Err(Error::TooOften));
    assert!(lab.say(SHELL, "hello").is_ok(), "the console is not hit");
    // Nor are a user's commands by too many sentences of the same user.
    lab.act_as("ann");
    for _ in 0..BURST {
        let intent = lab.say(SHELL, "hello").unwrap();
        lab.call(SHELL, Syscall::Cancel, [intent, 0, 0, 0]);
    }
    assert_eq!(lab.say(SHELL, "hello"), Err(Error::TooOften));
    let event = lab.plan(SHELL, vec![Action::Status {}]);
    assert!(matches!(event, IntentEvent::Done { .. }), "{event:?}");
    lab.become_user("operator");
    lab.machine.now_ns += SECOND;
    assert!(lab.say(pid, "hello").is_ok());
}

fn events(lab: &Lab) -> Vec<String> {
    let records = lab.kernel.audit.records();
    records
        .map(|one| format!("{} {}", one.who, one.event))
        .collect()
}

#[test]
fn everything_is_on_record_and_the_chain_is_whole() {
    let mut lab = Lab::with_agent();
    let pid = lab.spawn("worker");
    let (intent, _) = lab.told(SHELL, "make room", vec![kill(pid)]);
    lab.answer(intent, true);
    lab.told(SHELL, "again", vec![kill(pid)]);
    lab.act_as("ann");
    let events = events(&lab);
    for wanted in [
        "operator boot",
        "operator asked: make room",
        "operator plan: kill process 3",
        "operator needs a yes: end worker 3",
        "operator a person said yes",
        "operator done: killed worker 3",
        "operator refused: NoSuchTarget",
        "operator at the console: user ann may have",
        "operator at the console: the console acts as ann",
    ] {
        assert!(
            events.iter().any(|event| event.starts_with(wanted)),
            "{wanted}: {events:#?}"
        );
    }
    let mut verifier = Verifier::default();
    for record in lab.kernel.audit.records() {
        verifier.check(record).unwrap();
    }
    // Ann sees what she asked for and nothing else.
    let search = Action::Search {
        query: Sentence::cut("kill"),
        r#where: Some(SearchWhere::History),
    };
    assert!(
        matches!(&lab.act(vec![search.clone()])[..], [Effect::Audit(list)] if list.iter().all(|one| one.who == "ann"))
    );
    lab.become_user("operator");
    assert!(
        matches!(&lab.act(vec![search])[..], [Effect::Audit(list)] if list.iter().any(|one| matches!(&one.event, AuditEvent::Committed(_))))
    );
}

#[test]
fn an_export_goes_out_whole_and_waits_for_a_full_channel() {
    let mut lab = Lab::with_agent();
    for _ in 0..30 {
        lab.act(vec![Action::Status {}]);
    }
    lab.heard_by_agent();
    let kept = lab.kernel.audit.records().count();
    lab.machine.is_agent_reachable = false;
    lab.console(&ConsoleRequest::ExportAudit);
    lab.poll();
    lab.machine.is_agent_reachable = true;
    let mut verifier = Verifier::default();
    let (mut count, mut is_over) = (0, false);
    for _ in 0..20 {
        lab.poll();
        for message in lab.heard_by_agent() {
            if let ToAgent::Audit { records, is_last } = message {
                records.iter().for_each(|one| verifier.check(one).unwrap());
                (count, is_over) = (count + records.len(), is_last);
            }
        }
    }
    assert_eq!((count, is_over), (kept, true));
}
