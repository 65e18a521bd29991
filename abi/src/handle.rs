//! Handles: how a program names what the kernel keeps for it.
//!
//! A handle is a number that means something in one process only. Behind it is
//! an object and what this holder may do with it. Rights never grow: a copy, or
//! a handle passed to somebody else, has those of its original or fewer.

use core::fmt;

/// Handles that one process can have at once.
pub const MAX_HANDLES: usize = 16;

/// A process's name for an object: a place in its table, and the generation of
/// that place, so that a handle closed long ago does not name what came after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Handle(pub u64);

impl Handle {
    /// No handle: where one may be passed and none is.
    pub const NONE: Self = Self(0);
    /// Every process's own endpoint, on which it receives.
    pub const OWN: Self = Self::new(0, 1);
    /// Every process's handle to the directory, where it opens others by name.
    pub const DIRECTORY: Self = Self::new(1, 1);
    /// How other processes end. Only init has it at its start.
    pub const ENDS: Self = Self::new(2, 1);
    /// The kernel's requests about files. Only init has it at its start.
    pub const FILES: Self = Self::new(3, 1);
    /// The disk's registers. Only init has it at its start, on a machine with a disk.
    pub const DISK: Self = Self::new(4, 1);
    /// The disk's interrupt line, likewise.
    pub const DISK_LINE: Self = Self::new(5, 1);

    /// The handle of a place and a generation.
    #[must_use]
    pub const fn new(place: usize, generation: u32) -> Self {
        Self((generation as u64) << 8 | (place % MAX_HANDLES) as u64)
    }

    /// The place in the table.
    #[must_use]
    pub const fn place(self) -> usize {
        (self.0 % MAX_HANDLES as u64) as usize
    }

    /// Whether it is none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handle {}.{}", self.place(), self.0 >> 8)
    }
}

/// The table: `number Variant "name"`.
macro_rules! objects {
    ($($(#[$doc:meta])+ $number:literal $variant:ident $name:literal)+) => {
        /// A kind of object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum ObjectKind { $($(#[$doc])+ $variant = $number,)+ }

        impl ObjectKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The kind with this number.
            #[must_use]
            pub const fn from_number(number: u64) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// Its name, as in the reference.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

objects! {
    /// Where one process calls another.
    0 Endpoint "endpoint"
    /// 64 bits that are set by some and waited for by others.
    1 Notification "notification"
    /// Memory that several processes can reach.
    2 Region "memory region"
    /// The processes that can be opened by name.
    3 Directory "directory"
    /// How processes end.
    4 Ends "ends"
    /// The registers of a device that the kernel leaves to a driver.
    5 Device "device"
    /// That device's interrupts.
    6 Line "interrupt line"
    /// What the kernel asks of whoever keeps files.
    7 Files "files"
}

/// The table: `bit NAME "what it allows"`.
macro_rules! rights {
    ($($bit:literal $name:ident $text:literal)+) => {
        impl Rights {
            $(#[doc = $text] pub const $name: Self = Self(1 << $bit);)+
            /// All there are.
            pub const ALL: Self = Self(0 $(| 1 << $bit)+);
            /// Every right: the bit alone, its name, what it allows.
            pub const TABLE: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$name, stringify!($name), $text)),+];
        }
    };
}

/// What the holder of a handle may do with the object.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u8);

rights! {
    0 CALL "call an endpoint, and send letters to it"
    1 RECEIVE "receive on an endpoint, and answer"
    2 NOTIFY "set bits of a notification"
    3 WAIT "wait for what comes"
    4 READ "look: open a name, map a region"
    5 WRITE "map a region to change it; operate a device"
    6 COPY "copy the handle, and pass it to others"
    7 EXECUTE "map a region to run it"
}

impl Rights {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// Those of a number; bits that mean nothing are dropped.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self((bits & Self::ALL.0 as u64) as u8)
    }

    /// As a number.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0 as u64
    }

    /// Whether all of `others` are among these.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Those that are in either.
    #[must_use]
    pub const fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These without `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Self::TABLE
            .iter()
            .filter(|(right, ..)| self.contains(*right))
            .map(|(_, name, _)| *name);
        f.write_str(names.next().unwrap_or("none"))?;
        names.try_for_each(|name| write!(f, " {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_a_place_and_a_generation() {
        let handle = Handle::new(7, 9);
        assert_eq!((handle.place(), handle.0), (7, 9 << 8 | 7));
        assert_eq!(handle.to_string(), "handle 7.9");
        assert_ne!(handle, Handle::new(7, 10));
        assert!(Handle::NONE.is_none() && !Handle::OWN.is_none());
    }

    #[test]
    fn rights_only_shrink_by_and() {
        for bits in 0..=255 {
            let rights = Rights::from_bits(bits);
            assert!(Rights::ALL.contains(rights));
            for other in 0..=255 {
                let both = rights.and(Rights::from_bits(other));
                assert!(rights.contains(both));
            }
        }
        assert_eq!(Rights::CALL.or(Rights::COPY).to_string(), "CALL COPY");
        assert_eq!(Rights::from_bits(1 << 8), Rights::NONE);
    }
}
