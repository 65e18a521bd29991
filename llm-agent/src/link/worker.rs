//! The one thread that uses the model, and what it shares with the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::path::PathBuf;

use proviso_abi::wire::Request;

use super::queue::{Principal, Queue};
use super::trace::TraceFile;
use super::work::Work;
use crate::memory::Memory;
use crate::model::{JobId, Model, Watch};
use crate::planner::Planner;

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    /// Requests that wait for the model.
    pub queue: Queue<Work>,
    /// The model's name, for greetings.
    pub model_name: String,
    /// The watch over what is done before the first request.
    pub warming: Watch,
    /// Where to write what guests do.
    pub trace: Option<TraceFile>,
    /// What users want remembered.
    pub memory: Mutex<Memory>,
    /// The folder for exports of audit records, if there is one.
    pub audit: Option<PathBuf>,
}

impl Shared {
    /// What users want remembered.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change to it is complete before anything can panic.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops requests that nobody waits for any more.
    pub fn forget_unwanted(&self) {
        self.queue.retain(Work::is_wanted);
    }
}

/// A request that may have to make room goes on so many tokens first: its seat
/// is read anew by whoever gets it.
const QUANTUM_TOKENS: u32 = 16;

/// Plans for everybody until the queue is closed.
pub fn run<M: Model>(mut planner: Planner<M>, shared: &Arc<Shared>) {
    // Connections are taken meanwhile; the first request waits for this.
    if let Err(error) = planner.warm(&shared.warming) {
        eprintln!("llm-agent: the first request will be slow: {error}");
    }
    let mut table = Table::new(planner.seats());
    while table.round(&mut planner, &shared.queue) {}
}

/// The requests that the model goes on with, step by step.
pub struct Table {
    seats: usize,
    running: Vec<Running>,
}

struct Running {
    principal: Principal,
    work: Work,
    job: JobId,
    /// Tokens that it had when it got its seat.
    had: u32,
}

impl Running {
    fn tokens(&self) -> u32 {
        self.work.watch.generated_tokens().saturating_sub(self.had)
    }
}

impl Table {
    /// With so many seats, all empty.
    pub fn new(seats: usize) -> Self {
        Self {
            seats: seats.max(1),
            running: Vec::new(),
        }
    }

    /// One step of everybody who has a seat. Waits while there is nothing to do;
    /// false once the queue is closed and all is done.
    pub fn round<M: Model>(&mut self, planner: &mut Planner<M>, queue: &Queue<Work>) -> bool {
        self.make_room(queue);
        let goes_on = self.fill(planner, queue);
        self.step(planner);
        goes_on
    }

    /// Fills empty seats, and waits if all are empty; false once all is over.
    fn fill<M: Model>(&mut self, planner: &mut Planner<M>, queue: &Queue<Work>) -> bool {
        while self.running.len() < self.seats {
            let next = if self.running.is_empty() {
                let Some(next) = queue.take() else {
                    return false;
                };
                next
            } else if let Some(next) = queue.take_waiting() {
                next
            } else {
                break;
            };
            self.seat(planner, next);
        }
        true
    }

    fn seat<M: Model>(&mut self, planner: &mut Planner<M>, (principal, work): (Principal, Work)) {
        let Request { prompt, system, .. } = &work.request;
        let begun = match work.job {
            Some(job) => Ok(job),
            None => planner.begin(system, prompt, &work.watch),
        };
        match begun {
            Ok(job) => self.running.push(Running {
                had: work.watch.generated_tokens(),
                principal,
                work,
                job,
            }),
            Err(error) => work.fail(&error),
        }
    }

    /// Goes on with all of them by one step, and answers what is done.
    fn step<M: Model>(&mut self, planner: &mut Planner<M>) {
        let jobs: Vec<_> = self.running.iter().map(|running| running.job).collect();
        for (job, planned) in planner.step(&jobs) {
            let at = self.running.iter().position(|running| running.job == job);
            if let Some(at) = at {
                self.running.remove(at).work.end(planned);
            }
        }
    }

    /// Where all seats are taken and somebody waits, the request that had its seat
    /// for longest has it no more: a process's at once if a console waits, any
    /// other after its quantum. It goes on later where it stopped.
    fn make_room(&mut self, queue: &Queue<Work>) {
        if self.running.len() < self.seats {
            return;
        }
        let has_console = queue.has_console();
        let must_go = |running: &Running| {
            let is_over = running.tokens() >= QUANTUM_TOKENS;
            (has_console && !running.principal.is_console())
                || (is_over && queue.waits_before(&running.principal))
        };
        let candidates = self.running.iter().enumerate();
        let longest = candidates
            .filter(|(_, running)| must_go(running))
            .max_by_key(|(_, running)| (!running.principal.is_console(), running.tokens()));
        if let Some((at, _)) = longest {
            let mut running = self.running.remove(at);
            running.work.job = Some(running.job);
            queue.put_back(&running.principal, running.work);
        }
    }
}
