//! From QEMU's start to the prompt, and everything that can be in the way.

use anyhow::{Context, Result};
use proviso_boot::exit::Exit;
use proviso_boot::image::{self, Damage};
use proviso_boot::qemu::{Machine, MachineKind, MemorySize};
use proviso_boot::session::Ended;
use proviso_tests::console::{Console, guest, hardware, image};
use proviso_tests::scripted::ScriptedAgent;

scenarios! {
    reaches_the_prompt_on_microvm,
    reaches_the_prompt_on_q35,
    greets_a_terminal_in_colour,
    an_agent_that_is_not_there_keeps_nobody_waiting,
    an_agents_device_may_be_there_and_not_be_used,
    a_large_machine_has_more_memory,
    memory_is_enough_or_a_sentence_on_microvm,
    memory_is_enough_or_a_sentence_on_q35,
    a_machine_without_ramdisk_says_so,
    a_damaged_ramdisk_says_so,
    a_missing_first_program_says_so,
    a_first_program_that_is_none_says_so,
    a_program_that_is_none_says_so,
    a_missing_shell_says_so,
    a_shell_that_ends_at_once_is_tried_again,
    an_init_that_ends_is_the_end,
    a_missing_agents_device_says_so,
}

fn on(kind: MachineKind) -> Result<Machine> {
    Ok(hardware()?.kind(kind))
}

fn boots(kind: MachineKind) -> Result<()> {
    let mut console = Console::boot_with(&on(kind)?, &image()?)?;
    console.expect("/ps", &["init", "shell"])?;
    console.expect("/status", &["not connected"])?;
    console.shut_down()
}

fn reaches_the_prompt_on_microvm() -> Result<()> {
    boots(MachineKind::Microvm)
}

fn reaches_the_prompt_on_q35() -> Result<()> {
    boots(MachineKind::Q35)
}

fn greets_a_terminal_in_colour() -> Result<()> {
    let image = image()?.console(image::Console::Ansi);
    let mut console = Console::start(&hardware()?, &image)?;
    console.wait_for("\x1b[1mProviso\x1b[0m")?;
    console.wait_for("proviso> ")?;
    console.enter("/shutdown")?;
    console.ends(Exit::Clean)
}

fn an_agent_that_is_not_there_keeps_nobody_waiting() -> Result<()> {
    for kind in [MachineKind::Microvm, MachineKind::Q35] {
        let (_folder, socket) = ScriptedAgent::nobody()?;
        let machine = on(kind)?.agent_socket(&socket);
        let mut console = Console::boot_with(&machine, &image()?.agent(true))?;
        console.expect("/status", &["not connected"])?;
        console.shut_down()?;
    }
    Ok(())
}

fn an_agents_device_may_be_there_and_not_be_used() -> Result<()> {
    let (_folder, socket) = ScriptedAgent::nobody()?;
    Console::boot_with(&hardware()?.agent_socket(&socket), &image()?)?.shut_down()
}

fn a_large_machine_has_more_memory() -> Result<()> {
    for kind in [MachineKind::Microvm, MachineKind::Q35] {
        let machine = on(kind)?.memory(MemorySize::mib(3584));
        let mut console = Console::boot_with(&machine, &image()?)?;
        console.expect("/mem", &["total        3."])?;
        console.shut_down()?;
    }
    Ok(())
}

/// What the smallest machine has that boots to the prompt.
const SMALLEST_MIB: u64 = 9;

/// From what is certainly too little to what is certainly enough: the machine
/// either works or says why not.
fn works_or_says_why_not(kind: MachineKind) -> Result<()> {
    let (mut worked, mut refused) = (false, false);
    for mib in [4, 5, 6, 7, 8, SMALLEST_MIB, 10, 12, 16, 24] {
        let machine = on(kind)?.memory(MemorySize::mib(mib));
        let mut console = Console::start(&machine, &image()?)?;
        match console.wait_for_prompt() {
            Ok(_) => {
                worked = true;
                console.still_answers()?;
                console.shut_down()?;
            }
            Err(error) if error.is::<Ended>() => {
                refused = true;
                console.ensure(!worked && mib < SMALLEST_MIB, "that much should be enough")?;
                console.fails_saying("memory")?;
            }
            Err(error) => return Err(error),
        }
    }
    anyhow::ensure!(refused, "4 MiB should be too little");
    Ok(())
}

fn memory_is_enough_or_a_sentence_on_microvm() -> Result<()> {
    works_or_says_why_not(MachineKind::Microvm)
}

fn memory_is_enough_or_a_sentence_on_q35() -> Result<()> {
    works_or_says_why_not(MachineKind::Q35)
}

fn a_machine_without_ramdisk_says_so() -> Result<()> {
    for kind in [MachineKind::Microvm, MachineKind::Q35] {
        Console::start_bare(&on(kind)?)?.fails_saying("there is no ramdisk")?;
    }
    Ok(())
}

fn a_damaged_ramdisk_says_so() -> Result<()> {
    let bytes = image()?.pack()?.len();
    for (damage, words) in [
        (Damage::FlipBit(8 * 512 + 3), "damaged"),
        (Damage::FlipBit(bytes * 4), "damaged"),
        (Damage::FlipBit(bytes * 7), "damaged"),
        (Damage::Truncate(bytes / 2), "trailer"),
        (Damage::Truncate(bytes - 1), "trailer"),
        (Damage::Truncate(16), ""),
        (Damage::Truncate(1), "only 1 byte"),
    ] {
        Console::start(&hardware()?, &image()?.damaged(damage))?.fails_saying(words)?;
    }
    Ok(())
}

fn a_missing_first_program_says_so() -> Result<()> {
    let image = image()?.without_program("init");
    Console::start(&hardware()?, &image)?.fails_saying("no program init")
}

fn a_first_program_that_is_none_says_so() -> Result<()> {
    let image = image()?.init("nobody");
    Console::start(&hardware()?, &image)?.fails_saying("no program nobody")
}

fn a_program_that_is_none_says_so() -> Result<()> {
    let cut = std::fs::read(&guest()?.loader)?;
    for bytes in [
        b"#!/bin/sh\n".to_vec(),
        vec![],
        cut.get(..200).unwrap_or_default().to_vec(),
    ] {
        let image = image()?.program("broken", bytes);
        Console::start(&hardware()?, &image)?.fails_saying("program broken in the ramdisk: ")?;
    }
    Ok(())
}

fn a_missing_shell_says_so() -> Result<()> {
    let image = image()?.without_program("shell");
    Console::start(&hardware()?, &image)?.wait_for("the shell does not start: NoSuchProgram")?;
    Ok(())
}

fn a_shell_that_ends_at_once_is_tried_again() -> Result<()> {
    let crasher = guest()?
        .programs
        .get("crasher")
        .context("there is no crasher")?;
    let image = image()?.program("shell", std::fs::read(crasher)?);
    let mut console = Console::start(&hardware()?, &image)?;
    for _ in 0..3 {
        console.wait_for("[init 1] the shell exited with code 2")?;
    }
    Ok(())
}

fn an_init_that_ends_is_the_end() -> Result<()> {
    let image = image()?.init("crasher");
    let console = Console::start(&hardware()?, &image)?;
    console.fails_saying("init: exited with code 2; the machine halts")
}

fn a_missing_agents_device_says_so() -> Result<()> {
    for kind in [MachineKind::Microvm, MachineKind::Q35] {
        let console = Console::start(&on(kind)?, &image()?.agent(true))?;
        console.fails_saying("there is no virtio console for the agent")?;
    }
    Ok(())
}
