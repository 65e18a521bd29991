//! Not for use: a kernel that dies, in the way that `boot.cfg` asks for with
//! `fatal=...`. The tests boot it and read its epitaph.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::arch::asm;
use core::fmt;
use core::hint::black_box;

use proviso_hal::boot::Handover;
use proviso_hal::epitaph;
use proviso_ramdisk::Ramdisk;

/// Where the loader enters.
mod entry {
    proviso_hal::kernel_entry!(crate::main);
}

fn main(handover: Handover) -> ! {
    let Ok(ramdisk) = Ramdisk::reopen(handover.ramdisk) else {
        epitaph::end(format_args!("the ramdisk is damaged"));
    };
    match ramdisk.config().get_or("fatal", "") {
        "double-fault" => double_fault(),
        "stack-overflow" => {
            let depth = stack_overflow(0);
            epitaph::end(format_args!("survived a depth of {depth}"))
        }
        "out-of-memory" => out_of_memory(),
        "panic" => panic!("as asked for"),
        "panic-in-panic" => panic!("{}", Bomb),
        "panic-out-of-memory" => {
            // The epitaph must not need the heap.
            fill(&mut Vec::new());
            panic!("with nothing left")
        }
        other => epitaph::end(format_args!("fatal={other} is no way to die")),
    }
}

/// An undefined instruction without a stack to report it on.
fn double_fault() -> ! {
    // SAFETY: 1. Nothing is mapped at this address, so no memory is changed.
    // 2. Control does not come back.
    unsafe { asm!("mov rsp, 0x1000", "ud2", options(noreturn)) }
}

/// Goes deeper until the guard page is met.
#[expect(unconditional_recursion, reason = "which is what it is for")]
fn stack_overflow(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    // The sum keeps the call from being a jump.
    stack_overflow(depth + 1) + room.iter().sum::<u64>()
}

fn out_of_memory() -> ! {
    let mut hoard = Vec::new();
    loop {
        // Not `try_reserve`: this is the allocation whose failure nobody handles.
        let mut block: Vec<u8> = Vec::with_capacity(64 * 1024);
        block.push(1);
        hoard.push(black_box(block));
    }
}

/// Takes all of the heap, to the last few bytes.
fn fill(hoard: &mut Vec<Vec<u8>>) {
    if hoard.try_reserve(4096).is_err() {
        return;
    }
    for size in [1 << 16, 1 << 12, 1 << 8, 1 << 5] {
        let mut block: Vec<u8> = Vec::new();
        while hoard.len() < hoard.capacity() && block.try_reserve_exact(size).is_ok() {
            hoard.push(core::mem::take(&mut block));
        }
    }
    // They are never given back.
    core::mem::forget(core::mem::take(hoard));
}

/// Panics when it is shown.
struct Bomb;

impl fmt::Display for Bomb {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a panic inside a panic")
    }
}
