//! Reading a ramdisk in place: check once, then look things up.

use tar_no_std::{ArchiveEntry, TarArchiveRef};

use crate::{BootConfig, CONFIG_PATH, KERNEL_PATH, PROGRAM_FOLDER, RamdiskError, trailer};

/// A checked ramdisk, borrowed from the memory that it lies in.
#[derive(Clone, Debug)]
pub struct Ramdisk<'a> {
    archive: TarArchiveRef<'a>,
}

impl<'a> Ramdisk<'a> {
    /// Checks `image` (the tar and its trailer) and opens it.
    ///
    /// # Errors
    /// When the image is cut short, damaged, or no tar archive.
    pub fn open(image: &'a [u8]) -> Result<Self, RamdiskError> {
        let (archive, promised) = trailer::split(image)?;
        let computed = crc32fast::hash(archive);
        if computed != promised {
            return Err(RamdiskError::WrongChecksum { promised, computed });
        }
        Self::from_archive(archive)
    }

    /// Opens an image whose checksum somebody before us has checked.
    ///
    /// The kernel's way: the loader has read every byte already, and twice
    /// would cost milliseconds of boot. All else is checked as in [`open`](Self::open).
    ///
    /// # Errors
    /// When the image has no trailer or is no tar archive.
    pub fn reopen(image: &'a [u8]) -> Result<Self, RamdiskError> {
        Self::from_archive(trailer::split(image)?.0)
    }

    fn from_archive(bytes: &'a [u8]) -> Result<Self, RamdiskError> {
        let archive = TarArchiveRef::new(bytes).map_err(RamdiskError::NotTar)?;
        for (index, entry) in archive.entries().enumerate() {
            let header = entry.posix_header();
            let readable = header.name.as_str().is_ok_and(|path| !path.is_empty());
            if !readable || !header.prefix.is_empty() {
                return Err(RamdiskError::BadPath { index });
            }
        }
        Ok(Self { archive })
    }

    /// Every file in the ramdisk, in the order it was packed.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.archive.entries().map(Entry)
    }

    /// The content of the file at `path`, the first if there are several.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&'a [u8]> {
        self.entries()
            .find(|entry| entry.path() == path)
            .map(|entry| entry.data())
    }

    /// The kernel's ELF file.
    #[must_use]
    pub fn kernel(&self) -> Option<&'a [u8]> {
        self.find(KERNEL_PATH)
    }

    /// The ELF file of the program `name`.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<&'a [u8]> {
        self.programs()
            .find(|entry| entry.program() == Some(name))
            .map(|entry| entry.data())
    }

    /// The files under `bin/`.
    pub fn programs(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.entries().filter(|entry| entry.program().is_some())
    }

    /// The boot configuration; an empty one if there is none or it is not UTF-8.
    #[must_use]
    pub fn config(&self) -> BootConfig<'a> {
        let text = self
            .find(CONFIG_PATH)
            .and_then(|bytes| core::str::from_utf8(bytes).ok());
        BootConfig::new(text.unwrap_or_default())
    }
}

/// One file of a ramdisk.
#[derive(Debug)]
pub struct Entry<'a>(ArchiveEntry<'a>);

impl<'a> Entry<'a> {
    /// The file's path, such as `bin/shell`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.posix_header().name.as_str().unwrap_or_default()
    }

    /// The program's name, for a file directly under `bin/`.
    #[must_use]
    pub fn program(&self) -> Option<&str> {
        let name = self.path().strip_prefix(PROGRAM_FOLDER)?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }

    /// The file's content.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        self.0.data()
    }
}
