//! Allocation by counting up, the only kind that a loader needs.

use crate::{LoadError, PAGE_BYTES, memory::PhysRange, page_up};

/// Free physical memory, handed out page by page and never taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arena {
    start: u64,
    next: u64,
    end: u64,
}

impl Arena {
    /// An arena over `range`.
    #[must_use]
    pub const fn new(range: PhysRange) -> Self {
        Self {
            start: range.start,
            next: range.start,
            end: range.end,
        }
    }

    /// Takes whole pages for `bytes` bytes, for `what`; returns where they begin.
    ///
    /// # Errors
    /// When too little is left.
    pub fn allocate(&mut self, bytes: u64, what: &'static str) -> Result<u64, LoadError> {
        if bytes > self.free_bytes() {
            let free_bytes = self.free_bytes();
            return Err(LoadError::TooLittleMemory {
                what,
                needed_bytes: bytes,
                free_bytes,
            });
        }
        let start = self.next;
        self.next += page_up(bytes);
        Ok(start)
    }

    /// Bytes that are left, a whole number of pages.
    #[must_use]
    pub const fn free_bytes(&self) -> u64 {
        (self.end - self.next) / PAGE_BYTES * PAGE_BYTES
    }

    /// What has been handed out so far.
    #[must_use]
    pub const fn used(&self) -> PhysRange {
        PhysRange {
            start: self.start,
            end: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_out_whole_pages_until_none_is_left() {
        let mut arena = Arena::new(PhysRange {
            start: 0x1000,
            end: 0x5000,
        });
        assert_eq!(arena.allocate(1, "test"), Ok(0x1000));
        assert_eq!(arena.allocate(0x1001, "test"), Ok(0x2000));
        assert_eq!(arena.free_bytes(), 0x1000);
        assert_eq!(
            arena.allocate(0x1001, "test"),
            Err(LoadError::TooLittleMemory {
                what: "test",
                needed_bytes: 0x1001,
                free_bytes: 0x1000
            })
        );
        assert!(arena.allocate(u64::MAX, "test").is_err());
        assert_eq!(
            arena.used(),
            PhysRange {
                start: 0x1000,
                end: 0x4000
            }
        );
        assert_eq!(arena.allocate(0x1000, "test"), Ok(0x4000));
        assert_eq!(arena.free_bytes(), 0);
    }
}
