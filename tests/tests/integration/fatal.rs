//! A kernel that cannot go on says why and ends, however it fails: each case a
//! boot of a kernel of its own.

use std::fs;

use anyhow::Result;
use proviso_boot::guest;
use proviso_boot::image::Image;
use proviso_boot::qemu::{Machine, MachineKind};
use proviso_tests::console::Console;

scenarios! {
    a_double_fault_has_a_stack_of_its_own,
    a_stack_overflow_stops_at_the_guard_page,
    memory_that_runs_out_at_boot_is_said,
    a_panic_says_where_and_why,
    a_panic_inside_a_panic_ends,
    a_panic_needs_no_memory,
}

/// The kernel ends with code 35, its last line being its epitaph with these words.
fn dies(how: &str, words: &str) -> Result<()> {
    let (loader, kernel) = guest::build_loader_and_fatal()?;
    let image = Image::with_kernel(fs::read(kernel)?).config("fatal", how);
    for kind in [MachineKind::Microvm, MachineKind::Q35] {
        let machine = Machine::new(&loader).kind(kind);
        Console::start(&machine, &image)?.fails_saying(words)?;
    }
    Ok(())
}

fn a_double_fault_has_a_stack_of_its_own() -> Result<()> {
    dies("double-fault", "kernel double fault at 0xffffffff80")
}

fn a_stack_overflow_stops_at_the_guard_page() -> Result<()> {
    dies("stack-overflow", "kernel double fault at 0xffffffff80")
}

fn memory_that_runs_out_at_boot_is_said() -> Result<()> {
    dies("out-of-memory", "memory allocation of 65536 bytes failed")
}

fn a_panic_says_where_and_why() -> Result<()> {
    dies("panic", "fatal.rs:")?;
    dies("panic", "as asked for")
}

fn a_panic_inside_a_panic_ends() -> Result<()> {
    dies("panic-in-panic", "failed again while saying why")
}

fn a_panic_needs_no_memory() -> Result<()> {
    dies("panic-out-of-memory", "with nothing left")
}
