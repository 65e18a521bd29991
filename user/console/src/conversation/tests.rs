use super::*;
use proviso_abi::action::ProgramName;
use proviso_abi::outcome::ProcessName;
use proviso_abi::value::{Name, Sentence};
use proviso_abi::{List, Reason, Text};

const STATS: ModelStats = ModelStats {
    total_us: 1_230_000,
    prompt_tokens: 37,
    generated_tokens: 12,
};
const ELAPSED: Duration = Duration::from_millis(1240);

fn proposed(actions: Vec<Action>) -> IntentEvent {
    IntentEvent::Proposed {
        plan: Plan::new(actions).unwrap(),
        stats: STATS,
    }
}

fn done(effects: Vec<Effect>) -> IntentEvent {
    IntentEvent::Done {
        effects,
        kernel_ns: 230_000,
    }
}

fn spawn() -> Action {
    Action::Spawn {
        program: ProgramName(Name::cut("counter")),
        args: None,
        count: Some(2),
        priority: None,
        memory_limit: None,
    }
}

fn started() -> Effect {
    let one = |pid| ProcessName {
        pid,
        name: Name::cut("counter"),
    };
    Effect::Spawned(vec![one(4), one(5)])
}

fn rejected(action: Option<u8>) -> IntentEvent {
    let rejection = Rejection {
        action,
        reason: Reason::NoSuchTarget,
        instead: None,
        text: Text::cut("no process 99; /ps shows those there are"),
    };
    IntentEvent::Rejected {
        rejections: List::new(vec![rejection]).unwrap(),
        kernel_ns: 40_000,
    }
}

#[test]
fn a_sentence_on_a_plain_terminal_from_first_to_last() {
    let mut talk = Conversation::sentence(Terminal::Plain);
    let mut text = talk.begin();
    text += &talk.event(&IntentEvent::Accepted, Duration::from_millis(1));
    text += &talk.tick(Duration::from_secs(1));
    text += &talk.event(&proposed(vec![spawn()]), ELAPSED);
    text += &talk.tick(Duration::from_secs(60));
    text += &talk.event(&done(vec![started()]), ELAPSED);
    assert_eq!(
        text,
        "... heard, asking the model\n\
         plan\n  1. start 2 counter\n\
         allowed\n  1. started counter 4, counter 5\n\
         done in 1.24 s: model 1.23 s (37 tokens read, 12 written), kernel 0.2 ms\n"
    );
}

#[test]
fn an_ansi_terminal_has_one_status_line_that_goes_away() {
    let mut talk = Conversation::sentence(Terminal::Ansi);
    assert!(talk.begin().contains("… heard, asking the model, 0.0 s"));
    let progress = IntentEvent::Progress {
        generated_tokens: 7,
    };
    let text = talk.event(&progress, ELAPSED);
    assert!(
        text.starts_with("\r\x1b[K") && text.contains("7 tokens, 1.2 s"),
        "{text:?}"
    );
    assert!(!text.contains('\n'));
    assert!(
        talk.event(&proposed(vec![spawn()]), ELAPSED)
            .starts_with("\r\x1b[K")
    );
    assert!(
        !talk
            .event(&done(vec![started()]), ELAPSED)
            .contains("\x1b[K")
    );
}

#[test]
fn a_plain_terminal_gets_a_status_line_only_now_and_then() {
    let mut talk = Conversation::sentence(Terminal::Plain);
    talk.begin();
    let lines: String = (0..120)
        .map(|tenth| talk.tick(Duration::from_millis(tenth * 100)))
        .collect();
    assert_eq!(
        lines,
        "... heard, asking the model, 5 s\n... heard, asking the model, 10 s\n"
    );
}

#[test]
fn a_refusal_says_which_action_why_and_that_nothing_was_done() {
    let mut talk = Conversation::sentence(Terminal::Plain);
    talk.event(&proposed(vec![spawn(), spawn()]), ELAPSED);
    assert_eq!(
        talk.event(&rejected(Some(1)), ELAPSED),
        "  2. refused by the kernel: NoSuchTarget: no process 99; /ps shows those there are\n\
         nothing was done\n\
         refused in 1.24 s: model 1.23 s (37 tokens read, 12 written), kernel 40 us\n"
    );
    let whole = Conversation::sentence(Terminal::Plain).event(&rejected(None), ELAPSED);
    assert!(whole.starts_with("refused by the kernel: "), "{whole}");
}

#[test]
fn words_of_the_model_are_shown_once_and_as_its_own() {
    let say = |text: &str| Sentence::cut(text);
    let mut talk = Conversation::sentence(Terminal::Plain);
    let plan = proposed(vec![
        Action::Answer {
            text: say("a\x1b[2J"),
        },
        Action::Ask { question: say("b") },
        Action::Refuse { reason: say("c") },
    ]);
    let text = talk.event(&plan, ELAPSED);
    assert_eq!(
        text,
        "plan\n  1. answer\n  2. ask back\n  3. say that no action does this\n"
    );
    let effects = vec![
        Effect::Answer(say("a\x1b[2J")),
        Effect::Ask(say("b")),
        Effect::Refuse(say("c")),
    ];
    let text = talk.event(&done(effects), ELAPSED);
    assert!(text.contains("  1. a?[2J\n  2. the model asks: b\n  3. the model found no way: c\n"));
}

#[test]
fn tables_stand_below_their_number() {
    let mut talk = Conversation::sentence(Terminal::Plain);
    let text = talk.event(
        &done(vec![Effect::Programs(vec![Name::cut("hog")])]),
        ELAPSED,
    );
    assert!(text.contains("  1. programs\n     hog\n"), "{text}");
}

#[test]
fn a_failure_says_what_still_works() {
    let mut talk = Conversation::sentence(Terminal::Ansi);
    talk.begin();
    let failed = IntentEvent::Failed {
        text: Text::cut("the agent does not answer"),
    };
    let text = talk.event(&failed, ELAPSED);
    assert!(text.starts_with("\r\x1b[K"), "{text:?}");
    assert!(text.contains("the agent does not answer\n") && text.contains("/help"));
}

#[test]
fn commands_show_their_outcome_alone() {
    let mut talk = Conversation::command(Terminal::Plain);
    let quick = Duration::from_millis(3);
    assert_eq!(talk.tick(quick), "");
    assert_eq!(
        talk.event(&done(vec![started()]), quick),
        "started counter 4, counter 5\n"
    );
    assert_eq!(
        talk.event(&rejected(Some(0)), quick),
        "refused by the kernel: NoSuchTarget: no process 99; /ps shows those there are\n"
    );
    assert_eq!(
        talk.broken("the queue is full"),
        "failed: the queue is full\n"
    );
    let slow = talk.event(&done(vec![started()]), Duration::from_secs(2));
    assert!(slow.ends_with("done in 2.00 s: kernel 0.2 ms\n"), "{slow}");
}

#[test]
fn a_cancelled_sentence_takes_its_status_line_with_it() {
    let mut talk = Conversation::sentence(Terminal::Ansi);
    talk.begin();
    assert_eq!(talk.cancelled(), "\r\x1b[Kcancelled: nothing was done\n");
}

#[test]
fn another_plan_is_shown_under_the_refusal_of_the_first() {
    let mut talk = Conversation::sentence(Terminal::Plain);
    let mut text = talk.event(&proposed(vec![spawn()]), ELAPSED);
    let IntentEvent::Rejected { rejections, .. } = rejected(Some(0)) else {
        panic!()
    };
    let revising = IntentEvent::Revising { rejections };
    assert_eq!(talk.event(&revising, ELAPSED), "");
    text += &talk.event(&proposed(vec![Action::Status {}]), ELAPSED);
    text += &talk.event(&done(vec![started()]), ELAPSED);
    let wanted = "plan\n  1. start 2 counter\n  1. refused by the kernel: NoSuchTarget: no process 99; \
        /ps shows those there are\nanother plan\n  1. show the status of the system\nallowed\n";
    assert!(text.starts_with(wanted), "{text}");
    assert!(text.contains("(74 tokens read, 24 written)"), "{text}");
}
