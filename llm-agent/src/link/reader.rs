//! What a guest says, frame by frame.

use std::io::{ErrorKind, Read as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proviso_abi::wire::{
    Before, IntentId, ModelStats, Receiver, Request, ToAgent, ToKernel, VERSION, WireError,
};
use proviso_abi::{Name, Plan, Sentence};

use super::export::Export;
use super::guest::Guest;
use super::work::Work;
use super::worker::Shared;
use crate::{revise, rounds};

/// A kernel says hello when it starts and once for every hello of ours; within
/// this time both can be meant by the one hello that we sent.
const HELLO_PAUSE: Duration = Duration::from_secs(1);

/// Reads from one guest until it is gone.
pub struct Reader {
    guest: Arc<Guest>,
    shared: Arc<Shared>,
    /// Whether a hello of ours is still unanswered.
    is_hello_open: bool,
    last_hello: Instant,
    /// Frames that were dropped.
    malformed: u64,
    export: Export,
}

impl Reader {
    /// A reader for a guest that just connected.
    pub fn new(guest: Arc<Guest>, shared: Arc<Shared>) -> Self {
        Self {
            guest,
            shared,
            is_hello_open: false,
            last_hello: Instant::now(),
            malformed: 0,
            export: Export::default(),
        }
    }

    /// Reads until the guest is gone, and then forgets what it asked for.
    pub fn run(mut self) {
        self.say_hello();
        self.read_all();
        self.guest.close();
        self.shared.forget_unwanted();
        eprintln!(
            "guest {}: gone, {} malformed frames",
            self.guest.id, self.malformed
        );
    }

    fn read_all(&mut self) {
        let mut receiver = Receiver::new();
        let mut buffer = [0; 4096];
        loop {
            let count = match self.guest.stream().read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            for byte in buffer.iter().take(count) {
                let goes_on = match receiver.push::<ToAgent>(*byte) {
                    None => true,
                    Some(Ok(frame)) => self.take(frame.body),
                    Some(Err(error)) => self.drop_frame(error),
                };
                if !goes_on {
                    return;
                }
            }
        }
    }

    /// Does what a message asks for; false ends the connection.
    fn take(&mut self, message: ToAgent) -> bool {
        match message {
            ToAgent::Hello { version } if version != VERSION => {
                let id = self.guest.id;
                eprintln!(
                    "guest {id}: speaks version {version}, this agent {VERSION}; build both from one source"
                );
                true
            }
            ToAgent::Hello { .. } => self.take_hello(),
            ToAgent::Request(request) => self.take_request(request),
            ToAgent::Cancel { intent } => {
                self.guest.cancel(intent);
                self.shared.forget_unwanted();
                true
            }
            ToAgent::Audit { records, is_last } => {
                self.export
                    .take(&self.shared, self.guest.id, &records, is_last);
                true
            }
            ToAgent::Trace(batch) => {
                if let Some(file) = &self.shared.trace {
                    file.add(self.guest.id, &batch);
                }
                true
            }
            ToAgent::Memory { user, facts } => {
                if let Err(error) = self.shared.memory().change(&user, &facts) {
                    eprintln!(
                        "guest {}: cannot write what {user} wants remembered: {error}",
                        self.guest.id
                    );
                }
                true
            }
        }
    }

    fn take_hello(&mut self) -> bool {
        let is_answer = std::mem::take(&mut self.is_hello_open);
        is_answer || self.last_hello.elapsed() < HELLO_PAUSE || self.say_hello()
    }

    fn say_hello(&mut self) -> bool {
        self.is_hello_open = true;
        self.last_hello = Instant::now();
        let is_said = self.guest.say(ToKernel::Hello {
            version: VERSION,
            model: Name::cut(&self.shared.model_name),
        });
        // A hello begins anew, so what is wanted is said after each.
        is_said
            && (self.shared.trace.is_none() || self.guest.say(ToKernel::Observe { is_on: true }))
    }

    /// Accepts a request at once, whatever the model is doing.
    fn take_request(&self, request: Request) -> bool {
        let received = Instant::now();
        let intent = request.intent;
        let deadline = received + Duration::from_millis(request.deadline_ms.into());
        let watch = self.guest.begin(intent, deadline);
        if !self.guest.say(ToKernel::Accepted { intent }) {
            return false;
        }
        // A request that is asked again while it is worked on is only accepted.
        let Some(watch) = watch else { return true };
        if let Some(before) = &request.before {
            let plan = match before {
                Before::Rejected { plan, rejections } => revise::revised(plan, rejections),
                Before::Seen { plan, effects } => {
                    Some(rounds::after(plan, effects, request.system.uptime_s))
                }
            };
            self.guest.finish(intent, second(intent, plan, received));
            return true;
        }
        let work = Work {
            guest: Arc::clone(&self.guest),
            request,
            received,
            watch,
            job: None,
        };
        if self.shared.queue.put(&work.principal(), work).is_err() {
            let text = Sentence::cut(
                "too many sentences are waiting for the model; try again in a few seconds",
            );
            self.guest.finish(intent, ToKernel::Failed { intent, text });
        }
        true
    }

    fn drop_frame(&mut self, error: WireError) -> bool {
        self.malformed += 1;
        // The first, second, fourth, ... so that a flood does not flood the log.
        if self.malformed.is_power_of_two() {
            eprintln!(
                "guest {}: dropped malformed frame {} ({error})",
                self.guest.id, self.malformed
            );
        }
        true
    }
}

/// The answer to a refusal, or after a look: no model has to be waited for.
fn second(intent: IntentId, revised: Option<Plan>, received: Instant) -> ToKernel {
    match revised {
        Some(plan) => ToKernel::Plan {
            intent,
            plan,
            stats: ModelStats {
                total_us: u64::try_from(received.elapsed().as_micros()).unwrap_or(u64::MAX),
                ..ModelStats::default()
            },
        },
        None => ToKernel::Failed {
            intent,
            text: Sentence::cut("there is no other plan"),
        },
    }
}
