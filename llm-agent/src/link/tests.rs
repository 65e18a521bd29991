//! The link as a guest sees it, with a scripted model behind it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proviso_abi::wire::{
    Before, Frame, MAX_FRAME, Receiver, Request, ToAgent, ToKernel, VERSION, encode,
};
use proviso_abi::{Action, List, Plan, Reason, Rejection, Sentence, Text};
use tempfile::TempDir;

use super::queue::MAX_PER_PRINCIPAL;
use super::server::Server;
use crate::model::scripted::Scripted;
use crate::planner::Planner;
use crate::prompt::tests::system;

const STATUS: &str = r#"{"plan":[{"action":"status"}]}"#;
const UNDO: &str = r#"{"plan":[{"action":"undo"}]}"#;

/// How long a test waits for what must come, on a machine as slow as you like.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with a model that takes `pause_ms` for each of its answers.
struct Agent {
    server: Option<Server>,
    folder: TempDir,
}

impl Agent {
    fn new(answers: &[&str], pause_ms: u64) -> Self {
        let mut model = Scripted::saying(answers);
        model.pause = Duration::from_millis(pause_ms);
        let folder = tempfile::tempdir().unwrap();
        let server =
            Server::start(&folder.path().join("s"), Planner::new(model), None, None).unwrap();
        Self {
            server: Some(server),
            folder,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// A guest that has been greeted.
    fn guest(&self) -> Kernel {
        let stream = UnixStream::connect(self.path()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut kernel = Kernel {
            stream,
            receiver: Receiver::new(),
            sequence: 0,
            heard: 0,
            early: Vec::new(),
        };
        let greeting = kernel.hear();
        assert!(
            matches!(
                greeting,
                ToKernel::Hello {
                    version: VERSION,
                    ..
                }
            ),
            "{greeting:?}"
        );
        kernel
    }
}

/// The other end: speaks as a kernel does.
struct Kernel {
    stream: UnixStream,
    receiver: Receiver,
    sequence: u32,
    heard: u32,
    early: Vec<ToKernel>,
}

impl Kernel {
    fn say(&mut self, body: ToAgent) {
        let bytes = encode(&Frame {
            sequence: self.sequence,
            body,
        })
        .unwrap();
        self.sequence += 1;
        self.stream.write_all(&bytes).unwrap();
    }

    fn ask(&mut self, intent: u64) {
        self.ask_within(intent, 60_000);
    }

    fn ask_within(&mut self, intent: u64, deadline_ms: u32) {
        self.ask_again(intent, deadline_ms, None);
    }

    fn ask_again(&mut self, intent: u64, deadline_ms: u32, before: Option<Before>) {
        let prompt = Sentence::cut("how are you?");
        self.say(ToAgent::Request(Request {
            intent,
            deadline_ms,
            prompt,
            system: system(),
            before,
            rounds_left: 2,
        }));
    }

    /// The next thing the agent says.
    fn hear(&mut self) -> ToKernel {
        while self.early.is_empty() {
            let mut buffer = [0; 4096];
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the agent hung up");
            for byte in &buffer[..count] {
                if let Some(frame) = self.receiver.push::<ToKernel>(*byte) {
                    let frame = frame.unwrap();
                    assert_eq!(frame.sequence, self.heard);
                    self.heard += 1;
                    self.early.push(frame.body);
                }
            }
        }
        self.early.remove(0)
    }

    /// The next thing that is not just a sign of life.
    fn hear_more(&mut self) -> ToKernel {
        loop {
            match self.hear() {
                ToKernel::Progress { .. } => {}
                other => return other,
            }
        }
    }

    fn expect_accepted(&mut self, intent: u64) {
        assert_eq!(self.hear_more(), ToKernel::Accepted { intent });
    }

    fn expect_plan(&mut self, intent: u64, plan: &str) {
        match self.hear_more() {
            ToKernel::Plan {
                intent: got,
                plan: planned,
                stats,
            } => {
                assert_eq!(
                    (got, planned),
                    (intent, serde_json::from_str::<Plan>(plan).unwrap())
                );
                assert!(stats.total_us > 0 && stats.generated_tokens > 0);
            }
            other => panic!("{other:?} instead of a plan"),
        }
    }

    fn expect_failure(&mut self, intent: u64, part: &str) {
        match self.hear_more() {
            ToKernel::Failed { intent: got, text } => {
                assert_eq!(got, intent);
                assert!(text.contains(part), "{text}");
            }
            other => panic!("{other:?} instead of a failure"),
        }
    }
}

#[test]
fn a_request_is_accepted_at_once_kept_alive_and_answered() {
    let agent = Agent::new(&[STATUS], 700);
    let mut kernel = agent.guest();
    kernel.ask(7);
    assert_eq!(kernel.hear(), ToKernel::Accepted { intent: 7 });
    let mut signs = 0;
    let answer = loop {
        match kernel.hear() {
            ToKernel::Progress { intent: 7, .. } => signs += 1,
            other => break other,
        }
    };
    assert!(signs > 0, "no sign of life");
    assert!(
        matches!(answer, ToKernel::Plan { intent: 7, .. }),
        "{answer:?}"
    );
}

#[test]
fn what_the_model_cannot_do_is_said_in_words() {
    let agent = Agent::new(&["no plan at all"], 0);
    let mut kernel = agent.guest();
    kernel.ask(1);
    kernel.expect_accepted(1);
    kernel.expect_failure(1, "not a plan");
    // The script is over: the model itself fails.
    kernel.ask(2);
    kernel.expect_accepted(2);
    kernel.expect_failure(2, "it is over");
}

#[test]
fn a_late_answer_is_a_failure() {
    let agent = Agent::new(&[STATUS, UNDO], 300);
    let mut kernel = agent.guest();
    kernel.ask_within(1, 50);
    kernel.expect_accepted(1);
    kernel.expect_failure(1, "deadline");
    kernel.ask(2);
    kernel.expect_accepted(2);
    kernel.expect_plan(2, STATUS);
}

#[test]
fn a_cancelled_request_gets_no_answer_and_frees_the_model() {
    let agent = Agent::new(&[STATUS, UNDO], 400);
    let mut kernel = agent.guest();
    kernel.ask(1);
    kernel.ask(2);
    kernel.expect_accepted(1);
    kernel.expect_accepted(2);
    // One of them runs, the other waits. What is cancelled uses up no answer.
    kernel.say(ToAgent::Cancel { intent: 1 });
    kernel.say(ToAgent::Cancel { intent: 99 });
    kernel.expect_plan(2, STATUS);
    kernel.ask(3);
    kernel.say(ToAgent::Cancel { intent: 3 });
    kernel.expect_accepted(3);
    kernel.ask(4);
    kernel.expect_accepted(4);
    kernel.expect_plan(4, UNDO);
}

#[test]
fn the_same_request_again_is_accepted_but_planned_once() {
    let agent = Agent::new(&[STATUS, UNDO], 1000);
    let mut kernel = agent.guest();
    kernel.ask(1);
    kernel.ask(1);
    kernel.expect_accepted(1);
    kernel.expect_accepted(1);
    kernel.expect_plan(1, STATUS);
    kernel.ask(2);
    kernel.expect_accepted(2);
    kernel.expect_plan(2, UNDO);
}

#[test]
fn noise_and_oversized_frames_are_dropped_and_the_connection_goes_on() {
    let agent = Agent::new(&[STATUS], 0);
    let mut kernel = agent.guest();
    kernel.stream.write_all(&[0, 0, 1, 2, 3, 255, 0]).unwrap();
    kernel.stream.write_all(&vec![7; 3 * MAX_FRAME]).unwrap();
    kernel.stream.write_all(&[0]).unwrap();
    // Intact, but no message of this protocol.
    let strange = encode(&Frame {
        sequence: 0,
        body: vec![200u8; 40],
    })
    .unwrap();
    kernel.stream.write_all(&strange).unwrap();
    kernel.ask(1);
    kernel.expect_accepted(1);
    kernel.expect_plan(1, STATUS);
}

#[test]
fn half_a_frame_and_a_hang_up_harm_nobody() {
    let agent = Agent::new(&[STATUS], 0);
    let mut cut = agent.guest();
    let whole = encode(&Frame {
        sequence: 0,
        body: ToAgent::Hello { version: VERSION },
    })
    .unwrap();
    cut.stream.write_all(&whole[..whole.len() / 2]).unwrap();
    drop(cut);
    let mut kernel = agent.guest();
    kernel.ask(1);
    kernel.expect_accepted(1);
    kernel.expect_plan(1, STATUS);
}

#[test]
fn two_guests_are_served_in_turn_with_numbers_of_their_own() {
    let third = r#"{"plan":[{"action":"undo","count":3}]}"#;
    let agent = Agent::new(&[STATUS, UNDO, third, STATUS], 500);
    let (mut first, mut second) = (agent.guest(), agent.guest());
    first.ask(1);
    first.expect_accepted(1);
    first.ask(2);
    first.ask(3);
    first.expect_accepted(2);
    first.expect_accepted(3);
    second.ask(1);
    second.expect_accepted(1);
    first.expect_plan(1, STATUS);
    // The second guest waits for one request of the first, not for three.
    second.expect_plan(1, UNDO);
    first.expect_plan(2, third);
    first.expect_plan(3, STATUS);
}

#[test]
fn a_flood_is_refused_beyond_the_bound() {
    let agent = Agent::new(&[STATUS; 20], 50);
    let mut kernel = agent.guest();
    let asked = MAX_PER_PRINCIPAL as u64 + 8;
    for intent in 0..asked {
        kernel.ask(intent);
    }
    let (mut planned, mut refused) = (0, 0);
    while planned + refused < asked {
        match kernel.hear_more() {
            ToKernel::Plan { .. } => planned += 1,
            ToKernel::Failed { text, .. } if text.contains("waiting") => refused += 1,
            ToKernel::Accepted { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(
        planned >= MAX_PER_PRINCIPAL as u64 && refused > 0,
        "{planned} planned, {refused} refused"
    );
}

#[test]
fn every_hello_of_the_kernel_is_met_without_an_endless_exchange() {
    let agent = Agent::new(&[STATUS], 0);
    let mut kernel = agent.guest();
    // The answer to the agent's hello, and one the kernel said when it started.
    kernel.say(ToAgent::Hello { version: VERSION });
    kernel.say(ToAgent::Hello { version: VERSION });
    kernel.ask(1);
    kernel.expect_accepted(1);
    kernel.expect_plan(1, STATUS);
    // Much later a hello means that the kernel knows nothing any more.
    std::thread::sleep(Duration::from_millis(1100));
    kernel.say(ToAgent::Hello { version: VERSION });
    assert!(matches!(kernel.hear(), ToKernel::Hello { .. }));
    kernel.say(ToAgent::Hello { version: VERSION });
    kernel.ask(2);
    kernel.expect_accepted(2);
}

#[test]
fn the_server_ends_at_once_and_leaves_no_socket() {
    let mut agent = Agent::new(&[STATUS], 60_000);
    let mut kernel = agent.guest();
    kernel.ask(1);
    kernel.expect_accepted(1);
    let start = Instant::now();
    drop(agent.server.take());
    // Long before the model would have been done.
    assert!(start.elapsed() < PATIENCE / 2);
    assert!(!agent.path().exists());
}

#[test]
fn what_guests_do_is_asked_for_and_written_down() {
    use proviso_abi::trace::{Batch, Record, TraceKind};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.jsonl");
    let trace = super::trace::TraceFile::open(&file).unwrap();
    let planner = Planner::new(Scripted::saying(&[]));
    let path = folder.path().join("s");
    let agent = Agent {
        server: Some(Server::start(&path, planner, None, Some(trace)).unwrap()),
        folder,
    };
    let mut kernel = agent.guest();
    assert_eq!(kernel.hear(), ToKernel::Observe { is_on: true });
    let record = |pid| Record {
        t_ns: 1,
        pid,
        kind: TraceKind::Call,
        value: 4,
    };
    kernel.say(ToAgent::Trace(Batch {
        next: 2,
        end: 2,
        lost: 0,
        records: vec![record(3), record(4)],
    }));
    let begin = Instant::now();
    loop {
        let text = std::fs::read_to_string(&file).unwrap();
        if text.lines().count() == 2 {
            assert!(
                text.contains(r#""pid":4,"kind":"call","value":4}"#),
                "{text}"
            );
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_refusal_is_answered_without_the_model() {
    let agent = Agent::new(&[], 0);
    let mut kernel = agent.guest();
    let plan = |bytes: &str| -> Plan {
        let grant = r#"{"action":"grant_memory","target":"hog","bytes":"#;
        serde_json::from_str(&format!(r#"{{"plan":[{grant}{bytes}}}]}}"#)).unwrap()
    };
    let refused = |instead: Option<Action>| Before::Rejected {
        plan: plan("67108864"),
        rejections: List::new(vec![Rejection {
            action: Some(0),
            reason: Reason::OverQuota,
            text: Text::cut("too much"),
            instead,
        }])
        .unwrap(),
    };
    let less = plan("12582912");
    let instead = Some(less.actions[0].clone());
    kernel.ask_again(1, 1000, Some(refused(instead)));
    kernel.expect_accepted(1);
    let answer = kernel.hear_more();
    assert!(
        matches!(&answer, ToKernel::Plan { intent: 1, plan, .. } if *plan == less),
        "{answer:?}"
    );
    kernel.ask_again(1, 1000, Some(refused(None)));
    kernel.expect_accepted(1);
    kernel.expect_failure(1, "no other plan");
}

#[test]
fn an_explanation_looks_first_and_then_says_what_it_saw() {
    let explain = r#"{"plan":[{"action":"explain"}]}"#;
    let agent = Agent::new(&[explain], 0);
    let mut kernel = agent.guest();
    kernel.ask_again(1, 60_000, None);
    kernel.expect_accepted(1);
    let ToKernel::Look { intent: 1, plan } = kernel.hear_more() else {
        panic!("it does not look");
    };
    let evidence = proviso_abi::report::Evidence {
        processes: Vec::new(),
        log: Vec::new(),
        memory_free: proviso_abi::Bytes(4 << 20),
        cpu: 7,
    };
    let effects = vec![proviso_abi::Effect::Explained(evidence)];
    let look = plan.clone();
    // The script is over: no model is asked again.
    kernel.ask_again(1, 60_000, Some(Before::Seen { plan, effects }));
    kernel.expect_accepted(1);
    let ToKernel::Plan { plan, .. } = kernel.hear_more() else {
        panic!("it has no plan");
    };
    let [Action::Answer { text }, shown] = &plan.actions[..] else {
        panic!("{plan}");
    };
    assert!(text.contains("7% busy, 4M of memory"), "{text}");
    assert_eq!(*shown, look.actions[0]);
}
