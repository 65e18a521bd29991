//! The one thread that uses the model, and what it shares with the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::path::PathBuf;

use super::queue::Queue;
use super::trace::TraceFile;
use super::work::Work;
use crate::memory::Memory;
use crate::model::{Model, Watch};
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
        self.queue.retain(|work| work.watch.check().is_ok());
    }
}

/// Plans for everybody until the queue is closed.
pub fn run<M: Model>(mut planner: Planner<M>, shared: &Arc<Shared>) {
    // Connections are taken meanwhile; the first request waits for this.
    if let Err(error) = planner.warm(&shared.warming) {
        eprintln!("llm-agent: the first request will be slow: {error}");
    }
    while let Some(work) = shared.queue.take() {
        work.run(&mut planner);
    }
}
