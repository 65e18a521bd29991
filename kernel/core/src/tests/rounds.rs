//! Second answers: refusals that go back to the agent, and looks before a plan.

use proviso_abi::console::{ConfirmPolicy, ConsoleRequest};
use proviso_abi::wire::{Before, ModelStats, Request, ToAgent, ToKernel};
use proviso_abi::words::ListWhat;
use proviso_abi::{Action, Effect, IntentEvent, Pid, Plan, Reason, Rejection, Sentence};

use super::{Lab, SECOND, SHELL, kill, set_limit, spawn};

impl Lab {
    fn plans(&mut self, intent: u64, actions: Vec<Action>) {
        self.agent(ToKernel::Plan {
            intent,
            plan: Plan::new(actions).unwrap(),
            stats: ModelStats::default(),
        });
    }

    fn looks(&mut self, intent: u64, actions: Vec<Action>) {
        let plan = Plan::new(actions).unwrap();
        self.agent(ToKernel::Look { intent, plan });
    }

    fn gives_up(&mut self, intent: u64) {
        let text = Sentence::cut("nothing else comes to mind");
        self.agent(ToKernel::Failed { intent, text });
    }

    /// The one request that the agent heard since the last look.
    fn request(&mut self) -> Request {
        let mut heard = self.heard_by_agent();
        heard.retain(|frame| matches!(frame, ToAgent::Request(_)));
        match heard.as_slice() {
            [ToAgent::Request(request)] => request.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The last of the events that are there.
    fn last_event(&mut self, pid: Pid, intent: u64) -> IntentEvent {
        let mut last = None;
        while let Some(Ok(length)) = self.follow(pid, intent, 0) {
            last = Some(self.event_in_buffer(pid, length));
        }
        last.expect("an event")
    }
}

/// A lab in which a plan for 100 workers was just refused.
fn refused() -> (Lab, u64) {
    let mut lab = Lab::new();
    lab.connect();
    lab.heard_by_agent();
    let intent = lab.say(SHELL, "start 100 workers").unwrap();
    assert_eq!(lab.request().before, None);
    lab.plans(intent, vec![spawn("worker", 100)]);
    (lab, intent)
}

fn is_rejection(event: &IntentEvent, reason: Reason) -> bool {
    matches!(event, IntentEvent::Rejected { rejections, .. } if rejections[0].reason == reason)
}

#[test]
fn a_refusal_goes_back_with_what_would_be_admitted() {
    let (mut lab, intent) = refused();
    let request = lab.request();
    let Some(Before::Rejected { plan, rejections }) = request.before else {
        panic!("{request:?}");
    };
    assert_eq!((request.intent, request.rounds_left), (intent, 1));
    assert_eq!(plan.actions[..], [spawn("worker", 100)]);
    let instead = match &rejections[..] {
        [
            Rejection {
                action: Some(0),
                reason: Reason::TooMany,
                instead: Some(one),
                ..
            },
        ] => one,
        other => panic!("{other:?}"),
    };
    lab.plans(intent, vec![instead.clone()]);
    let IntentEvent::Confirm { loss } = lab.last_event(SHELL, intent) else {
        panic!("it was not asked about");
    };
    assert!(
        loss[0].starts_with("start ")
            && loss[0].ends_with(", where start 100 worker was asked for"),
        "{loss:?}"
    );
    assert_eq!(lab.kernel.table.living().count(), 2);
    lab.submit_console(SHELL, &ConsoleRequest::Answer { intent, yes: true })
        .unwrap();
    let event = lab.last_event(SHELL, intent);
    assert!(matches!(event, IntentEvent::Done { .. }), "{event:?}");
    assert!(lab.kernel.table.living().count() > 2);
}

#[test]
fn no_to_another_plan_does_nothing() {
    let (mut lab, intent) = refused();
    lab.plans(intent, vec![spawn("worker", 1)]);
    lab.submit_console(SHELL, &ConsoleRequest::Answer { intent, yes: false })
        .unwrap();
    let event = lab.last_event(SHELL, intent);
    assert!(is_rejection(&event, Reason::NeedsConfirmation), "{event:?}");
    assert_eq!(lab.kernel.table.living().count(), 2);
}

#[test]
fn without_a_better_plan_the_refusal_stands() {
    let (mut lab, intent) = refused();
    lab.gives_up(intent);
    assert!(is_rejection(
        &lab.last_event(SHELL, intent),
        Reason::TooMany
    ));
    // Whether it falls silent,
    let (mut lab, intent) = refused();
    lab.pass(SECOND);
    assert!(is_rejection(
        &lab.last_event(SHELL, intent),
        Reason::TooMany
    ));
    // stops in the midst of it,
    let (mut lab, intent) = refused();
    lab.agent(ToKernel::Accepted { intent });
    lab.pass(3 * SECOND);
    assert!(is_rejection(
        &lab.last_event(SHELL, intent),
        Reason::TooMany
    ));
    // starts anew, or is not reached at all.
    let (mut lab, intent) = refused();
    lab.connect();
    assert!(is_rejection(
        &lab.last_event(SHELL, intent),
        Reason::TooMany
    ));
    let mut lab = Lab::new();
    lab.connect();
    let intent = lab.say(SHELL, "start 100 workers").unwrap();
    lab.machine.is_agent_reachable = false;
    lab.plans(intent, vec![spawn("worker", 100)]);
    assert!(is_rejection(
        &lab.last_event(SHELL, intent),
        Reason::TooMany
    ));
}

#[test]
fn a_second_refusal_is_final() {
    let (mut lab, intent) = refused();
    lab.plans(intent, vec![kill(99)]);
    assert!(is_rejection(
        &lab.last_event(SHELL, intent),
        Reason::NoSuchTarget
    ));
    lab.plans(intent, vec![spawn("worker", 1)]);
    assert_eq!(
        (lab.kernel.link.stray, lab.kernel.table.living().count()),
        (1, 2)
    );
}

#[test]
fn another_plan_that_only_looks_needs_no_yes() {
    let (mut lab, intent) = refused();
    lab.plans(intent, vec![Action::Status {}]);
    let event = lab.last_event(SHELL, intent);
    assert!(matches!(event, IntentEvent::Done { .. }), "{event:?}");
}

#[test]
fn nothing_goes_back_where_nobody_would_say_yes() {
    let mut lab = Lab::new();
    lab.connect();
    let pid = lab.spawn("worker");
    let intent = lab.say(pid, "give me more").unwrap();
    lab.heard_by_agent();
    lab.plans(intent, vec![set_limit(pid, 64 << 20)]);
    assert!(is_rejection(
        &lab.last_event(pid, intent),
        Reason::OverQuota
    ));
    lab.submit_console(SHELL, &ConsoleRequest::Confirm(ConfirmPolicy::Never))
        .unwrap();
    let intent = lab.say(SHELL, "start 100 workers").unwrap();
    lab.plans(intent, vec![spawn("worker", 100)]);
    assert!(is_rejection(
        &lab.last_event(SHELL, intent),
        Reason::TooMany
    ));
}

#[test]
fn both_plans_and_the_refusal_are_on_record() {
    let (mut lab, intent) = refused();
    lab.plans(intent, vec![spawn("worker", 2)]);
    let list = vec![Action::List {
        what: ListWhat::Audit,
        sort: None,
        limit: None,
        path: None,
    }];
    let intent_of = lab.submit(SHELL, list).unwrap().unwrap();
    let IntentEvent::Done { effects, .. } = lab.last_event(SHELL, intent_of) else {
        panic!();
    };
    let [Effect::Audit(records)] = &effects[..] else {
        panic!("{effects:?}");
    };
    let about = records.iter().filter(|record| record.intent == intent);
    let words: Vec<String> = about.map(|record| record.event.to_string()).collect();
    let begin = [
        "asked: ",
        "plan: start 100",
        "refused: TooMany",
        "plan: start 2",
        "",
    ];
    assert_eq!(words.len(), begin.len(), "{words:?}");
    for (line, begin) in words.iter().zip(begin) {
        assert!(line.starts_with(begin), "{words:?}");
    }
}

#[test]
fn the_agent_may_look_before_it_plans() {
    let mut lab = Lab::new();
    lab.connect();
    lab.heard_by_agent();
    let intent = lab.say(SHELL, "is all well?").unwrap();
    assert_eq!(lab.request().rounds_left, 2);
    lab.looks(intent, vec![Action::Status {}]);
    let request = lab.request();
    let Some(Before::Seen { plan, effects }) = request.before else {
        panic!("{request:?}");
    };
    assert_eq!(
        (&plan.actions[..], request.rounds_left),
        (&[Action::Status {}][..], 1)
    );
    assert!(matches!(&effects[..], [Effect::Status(_)]));
    let event = lab.last_event(SHELL, intent);
    assert!(matches!(event, IntentEvent::Looking { .. }), "{event:?}");
    // After a look a plan is what was said, and needs no yes.
    lab.plans(intent, vec![spawn("worker", 1)]);
    assert!(matches!(
        lab.last_event(SHELL, intent),
        IntentEvent::Done { .. }
    ));
}

#[test]
fn looking_has_an_end_and_changes_nothing() {
    let mut lab = Lab::new();
    lab.connect();
    let intent = lab.say(SHELL, "is all well?").unwrap();
    for _ in 0..3 {
        lab.looks(intent, vec![Action::Status {}]);
    }
    let event = lab.last_event(SHELL, intent);
    assert!(
        matches!(&event, IntentEvent::Failed { text } if text.contains("again and again")),
        "{event:?}"
    );
    for more in [
        spawn("worker", 1),
        kill(SHELL),
        Action::Answer {
            text: Sentence::cut("x"),
        },
    ] {
        let intent = lab.say(SHELL, "is all well?").unwrap();
        lab.looks(intent, vec![Action::Status {}, more]);
        let event = lab.last_event(SHELL, intent);
        assert!(
            matches!(&event, IntentEvent::Failed { text } if text.contains("do more")),
            "{event:?}"
        );
    }
    assert_eq!(lab.kernel.table.living().count(), 2);
}

#[test]
fn a_look_shows_what_the_one_who_asked_may_see() {
    let mut lab = Lab::new();
    lab.connect();
    let pid = lab.spawn("worker");
    let intent = lab.say(pid, "what did others ask?").unwrap();
    lab.heard_by_agent();
    let audit = Action::List {
        what: ListWhat::Audit,
        sort: None,
        limit: None,
        path: None,
    };
    lab.looks(intent, vec![audit]);
    assert!(is_rejection(
        &lab.last_event(pid, intent),
        Reason::NotPermitted
    ));
    assert_eq!(lab.heard_by_agent(), []);
}
