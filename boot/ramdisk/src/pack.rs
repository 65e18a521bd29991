//! Packing a ramdisk on the host.

use std::io;

use tar::{Builder, Header};

use crate::{CONFIG_PATH, KERNEL_PATH, PROGRAM_FOLDER, trailer};

/// Collects files and turns them into a ramdisk.
///
/// The same files give the same bytes: no times, owners or paths of the host go in.
pub struct Packer {
    tar: Builder<Vec<u8>>,
}

impl Packer {
    /// A ramdisk without files.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tar: Builder::new(Vec::new()),
        }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When `path` has more than 100 bytes or is absolute.
    pub fn file(mut self, path: &str, content: &[u8]) -> io::Result<Self> {
        let mut header = Header::new_ustar();
        header.set_path(path)?;
        if header.as_ustar().is_some_and(|ustar| ustar.prefix[0] != 0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{path}: longer than the 100 bytes that a ramdisk's path may have"),
            ));
        }
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_cksum();
        self.tar.append(&header, content)?;
        Ok(self)
    }

    /// Adds the kernel.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn kernel(self, elf: &[u8]) -> io::Result<Self> {
        self.file(KERNEL_PATH, elf)
    }

    /// Adds the program `name`.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn program(self, name: &str, elf: &[u8]) -> io::Result<Self> {
        self.file(&format!("{PROGRAM_FOLDER}{name}"), elf)
    }

    /// Adds the boot configuration.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn config<'a>(
        self,
        entries: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> io::Result<Self> {
        let text: String = entries
            .into_iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        self.file(CONFIG_PATH, text.as_bytes())
    }

    /// Ends the archive and appends the trailer.
    ///
    /// # Errors
    /// When the archive has 4 GiB or more.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        let mut image = self.tar.into_inner()?;
        let trailer = trailer::encode(&image).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a ramdisk must be smaller than 4 GiB",
            )
        })?;
        image.extend_from_slice(&trailer);
        Ok(image)
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self::new()
    }
}
