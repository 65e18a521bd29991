//! Command lines, and sizes as people write them.

use super::*;

fn line(machine: &Machine) -> String {
    machine.to_string()
}

fn machine() -> Machine {
    Machine::new(Path::new("/t/loader"))
}

#[test]
fn the_default_is_an_emulated_microvm() {
    assert_eq!(
        line(&machine().ramdisk(Path::new("/t/ramdisk"))),
        "qemu-system-x86_64 -machine microvm,pit=on,pic=on,rtc=off,acpi=off,isa-serial=on \
         -accel tcg -cpu max -m 128M -bios qboot.rom -nodefaults -no-user-config -no-reboot \
         -display none -kernel /t/loader -initrd /t/ramdisk \
         -device isa-debug-exit,iobase=0xf4,iosize=4 -chardev stdio,id=console,signal=off \
         -serial chardev:console"
    );
}

#[test]
fn the_agent_is_reached_over_memory_or_pci() {
    let socket = Path::new("/tmp/a,b");
    let microvm = line(&machine().agent_socket(socket));
    assert!(
        microvm.contains("-global virtio-mmio.force-legacy=false"),
        "{microvm}"
    );
    assert!(
        microvm.contains("path=/tmp/a,,b,server=off,reconnect=1"),
        "{microvm}"
    );
    assert!(microvm.contains("-device virtio-serial-device,max_ports=1 -device virtconsole"));
    let q35 = line(&machine().agent_socket(socket).kind(MachineKind::Q35));
    assert!(
        q35.contains("-machine q35 ") && q35.contains("virtio-serial-pci"),
        "{q35}"
    );
    assert!(!q35.contains("virtio-mmio"), "{q35}");
    assert!(!q35.contains("qboot"), "{q35}");
}

#[test]
fn options_change_only_what_they_name() {
    let plain = line(&machine());
    for (changed, added) in [
        (
            machine().instruction_count(true),
            " -icount shift=0,sleep=off",
        ),
        (machine().gdb(true), " -s -S"),
        (
            machine().log(Path::new("/t/log")),
            " -d cpu_reset -D /t/log",
        ),
        (machine().argument("-S"), " -S"),
    ] {
        assert_eq!(line(&changed), format!("{plain}{added}"));
    }
    let memory = line(&machine().memory(MemorySize::mib(64)).accelerator("kvm"));
    assert_eq!(memory, plain.replace("128M", "64M").replace("tcg", "kvm"));
}

#[test]
fn at_a_terminal_ctrl_a_is_qemus() {
    let terminal = line(&machine().serial(Serial::Terminal));
    assert!(
        terminal.contains("stdio,id=console,signal=off,mux=on"),
        "{terminal}"
    );
    assert!(
        terminal.ends_with("-mon chardev=console,mode=readline -echr 1"),
        "{terminal}"
    );
}

#[test]
fn the_line_can_be_pasted_into_a_shell() {
    let machine = Machine::new(Path::new("/my files/it's/loader"));
    assert!(line(&machine).contains(r"-kernel '/my files/it'\''s/loader'"));
    assert_eq!(quoted(""), "''");
}

#[test]
fn the_command_is_the_line() {
    let machine = machine();
    let command = machine.command();
    let words = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned());
    // In front may be what ties the process to us.
    assert!(words.collect::<Vec<_>>().ends_with(&machine.arguments()));
}

#[test]
fn sizes_are_read_as_people_write_them() {
    for (text, mib) in [
        ("128M", 128),
        ("1G", 1024),
        ("64", 64),
        ("4096K", 4),
        ("2GiB", 2048),
    ] {
        assert_eq!(
            text.parse::<MemorySize>().unwrap(),
            MemorySize::mib(mib),
            "{text}"
        );
    }
    assert_eq!("5001K".parse::<MemorySize>().unwrap().to_string(), "5001K");
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    for text in [
        "",
        "M",
        "0",
        "1M",
        "-5M",
        "128X",
        "1.5G",
        "99999999999G",
        "18446744073709551615",
    ] {
        assert!(text.parse::<MemorySize>().is_err(), "{text}");
    }
}

#[test]
fn a_disk_is_reached_over_memory_or_pci() {
    let image = Path::new("/t/a,b.img");
    let microvm = line(&machine().disk(image));
    assert!(
        microvm.contains("if=none,id=disk,format=raw,file=/t/a,,b.img"),
        "{microvm}"
    );
    assert!(microvm.contains("virtio-mmio.force-legacy=false"));
    assert!(microvm.contains("-device virtio-blk-device,drive=disk"));
    let q35 = line(&machine().disk(image).kind(MachineKind::Q35));
    assert!(q35.contains("-device virtio-blk-pci,drive=disk"), "{q35}");
}
