//! The connection to the agent: frames out and in, and who is at the other end.
//!
//! Nothing that comes in is trusted. The agent counts as present only after it
//! said hello in this version of the protocol, and every counter here only says
//! what was dropped.

use alloc::collections::VecDeque;

use proviso_abi::Name;
use proviso_abi::wire::{self, Frame, Receiver, ToAgent, ToKernel, WireError};

use crate::machine::Machine;

/// A good budget for [`Link::receive`] between two runs of processes.
pub const MAX_TAKE: usize = 16 * 1024;

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Nobody said hello yet.
    Unknown,
    /// An agent of another version, which counts as none.
    Foreign(u16),
    /// An agent with this model.
    Agent(Name),
}

/// The connection to the agent.
#[derive(Debug)]
pub struct Link {
    receiver: Receiver,
    peer: Peer,
    is_silent: bool,
    next_out: u32,
    next_in: u32,
    /// The last frame may have been cut, so the next begins with a zero.
    is_cut: bool,
    /// Bytes that are not looked at yet; at most one read's.
    incoming: VecDeque<u8>,
    /// Frames dropped because they were damaged or not understood.
    pub damaged: u64,
    /// Frames that never came, by their numbers.
    pub lost: u64,
    /// Replies to intents that nobody waits for.
    pub stray: u64,
    /// How often an agent said hello.
    pub hellos: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            receiver: Receiver::new(),
            peer: Peer::Unknown,
            is_silent: false,
            next_out: 0,
            next_in: 0,
            is_cut: true,
            incoming: VecDeque::new(),
            damaged: 0,
            lost: 0,
            stray: 0,
            hellos: 0,
        }
    }
}

impl Link {
    /// Who is at the other end.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether the other end may answer at all.
    #[must_use]
    pub const fn is_agent_known(&self) -> bool {
        matches!(self.peer, Peer::Agent(_))
    }

    /// The agent's model, if an agent is there and was not silent of late.
    #[must_use]
    pub fn model(&self) -> Option<Name> {
        match &self.peer {
            Peer::Agent(model) if !self.is_silent => Some(model.clone()),
            _ => None,
        }
    }

    /// The agent did not answer.
    pub const fn note_silence(&mut self) {
        self.is_silent = true;
    }

    /// The agent did answer.
    pub const fn note_life(&mut self) {
        self.is_silent = false;
    }

    /// Begins a connection of the kernel's: a zero, then hello.
    pub fn greet<M: Machine>(&mut self, machine: &mut M) {
        self.next_out = 0;
        self.is_cut = true;
        self.send(
            machine,
            ToAgent::Hello {
                version: wire::VERSION,
            },
        );
    }

    /// The agent said hello.
    pub fn greeted(&mut self, version: u16, model: Name, sequence: u32) {
        self.next_in = sequence.wrapping_add(1);
        self.is_silent = false;
        self.hellos = self.hellos.saturating_add(1);
        self.peer = if version == wire::VERSION {
            Peer::Agent(model)
        } else {
            Peer::Foreign(version)
        };
    }

    /// Sends a frame; false if it did not go out whole.
    pub fn send<M: Machine>(&mut self, machine: &mut M, body: ToAgent) -> bool {
        let frame = Frame {
            sequence: self.next_out,
            body,
        };
        let Ok(bytes) = wire::encode(&frame) else {
            return false;
        };
        if self.is_cut && !machine.agent_write(&[0]) {
            return false;
        }
        self.next_out = self.next_out.wrapping_add(1);
        let is_sent = machine.agent_write(&bytes);
        self.is_cut = !is_sent;
        is_sent
    }

    /// The next frame from the agent. Frames come one at a time, because even a
    /// short one may unfold to some kilobytes. `budget` is how many bytes may
    /// still be taken in, so that a flood cannot keep the processes waiting.
    pub fn receive<M: Machine>(
        &mut self,
        machine: &mut M,
        budget: &mut usize,
    ) -> Option<Result<Frame<ToKernel>, WireError>> {
        loop {
            while let Some(byte) = self.incoming.pop_front() {
                if let Some(result) = self.receiver.push(byte) {
                    if result.is_err() {
                        self.damaged = self.damaged.saturating_add(1);
                    }
                    return Some(result);
                }
            }
            let mut buffer = [0; 512];
            let room = buffer.len().min(*budget);
            let count = machine.agent_read(buffer.get_mut(..room)?).min(room);
            if count == 0 {
                return None;
            }
            *budget = budget.saturating_sub(count);
            self.incoming.extend(buffer.iter().take(count));
        }
    }

    /// Notes a frame's number, so that gaps are counted.
    pub const fn note(&mut self, sequence: u32) {
        let gap = sequence.wrapping_sub(self.next_in);
        // A number from the past is a repetition, not a gap of four billion.
        if gap < u32::MAX / 2 {
            self.lost = self.lost.saturating_add(gap as u64);
            self.next_in = sequence.wrapping_add(1);
        }
    }
}
