//! What the processor refuses to do for a process, and what its guard says to it.
//!
//! The guard of a process receives its faults as calls: their words are the kind,
//! the address, the instruction, and the process. The first word of the answer is
//! a verdict. A region's handle that comes with a [`RESUME`] is mapped for the
//! process first: the other words are the address, the first page and the number
//! of pages (upper and lower half), and the access.

use crate::region::Access;

/// The process goes on where it was, as if it had not been stopped.
pub const RESUME: u64 = 0;
/// The process ends by its fault.
pub const END: u64 = 1;

/// The table: `number Variant "name"`.
macro_rules! faults {
    ($($number:literal $variant:ident $name:literal)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum FaultKind { $(#[doc = $name] $variant = $number,)+ }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The kind with this number.
            #[must_use]
            pub const fn from_number(number: u64) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// In words, as in crash records.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

faults! {
    0 PageRead "page fault (read)"
    1 PageWrite "page fault (write)"
    2 PageExecute "page fault (execute)"
    3 Division "division by zero"
    4 Debug "debug trap"
    5 Breakpoint "breakpoint"
    6 Overflow "overflow trap"
    7 Bounds "bound exceeded"
    8 Instruction "undefined instruction"
    9 FloatingPoint "floating point used"
    10 Protection "general protection fault"
    11 Segment "segment fault"
    12 Alignment "misaligned access"
    13 Other "processor exception"
}

impl FaultKind {
    /// What the process wanted to do with a page, if that is what failed.
    #[must_use]
    pub const fn wanted(self) -> Option<Access> {
        match self {
            Self::PageRead => Some(Access::Read),
            Self::PageWrite => Some(Access::Write),
            Self::PageExecute => Some(Access::Execute),
            _ => None,
        }
    }
}
