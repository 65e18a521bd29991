//! An agent that is a script. It is a fake, and the tests that use it say so:
//! it lets them answer exactly, and wrongly in every way that can be thought of.
//! That the real agent does its part is tested with the real agent.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use proviso_abi::Name;
use proviso_abi::wire::{self, Frame, IntentId, Request, ToAgent, ToKernel, VERSION};
use tempfile::TempDir;

use crate::{PATIENCE, plans};

/// What a script does when a request comes.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends a message in a proper frame.
    Say(ToKernel),
    /// Sends these bytes as they are.
    Bytes(Vec<u8>),
    /// Lets so much time pass.
    Pause(Duration),
    /// Closes the connection.
    Hang,
}

/// The steps with which a script reacts to a request.
pub type Script = Box<dyn FnMut(&Request) -> Vec<Step> + Send>;

/// The model that the script claims to be.
pub const MODEL: &str = "scripted";

/// A server at a socket of its own that follows a script. Dropping it ends it.
#[derive(Debug)]
pub struct ScriptedAgent {
    folder: TempDir,
    requests: Receiver<Request>,
    cancels: Receiver<IntentId>,
    server: Option<Server>,
}

#[derive(Debug)]
struct Server {
    socket: PathBuf,
    connection: Arc<Connection>,
    thread: JoinHandle<()>,
}

impl ScriptedAgent {
    /// Listens, and follows `script` for every request.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn start(script: impl FnMut(&Request) -> Vec<Step> + Send + 'static) -> Result<Self> {
        Self::start_with_hello(VERSION, script)
    }

    /// As [`start`](Self::start), claiming to speak this version.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn start_with_hello(
        version: u16,
        script: impl FnMut(&Request) -> Vec<Step> + Send + 'static,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut agent = Self {
            folder,
            requests: mpsc::channel().1,
            cancels: mpsc::channel().1,
            server: None,
        };
        agent.begin(version, Box::new(script))?;
        Ok(agent)
    }

    /// Answers each sentence with its plan; others get a failure that says so,
    /// and to a refusal it has no other plan.
    ///
    /// # Errors
    /// When a plan is none or there is no socket to be had.
    pub fn answering(answers: &[(&str, &str)]) -> Result<Self> {
        let mut known = Vec::new();
        for (sentence, actions) in answers {
            known.push(((*sentence).to_owned(), plans::plan(actions)?));
        }
        Self::start(move |request| {
            let found = known
                .iter()
                .find(|(sentence, _)| *sentence == *request.prompt);
            honest(
                request,
                match found {
                    _ if request.before.is_some() => {
                        plans::no_plan(request.intent, "the script has no other plan")
                    }
                    Some((_, plan)) => plans::reply(request.intent, plan.clone()),
                    None => plans::no_plan(request.intent, "the script knows no such sentence"),
                },
            )
        })
    }

    /// A path for a socket at which nobody listens, and its folder.
    ///
    /// # Errors
    /// When there is no temporary folder to be had.
    pub fn nobody() -> Result<(TempDir, PathBuf)> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let socket = folder.path().join("agent");
        Ok((folder, socket))
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    /// Ends as a killed process does: the connection breaks, nobody listens.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// Comes back at the same socket with another script.
    ///
    /// # Errors
    /// When the socket is not to be had.
    pub fn restart(
        &mut self,
        script: impl FnMut(&Request) -> Vec<Step> + Send + 'static,
    ) -> Result<()> {
        self.stop();
        self.begin(VERSION, Box::new(script))
    }

    /// The next request.
    ///
    /// # Errors
    /// When none comes.
    pub fn next_request(&self) -> Result<Request> {
        self.requests
            .recv_timeout(PATIENCE)
            .context("no request came to the agent")
    }

    /// The next intent that the kernel no longer wants a plan for.
    ///
    /// # Errors
    /// When none comes.
    pub fn next_cancel(&self) -> Result<IntentId> {
        self.cancels
            .recv_timeout(PATIENCE)
            .context("no cancellation came to the agent")
    }

    fn begin(&mut self, version: u16, script: Script) -> Result<()> {
        let (requests, cancels);
        (requests, self.requests) = mpsc::channel();
        (cancels, self.cancels) = mpsc::channel();
        let talker = Talker {
            version,
            script,
            requests,
            cancels,
        };
        self.server = Some(Server::start(&self.socket(), talker)?);
        Ok(())
    }
}

impl Drop for ScriptedAgent {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The steps of an agent that keeps to the rules.
#[must_use]
pub fn honest(request: &Request, reply: ToKernel) -> Vec<Step> {
    vec![
        Step::Say(ToKernel::Accepted {
            intent: request.intent,
        }),
        Step::Say(reply),
    ]
}

impl Server {
    fn start(socket: &Path, mut talker: Talker) -> Result<Self> {
        let listener = UnixListener::bind(socket)
            .with_context(|| format!("cannot listen at {}", socket.display()))?;
        let connection: Arc<Connection> = Arc::default();
        let current = Arc::clone(&connection);
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if !current.begin(&stream) {
                    return;
                }
                // A broken connection ends as it may; the next one begins anew.
                let _ = talker.talk(stream);
            }
        });
        Ok(Self {
            socket: socket.to_owned(),
            connection,
            thread,
        })
    }

    fn stop(self) {
        self.connection.end();
        // Wakes the one who waits for a connection.
        let last = UnixStream::connect(&self.socket);
        // Errors mean that it is over already.
        let _ = std::fs::remove_file(&self.socket);
        let _ = self.thread.join();
        drop(last);
    }
}

/// The connection that a server has, as seen by the one who will cut it.
#[derive(Debug, Default)]
struct Connection {
    stream: Mutex<Option<UnixStream>>,
    is_over: AtomicBool,
}

impl Connection {
    /// Notes a new connection; false if there are to be no more.
    fn begin(&self, stream: &UnixStream) -> bool {
        let mut place = self.place();
        *place = stream.try_clone().ok();
        !self.is_over.load(Ordering::SeqCst)
    }

    /// Cuts the connection; there will be no other.
    fn end(&self) {
        let place = self.place();
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(stream) = &*place {
            // An error means that it is cut already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one who reads requests and follows the script.
struct Talker {
    version: u16,
    script: Script,
    requests: Sender<Request>,
    cancels: Sender<IntentId>,
}

impl Talker {
    fn talk(&mut self, mut stream: UnixStream) -> io::Result<()> {
        let mut out = Outgoing {
            stream: stream.try_clone()?,
            sequence: 0,
        };
        let (version, model) = (self.version, Name::cut(MODEL));
        out.say(ToKernel::Hello { version, model })?;
        let mut receiver = wire::Receiver::new();
        let mut buffer = [0; 4096];
        loop {
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            for byte in buffer.iter().take(length) {
                // What was cut when the connection began is not for us.
                if let Some(Ok(frame)) = receiver.push::<ToAgent>(*byte) {
                    self.hear(frame, &mut out)?;
                }
            }
        }
    }

    fn hear(&mut self, frame: Frame<ToAgent>, out: &mut Outgoing) -> io::Result<()> {
        match frame.body {
            ToAgent::Hello { .. }
            | ToAgent::Memory { .. }
            | ToAgent::Audit { .. }
            | ToAgent::Trace(_) => Ok(()),
            ToAgent::Cancel { intent } => {
                // Nobody needs to be interested.
                let _ = self.cancels.send(intent);
                Ok(())
            }
            ToAgent::Request(request) => {
                let _ = self.requests.send(request.clone());
                let steps = (self.script)(&request);
                steps.into_iter().try_for_each(|step| out.step(step))
            }
        }
    }
}

/// The direction to the kernel.
struct Outgoing {
    stream: UnixStream,
    sequence: u32,
}

impl Outgoing {
    fn step(&mut self, step: Step) -> io::Result<()> {
        match step {
            Step::Say(message) => self.say(message),
            Step::Bytes(bytes) => self.stream.write_all(&bytes),
            Step::Pause(duration) => {
                thread::sleep(duration);
                Ok(())
            }
            Step::Hang => {
                self.stream.shutdown(Shutdown::Both)?;
                Err(ErrorKind::ConnectionAborted.into())
            }
        }
    }

    fn say(&mut self, body: ToKernel) -> io::Result<()> {
        let sequence = self.sequence;
        self.sequence += 1;
        let bytes = wire::encode(&Frame { sequence, body });
        self.stream
            .write_all(&bytes.map_err(|error| io::Error::other(error.to_string()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proviso_abi::Sentence;
    use proviso_abi::snapshot::{MemoryTotals, System};
    use proviso_abi::value::Bytes;
    use proviso_abi::words::Policy;

    fn request(prompt: &str) -> Request {
        let nothing = MemoryTotals {
            total: Bytes(0),
            free: Bytes(0),
        };
        let system = System {
            uptime_s: 0,
            user: Name::cut("operator"),
            scheduler: Policy::Fair,
            memory: nothing,
            programs: vec![],
            processes: vec![],
            rules: vec![],
            log: vec![],
            caller: None,
            omitted: 0,
            actions: vec![],
        };
        Request {
            intent: 7,
            deadline_ms: 1000,
            prompt: Sentence::cut(prompt),
            system,
            before: None,
            rounds_left: 2,
        }
    }

    /// Plays the kernel: sends a request and reads so many frames.
    fn ask(stream: &mut UnixStream, prompt: &str, frames: usize) -> Vec<ToKernel> {
        let body = ToAgent::Request(request(prompt));
        stream
            .write_all(&wire::encode(&Frame { sequence: 0, body }).unwrap())
            .unwrap();
        let (mut receiver, mut heard) = (wire::Receiver::new(), Vec::new());
        while heard.len() < frames {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            heard.extend(
                receiver
                    .push::<ToKernel>(byte[0])
                    .map(|frame| frame.unwrap().body),
            );
        }
        heard
    }

    #[test]
    fn the_script_is_followed_and_requests_are_kept() {
        let agent = ScriptedAgent::answering(&[("go", r#"[{"action":"status"}]"#)]).unwrap();
        let mut stream = UnixStream::connect(agent.socket()).unwrap();
        let heard = ask(&mut stream, "go", 3);
        assert!(matches!(
            heard[0],
            ToKernel::Hello {
                version: VERSION,
                ..
            }
        ));
        assert_eq!(heard[1], ToKernel::Accepted { intent: 7 });
        assert!(
            matches!(&heard[2], ToKernel::Plan { intent: 7, plan, .. } if plan.actions.len() == 1)
        );
        assert!(matches!(
            ask(&mut stream, "what?", 2)[1],
            ToKernel::Failed { .. }
        ));
        assert_eq!(agent.next_request().unwrap().prompt.as_str(), "go");
    }

    #[test]
    fn it_can_be_killed_in_the_middle_and_come_back() {
        let mut agent = ScriptedAgent::start(|_| vec![]).unwrap();
        let mut stream = UnixStream::connect(agent.socket()).unwrap();
        ask(&mut stream, "go", 1);
        agent.stop();
        assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
        assert!(UnixStream::connect(agent.socket()).is_err());
        agent.restart(|_| vec![Step::Hang]).unwrap();
        let mut stream = UnixStream::connect(agent.socket()).unwrap();
        ask(&mut stream, "go", 1);
        assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
    }

    #[test]
    fn a_plan_that_is_none_is_an_error() {
        assert!(ScriptedAgent::answering(&[("go", r#"[{"action":"fly"}]"#)]).is_err());
    }
}
