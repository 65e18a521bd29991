//! Boots the real loader with a kernel that checks its promises, and with
//! everything that can be wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may say so by panicking"
)]

use std::{fs, path::PathBuf, sync::LazyLock, time::Duration};

use proviso_boot::{
    exit::Exit,
    guest,
    image::{Damage, Image},
    qemu::{Machine, MachineKind, MemorySize},
    session::Session,
};

static BUILT: LazyLock<(PathBuf, PathBuf)> =
    LazyLock::new(|| guest::build_loader_and_probe().unwrap());

/// Much more than a boot takes, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(120);

fn machine() -> Machine {
    Machine::new(&BUILT.0)
}

fn probe() -> Image {
    Image::with_kernel(fs::read(&BUILT.1).unwrap())
}

/// Runs the machine to its end, and returns how it ended and what it wrote.
fn run(mut session: Session) -> (Exit, String) {
    eprintln!("{}", session.command_line());
    let exit = session.wait_exit(TIMEOUT).unwrap();
    (exit, session.transcript())
}

fn boot(machine: &Machine, image: &Image) -> (Exit, String) {
    run(Session::boot(machine, image).unwrap())
}

/// The machine must end with code 35, its last line being a sentence with `words`.
fn fails_saying(result: (Exit, String), words: &str) {
    let (exit, output) = result;
    assert_eq!(exit, Exit::Failure, "{output}");
    let last = output.trim_end().lines().last().unwrap_or_default();
    assert!(
        last.starts_with("proviso loader: ") && last.contains(words),
        "{output}"
    );
}

fn keeps_its_promises(machine: &Machine) {
    let (exit, output) = boot(machine, &probe().config("console", "plain"));
    assert_eq!(exit, Exit::Clean, "{output}");
    assert!(output.contains("all is well"), "{output}");
}

#[test]
fn promises_are_kept_on_microvm() {
    keeps_its_promises(&machine());
}

#[test]
fn promises_are_kept_on_q35() {
    keeps_its_promises(&machine().kind(MachineKind::Q35));
}

#[test]
fn four_mib_are_enough_for_a_small_kernel() {
    keeps_its_promises(&machine().memory(MemorySize::mib(4)));
}

/// With `-icount` a tick is one instruction of the guest, the firmware's included. Of a
/// ramdisk of 1 MiB every byte is checked and the kernel's copied: two to four
/// instructions a byte.
#[test]
fn the_loader_takes_few_instructions() {
    let image = probe().program("ballast", vec![7; 1 << 20]);
    let bytes = image.pack().unwrap().len() as u64;
    let (exit, output) = boot(&machine().instruction_count(true), &image);
    assert_eq!(exit, Exit::Clean, "{output}");
    let ticks = output
        .split("entered after ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let ticks: u64 = ticks.unwrap().parse().unwrap();
    println!("{ticks} instructions for {bytes} bytes of ramdisk");
    assert!(
        ticks < 500_000 + 5 * bytes,
        "{ticks} instructions for {bytes} bytes of ramdisk"
    );
}

#[test]
fn the_processor_enforces_the_mappings() {
    for fault in ["guard", "text", "rodata", "stack", "ramdisk"] {
        let result = boot(&machine(), &probe().config("fault", fault));
        fails_saying(result, "exception 14");
    }
}

#[test]
fn no_ramdisk_is_a_sentence() {
    fails_saying(
        run(Session::start(&machine()).unwrap()),
        "there is no ramdisk",
    );
}

#[test]
fn a_damaged_ramdisk_is_a_sentence() {
    let len = probe().pack().unwrap().len();
    let cases = [
        (
            Damage::Truncate(len - 1),
            "does not end in a Proviso trailer",
        ),
        (Damage::Truncate(7), "has only 7 bytes"),
        (Damage::FlipBit(len * 4), "is damaged"),
        (Damage::FlipBit(8 * len - 1), "is damaged"),
        (Damage::FlipBit(8 * (len - 8)), "promises"),
    ];
    for (damage, words) in cases {
        fails_saying(boot(&machine(), &probe().damaged(damage)), words);
    }
}

#[test]
fn a_missing_or_bad_kernel_is_a_sentence() {
    fails_saying(
        boot(&machine(), &probe().without_kernel()),
        "no file named kernel",
    );
    let text = Image::with_kernel(b"#!/bin/sh\n".to_vec());
    fails_saying(boot(&machine(), &text), "not a valid ELF file");
    // The loader is an ELF file too, but one for the lower half.
    let lower_half = Image::with_kernel(fs::read(&BUILT.0).unwrap());
    fails_saying(boot(&machine(), &lower_half), "not in the upper half");
}

#[test]
fn too_little_memory_is_a_sentence() {
    // The same kernel, asking for a stack of 512 MiB: its configuration begins with an
    // UUID, the version follows, then the size.
    let mut kernel = fs::read(&BUILT.1).unwrap();
    let uuid = [0x74, 0x3c, 0xa9, 0x61, 0x09, 0x36, 0x46, 0xa0];
    let at = kernel
        .windows(uuid.len())
        .position(|window| window == uuid)
        .unwrap()
        + 23;
    kernel[at..at + 8].copy_from_slice(&(512_u64 << 20).to_le_bytes());
    let result = boot(&machine(), &Image::with_kernel(kernel));
    fails_saying(
        result,
        "too little memory: 536870912 bytes for the kernel's stack",
    );
}

#[test]
fn a_processor_without_long_mode_is_a_sentence() {
    // The last of two -cpu options holds.
    for cpu in ["qemu32", "max,-nx"] {
        let machine = machine()
            .kind(MachineKind::Q35)
            .argument("-cpu")
            .argument(cpu);
        fails_saying(boot(&machine, &probe()), "no long mode");
    }
}
