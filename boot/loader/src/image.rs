//! Where the loader itself lies, from its linker script.

use core::ptr::addr_of;

use proviso_loader_core::{memory::PhysRange, paging::Flags};

unsafe extern "C" {
    static loader_text: u8;
    static loader_rodata: u8;
    static loader_data: u8;
    static loader_end: u8;
}

/// The whole loader, with its stack and its own page tables.
pub fn whole() -> PhysRange {
    between(addr_of!(loader_text), addr_of!(loader_end))
}

/// The loader's parts with the rights that they need.
pub fn parts() -> [(PhysRange, Flags); 3] {
    let (text, rodata) = (addr_of!(loader_text), addr_of!(loader_rodata));
    let (data, end) = (addr_of!(loader_data), addr_of!(loader_end));
    [
        (between(text, rodata), Flags::empty()),
        (between(rodata, data), Flags::NO_EXECUTE),
        (between(data, end), Flags::WRITABLE | Flags::NO_EXECUTE),
    ]
}

fn between(start: *const u8, end: *const u8) -> PhysRange {
    PhysRange {
        start: start as u64,
        end: end as u64,
    }
}
