//! The physical memory map: what the firmware says, less what is in use.

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use heapless::Vec;

use crate::{LoadError, arena::Arena, page_down, page_up};

/// Entries that the firmware's map may have (QEMU's have fewer than ten).
pub const MAX_RAW_REGIONS: usize = 32;

/// Ranges that may be in use at once.
pub const MAX_IN_USE: usize = 8;

/// Regions that come out: every start and end above begins a new one at most.
pub const MAX_REGIONS: usize = 2 * (MAX_RAW_REGIONS + MAX_IN_USE + 1);

/// The type number of ordinary memory in the firmware's map.
const KIND_RAM: u32 = 1;

/// The type number of memory that is there but not to be used.
const KIND_RESERVED: u32 = 2;

/// Below it lie the firmware's data and, on a PC, the display and the ROMs.
const FIRST_MIB: u64 = 1 << 20;

/// Memory that the loader reaches: what its own page tables map.
pub const REACH: u64 = 1 << 32;

/// An entry of the firmware's map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRegion {
    /// Physical address of the first byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// The type, as in the E820 map: 1 is memory.
    pub kind: u32,
}

/// A range of physical addresses, from `start` up to but not including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhysRange {
    /// First byte.
    pub start: u64,
    /// First byte after it.
    pub end: u64,
}

impl PhysRange {
    /// The range of whole pages around `len` bytes at `start`.
    #[must_use]
    pub const fn pages_around(start: u64, len: u64) -> Self {
        Self {
            start: page_down(start),
            end: page_up(start.saturating_add(len)),
        }
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the range is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    const fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// The firmware's map together with what must be kept.
#[derive(Clone, Debug, Default)]
pub struct MemoryMap {
    raw: Vec<(PhysRange, u32), MAX_RAW_REGIONS>,
    in_use: Vec<PhysRange, MAX_IN_USE>,
}

/// The regions of a [`MemoryMap`]: sorted, disjoint, in whole pages.
pub type Regions = Vec<MemoryRegion, MAX_REGIONS>;

impl MemoryMap {
    /// Takes over the firmware's entries; empty ones are left out.
    ///
    /// Memory is rounded inwards to whole pages, anything else outwards.
    ///
    /// # Errors
    /// When there are more than [`MAX_RAW_REGIONS`].
    pub fn new(entries: impl IntoIterator<Item = RawRegion>) -> Result<Self, LoadError> {
        let mut map = Self::default();
        for entry in entries.into_iter().filter(|entry| entry.len > 0) {
            let end = entry.start.saturating_add(entry.len);
            let range = if entry.kind == KIND_RAM {
                PhysRange {
                    start: page_up(entry.start),
                    end: page_down(end),
                }
            } else {
                PhysRange {
                    start: page_down(entry.start),
                    end: page_up(end),
                }
            };
            if !range.is_empty() && map.raw.push((range, entry.kind)).is_err() {
                return Err(too_long(MAX_RAW_REGIONS + 1, MAX_RAW_REGIONS));
            }
        }
        Ok(map)
    }

    /// Marks memory as in use.
    ///
    /// # Errors
    /// When [`MAX_IN_USE`] ranges are in use already.
    pub fn keep(&mut self, range: PhysRange) -> Result<(), LoadError> {
        if range.is_empty() {
            return Ok(());
        }
        self.in_use
            .push(range)
            .map_err(|_| too_long(MAX_IN_USE + 1, MAX_IN_USE))
    }

    /// The end of the highest memory there is.
    #[must_use]
    pub fn end_of_ram(&self) -> u64 {
        self.raw
            .iter()
            .filter(|(_, kind)| *kind == KIND_RAM)
            .map(|(range, _)| range.end)
            .max()
            .unwrap_or(0)
    }

    /// The regions as the kernel shall see them.
    #[must_use]
    pub fn regions(&self) -> Regions {
        let mut regions = Regions::new();
        let edges = self.edges();
        for pair in edges.windows(2) {
            let &[start, end] = pair else { continue };
            let Some(kind) = self.kind_of(&PhysRange { start, end }) else {
                continue;
            };
            match regions.last_mut() {
                Some(last) if last.end == start && last.kind == kind => last.end = end,
                // There are at most as many regions as edges, so there is room.
                _ => drop(regions.push(MemoryRegion { start, end, kind })),
            }
        }
        regions
    }

    /// The largest usable range within the loader's reach, to allocate from.
    #[must_use]
    pub fn largest_usable(&self) -> Arena {
        let largest = self
            .regions()
            .iter()
            .filter(|region| region.kind == MemoryRegionKind::Usable)
            .map(|region| PhysRange {
                start: region.start,
                end: region.end.min(REACH),
            })
            .max_by_key(PhysRange::len);
        Arena::new(largest.unwrap_or(PhysRange { start: 0, end: 0 }))
    }

    /// Every address where something begins or ends, in order.
    fn edges(&self) -> Vec<u64, MAX_REGIONS> {
        let ranges = self.raw.iter().map(|(range, _)| range).chain(&self.in_use);
        let mut edges: Vec<u64, MAX_REGIONS> = ranges
            .flat_map(|range| [range.start, range.end])
            .chain([FIRST_MIB])
            .collect();
        edges.sort_unstable();
        edges
    }

    /// What `range` is, which no edge divides; the strictest claim wins.
    fn kind_of(&self, range: &PhysRange) -> Option<MemoryRegionKind> {
        if range.is_empty() {
            return None;
        }
        let claims = self.raw.iter().filter(|(claim, _)| claim.contains(range));
        let kind = claims.map(|(_, kind)| *kind).reduce(stricter)?;
        Some(if kind != KIND_RAM {
            MemoryRegionKind::UnknownBios(kind)
        } else if range.end <= FIRST_MIB {
            MemoryRegionKind::UnknownBios(KIND_RESERVED)
        } else if self.in_use.iter().any(|claim| claim.contains(range)) {
            MemoryRegionKind::Bootloader
        } else {
            MemoryRegionKind::Usable
        })
    }
}

/// Of two types for the same memory, the one that is not ordinary memory.
const fn stricter(a: u32, b: u32) -> u32 {
    if a == KIND_RAM { b } else { a }
}

const fn too_long(entries: usize, max: usize) -> LoadError {
    LoadError::MemoryMapTooLong { entries, max }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MemoryRegionKind::{Bootloader, UnknownBios, Usable};

    fn raw(start: u64, len: u64, kind: u32) -> RawRegion {
        RawRegion { start, len, kind }
    }

    fn shape(map: &MemoryMap) -> std::vec::Vec<(u64, u64, MemoryRegionKind)> {
        map.regions()
            .iter()
            .map(|region| (region.start, region.end, region.kind))
            .collect()
    }

    /// What qboot reports for `-M microvm -m 128M`, with its all-zero entry.
    fn microvm() -> MemoryMap {
        MemoryMap::new([
            raw(0, 0, 0),
            raw(0, 0x9_fc00, 1),
            raw(0x10_0000, 0x7f0_0000, 1),
        ])
        .unwrap()
    }

    #[test]
    fn the_first_mib_is_not_usable_and_the_rest_is() {
        assert_eq!(
            shape(&microvm()),
            [
                (0, 0x9_f000, UnknownBios(2)),
                (0x10_0000, 0x800_0000, Usable)
            ]
        );
        assert_eq!(microvm().end_of_ram(), 0x800_0000);
    }

    #[test]
    fn what_is_in_use_is_cut_out() {
        let mut map = microvm();
        map.keep(PhysRange::pages_around(0x10_0000, 0x1_2345))
            .unwrap();
        map.keep(PhysRange::pages_around(0x7ff_0010, 0x20)).unwrap();
        map.keep(PhysRange::pages_around(0x800, 56)).unwrap();
        assert_eq!(
            shape(&map),
            [
                (0, 0x9_f000, UnknownBios(2)),
                (0x10_0000, 0x11_3000, Bootloader),
                (0x11_3000, 0x7ff_0000, Usable),
                (0x7ff_0000, 0x7ff_1000, Bootloader),
                (0x7ff_1000, 0x800_0000, Usable),
            ]
        );
        let arena = map.largest_usable();
        assert_eq!(arena.free_bytes(), 0x7ff_0000 - 0x11_3000);
    }

    #[test]
    fn overlapping_and_unsorted_entries_are_put_in_order() {
        let map = MemoryMap::new([
            raw(0x20_0000, 0x20_0000, 1),
            raw(0x30_0800, 0x10, 7),
            raw(0x10_0000, 0x18_0000, 1),
            raw(u64::MAX - 0x1800, 0x4000, 2),
        ])
        .unwrap();
        assert_eq!(
            shape(&map),
            [
                (0x10_0000, 0x30_0000, Usable),
                (0x30_0000, 0x30_1000, UnknownBios(7)),
                (0x30_1000, 0x40_0000, Usable),
                (0xffff_ffff_ffff_e000, 0xffff_ffff_ffff_f000, UnknownBios(2)),
            ]
        );
    }

    #[test]
    fn memory_above_4_gib_is_reported_but_not_allocated_from() {
        let map = MemoryMap::new([raw(0x10_0000, 0x1000, 1), raw(1 << 32, 1 << 32, 1)]).unwrap();
        assert_eq!(map.end_of_ram(), 2 << 32);
        assert_eq!(map.largest_usable().free_bytes(), 0x1000);
    }

    #[test]
    fn a_map_without_memory_gives_an_empty_arena() {
        let map = MemoryMap::new([raw(0, 0, 0), raw(0x10_0000, 0x1000, 2)]).unwrap();
        assert_eq!(map.largest_usable().free_bytes(), 0);
        assert_eq!(map.end_of_ram(), 0);
    }

    #[test]
    fn too_many_entries_are_refused() {
        let entries = (0..40).map(|index| raw(index << 20, 0x1000, 1));
        assert!(matches!(
            MemoryMap::new(entries),
            Err(LoadError::MemoryMapTooLong { .. })
        ));
        let mut map = microvm();
        let mut keep = (0..9).map(|page| map.keep(PhysRange::pages_around(page << 21, 1)));
        assert!(keep.any(|kept| kept.is_err()));
    }

    #[test]
    fn the_fullest_map_still_fits() {
        let step = 0x4000_u64;
        let entries =
            (0..32).map(|index| raw((index + 300) * step, step / 2, 1 + (index % 2) as u32));
        let mut map = MemoryMap::new(entries).unwrap();
        for index in 0..8 {
            map.keep(PhysRange::pages_around(
                (index * 2 + 300) * step + 0x1000,
                1,
            ))
            .unwrap();
        }
        let regions = map.regions();
        assert_eq!(regions.len(), 32 + 8);
        assert!(regions.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
}
