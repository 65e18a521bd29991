//! Sentences, an agent at its best, and agents at their worst.

use proptest::prelude::*;
use proviso_abi::syscall::{Error, FOREVER, Syscall};
use proviso_abi::wire::{MAX_FRAME, ModelStats, ToAgent, ToKernel, VERSION};
use proviso_abi::{Action, Effect, IntentEvent, Name, Plan, Sentence, State};

use super::{Lab, SECOND, SHELL, kill, spawn};

fn plan(intent: u64, actions: Vec<Action>) -> ToKernel {
    ToKernel::Plan {
        intent,
        plan: Plan::new(actions).unwrap(),
        stats: ModelStats::default(),
    }
}

fn failure(lab: &mut Lab, intent: u64) -> String {
    match lab.event(SHELL, intent) {
        IntentEvent::Failed { text } => text.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A lab with an agent, and a sentence of the shell's on its way.
fn asked() -> (Lab, u64) {
    let mut lab = Lab::new();
    lab.connect();
    lab.heard_by_agent();
    let intent = lab.say(SHELL, "start a worker").unwrap();
    (lab, intent)
}

#[test]
fn the_kernel_says_hello_first_and_again_to_each_hello() {
    let mut lab = Lab::new();
    assert_eq!(
        lab.machine.to_agent.first(),
        Some(&0),
        "a zero resynchronises"
    );
    assert_eq!(lab.heard_by_agent(), [ToAgent::Hello { version: VERSION }]);
    lab.connect();
    assert_eq!(lab.heard_by_agent(), [ToAgent::Hello { version: VERSION }]);
    lab.pass(SECOND);
    assert_eq!(lab.heard_by_agent(), []);
    assert_eq!(lab.kernel.link.model(), Some(Name::cut("tiny")));
}

#[test]
fn a_sentence_becomes_a_plan_and_is_done() {
    let (mut lab, intent) = asked();
    match lab.heard_by_agent().as_slice() {
        [ToAgent::Request(request)] => {
            assert_eq!(
                (request.intent, request.prompt.as_str()),
                (intent, "start a worker")
            );
            assert_eq!(request.deadline_ms, 60_000);
            assert_eq!(
                (request.system.user.as_str(), request.system.caller),
                ("operator", None)
            );
            assert_eq!(request.system.processes.len(), 2);
            assert!(request.system.programs.contains(&Name::cut("worker")));
            assert!(!request.system.actions.is_empty());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(lab.follow(SHELL, intent, FOREVER), None);
    lab.agent(ToKernel::Accepted { intent });
    let length = lab.result(SHELL).unwrap().unwrap();
    assert_eq!(lab.event_in_buffer(SHELL, length), IntentEvent::Accepted);
    // Progress that nobody read yet is replaced by newer progress.
    for generated_tokens in [1, 2, 3] {
        lab.agent(ToKernel::Progress {
            intent,
            generated_tokens,
        });
    }
    assert_eq!(
        lab.event(SHELL, intent),
        IntentEvent::Progress {
            generated_tokens: 3
        }
    );
    lab.agent(plan(intent, vec![spawn("worker", 2)]));
    assert!(matches!(
        lab.event(SHELL, intent),
        IntentEvent::Proposed { .. }
    ));
    match lab.event(SHELL, intent) {
        IntentEvent::Done { effects, .. } => {
            assert!(matches!(&effects[..], [Effect::Spawned(list)] if list.len() == 2))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(lab.follow(SHELL, intent, 0), Some(Err(Error::NoSuchIntent)));
}

#[test]
fn a_plan_that_is_not_admitted_does_nothing() {
    let (mut lab, intent) = asked();
    lab.agent(plan(intent, vec![spawn("worker", 1), kill(99)]));
    assert!(matches!(
        lab.event(SHELL, intent),
        IntentEvent::Proposed { .. }
    ));
    assert!(matches!(
        lab.event(SHELL, intent),
        IntentEvent::Revising { .. }
    ));
    lab.agent(ToKernel::Failed {
        intent,
        text: Sentence::default(),
    });
    match lab.event(SHELL, intent) {
        IntentEvent::Rejected { rejections, .. } => assert_eq!(rejections[0].action, Some(1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(lab.kernel.table.iter().count(), 2);
    assert!(
        lab.log()
            .iter()
            .any(|line| line.starts_with("refused a plan of process 2: NoSuchTarget"))
    );
}

#[test]
fn a_process_asks_with_its_own_authority_only() {
    let mut lab = Lab::new();
    lab.connect();
    lab.heard_by_agent();
    let (pid, victim) = (lab.spawn("worker"), lab.spawn("echo"));
    let intent = lab.say(pid, "kill the echo service").unwrap();
    match lab.heard_by_agent().as_slice() {
        [ToAgent::Request(request)] => {
            assert_eq!(
                (request.system.user.as_str(), request.system.caller),
                ("worker", Some(pid))
            );
        }
        other => panic!("{other:?}"),
    }
    lab.agent(plan(intent, vec![kill(victim)]));
    lab.event(pid, intent);
    assert!(matches!(
        lab.event(pid, intent),
        IntentEvent::Rejected { .. }
    ));
    assert!(lab.state(victim).is_some());
}

#[test]
fn an_agent_without_a_plan_says_why() {
    let (mut lab, intent) = asked();
    lab.agent(ToKernel::Failed {
        intent,
        text: Sentence::cut("the model is tired"),
    });
    assert_eq!(
        failure(&mut lab, intent),
        "the agent has no plan: the model is tired"
    );
}

#[test]
fn without_an_agent_a_sentence_fails_in_a_second() {
    let mut lab = Lab::new();
    let intent = lab.say(SHELL, "hello").unwrap();
    assert_eq!(lab.follow(SHELL, intent, FOREVER), None);
    lab.pass(SECOND - 1);
    assert_eq!(lab.result(SHELL), None);
    lab.pass(1);
    let length = lab.result(SHELL).unwrap().unwrap();
    let IntentEvent::Failed { text } = lab.event_in_buffer(SHELL, length) else {
        panic!()
    };
    assert!(
        text.starts_with("the agent does not answer: none is connected"),
        "{text}"
    );
    assert!(lab.heard_by_agent().contains(&ToAgent::Cancel { intent }));
}

#[test]
fn an_agent_that_was_there_and_is_not_is_named() {
    let (mut lab, intent) = asked();
    lab.pass(SECOND);
    assert!(failure(&mut lab, intent).contains("it was there with model tiny"));
    assert_eq!(lab.kernel.link.model(), None);
    let again = lab.say(SHELL, "hello?").unwrap();
    lab.agent(ToKernel::Accepted { intent: again });
    assert_eq!(
        lab.kernel.link.model(),
        Some(Name::cut("tiny")),
        "any answer is a sign of life"
    );
}

#[test]
fn an_agent_of_another_version_counts_as_none() {
    let mut lab = Lab::new();
    lab.agent(ToKernel::Hello {
        version: VERSION + 1,
        model: Name::cut("new"),
    });
    let intent = lab.say(SHELL, "hello").unwrap();
    lab.agent(plan(intent, vec![spawn("worker", 1)]));
    assert_eq!(
        (lab.kernel.link.stray, lab.kernel.table.iter().count()),
        (1, 2)
    );
    lab.pass(SECOND);
    assert!(
        failure(&mut lab, intent).contains("version 3 of the protocol and this kernel version 2")
    );
    assert!(
        lab.log()
            .iter()
            .any(|line| line.contains("version 3 connected"))
    );
}

#[test]
fn silence_while_working_ends_an_intent_after_three_seconds() {
    let (mut lab, intent) = asked();
    lab.agent(ToKernel::Accepted { intent });
    lab.event(SHELL, intent);
    lab.pass(2 * SECOND);
    lab.agent(ToKernel::Progress {
        intent,
        generated_tokens: 0,
    });
    lab.event(SHELL, intent);
    lab.pass(3 * SECOND - 1);
    assert_eq!(lab.follow(SHELL, intent, 0), Some(Err(Error::TimedOut)));
    lab.pass(1);
    assert!(failure(&mut lab, intent).contains("fell silent"));
}

#[test]
fn a_minute_is_enough() {
    let (mut lab, intent) = asked();
    lab.agent(ToKernel::Accepted { intent });
    for generated_tokens in 0..59 {
        lab.pass(SECOND);
        lab.agent(ToKernel::Progress {
            intent,
            generated_tokens,
        });
    }
    lab.pass(SECOND);
    lab.event(SHELL, intent);
    lab.event(SHELL, intent);
    assert!(failure(&mut lab, intent).contains("no plan within 60 s"));
}

#[test]
fn late_double_and_unknown_replies_are_dropped_and_counted() {
    let (mut lab, intent) = asked();
    lab.pass(SECOND);
    lab.agent(plan(intent, vec![spawn("worker", 1)]));
    lab.agent(ToKernel::Accepted { intent: 77 });
    lab.agent(ToKernel::Failed {
        intent: u64::MAX,
        text: Sentence::cut("?"),
    });
    assert_eq!(
        (lab.kernel.link.stray, lab.kernel.table.iter().count()),
        (3, 2)
    );
    let intent = lab.say(SHELL, "start a worker").unwrap();
    for _ in 0..3 {
        lab.agent(plan(intent, vec![spawn("worker", 1)]));
    }
    assert_eq!(
        (lab.kernel.link.stray, lab.kernel.table.iter().count()),
        (5, 3)
    );
}

#[test]
fn an_agent_that_comes_back_gets_the_sentence_once_more() {
    let (mut lab, intent) = asked();
    lab.agent(ToKernel::Accepted { intent });
    lab.heard_by_agent();
    lab.connect();
    let sent = lab.heard_by_agent();
    assert!(
        matches!(&sent[..], [ToAgent::Hello { .. }, ToAgent::Request(request)] if request.intent == intent),
        "{sent:?}"
    );
    lab.agent(ToKernel::Accepted { intent });
    lab.connect();
    lab.event(SHELL, intent);
    lab.event(SHELL, intent);
    assert!(failure(&mut lab, intent).contains("the agent restarted"));
}

#[test]
fn an_agent_that_comes_in_time_gets_what_was_said_before() {
    let mut lab = Lab::new();
    lab.machine.is_agent_reachable = false;
    let intent = lab.say(SHELL, "hello").unwrap();
    lab.pass(SECOND / 2);
    lab.machine.is_agent_reachable = true;
    lab.heard_by_agent();
    lab.connect();
    assert!(matches!(
        &lab.heard_by_agent()[..],
        [ToAgent::Hello { .. }, ToAgent::Request(_)]
    ));
    lab.agent(plan(intent, vec![spawn("worker", 1)]));
    lab.event(SHELL, intent);
    assert!(matches!(lab.event(SHELL, intent), IntentEvent::Done { .. }));
}

#[test]
fn damaged_endless_and_foreign_frames_are_dropped() {
    let (mut lab, intent) = asked();
    lab.machine.from_agent.extend([1, 2, 3, 0]);
    lab.machine.from_agent.extend(vec![7; 2 * MAX_FRAME]);
    lab.machine.from_agent.extend([0]);
    for _ in 0..8 {
        lab.poll();
    }
    assert_eq!(lab.kernel.link.damaged, 2);
    // What follows is understood again.
    lab.agent(ToKernel::Accepted { intent });
    assert_eq!(lab.event(SHELL, intent), IntentEvent::Accepted);
    assert_eq!(lab.kernel.link.lost, 0);
    lab.said += 5;
    lab.agent(ToKernel::Progress {
        intent,
        generated_tokens: 1,
    });
    assert_eq!(lab.kernel.link.lost, 5);
}

#[test]
fn a_cancelled_intent_takes_no_effect_any_more() {
    let (mut lab, intent) = asked();
    lab.heard_by_agent();
    assert_eq!(
        lab.call(SHELL, Syscall::Cancel, [intent, 0, 0, 0]),
        Some(Ok(0))
    );
    assert_eq!(lab.heard_by_agent(), [ToAgent::Cancel { intent }]);
    lab.agent(plan(intent, vec![spawn("worker", 1)]));
    assert_eq!(lab.kernel.table.iter().count(), 2);
}

#[test]
fn intents_end_with_the_life_they_belong_to() {
    let mut lab = Lab::new();
    lab.connect();
    let pid = lab.spawn("worker");
    let intent = lab.say(pid, "hello").unwrap();
    lab.heard_by_agent();
    lab.call(pid, Syscall::Exit, [0; 4]);
    assert_eq!(lab.heard_by_agent(), [ToAgent::Cancel { intent }]);
    lab.agent(plan(intent, vec![spawn("worker", 1)]));
    assert_eq!(lab.kernel.table.living().count(), 2);
    assert_eq!(lab.state(pid), Some(State::Exited));
}

#[test]
fn queues_are_bounded_and_the_operator_has_a_place_of_its_own() {
    let mut lab = Lab::new();
    lab.connect();
    let mut taken = 0;
    let mut full = 0;
    for _ in 0..10 {
        let pid = lab.spawn("worker");
        for _ in 0..3 {
            match lab.say(pid, "me first") {
                Ok(_) => taken += 1,
                Err(error) => full += usize::from(error == Error::Full),
            }
        }
    }
    assert_eq!((taken, full), (12, 18));
    assert!(lab.say(SHELL, "and me?").is_ok());
}

#[test]
fn what_is_finished_and_unread_makes_room() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    let first = lab.submit(pid, vec![Action::Status {}]).unwrap().unwrap();
    for _ in 0..5 {
        assert!(lab.submit(pid, vec![Action::Status {}]).unwrap().is_ok());
    }
    assert_eq!(lab.follow(pid, first, 0), Some(Err(Error::NoSuchIntent)));
}

#[test]
fn an_event_that_does_not_fit_stays() {
    let mut lab = Lab::new();
    let intent = lab.submit(SHELL, vec![Action::Status {}]).unwrap().unwrap();
    assert_eq!(
        lab.call(SHELL, Syscall::Follow, [intent, super::BUFFER, 3, 0]),
        Some(Err(Error::TooLong))
    );
    assert!(matches!(lab.event(SHELL, intent), IntentEvent::Done { .. }));
}

proptest! {
    #[test]
    fn nothing_that_an_agent_sends_panics_the_kernel(
        messages in proptest::collection::vec((0u8..8, 0u64..4, any::<u32>()), 0..40),
        noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let (mut lab, _) = asked();
        lab.machine.from_agent.extend(noise);
        for (kind, intent, number) in messages {
            lab.said = number;
            match kind {
                0 => lab.agent(ToKernel::Accepted { intent }),
                1 => lab.agent(ToKernel::Progress { intent, generated_tokens: number }),
                2 => lab.agent(plan(intent, vec![spawn("worker", 1)])),
                3 => lab.agent(ToKernel::Failed { intent, text: Sentence::cut("no") }),
                4 => lab.agent(ToKernel::Hello { version: (number % 4) as u16, model: Name::cut("m") }),
                5 => lab.agent(ToKernel::Look { intent, plan: Action::Status {}.into() }),
                6 => lab.pass(u64::from(number)),
                _ => {
                    let _ = lab.say(SHELL, "again");
                }
            }
        }
        lab.pass(120 * SECOND);
        prop_assert!(lab.kernel.intents.pending().is_empty());
    }
}

#[test]
fn hellos_without_end_leave_the_log_as_it_is() {
    let mut lab = Lab::new();
    let hello = |lab: &mut Lab, model: &str| {
        let model = proviso_abi::Name::cut(model);
        let version = proviso_abi::wire::VERSION;
        lab.agent(ToKernel::Hello { version, model });
    };
    for _ in 0..500 {
        hello(&mut lab, "tiny");
        hello(&mut lab, "other");
    }
    let log = lab.log();
    let count = log.iter().filter(|line| line.contains("agent connected"));
    assert!(count.count() < 30, "{log:?}");
}
