//! Frames between kernel and agent: postcard, CRC-32, COBS, a zero at the end.
//!
//! The sender of a frame is never trusted with a length: a frame longer than
//! [`MAX_FRAME`] is dropped while it arrives, and the types inside are bounded
//! (see [`crate::bounded`]). The checksum finds accidents, not malice.

use alloc::vec::Vec;
use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};
use postcard::ser_flavors::crc::CrcModifier;
use postcard::ser_flavors::{AllocVec, Cobs};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::audit::AuditRecord;
use crate::bounded::List;
use crate::outcome::{Effect, Rejection};
use crate::plan::{MAX_ACTIONS, Plan};
use crate::snapshot::System;
use crate::trace::Batch;
use crate::value::{Name, Sentence};

/// The version of these messages; both sides must have the same.
pub const VERSION: u16 = 2;
/// The most bytes of a frame on the wire, its final zero not counted.
pub const MAX_FRAME: usize = 32 * 1024;
/// The agent owes the kernel a sign of life at least this often while it works.
pub const PROGRESS_INTERVAL_MS: u64 = 250;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The number of an intent. Never used twice while the machine is up.
pub type IntentId = u64;

/// A frame: what is said, and where it stands in the sender's sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame<T> {
    /// Counts the sender's frames from 0 in each connection, so that loss shows.
    pub sequence: u32,
    /// What is said.
    pub body: T,
}

/// What the kernel says to the agent.
#[expect(
    clippy::large_enum_variant,
    reason = "a message is made, sent and forgotten; none is kept in numbers"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAgent {
    /// First in a connection, and again whenever the agent says hello.
    Hello {
        /// [`VERSION`].
        version: u16,
    },
    /// A sentence to plan for. Answered at once by [`ToKernel::Accepted`].
    Request(Request),
    /// The plan is no longer wanted.
    Cancel {
        /// The intent that ended.
        intent: IntentId,
    },
    /// A user has something remembered or forgotten.
    Memory {
        /// Whose memory.
        user: Name,
        /// What to change in it, in this order.
        facts: Vec<MemoryChange>,
    },
    /// Part of an export of the audit record.
    Audit {
        /// Its records, in order.
        records: Vec<AuditRecord>,
        /// Whether nothing comes after it.
        is_last: bool,
    },
    /// What happened, as far as it was asked for by [`ToKernel::Observe`].
    Trace(Batch),
}

/// A change of what is remembered of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemoryChange {
    /// This is to be kept.
    Remember(Sentence),
    /// This is to be kept no longer.
    Forget(Sentence),
}

/// A sentence to plan for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The number under which the agent must answer.
    pub intent: IntentId,
    /// After this time the answer is worthless, in milliseconds from now.
    pub deadline_ms: u32,
    /// The sentence.
    pub prompt: Sentence,
    /// The system as the one who asks may see it.
    pub system: System,
    /// What came of the agent's last answer to this sentence, if there was one:
    /// then it is asked again.
    pub before: Option<Before>,
    /// So many more answers are taken after the one to this. The last has to be
    /// a plan, or that there is none.
    pub rounds_left: u8,
}

/// What came of an answer of the agent's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Before {
    /// The plan was not admitted. Another one may be proposed, which a person
    /// has to say yes to if it changes anything; or [`ToKernel::Failed`] lets
    /// the rejection stand.
    Rejected {
        /// The plan.
        plan: Plan,
        /// Why not, and what would be instead.
        rejections: List<Rejection, MAX_ACTIONS>,
    },
    /// What it asked for by [`ToKernel::Look`].
    Seen {
        /// What it looked at.
        plan: Plan,
        /// What there was to see, one per action, in order.
        effects: Vec<Effect>,
    },
}

/// What the agent says to the kernel. Every word of it is hostile input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToKernel {
    /// First in a connection.
    Hello {
        /// [`VERSION`].
        version: u16,
        /// The name of the model.
        model: Name,
    },
    /// The sentence arrived and is being worked on or queued.
    Accepted {
        /// Which.
        intent: IntentId,
    },
    /// A sign of life, at least every [`PROGRESS_INTERVAL_MS`].
    Progress {
        /// Which.
        intent: IntentId,
        /// Tokens generated so far.
        generated_tokens: u32,
    },
    /// The plan for a sentence.
    Plan {
        /// Which.
        intent: IntentId,
        /// What the planner proposes.
        plan: Plan,
        /// What it cost.
        stats: ModelStats,
    },
    /// Before it plans, the agent wants to see what these actions show. They may
    /// only observe, and show what the one who asked may see.
    Look {
        /// Which.
        intent: IntentId,
        /// What to look at.
        plan: Plan,
    },
    /// There is no plan for a sentence.
    Failed {
        /// Which.
        intent: IntentId,
        /// Why, for people.
        text: Sentence,
    },
    /// From now on, or no more, everything that happens is to be told. A new
    /// connection begins without.
    Observe {
        /// Whether.
        is_on: bool,
    },
}

/// What a plan cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModelStats {
    /// From the arrival of the sentence to the plan, in microseconds.
    pub total_us: u64,
    /// Tokens read, those already cached not counted.
    pub prompt_tokens: u32,
    /// Tokens written.
    pub generated_tokens: u32,
}

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireError {
    /// Longer than [`MAX_FRAME`].
    TooLong,
    /// Not COBS, or the checksum is wrong.
    Damaged,
    /// Intact, but not a message of this version.
    NotUnderstood,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "frame too long",
            Self::Damaged => "frame damaged",
            Self::NotUnderstood => "frame not understood",
        })
    }
}

/// Encodes a frame, its final zero included.
///
/// # Errors
/// [`WireError::TooLong`] if it is longer than [`MAX_FRAME`] allows.
pub fn encode<T: Serialize>(frame: &Frame<T>) -> Result<Vec<u8>, WireError> {
    let cobs = Cobs::try_new(AllocVec::new()).map_err(|_| WireError::TooLong)?;
    let checked = CrcModifier::new(cobs, CRC.digest());
    let bytes = postcard::serialize_with_flavor(frame, checked).map_err(|_| WireError::TooLong)?;
    if bytes.len() > MAX_FRAME + 1 {
        return Err(WireError::TooLong);
    }
    Ok(bytes)
}

/// Decodes what stood before a zero. The bytes are used up.
///
/// # Errors
/// If the bytes are damaged, or not a frame of `T`.
pub fn decode<T: DeserializeOwned>(bytes: &mut [u8]) -> Result<Frame<T>, WireError> {
    let length = cobs::decode_in_place(bytes).map_err(|_| WireError::Damaged)?;
    let content = bytes.get(..length).ok_or(WireError::Damaged)?;
    let split = length.checked_sub(4).ok_or(WireError::Damaged)?;
    let (payload, checksum) = content.split_at_checked(split).ok_or(WireError::Damaged)?;
    if CRC.checksum(payload).to_le_bytes() != *checksum {
        return Err(WireError::Damaged);
    }
    match postcard::take_from_bytes(payload) {
        Ok((frame, [])) => Ok(frame),
        _ => Err(WireError::NotUnderstood),
    }
}

/// Collects bytes into frames, however they are cut up on the way.
#[derive(Debug, Default)]
pub struct Receiver {
    pending: Vec<u8>,
    /// The current frame is too long; drop up to the next zero.
    skipping: bool,
}

impl Receiver {
    /// An empty receiver.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pending: Vec::new(),
            skipping: false,
        }
    }

    /// Forgets a half-received frame, as after a new connection.
    pub fn reset(&mut self) {
        self.pending.clear();
        self.skipping = false;
    }

    /// Takes one byte; a zero ends a frame. Holds at most [`MAX_FRAME`] bytes.
    /// Nothing comes of empty frames, so zeros can be sent to resynchronise.
    pub fn push<T: DeserializeOwned>(&mut self, byte: u8) -> Option<Result<Frame<T>, WireError>> {
        if byte != 0 {
            if self.pending.len() < MAX_FRAME && !self.skipping {
                self.pending.push(byte);
            } else {
                self.skipping = true;
                self.pending = Vec::new();
            }
            return None;
        }
        if core::mem::take(&mut self.skipping) {
            return Some(Err(WireError::TooLong));
        }
        if self.pending.is_empty() {
            return None;
        }
        let result = decode(&mut self.pending);
        self.pending.clear();
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use proptest::prelude::*;

    fn frame() -> Frame<ToKernel> {
        Frame {
            sequence: 7,
            body: ToKernel::Plan {
                intent: 3,
                plan: Action::Status {}.into(),
                stats: ModelStats::default(),
            },
        }
    }

    fn receive(receiver: &mut Receiver, bytes: &[u8]) -> Vec<Result<Frame<ToKernel>, WireError>> {
        bytes
            .iter()
            .filter_map(|byte| receiver.push(*byte))
            .collect()
    }

    #[test]
    fn a_frame_arrives_whole_after_noise() {
        let mut receiver = Receiver::new();
        let mut bytes = std::vec![0, 1, 2, 3, 0];
        bytes.extend(encode(&frame()).unwrap());
        let got = receive(&mut receiver, &bytes);
        assert_eq!(got, [Err(WireError::Damaged), Ok(frame())]);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let sent = encode(&frame()).unwrap();
        for bit in 0..sent.len() * 8 - 8 {
            let mut bytes = sent.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let got = receive(&mut Receiver::new(), &bytes);
            assert!(got.iter().all(Result::is_err), "bit {bit}");
        }
    }

    #[test]
    fn an_endless_frame_is_dropped_without_being_kept() {
        let mut receiver = Receiver::new();
        assert!(receive(&mut receiver, &std::vec![1; 3 * MAX_FRAME]).is_empty());
        assert!(receiver.pending.capacity() <= 2 * MAX_FRAME);
        let mut rest = std::vec![0];
        rest.extend(encode(&frame()).unwrap());
        assert_eq!(
            receive(&mut receiver, &rest),
            [Err(WireError::TooLong), Ok(frame())]
        );
    }

    #[test]
    fn what_follows_a_message_is_not_ignored() {
        let long = encode(&Frame {
            sequence: 0,
            body: (frame().body, 1u8),
        })
        .unwrap();
        assert_eq!(
            receive(&mut Receiver::new(), &long),
            [Err(WireError::NotUnderstood)]
        );
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            receive(&mut Receiver::new(), &bytes);
        }

        #[test]
        fn random_payloads_with_a_right_checksum_never_panic(bytes: Vec<u8>) {
            let _ = postcard::from_bytes::<Frame<ToKernel>>(&bytes);
        }
    }
}
