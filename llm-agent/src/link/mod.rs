//! The link to guests: a Unix socket, frames, a queue that is fair.

mod export;
mod guest;
mod queue;
mod reader;
pub mod server;
pub mod socket;
#[cfg(test)]
mod tests;
mod trace;
#[cfg(test)]
mod turns;
mod work;
mod worker;

use std::error::Error;
use std::path::Path;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::model::Model;
use crate::planner::Planner;
use server::Server;
use trace::TraceFile;

/// Serves guests until SIGINT or SIGTERM; what is to outlive that is kept in
/// the folder `state`, and what guests do is added to the file `trace`.
///
/// # Errors
/// If the socket or the file cannot be had.
pub fn serve<M: Model + Send + 'static>(
    listen: &Path,
    planner: Planner<M>,
    state: &Path,
    trace: Option<&Path>,
) -> Result<(), Box<dyn Error>> {
    // Before the socket, so that its file never outlives the process.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let model = planner.model_name().to_owned();
    let trace = trace.map(TraceFile::open).transpose()?;
    let server = Server::start(listen, planner, Some(state), trace)?;
    eprintln!("llm-agent: serving {model} on {}", listen.display());
    signals.forever().next();
    eprintln!("llm-agent: ending");
    drop(server);
    Ok(())
}
