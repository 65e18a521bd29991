//! ELF images, made to order.

/// Ordinary flags of a segment: readable, and executable or writable.
pub const CODE: u32 = 5;
pub const DATA: u32 = 6;
pub const CONSTANTS: u32 = 4;

/// A segment as its program header has it.
#[derive(Debug, Clone)]
pub struct Part {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub file_size: u64,
    pub memory_size: u64,
}

impl Part {
    pub const fn load(flags: u32, address: u64, memory_size: u64) -> Self {
        Self {
            kind: 1,
            flags,
            offset: 0,
            address,
            file_size: if memory_size < 64 { memory_size } else { 64 },
            memory_size,
        }
    }
}

/// An image with these program headers.
pub fn image(entry: u64, parts: &[Part]) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(2u16.to_le_bytes());
    bytes.extend(62u16.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(entry.to_le_bytes());
    bytes.extend(64u64.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    for half in [64, 56, parts.len() as u16, 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for part in parts {
        bytes.extend(part.kind.to_le_bytes());
        bytes.extend(part.flags.to_le_bytes());
        for word in [
            part.offset,
            part.address,
            part.address,
            part.file_size,
            part.memory_size,
            4096,
        ] {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes
}

/// A program of two segments, as ordinary as they come.
pub fn program() -> &'static [u8] {
    let parts = [
        Part::load(CODE, 0x40_0000, 5000),
        Part::load(DATA, 0x40_2000, 100),
    ];
    image(0x40_0010, &parts).leak()
}
