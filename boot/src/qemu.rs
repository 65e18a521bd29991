//! QEMU's command line, from typed parts.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::process;

/// The emulator.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// The kind of machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MachineKind {
    /// Small and quick to start; virtio over memory-mapped registers.
    #[default]
    Microvm,
    /// A PC with PCI Express; virtio over PCI.
    Q35,
}

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemorySize(u64);

impl MemorySize {
    /// What a machine has by default.
    pub const DEFAULT: Self = Self::mib(128);

    /// With less, QEMU puts the ramdisk on top of the loader.
    pub const SMALLEST: Self = Self::mib(4);

    /// So many MiB.
    #[must_use]
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for MemorySize {
    type Err = anyhow::Error;

    /// Reads `128M`, `1G`, or bare MiB as in QEMU.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let shift = match &text[digits.len()..] {
            "" | "M" | "m" | "MiB" => 20,
            "K" | "k" | "KiB" => 10,
            "G" | "g" | "GiB" => 30,
            _ => bail!("{text}: not a size; write for example 128M or 1G"),
        };
        let number: u64 = digits
            .parse()
            .with_context(|| format!("{text}: not a size; write for example 128M"))?;
        let bytes = number
            .checked_mul(1 << shift)
            .filter(|bytes| *bytes <= 1 << 46);
        let size = Self(bytes.with_context(|| format!("{text}: more than any machine has"))?);
        if size < Self::SMALLEST {
            bail!("{text}: a machine needs at least {}", Self::SMALLEST);
        }
        Ok(size)
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1 << 20) {
            write!(f, "{}M", self.0 >> 20)
        } else {
            write!(f, "{}K", self.0 >> 10)
        }
    }
}

/// Where the serial line goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serial {
    /// Standard input and output, as they are.
    #[default]
    Stdio,
    /// The terminal: Ctrl-A is QEMU's (Ctrl-A X leaves), everything else the guest's.
    Terminal,
}

/// A machine, before it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    kernel: PathBuf,
    ramdisk: Option<PathBuf>,
    kind: MachineKind,
    memory: MemorySize,
    accelerator: String,
    serial: Serial,
    agent: Option<PathBuf>,
    disk: Option<PathBuf>,
    instruction_count: bool,
    gdb: bool,
    log: Option<PathBuf>,
    extra: Vec<String>,
}

impl Machine {
    /// A `microvm` with 128 MiB, emulated, without ramdisk and agent, that starts `kernel`
    /// (the loader).
    #[must_use]
    pub fn new(kernel: &Path) -> Self {
        Self {
            kernel: kernel.to_owned(),
            ramdisk: None,
            kind: MachineKind::Microvm,
            memory: MemorySize::DEFAULT,
            accelerator: "tcg".to_owned(),
            serial: Serial::Stdio,
            agent: None,
            disk: None,
            instruction_count: false,
            gdb: false,
            log: None,
            extra: Vec::new(),
        }
    }

    /// The ramdisk's file.
    #[must_use]
    pub fn ramdisk(mut self, path: &Path) -> Self {
        self.ramdisk = Some(path.to_owned());
        self
    }

    /// The kind of machine.
    #[must_use]
    pub const fn kind(mut self, kind: MachineKind) -> Self {
        self.kind = kind;
        self
    }

    /// The memory.
    #[must_use]
    pub const fn memory(mut self, memory: MemorySize) -> Self {
        self.memory = memory;
        self
    }

    /// The accelerator: `tcg` (the default) or `kvm`.
    #[must_use]
    pub fn accelerator(mut self, name: &str) -> Self {
        name.clone_into(&mut self.accelerator);
        self
    }

    /// Where the serial line goes.
    #[must_use]
    pub const fn serial(mut self, serial: Serial) -> Self {
        self.serial = serial;
        self
    }

    /// Connects the virtio console to the socket at `path`; QEMU keeps trying if
    /// nobody listens there yet.
    #[must_use]
    pub fn agent_socket(mut self, path: &Path) -> Self {
        self.agent = Some(path.to_owned());
        self
    }

    /// A disk: its sectors are the bytes of the file at `path`.
    #[must_use]
    pub fn disk(mut self, path: &Path) -> Self {
        self.disk = Some(path.to_owned());
        self
    }

    /// One clock tick for each instruction, so that runs can be compared.
    #[must_use]
    pub const fn instruction_count(mut self, on: bool) -> Self {
        self.instruction_count = on;
        self
    }

    /// Waits for gdb at port 1234 before the first instruction.
    #[must_use]
    pub const fn gdb(mut self, on: bool) -> Self {
        self.gdb = on;
        self
    }

    /// Writes the processor's state to `path` whenever it is reset, a triple fault included.
    #[must_use]
    pub fn log(mut self, path: &Path) -> Self {
        self.log = Some(path.to_owned());
        self
    }

    /// One more argument, after all others.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.extra.push(argument.to_owned());
        self
    }

    /// The command that starts it, for [`process::Tied`].
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = process::command(PROGRAM);
        command.args(self.arguments());
        command
    }

    fn arguments(&self) -> Vec<String> {
        let mut line = Line::default();
        line.add(
            "-machine",
            match self.kind {
                MachineKind::Microvm => "microvm,pit=on,pic=on,rtc=off,acpi=off,isa-serial=on",
                MachineKind::Q35 => "q35",
            },
        );
        line.add("-accel", &self.accelerator).add("-cpu", "max");
        line.add("-m", &self.memory.to_string());
        // qboot is the quicker firmware, but on q35 it jumps into nothing if a
        // socket that QEMU connects to has no listener yet (seen in QEMU 7.2).
        if self.kind == MachineKind::Microvm {
            line.add("-bios", "qboot.rom");
        }
        // A reset (a triple fault) ends QEMU instead of starting all over.
        line.flag("-nodefaults")
            .flag("-no-user-config")
            .flag("-no-reboot");
        line.add("-display", "none");
        line.add("-kernel", &self.kernel.to_string_lossy());
        if let Some(ramdisk) = &self.ramdisk {
            line.add("-initrd", &ramdisk.to_string_lossy());
        }
        line.add("-device", "isa-debug-exit,iobase=0xf4,iosize=4");
        self.add_serial(&mut line);
        if self.kind == MachineKind::Microvm && (self.agent.is_some() || self.disk.is_some()) {
            line.add("-global", "virtio-mmio.force-legacy=false");
        }
        self.add_agent(&mut line);
        self.add_disk(&mut line);
        if self.instruction_count {
            line.add("-icount", "shift=0,sleep=off");
        }
        if self.gdb {
            line.flag("-s").flag("-S");
        }
        if let Some(log) = &self.log {
            line.add("-d", "cpu_reset")
                .add("-D", &log.to_string_lossy());
        }
        line.0.extend(self.extra.iter().cloned());
        line.0
    }

    fn add_serial(&self, line: &mut Line) {
        // signal=off: Ctrl-C is a key like any other, and goes to the guest.
        let mux = if self.serial == Serial::Terminal {
            ",mux=on"
        } else {
            ""
        };
        line.add("-chardev", &format!("stdio,id=console,signal=off{mux}"));
        line.add("-serial", "chardev:console");
        if self.serial == Serial::Terminal {
            line.add("-mon", "chardev=console,mode=readline")
                .add("-echr", "1");
        }
    }

    fn add_agent(&self, line: &mut Line) {
        let Some(socket) = &self.agent else { return };
        // Commas separate options, so one in a path is doubled.
        let socket = socket.to_string_lossy().replace(',', ",,");
        let device = match self.kind {
            MachineKind::Microvm => "virtio-serial-device,max_ports=1",
            MachineKind::Q35 => "virtio-serial-pci,max_ports=1",
        };
        line.add(
            "-chardev",
            &format!("socket,id=agent,path={socket},server=off,reconnect=1"),
        );
        line.add("-device", device)
            .add("-device", "virtconsole,chardev=agent");
    }

    fn add_disk(&self, line: &mut Line) {
        let Some(disk) = &self.disk else { return };
        let disk = disk.to_string_lossy().replace(',', ",,");
        let device = match self.kind {
            MachineKind::Microvm => "virtio-blk-device",
            MachineKind::Q35 => "virtio-blk-pci",
        };
        line.add("-drive", &format!("if=none,id=disk,format=raw,file={disk}"))
            .add("-device", &format!("{device},drive=disk"));
    }
}

/// Shows the command as a line for a shell.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PROGRAM}")?;
        for argument in self.arguments() {
            write!(f, " {}", quoted(&argument))?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Line(Vec<String>);

impl Line {
    fn flag(&mut self, name: &str) -> &mut Self {
        self.0.push(name.to_owned());
        self
    }

    fn add(&mut self, name: &str, value: &str) -> &mut Self {
        self.flag(name).flag(value)
    }
}

fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=,.:/+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
