//! Memory regions: memory that several processes can reach.

use crate::handle::Rights;

/// The most pages of a region: 16 MiB.
pub const MAX_REGION_PAGES: u64 = 4096;
/// The most pages of a pinned region, whose frames must lie in a row.
pub const MAX_PINNED_PAGES: u64 = 64;
/// Mappings of regions that one process can have at once.
pub const MAX_MAPPINGS: usize = 8;
/// Regions can be mapped from here up.
pub const REGIONS_BASE: u64 = 0x10_0000_0000;
/// And below this.
pub const REGIONS_END: u64 = 0x6000_0000_0000;

/// What a process may do with a page. Writable pages are never executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Access {
    /// Look.
    Read = 0,
    /// Look and change.
    Write = 1,
    /// Look and run.
    Execute = 2,
}

impl Access {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Execute];

    /// The one with this number.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|it| *it as u64 == number)
    }

    /// What a handle to the region must allow.
    #[must_use]
    pub const fn needs(self) -> Rights {
        match self {
            Self::Read => Rights::READ,
            Self::Write => Rights::READ.or(Rights::WRITE),
            Self::Execute => Rights::READ.or(Rights::EXECUTE),
        }
    }

    /// Whether a page with this access allows what `wanted` is.
    #[must_use]
    pub fn allows(self, wanted: Self) -> bool {
        wanted == Self::Read || wanted == self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_writable_and_executable() {
        for access in Access::ALL {
            assert!(!(access.allows(Access::Write) && access.allows(Access::Execute)));
            assert!(access.allows(Access::Read) && access.allows(access));
            assert_eq!(Access::from_number(access as u64), Some(access));
        }
        assert_eq!(Access::from_number(3), None);
        let both = Rights::WRITE.or(Rights::EXECUTE);
        assert!(Access::ALL.iter().all(|it| !it.needs().contains(both)));
    }
}
