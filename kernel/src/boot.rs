//! From a machine that was taken over to the first process.

use alloc::vec::Vec;

use proviso_abi::value::{Argument, Name};
use proviso_hal::boot::{Handover, start_devices};
use proviso_hal::epitaph;
use proviso_kernel_core::kernel::Kernel;
use proviso_ramdisk::{BootConfig, Ramdisk};

use crate::hardware::Hardware;

/// Keys of the boot configuration that are the kernel's and not init's.
const KERNEL_KEYS: [&str; 2] = ["init", "agent"];

/// Starts init and never comes back. What stands in the way is said on the
/// serial line, and ends the run with the failure code.
pub fn main(mut handover: Handover) -> ! {
    let ramdisk = match Ramdisk::reopen(handover.ramdisk) {
        Ok(ramdisk) => ramdisk,
        Err(error) => epitaph::end(format_args!("ramdisk: {error}")),
    };
    let config = ramdisk.config();
    if !start_devices(&mut handover.memory) && config.get_or("agent", "yes") == "yes" {
        epitaph::end(format_args!(
            "there is no virtio console for the agent; give QEMU a virtconsole, or boot with agent=no"
        ));
    }
    let mut machine = Hardware::new(handover.memory, handover.root);
    let init = Name::cut(config.get_or("init", "init"));
    let is_ansi = config.get_or("console", "ansi") == "ansi";
    match Kernel::new(
        &mut machine,
        programs(&ramdisk),
        &init,
        arguments(config),
        is_ansi,
    ) {
        Ok(mut kernel) => kernel.run(&mut machine),
        Err(error) => epitaph::end(format_args!("{error}")),
    }
}

fn programs(ramdisk: &Ramdisk<'static>) -> Vec<(Name, &'static [u8])> {
    let of =
        |entry: proviso_ramdisk::Entry<'static>| Some((Name::cut(entry.program()?), entry.data()));
    ramdisk.programs().filter_map(of).collect()
}

/// What the boot configuration has for init.
fn arguments(config: BootConfig<'_>) -> Vec<Argument> {
    config
        .entries()
        .filter(|(key, _)| !KERNEL_KEYS.contains(key))
        .map(|(key, value)| Argument::format(format_args!("{key}={value}")))
        .collect()
}
