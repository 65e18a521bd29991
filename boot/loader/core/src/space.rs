//! Where in the upper half things go that have no address of their own.
//!
//! Everything that is placed gets top-level slots (512 GiB each) to itself, as
//! the `bootloader` crate does it: simple, and two things can never collide.

use bootloader_api::config::{Mapping, Mappings};

use crate::{
    LoadError, PAGE_BYTES,
    error::ConfigError,
    kernel::{Kernel, UPPER_HALF},
};

/// Bytes that one entry of the top table translates.
const SLOT_BYTES: u64 = 1 << 39;

/// Slots in an address space.
const SLOTS: usize = 512;

/// Something that needs a place in the address space.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// What it is, for error messages.
    pub what: &'static str,
    /// What the kernel asks for.
    pub mapping: Mapping,
    /// How much room it takes.
    pub bytes: u64,
    /// What its address must be a multiple of.
    pub alignment: u64,
}

impl Item {
    fn check(&self, address: u64) -> Result<u64, LoadError> {
        let aligned = address.is_multiple_of(self.alignment);
        let last = address.checked_add(self.bytes.saturating_sub(1));
        let fits = last.is_some_and(|last| canonical(last) == last);
        if aligned && fits && canonical(address) == address && slot(address) != 0 {
            Ok(address)
        } else {
            Err(ConfigError::BadAddress {
                what: self.what,
                address,
            }
            .into())
        }
    }
}

/// Which slots are taken.
#[derive(Clone, Debug)]
pub struct Slots {
    taken: [bool; SLOTS],
    first: usize,
    last: usize,
}

impl Slots {
    /// The slots that are left beside `kernel` and the fixed addresses it asks for.
    ///
    /// # Errors
    /// When the range for dynamic addresses is empty.
    pub fn beside(kernel: &Kernel<'_>, physical_bytes: u64) -> Result<Self, LoadError> {
        let mappings = &kernel.config.mappings;
        // `bootloader_api` documents 0 as the default lower end. Here it is the
        // upper half: the lower one is for programs.
        let start = mappings.dynamic_range_start.unwrap_or(UPPER_HALF);
        let end = mappings.dynamic_range_end.unwrap_or(u64::MAX);
        let mut slots = Self {
            taken: [false; SLOTS],
            first: slot(start.saturating_add(SLOT_BYTES - 1)),
            last: if end == u64::MAX { SLOTS } else { slot(end) },
        };
        if end <= start {
            return Err(ConfigError::NoRoom {
                what: "dynamic addresses",
            }
            .into());
        }
        // Slot 0 is where the loader itself is mapped while it hands over.
        slots.take(0, SLOT_BYTES);
        for segment in &kernel.segments {
            slots.take(segment.first_page(), segment.page_bytes());
        }
        slots.take_fixed(mappings, kernel.config.kernel_stack_size, physical_bytes);
        Ok(slots)
    }

    fn take_fixed(&mut self, mappings: &Mappings, stack_bytes: u64, physical_bytes: u64) {
        let fixed = [
            (
                Some(mappings.kernel_stack),
                stack_bytes.saturating_add(PAGE_BYTES),
            ),
            (Some(mappings.boot_info), SLOT_BYTES),
            (Some(mappings.ramdisk_memory), SLOT_BYTES),
            (mappings.physical_memory, physical_bytes),
            (mappings.page_table_recursive, SLOT_BYTES),
        ];
        for (mapping, bytes) in fixed {
            if let Some(Mapping::FixedAddress(address)) = mapping {
                self.take(address, bytes);
            }
        }
    }

    /// The address for `item`: the one its mapping fixes, or one in free slots.
    ///
    /// # Errors
    /// When the fixed address cannot be mapped, or no slots are left.
    pub fn place(&mut self, item: &Item) -> Result<u64, LoadError> {
        match item.mapping {
            Mapping::FixedAddress(address) => item.check(address),
            Mapping::Dynamic => self.find(item.bytes, item.what),
        }
    }

    fn find(&mut self, bytes: u64, what: &'static str) -> Result<u64, LoadError> {
        let count = usize::try_from(bytes.div_ceil(SLOT_BYTES)).unwrap_or(SLOTS);
        let free = |from: &usize| {
            self.taken
                .get(*from..from + count)
                .is_some_and(|slots| !slots.contains(&true))
        };
        let candidates = self.first..(self.last + 1).saturating_sub(count);
        let first = candidates
            .into_iter()
            .find(free)
            .ok_or(ConfigError::NoRoom { what })?;
        let address = canonical(first as u64 * SLOT_BYTES);
        self.take(address, bytes);
        Ok(address)
    }

    fn take(&mut self, address: u64, bytes: u64) {
        let last = slot(address.saturating_add(bytes.saturating_sub(1)));
        if let Some(slots) = self.taken.get_mut(slot(address)..=last) {
            slots.fill(true);
        }
    }
}

/// The entry of the top table that a recursive mapping at `address` means.
///
/// # Errors
/// When the address is not that of a slot.
pub fn recursive_index(address: u64) -> Result<u16, LoadError> {
    let bad = ConfigError::BadAddress {
        what: "the recursive page table",
        address,
    };
    if canonical(address) != address || !address.is_multiple_of(SLOT_BYTES) {
        return Err(bad.into());
    }
    u16::try_from(slot(address)).map_err(|_| bad.into())
}

const fn slot(address: u64) -> usize {
    (address / SLOT_BYTES) as usize % SLOTS
}

/// `address` with its upper 16 bits as the processor wants them.
const fn canonical(address: u64) -> u64 {
    ((address << 16).cast_signed() >> 16).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use bootloader_api::BootloaderConfig;

    use super::*;
    use crate::kernel::{Access, Segment};

    fn kernel(configure: impl FnOnce(&mut BootloaderConfig)) -> Kernel<'static> {
        let mut config = BootloaderConfig::new_default();
        configure(&mut config);
        let address = 0xffff_ffff_8000_0000;
        let segment = Segment {
            address,
            memory_bytes: 0x5000,
            contents: &[],
            access: Access::Execute,
        };
        let segments = core::iter::once(segment).collect();
        Kernel {
            segments,
            entry: address,
            config,
            tls: None,
        }
    }

    fn item(mapping: Mapping, bytes: u64) -> Item {
        Item {
            what: "it",
            mapping,
            bytes,
            alignment: PAGE_BYTES,
        }
    }

    #[test]
    fn dynamic_items_get_slots_of_their_own_in_the_upper_half() {
        let kernel = kernel(|config| {
            config.mappings.physical_memory = Some(Mapping::FixedAddress(UPPER_HALF + SLOT_BYTES));
        });
        let mut slots = Slots::beside(&kernel, SLOT_BYTES + 1).unwrap();
        let small = item(Mapping::Dynamic, 0x1000);
        assert_eq!(slots.place(&small), Ok(UPPER_HALF));
        // Slots 257 and 258 belong to the physical memory map.
        assert_eq!(slots.place(&small), Ok(UPPER_HALF + 3 * SLOT_BYTES));
        let wide = item(Mapping::Dynamic, SLOT_BYTES + 1);
        assert_eq!(slots.place(&wide), Ok(UPPER_HALF + 4 * SLOT_BYTES));
        assert_eq!(slots.place(&small), Ok(UPPER_HALF + 6 * SLOT_BYTES));
    }

    #[test]
    fn the_dynamic_range_is_kept_to_and_can_run_out() {
        let start = UPPER_HALF + 10 * SLOT_BYTES;
        let kernel = kernel(|config| {
            config.mappings.dynamic_range_start = Some(start - 1);
            config.mappings.dynamic_range_end = Some(start + 2 * SLOT_BYTES);
        });
        let mut slots = Slots::beside(&kernel, 0).unwrap();
        let small = item(Mapping::Dynamic, 1);
        assert_eq!(slots.place(&small), Ok(start));
        assert_eq!(slots.place(&small), Ok(start + SLOT_BYTES));
        let full = LoadError::BadConfig(ConfigError::NoRoom { what: "it" });
        assert_eq!(slots.place(&small), Err(full));
    }

    #[test]
    fn an_empty_dynamic_range_is_refused() {
        let kernel = kernel(|config| {
            config.mappings.dynamic_range_start = Some(UPPER_HALF);
            config.mappings.dynamic_range_end = Some(UPPER_HALF);
        });
        assert!(Slots::beside(&kernel, 0).is_err());
    }

    #[test]
    fn fixed_addresses_are_taken_as_they_are_or_refused() {
        let mut slots = Slots::beside(&kernel(|_| ()), 0).unwrap();
        let good = UPPER_HALF + 0x3000;
        assert_eq!(
            slots.place(&item(Mapping::FixedAddress(good), 0x1000)),
            Ok(good)
        );
        for bad in [
            0,
            0x1000,
            UPPER_HALF - 0x1000,
            UPPER_HALF + 1,
            0x7fff_ffff_f000,
        ] {
            let placed = slots.place(&item(Mapping::FixedAddress(bad), 0x2000));
            let refused = ConfigError::BadAddress {
                what: "it",
                address: bad,
            };
            assert_eq!(placed, Err(refused.into()), "{bad:#x}");
        }
    }

    #[test]
    fn a_recursive_mapping_names_a_slot() {
        assert_eq!(recursive_index(0xffff_ff00_0000_0000), Ok(510));
        for bad in [0xffff_ff00_0000_1000, 0x0000_ff00_0000_0000] {
            assert!(recursive_index(bad).is_err(), "{bad:#x}");
        }
    }
}
