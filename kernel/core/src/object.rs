//! What handles stand for.

use proviso_abi::{ObjectKind, Pid};

use crate::machine::RegionMemory;

/// The number of an object. It may be used again once the object is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectId(pub(crate) u32);

/// An object of the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// Where one process calls another.
    Endpoint(Endpoint),
    /// Bits that are set by some and waited for by others.
    Notification(Notification),
    /// Memory.
    Region(Region),
    /// The processes that can be opened by name.
    Directory,
    /// How processes end.
    Ends,
    /// The disk's registers.
    Device,
    /// The disk's interrupts.
    Line,
    /// The kernel's requests about files.
    Files,
}

/// Who meets at an endpoint. Messages are not kept here: a caller's stay in its
/// registers and memory until somebody receives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The process whose own endpoint this is; its letters are received here.
    pub home: Option<Pid>,
    /// Who received here last, or made it: who a caller waits for.
    pub server: Pid,
    /// Who waits here for a call.
    pub receiver: Option<Pid>,
    /// How many wait here to be received.
    pub callers: u32,
}

/// Bits, and who waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notification {
    /// Those that are set.
    pub bits: u64,
    /// Who waits.
    pub waiter: Option<Pid>,
}

/// Memory that several processes can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Who made it. Its frames are on this one's account, so it ends with them:
    /// memory that nobody answers for would be a way around every limit.
    pub owner: Pid,
    /// How many pages it has, filled or not.
    pub pages: u32,
    /// Where they are.
    pub memory: RegionMemory,
}

impl Object {
    /// An endpoint of this process's.
    #[must_use]
    pub const fn endpoint(server: Pid, home: Option<Pid>) -> Self {
        Self::Endpoint(Endpoint {
            home,
            server,
            receiver: None,
            callers: 0,
        })
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> ObjectKind {
        match self {
            Self::Endpoint(_) => ObjectKind::Endpoint,
            Self::Notification(_) => ObjectKind::Notification,
            Self::Region(_) => ObjectKind::Region,
            Self::Directory => ObjectKind::Directory,
            Self::Ends => ObjectKind::Ends,
            Self::Device => ObjectKind::Device,
            Self::Line => ObjectKind::Line,
            Self::Files => ObjectKind::Files,
        }
    }
}
