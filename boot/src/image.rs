//! The ramdisk of a machine: kernel, programs, boot configuration.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use proviso_loader_core::kernel::Kernel;
use proviso_ramdisk::Packer;

use crate::guest::Guest;

/// How the shell writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Console {
    /// Colours, line editing and history, for a person at a terminal.
    Ansi,
    /// Plain lines, for programs.
    Plain,
}

impl fmt::Display for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ansi => "ansi",
            Self::Plain => "plain",
        })
    }
}

/// A way to damage a ramdisk, for tests of those who read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Only so many bytes are left.
    Truncate(usize),
    /// This bit (counted from the first byte's lowest) is the other way round.
    FlipBit(usize),
}

/// A ramdisk in the making.
#[derive(Clone, Debug)]
pub struct Image {
    kernel: Option<Vec<u8>>,
    programs: BTreeMap<String, Vec<u8>>,
    config: Vec<(String, String)>,
    damage: Option<Damage>,
}

impl Image {
    /// Kernel and all programs of `guest`, without symbols; `init=init`,
    /// `console=ansi`, `agent=yes`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(guest: &Guest) -> Result<Self> {
        let mut programs = BTreeMap::new();
        for (name, path) in &guest.programs {
            programs.insert(name.clone(), without_symbols(path)?);
        }
        let mut image = Self::with_kernel(without_symbols(&guest.kernel)?);
        image.programs = programs;
        Ok(image.init("init").console(Console::Ansi).agent(true))
    }

    /// Only this kernel, and no configuration.
    #[must_use]
    pub fn with_kernel(elf: Vec<u8>) -> Self {
        let (programs, config) = (BTreeMap::new(), Vec::new());
        Self {
            kernel: Some(elf),
            programs,
            config,
            damage: None,
        }
    }

    /// The program that the kernel starts first.
    #[must_use]
    pub fn init(self, program: &str) -> Self {
        self.config("init", program)
    }

    /// How the shell writes.
    #[must_use]
    pub fn console(self, console: Console) -> Self {
        self.config("console", &console.to_string())
    }

    /// Whether there is an agent to send sentences to.
    #[must_use]
    pub fn agent(self, agent: bool) -> Self {
        self.config("agent", if agent { "yes" } else { "no" })
    }

    /// Sets an entry of the boot configuration, in place of an earlier one.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.retain(|(own, _)| own != key);
        self.config.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds a program, in place of one of that name.
    #[must_use]
    pub fn program(mut self, name: &str, elf: Vec<u8>) -> Self {
        self.programs.insert(name.to_owned(), elf);
        self
    }

    /// Leaves a program out.
    #[must_use]
    pub fn without_program(mut self, name: &str) -> Self {
        self.programs.remove(name);
        self
    }

    /// Leaves the kernel out.
    #[must_use]
    pub fn without_kernel(mut self) -> Self {
        self.kernel = None;
        self
    }

    /// Damages the packed ramdisk.
    #[must_use]
    pub const fn damaged(mut self, damage: Damage) -> Self {
        self.damage = Some(damage);
        self
    }

    /// Checks that the loader will take the kernel, which is better learnt now
    /// than on a serial line.
    ///
    /// # Errors
    /// With the sentence that the loader would print.
    pub fn check(&self) -> Result<()> {
        if let Some(kernel) = &self.kernel {
            Kernel::parse(kernel)?;
        }
        Ok(())
    }

    /// The ramdisk's bytes.
    ///
    /// # Errors
    /// When a name is too long for a tar.
    pub fn pack(&self) -> Result<Vec<u8>> {
        let mut packer = Packer::new();
        // What is needed first comes first.
        packer = packer.config(self.config.iter().map(|(key, value)| (&**key, &**value)))?;
        if let Some(kernel) = &self.kernel {
            packer = packer.kernel(kernel)?;
        }
        for (name, elf) in &self.programs {
            packer = packer.program(name, elf)?;
        }
        let mut bytes = packer.finish().context("cannot pack the ramdisk")?;
        match self.damage {
            Some(Damage::Truncate(len)) => bytes.truncate(len),
            Some(Damage::FlipBit(bit)) => {
                if let Some(byte) = bytes.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            None => (),
        }
        Ok(bytes)
    }

    /// Packs the ramdisk into a file.
    ///
    /// # Errors
    /// When it cannot be packed or written.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.pack()?)
            .with_context(|| format!("cannot write the ramdisk to {}", path.display()))
    }
}

/// The file without symbols: a fifth of the bytes to check and copy at boot. Where
/// there is no `strip`, the file as it is, which boots just as well.
fn without_symbols(path: &Path) -> Result<Vec<u8>> {
    let stripped = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    let status = Command::new("strip")
        .arg("-o")
        .args([stripped.path(), path])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let source = if status.is_ok_and(|status| status.success()) {
        stripped.path()
    } else {
        path
    };
    fs::read(source).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use proviso_ramdisk::{Ramdisk, RamdiskError};

    use super::*;

    fn image() -> Image {
        Image::with_kernel(b"kernel".to_vec()).program("shell", b"old".to_vec())
    }

    #[test]
    fn later_settings_replace_earlier_ones() {
        let image = image()
            .config("console", "ansi")
            .console(Console::Plain)
            .agent(false)
            .program("shell", b"new".to_vec());
        let bytes = image.pack().unwrap();
        let ramdisk = Ramdisk::open(&bytes).unwrap();
        assert_eq!(ramdisk.kernel(), Some(&b"kernel"[..]));
        assert_eq!(ramdisk.program("shell"), Some(&b"new"[..]));
        assert_eq!(ramdisk.config().get("console"), Some("plain"));
        assert_eq!(ramdisk.config().get("agent"), Some("no"));
    }

    #[test]
    fn parts_can_be_left_out() {
        let bytes = image()
            .without_kernel()
            .without_program("shell")
            .pack()
            .unwrap();
        let ramdisk = Ramdisk::open(&bytes).unwrap();
        assert_eq!((ramdisk.kernel(), ramdisk.program("shell")), (None, None));
    }

    #[test]
    fn a_damaged_image_is_damaged() {
        let flipped = image().damaged(Damage::FlipBit(9000)).pack().unwrap();
        let refused = Ramdisk::open(&flipped).unwrap_err();
        assert!(matches!(refused, RamdiskError::WrongChecksum { .. }));
        let cut = image().damaged(Damage::Truncate(1000)).pack().unwrap();
        assert_eq!(cut.len(), 1000);
        assert!(Ramdisk::open(&cut).is_err());
    }

    #[test]
    fn a_kernel_that_the_loader_would_refuse_is_found_out() {
        let error = image().check().unwrap_err().to_string();
        assert!(error.contains("not a valid ELF file"), "{error}");
    }
}
