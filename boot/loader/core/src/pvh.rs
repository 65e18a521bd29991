//! The start information of the PVH boot protocol, decoded from bytes.
//!
//! Layout: Xen's `xen/include/public/arch-x86/hvm/start_info.h`.

use crate::{LoadError, memory::RawRegion};

/// What the firmware hands over in `ebx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartInfo {
    /// Number of modules; module 0 is the ramdisk.
    pub modules: u32,
    /// Physical address of the module list.
    pub module_list: u64,
    /// Physical address of the ACPI root pointer, 0 if there is none.
    pub rsdp: u64,
    /// Physical address of the memory map.
    pub memory_map: u64,
    /// Entries in the memory map.
    pub memory_map_entries: u32,
}

/// A module: something that was loaded for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// Physical address of the first byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

impl StartInfo {
    /// Bytes in version 1 of the structure.
    pub const BYTES: usize = 56;

    /// What stands in the first four bytes.
    pub const MAGIC: u32 = 0x336e_c578;

    /// Decodes the structure.
    ///
    /// # Errors
    /// When it is not one, or too old to have a memory map.
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Result<Self, LoadError> {
        let magic = u32_at(bytes, 0);
        if magic != Self::MAGIC {
            return Err(LoadError::NoStartInfo { magic });
        }
        let version = u32_at(bytes, 4);
        let info = Self {
            modules: u32_at(bytes, 12),
            module_list: u64_at(bytes, 16),
            rsdp: u64_at(bytes, 32),
            memory_map: u64_at(bytes, 40),
            memory_map_entries: u32_at(bytes, 48),
        };
        if version == 0 || info.memory_map == 0 {
            return Err(LoadError::NoMemoryMap { version });
        }
        Ok(info)
    }
}

impl Module {
    /// Bytes in an entry of the module list.
    pub const BYTES: usize = 32;

    /// Decodes an entry of the module list.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        Self {
            start: u64_at(bytes, 0),
            len: u64_at(bytes, 8),
        }
    }
}

impl RawRegion {
    /// Bytes in an entry of the memory map.
    pub const BYTES: usize = 24;

    /// Decodes an entry of the memory map.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        Self {
            start: u64_at(bytes, 0),
            len: u64_at(bytes, 8),
            kind: u32_at(bytes, 16),
        }
    }
}

fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |word| u32::from_le_bytes(*word))
}

fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |word| u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_info(magic: u32, version: u32, memory_map: u64) -> [u8; StartInfo::BYTES] {
        let mut bytes = [0; StartInfo::BYTES];
        bytes[0..4].copy_from_slice(&magic.to_le_bytes());
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        bytes[12..16].copy_from_slice(&1_u32.to_le_bytes());
        bytes[16..24].copy_from_slice(&0x1000_u64.to_le_bytes());
        bytes[32..40].copy_from_slice(&0xf_5a80_u64.to_le_bytes());
        bytes[40..48].copy_from_slice(&memory_map.to_le_bytes());
        bytes[48..52].copy_from_slice(&7_u32.to_le_bytes());
        bytes
    }

    #[test]
    fn decodes_version_1() {
        let info = StartInfo::decode(&start_info(StartInfo::MAGIC, 1, 0x2000)).unwrap();
        assert_eq!(
            info,
            StartInfo {
                modules: 1,
                module_list: 0x1000,
                rsdp: 0xf_5a80,
                memory_map: 0x2000,
                memory_map_entries: 7
            }
        );
    }

    #[test]
    fn refuses_what_is_not_start_information() {
        let refused = StartInfo::decode(&start_info(0x2bad_b002, 1, 0x2000));
        assert_eq!(refused, Err(LoadError::NoStartInfo { magic: 0x2bad_b002 }));
        for (version, memory_map) in [(0, 0x2000), (1, 0)] {
            let refused = StartInfo::decode(&start_info(StartInfo::MAGIC, version, memory_map));
            assert_eq!(refused, Err(LoadError::NoMemoryMap { version }));
        }
    }

    #[test]
    fn decodes_list_entries() {
        let mut bytes = [0; 32];
        bytes[0..8].copy_from_slice(&0x10_0000_u64.to_le_bytes());
        bytes[8..16].copy_from_slice(&0x8000_u64.to_le_bytes());
        bytes[16] = 2;
        assert_eq!(
            Module::decode(&bytes),
            Module {
                start: 0x10_0000,
                len: 0x8000
            }
        );
        let region = bytes.first_chunk().map(RawRegion::decode);
        assert_eq!(
            region,
            Some(RawRegion {
                start: 0x10_0000,
                len: 0x8000,
                kind: 2
            })
        );
    }
}
