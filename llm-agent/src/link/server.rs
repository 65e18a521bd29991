//! Accepts guests, each with threads of its own, around one planner.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use super::guest::Guest;
use super::queue::{GuestId, Queue};
use super::reader::Reader;
use super::socket::{Socket, SocketError};
use super::trace::TraceFile;
use super::worker::{self, Shared};
use crate::memory::Memory;
use crate::model::{Model, Watch};
use crate::planner::Planner;

/// The most guests at a time.
const MAX_GUESTS: usize = 32;

/// A running server. It ends when it is dropped.
pub struct Server {
    socket: Socket,
    door: Arc<Door>,
    threads: Vec<JoinHandle<()>>,
}

/// Where guests come in.
struct Door {
    shared: Arc<Shared>,
    guests: Mutex<Vec<Arc<Guest>>>,
    is_closed: AtomicBool,
}

impl Server {
    /// Listens on `path` and plans with `planner`. What users want remembered is
    /// kept in the folder `state`; without one, only as long as this runs. What
    /// guests do goes to `trace`, if there is one.
    ///
    /// # Errors
    /// If the socket cannot be had.
    pub fn start<M: Model + Send + 'static>(
        path: &Path,
        planner: Planner<M>,
        state: Option<&Path>,
        trace: Option<TraceFile>,
    ) -> Result<Self, SocketError> {
        let socket = Socket::bind(path)?;
        let refused = |why| SocketError::Refused {
            path: path.display().to_string(),
            why,
        };
        let listener = socket.listener().try_clone().map_err(refused)?;
        let model_name = planner.model_name().into();
        let shared = Arc::new(Shared {
            queue: Queue::default(),
            model_name,
            warming: Watch::default(),
            trace,
            memory: Mutex::new(Memory::new(state.map(|folder| folder.join("memory")))),
            audit: state.map(|folder| folder.join("audit")),
        });
        let guests = Mutex::default();
        let door = Arc::new(Door {
            shared: Arc::clone(&shared),
            guests,
            is_closed: AtomicBool::new(false),
        });
        let at_door = Arc::clone(&door);
        let threads = vec![
            spawn(move || at_door.accept_all(&listener)),
            spawn(move || worker::run(planner, &shared)),
        ];
        Ok(Self {
            socket,
            door,
            threads,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.door.is_closed.store(true, Ordering::Relaxed);
        // A connection of our own lets the accepting thread see that.
        if let Ok(address) = self.socket.listener().local_addr() {
            let _ = UnixStream::connect_addr(&address);
        }
        self.door.shared.queue.close();
        self.door.shared.warming.cancel();
        for guest in self.door.guests().drain(..) {
            guest.close();
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl Door {
    fn accept_all(self: &Arc<Self>, listener: &UnixListener) {
        for (id, stream) in (1..).zip(listener.incoming()) {
            if self.is_closed.load(Ordering::Relaxed) {
                return;
            }
            let admitted = stream.and_then(|stream| self.admit(id, stream));
            if let Err(error) = admitted {
                eprintln!("llm-agent: a guest could not be taken in: {error}");
                // Out of file descriptors, perhaps; do not spin.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn admit(self: &Arc<Self>, id: GuestId, stream: UnixStream) -> std::io::Result<()> {
        if self.guests().len() >= MAX_GUESTS {
            return Err(std::io::Error::other(format!(
                "there are {MAX_GUESTS} already"
            )));
        }
        let (guest, outgoing) = Guest::new(id, stream)?;
        self.guests().push(Arc::clone(&guest));
        eprintln!("guest {id}: connected");
        let writing = Arc::clone(&guest);
        spawn(move || writing.write_all(&outgoing));
        let door = Arc::clone(self);
        spawn(move || {
            Reader::new(guest, Arc::clone(&door.shared)).run();
            door.guests().retain(|guest| guest.id != id);
        });
        Ok(())
    }

    fn guests(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Guest>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
