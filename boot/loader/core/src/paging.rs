//! Page tables, built in memory that somebody else provides.

use bitflags::bitflags;

use crate::{LARGE_PAGE_BYTES, LoadError, PAGE_BYTES};

/// Entries in a table.
pub const ENTRIES: usize = 512;

/// A page table of any level.
pub type Table = [u64; ENTRIES];

/// The address bits of an entry.
const ADDRESS_MASK: u64 = 0x000f_ffff_ffff_f000;

bitflags! {
    /// The bits of an entry that are used here (Intel SDM volume 3, 5.5.4).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u64 {
        /// The entry is valid.
        const PRESENT = 1;
        /// Writing is allowed.
        const WRITABLE = 1 << 1;
        /// The entry is a large page and not a table.
        const LARGE = 1 << 7;
        /// Executing is not allowed.
        const NO_EXECUTE = 1 << 63;
    }
}

/// Where tables live.
pub trait TableMemory {
    /// Provides a table full of zeros and returns its physical address.
    ///
    /// # Errors
    /// When no memory is left.
    fn allocate(&mut self) -> Result<u64, LoadError>;

    /// The table at a physical address that [`allocate`](Self::allocate) returned.
    fn table(&mut self, address: u64) -> &mut Table;
}

/// Size of the pages of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 4 KiB.
    Small,
    /// 2 MiB.
    Large,
}

impl PageSize {
    const fn bytes(self) -> u64 {
        match self {
            Self::Small => PAGE_BYTES,
            Self::Large => LARGE_PAGE_BYTES,
        }
    }

    /// Level of the table that holds the entries, 1 being the lowest.
    const fn level(self) -> u32 {
        match self {
            Self::Small => 1,
            Self::Large => 2,
        }
    }
}

/// An address space under construction.
#[derive(Debug)]
pub struct AddressSpace<M> {
    memory: M,
    root: u64,
}

impl<M: TableMemory> AddressSpace<M> {
    /// An address space without mappings.
    ///
    /// # Errors
    /// When no memory is left.
    pub fn new(mut memory: M) -> Result<Self, LoadError> {
        let root = memory.allocate()?;
        Ok(Self { memory, root })
    }

    /// Physical address of the top table, for CR3.
    pub const fn root(&self) -> u64 {
        self.root
    }

    /// The memory that the tables are in, for allocating other things too.
    pub const fn memory(&mut self) -> &mut M {
        &mut self.memory
    }

    /// Maps `bytes` bytes at virtual `address` to those at `physical`, rounded
    /// up to whole pages. Both addresses are multiples of the page size.
    ///
    /// # Errors
    /// When something is mapped there already, or no memory is left for tables.
    pub fn map(
        &mut self,
        address: u64,
        physical: u64,
        bytes: u64,
        size: PageSize,
        flags: Flags,
    ) -> Result<(), LoadError> {
        let large = if size == PageSize::Large {
            Flags::LARGE
        } else {
            Flags::empty()
        };
        let bits = (flags | large | Flags::PRESENT).bits();
        let mut pages = (0..bytes.div_ceil(size.bytes()))
            .map(|page| page * size.bytes())
            .peekable();
        // One walk serves all the entries that are in the same table.
        while let Some(first) = pages.peek().copied() {
            let overlap = LoadError::Overlap {
                address: address.wrapping_add(first),
            };
            let table = self.walk(address.wrapping_add(first), size.level())?;
            for entry in table
                .iter_mut()
                .skip(index(address.wrapping_add(first), size.level()))
            {
                let Some(offset) = pages.next() else {
                    return Ok(());
                };
                if *entry != 0 {
                    return Err(overlap);
                }
                *entry = physical.wrapping_add(offset) | bits;
            }
        }
        Ok(())
    }

    /// Lets entry `index` of the top table point to that table itself.
    ///
    /// # Errors
    /// When the entry is taken.
    pub fn map_recursive(&mut self, index: u16) -> Result<(), LoadError> {
        let root = self.root;
        let bits = (Flags::PRESENT | Flags::WRITABLE | Flags::NO_EXECUTE).bits();
        match self.memory.table(root).get_mut(usize::from(index)) {
            Some(entry) if *entry == 0 => *entry = root | bits,
            _ => {
                return Err(LoadError::Overlap {
                    address: u64::from(index) << 39,
                });
            }
        }
        Ok(())
    }

    /// The table of `level` that `address` belongs to, made if it is not there.
    fn walk(&mut self, address: u64, level: u32) -> Result<&mut Table, LoadError> {
        let mut table = self.root;
        for upper in (level + 1..=4).rev() {
            let entry = self.memory.table(table)[index(address, upper)];
            if entry & Flags::LARGE.bits() != 0 {
                return Err(LoadError::Overlap { address });
            }
            table = if entry == 0 {
                let new = self.memory.allocate()?;
                // Rights are restricted in the last level only.
                let bits = (Flags::PRESENT | Flags::WRITABLE).bits();
                self.memory.table(table)[index(address, upper)] = new | bits;
                new
            } else {
                entry & ADDRESS_MASK
            };
        }
        Ok(self.memory.table(table))
    }
}

/// Index into the table of `level` that translates `address`.
const fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * (level - 1))) as usize % ENTRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables at 1 MiB and up, at most `max` of them.
    struct TestMemory {
        tables: std::vec::Vec<Table>,
        max: usize,
    }

    const BASE: u64 = 1 << 20;

    impl TableMemory for TestMemory {
        fn allocate(&mut self) -> Result<u64, LoadError> {
            if self.tables.len() == self.max {
                let (what, needed_bytes, free_bytes) = ("tables", PAGE_BYTES, 0);
                return Err(LoadError::TooLittleMemory {
                    what,
                    needed_bytes,
                    free_bytes,
                });
            }
            self.tables.push([0; ENTRIES]);
            Ok(BASE + (self.tables.len() as u64 - 1) * PAGE_BYTES)
        }

        fn table(&mut self, address: u64) -> &mut Table {
            &mut self.tables[((address - BASE) / PAGE_BYTES) as usize]
        }
    }

    fn space(max: usize) -> AddressSpace<TestMemory> {
        AddressSpace::new(TestMemory {
            tables: std::vec![],
            max,
        })
        .unwrap()
    }

    /// What the processor would make of `address`.
    fn translate(space: &mut AddressSpace<TestMemory>, address: u64) -> Option<(u64, Flags)> {
        let mut table = space.root();
        for level in (1..=4).rev() {
            let entry = space.memory().table(table)[index(address, level)];
            let flags = Flags::from_bits_truncate(entry);
            if !flags.contains(Flags::PRESENT) {
                return None;
            }
            if level == 1 || flags.contains(Flags::LARGE) {
                let offset = address % (1 << (12 + 9 * (level - 1)));
                return Some(((entry & ADDRESS_MASK) + offset, flags));
            }
            table = entry & ADDRESS_MASK;
        }
        None
    }

    const TOP: u64 = 0xffff_ffff_8000_0000;

    #[test]
    fn small_pages_are_mapped_with_their_rights() {
        let mut space = space(8);
        space
            .map(TOP, 0x20_0000, 0x3001, PageSize::Small, Flags::NO_EXECUTE)
            .unwrap();
        for page in 0..4 {
            let at = page * PAGE_BYTES + 7;
            let flags = Flags::PRESENT | Flags::NO_EXECUTE;
            assert_eq!(
                translate(&mut space, TOP + at),
                Some((0x20_0000 + at, flags))
            );
        }
        assert_eq!(translate(&mut space, TOP + 0x4000), None);
        assert_eq!(translate(&mut space, TOP - 1), None);
    }

    #[test]
    fn large_pages_cross_tables() {
        let mut space = space(8);
        let physmap = 0xffff_8800_0000_0000;
        space
            .map(physmap, 0, 4 << 30, PageSize::Large, Flags::WRITABLE)
            .unwrap();
        // Root, one of level 3, four of level 2.
        assert_eq!(space.memory().tables.len(), 6);
        for at in [0, 0x1234, (1 << 30) - 1, 1 << 30, (4 << 30) - 1] {
            let flags = Flags::PRESENT | Flags::WRITABLE | Flags::LARGE;
            assert_eq!(translate(&mut space, physmap + at), Some((at, flags)));
        }
        assert_eq!(translate(&mut space, physmap + (4 << 30)), None);
    }

    #[test]
    fn small_pages_cross_tables() {
        let mut space = space(8);
        space
            .map(
                TOP + 0x1f_f000,
                0x5000,
                0x2000,
                PageSize::Small,
                Flags::empty(),
            )
            .unwrap();
        assert_eq!(
            translate(&mut space, TOP + 0x1f_f000),
            Some((0x5000, Flags::PRESENT))
        );
        assert_eq!(
            translate(&mut space, TOP + 0x20_0000),
            Some((0x6000, Flags::PRESENT))
        );
    }

    #[test]
    fn what_is_mapped_cannot_be_mapped_again() {
        let mut space = space(16);
        space
            .map(TOP, 0, PAGE_BYTES, PageSize::Small, Flags::empty())
            .unwrap();
        for (address, size) in [(TOP, PageSize::Small), (TOP, PageSize::Large)] {
            let refused = space.map(address, 0, 1, size, Flags::empty());
            assert_eq!(refused, Err(LoadError::Overlap { address }));
        }
        space.map(0, 0, 1, PageSize::Large, Flags::empty()).unwrap();
        let refused = space.map(PAGE_BYTES, 0, 1, PageSize::Small, Flags::empty());
        assert_eq!(
            refused,
            Err(LoadError::Overlap {
                address: PAGE_BYTES
            })
        );
    }

    #[test]
    fn the_recursive_entry_points_to_the_root() {
        let mut space = space(4);
        space.map_recursive(510).unwrap();
        let recursive = (510 << 39) | (0xffff << 48) | (510 << 30) | (510 << 21) | (510 << 12);
        assert_eq!(
            translate(&mut space, recursive).map(|(at, _)| at),
            Some(BASE)
        );
        assert!(space.map_recursive(510).is_err());
        assert!(space.map_recursive(512).is_err());
    }

    #[test]
    fn running_out_of_tables_is_an_error() {
        let mut space = space(3);
        let refused = space.map(TOP, 0, 1, PageSize::Small, Flags::empty());
        assert!(matches!(refused, Err(LoadError::TooLittleMemory { .. })));
    }
}
