//! One guest's connection: what it asked for, and the way back to it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proviso_abi::wire::{Frame, IntentId, PROGRESS_INTERVAL_MS, ToKernel, encode};

use super::queue::GuestId;
use crate::model::Watch;

/// Frames that wait to be written. A guest that does not read them is not read
/// from either, and in the end loses answers; nobody else waits for it.
const MAX_OUTGOING: usize = 64;
/// Signs of life come a little more often than promised.
const PULSE: Duration = Duration::from_millis(PROGRESS_INTERVAL_MS * 3 / 5);
/// A guest that takes nothing for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connected guest.
#[derive(Debug)]
pub struct Guest {
    /// Its number, for the queue and for messages.
    pub id: GuestId,
    stream: UnixStream,
    outgoing: SyncSender<ToKernel>,
    /// What was accepted and not answered yet.
    live: Mutex<BTreeMap<IntentId, Arc<Watch>>>,
    is_closed: AtomicBool,
}

impl Guest {
    /// A guest behind `stream`, and what its writer has to write.
    ///
    /// # Errors
    /// If the stream refuses its settings.
    pub fn new(
        id: GuestId,
        stream: UnixStream,
    ) -> std::io::Result<(Arc<Self>, Receiver<ToKernel>)> {
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let (outgoing, incoming) = sync_channel(MAX_OUTGOING);
        Ok((
            Arc::new(Self {
                id,
                stream,
                outgoing,
                live: Mutex::default(),
                is_closed: AtomicBool::new(false),
            }),
            incoming,
        ))
    }

    /// The stream, to read from.
    #[must_use]
    pub const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Says something, waiting while too much is unsaid; false if it is gone.
    pub fn say(&self, message: ToKernel) -> bool {
        self.outgoing.send(message).is_ok()
    }

    /// Begins to owe an answer; nothing if it is owed already.
    pub fn begin(&self, intent: IntentId, deadline: Instant) -> Option<Arc<Watch>> {
        let mut live = self.live();
        if live.contains_key(&intent) {
            return None;
        }
        let watch = Arc::new(Watch::until(deadline));
        live.insert(intent, Arc::clone(&watch));
        Some(watch)
    }

    /// Gives an answer, if it is still owed. Never waits.
    pub fn finish(&self, intent: IntentId, answer: ToKernel) {
        if self.live().remove(&intent).is_some()
            && let Err(TrySendError::Full(_)) = self.outgoing.try_send(answer)
        {
            eprintln!(
                "guest {}: answer to intent {intent} dropped, the guest does not read",
                self.id
            );
        }
    }

    /// Owes no answer to this intent any more.
    pub fn cancel(&self, intent: IntentId) {
        if let Some(watch) = self.live().remove(&intent) {
            watch.cancel();
        }
    }

    /// Ends the connection and everything that was asked for in it.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        // It may be closed already.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        for (_, watch) in std::mem::take(&mut *self.live()) {
            watch.cancel();
        }
    }

    /// Writes what is said, and a sign of life for every answer that is owed,
    /// until the connection ends. Does nothing else, so it is never late.
    pub fn write_all(&self, incoming: &Receiver<ToKernel>) {
        let mut sequence = 0;
        let mut next_pulse = Instant::now() + PULSE;
        while !self.is_closed.load(Ordering::Relaxed) {
            let wait = next_pulse.saturating_duration_since(Instant::now());
            let messages = match incoming.recv_timeout(wait) {
                Ok(message) => vec![message],
                Err(RecvTimeoutError::Timeout) => {
                    next_pulse = Instant::now() + PULSE;
                    self.signs_of_life()
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for body in messages {
                if !self.write(Frame { sequence, body }) {
                    return self.close();
                }
                sequence = sequence.wrapping_add(1);
            }
        }
    }

    fn signs_of_life(&self) -> Vec<ToKernel> {
        let live = self.live();
        live.iter()
            .map(|(intent, watch)| sign_of_life(*intent, watch))
            .collect()
    }

    fn write(&self, frame: Frame<ToKernel>) -> bool {
        // Plans and texts are bounded far below what a frame holds.
        encode(&frame).is_ok_and(|bytes| (&self.stream).write_all(&bytes).is_ok())
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<IntentId, Arc<Watch>>> {
        // Every change to the table is complete before anything can panic.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sign_of_life(intent: IntentId, watch: &Watch) -> ToKernel {
    ToKernel::Progress {
        intent,
        generated_tokens: watch.generated_tokens(),
    }
}
