//! Everything that can stop a boot, each as one sentence.

use proviso_ramdisk::RamdiskError;
use thiserror::Error;

/// Why the kernel cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LoadError {
    /// The firmware left no start information, or one of another kind.
    #[error(
        "the firmware passed no PVH start information (magic {magic:#010x}); start the loader with QEMU's -kernel"
    )]
    NoStartInfo {
        /// What stands where the magic number should be.
        magic: u32,
    },
    /// Version 0 has no memory map.
    #[error(
        "the firmware's PVH start information is of version {version} and has no memory map; use a newer QEMU"
    )]
    NoMemoryMap {
        /// Version of the start information.
        version: u32,
    },
    /// More entries than there is room for.
    #[error("the firmware's memory map has {entries} entries, and at most {max} are supported")]
    MemoryMapTooLong {
        /// Entries in the map.
        entries: usize,
        /// Entries there is room for.
        max: usize,
    },
    /// A pointer to memory that the loader cannot reach.
    #[error(
        "the firmware put its {what} at {address:#x}, beyond the 4 GiB that the loader can reach"
    )]
    OutOfReach {
        /// What lies there.
        what: &'static str,
        /// Where it lies.
        address: u64,
    },
    /// No module was passed.
    #[error("there is no ramdisk; pass one with QEMU's -initrd")]
    NoRamdisk,
    /// The module is not a ramdisk.
    #[error("{0}")]
    BadRamdisk(#[from] RamdiskError),
    /// The ramdisk has no `kernel`.
    #[error("the ramdisk has no file named kernel; pack it again")]
    NoKernel,
    /// The kernel's ELF file is unusable.
    #[error("the kernel cannot be loaded: {0}")]
    BadKernel(#[from] KernelError),
    /// The kernel asks for something that cannot be given.
    #[error("the kernel's boot configuration cannot be met: {0}")]
    BadConfig(#[from] ConfigError),
    /// Not enough free memory.
    #[error(
        "too little memory: {needed_bytes} bytes for {what}, but only {free_bytes} are free; \
         start the machine with more (./qemu.sh --memory)"
    )]
    TooLittleMemory {
        /// What the memory is for.
        what: &'static str,
        /// How much it takes.
        needed_bytes: u64,
        /// How much is left.
        free_bytes: u64,
    },
    /// More page tables than there is room for.
    #[error("the machine has more memory than the loader can map with {max} page tables")]
    TooManyTables {
        /// Tables there is room for.
        max: usize,
    },
    /// Two mappings want the same address.
    #[error("two parts of the kernel's address space want the page at {address:#x}")]
    Overlap {
        /// The address in question.
        address: u64,
    },
}

/// What is wrong with the kernel's ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KernelError {
    /// Not an ELF file, or its tables are outside the file.
    #[error("it is not a valid ELF file")]
    NotElf,
    /// Another machine, class or type.
    #[error("it is not a 64-bit x86-64 executable linked at a fixed address")]
    NotExecutable,
    /// Nothing to load.
    #[error("it has no segment to load")]
    NoSegments,
    /// More segments than there is room for.
    #[error("it has more than {max} segments to load")]
    TooManySegments {
        /// Segments there is room for.
        max: usize,
    },
    /// A segment may be written and executed.
    #[error("its segment at {address:#x} is both writable and executable")]
    WritableCode {
        /// Virtual address of the segment.
        address: u64,
    },
    /// A segment's data are outside the file, or its sizes contradict.
    #[error("its segment at {address:#x} has contents outside the file")]
    BadSegment {
        /// Virtual address of the segment.
        address: u64,
    },
    /// A segment is not in the upper half of the address space.
    #[error("its segment at {address:#x} is not in the upper half of the address space")]
    LowerHalf {
        /// Virtual address of the segment.
        address: u64,
    },
    /// Two segments share a page, so that they cannot have different rights.
    #[error(
        "two of its segments share the page at {address:#x}; align them in its linker script, and link with -z norelro"
    )]
    SharedPage {
        /// Virtual address of the page.
        address: u64,
    },
    /// The entry point is not in an executable segment.
    #[error("its entry point {address:#x} is not in executable memory")]
    BadEntry {
        /// Virtual address of the entry point.
        address: u64,
    },
    /// No section `.bootloader-config`.
    #[error("it has no .bootloader-config section; use bootloader_api::entry_point!")]
    NoConfig,
}

/// What in a `BootloaderConfig` cannot be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// `BootloaderConfig::deserialize` refuses it.
    #[error("its serialised form is broken ({0})")]
    Broken(&'static str),
    /// Built with another version of `bootloader_api`.
    #[error("it is of bootloader_api {major}.{minor}, and the loader of {own_major}.{own_minor}")]
    Version {
        /// The kernel's major version.
        major: u16,
        /// The kernel's minor version.
        minor: u16,
        /// The loader's major version.
        own_major: u16,
        /// The loader's minor version.
        own_minor: u16,
    },
    /// Something that this loader does not do.
    #[error("it asks for {0}, which this loader does not offer")]
    NotOffered(&'static str),
    /// An address that cannot be mapped.
    #[error("the address {address:#x} for {what} is not canonical or not aligned")]
    BadAddress {
        /// What should go there.
        what: &'static str,
        /// The address asked for.
        address: u64,
    },
    /// No stack at all, or more than any machine has.
    #[error("a kernel stack of {bytes} bytes")]
    BadStackSize {
        /// The size asked for.
        bytes: u64,
    },
    /// No free part of the address space.
    #[error("no free address range is left for {what}")]
    NoRoom {
        /// What was to be placed.
        what: &'static str,
    },
}
