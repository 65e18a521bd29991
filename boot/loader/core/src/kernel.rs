//! The kernel's ELF file: what to put where, with which rights.

use bootloader_api::{BootloaderConfig, config::ApiVersion, info::TlsTemplate};
use elf::{ElfBytes, abi, endian::LittleEndian, segment::ProgramHeader};
use heapless::Vec;

use crate::{
    LoadError,
    error::{ConfigError, KernelError},
    page_down, page_up,
};

/// Segments that a kernel may have.
pub const MAX_SEGMENTS: usize = 16;

/// The lowest address of the upper half, which kernels live in.
pub const UPPER_HALF: u64 = 0xffff_8000_0000_0000;

/// The section that `entry_point!` puts the configuration in.
const CONFIG_SECTION: &str = ".bootloader-config";

/// Largest stack that makes sense; more is a mistake in the configuration.
const MAX_STACK_BYTES: u64 = 1 << 30;

/// What may be done with a segment's memory besides reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Read,
    /// Writing.
    Write,
    /// Executing.
    Execute,
}

/// A part of the kernel's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Virtual address of the first byte, not always the first of a page.
    pub address: u64,
    /// Bytes in memory; those after [`contents`](Self::contents) are zero.
    pub memory_bytes: u64,
    /// Bytes from the file.
    pub contents: &'a [u8],
    /// Rights.
    pub access: Access,
}

impl Segment<'_> {
    /// Virtual address of the first page.
    #[must_use]
    pub const fn first_page(&self) -> u64 {
        page_down(self.address)
    }

    /// Bytes in the whole pages around the segment.
    #[must_use]
    pub const fn page_bytes(&self) -> u64 {
        page_up(self.end()).saturating_sub(self.first_page())
    }

    const fn end(&self) -> u64 {
        self.address.saturating_add(self.memory_bytes)
    }

    const fn contains(&self, address: u64) -> bool {
        self.address <= address && address < self.end()
    }
}

/// A kernel that can be loaded.
#[derive(Clone, Debug)]
pub struct Kernel<'a> {
    /// What to put in memory, by rising address.
    pub segments: Vec<Segment<'a>, MAX_SEGMENTS>,
    /// Virtual address to begin at.
    pub entry: u64,
    /// What the kernel asks of its loader.
    pub config: BootloaderConfig,
    /// Where the template of thread-local variables is, if there are any.
    pub tls: Option<TlsTemplate>,
}

impl<'a> Kernel<'a> {
    /// Checks the ELF file `bytes`.
    ///
    /// # Errors
    /// When it is no ELF file, cannot be mapped with W^X, or asks for what cannot be given.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let elf =
            ElfBytes::<LittleEndian>::minimal_parse(bytes).map_err(|_| KernelError::NotElf)?;
        if elf.ehdr.class != elf::file::Class::ELF64
            || elf.ehdr.e_machine != abi::EM_X86_64
            || elf.ehdr.e_type != abi::ET_EXEC
        {
            return Err(KernelError::NotExecutable.into());
        }
        let headers = elf.segments().ok_or(KernelError::NoSegments)?;
        let mut segments = Vec::new();
        for header in headers
            .iter()
            .filter(|h| h.p_type == abi::PT_LOAD && h.p_memsz > 0)
        {
            let segment = segment(&elf, &header)?;
            segments
                .push(segment)
                .map_err(|_| KernelError::TooManySegments { max: MAX_SEGMENTS })?;
        }
        segments.sort_unstable_by_key(|segment| segment.address);
        check_layout(&segments, elf.ehdr.e_entry)?;
        let tls = headers.iter().find(|header| header.p_type == abi::PT_TLS);
        Ok(Self {
            segments,
            entry: elf.ehdr.e_entry,
            config: config(&elf)?,
            tls: tls.map(|header| TlsTemplate {
                start_addr: header.p_vaddr,
                file_size: header.p_filesz,
                mem_size: header.p_memsz,
            }),
        })
    }
}

fn segment<'a>(
    elf: &ElfBytes<'a, LittleEndian>,
    header: &ProgramHeader,
) -> Result<Segment<'a>, KernelError> {
    let address = header.p_vaddr;
    let access = match (
        header.p_flags & abi::PF_W != 0,
        header.p_flags & abi::PF_X != 0,
    ) {
        (true, true) => return Err(KernelError::WritableCode { address }),
        (true, false) => Access::Write,
        (false, true) => Access::Execute,
        (false, false) => Access::Read,
    };
    if address < UPPER_HALF {
        return Err(KernelError::LowerHalf { address });
    }
    let contents = elf
        .segment_data(header)
        .map_err(|_| KernelError::BadSegment { address })?;
    // The topmost page stays free, so that no sum of addresses can wrap.
    let fits = address
        .checked_add(header.p_memsz)
        .is_some_and(|end| end < page_down(u64::MAX));
    if header.p_filesz > header.p_memsz || !fits {
        return Err(KernelError::BadSegment { address });
    }
    Ok(Segment {
        address,
        memory_bytes: header.p_memsz,
        contents,
        access,
    })
}

fn check_layout(segments: &[Segment<'_>], entry: u64) -> Result<(), KernelError> {
    if segments.is_empty() {
        return Err(KernelError::NoSegments);
    }
    for pair in segments.windows(2) {
        if let [low, high] = pair
            && page_up(low.end()) > high.first_page()
        {
            return Err(KernelError::SharedPage {
                address: high.first_page(),
            });
        }
    }
    let in_code =
        |segment: &Segment<'_>| segment.access == Access::Execute && segment.contains(entry);
    if segments.iter().any(in_code) {
        Ok(())
    } else {
        Err(KernelError::BadEntry { address: entry })
    }
}

fn config(elf: &ElfBytes<'_, LittleEndian>) -> Result<BootloaderConfig, LoadError> {
    let header = elf
        .section_header_by_name(CONFIG_SECTION)
        .map_err(|_| KernelError::NotElf)?;
    let header = header.ok_or(KernelError::NoConfig)?;
    let (bytes, compression) = elf
        .section_data(&header)
        .map_err(|_| KernelError::NoConfig)?;
    if compression.is_some() {
        return Err(KernelError::NoConfig.into());
    }
    let config = BootloaderConfig::deserialize(bytes).map_err(ConfigError::Broken)?;
    check_version(bytes)?;
    check_offered(&config)?;
    Ok(config)
}

/// Compares the version that the kernel was built with to ours. Patch releases
/// of `bootloader_api` leave the format alone.
fn check_version(serialised: &[u8]) -> Result<(), ConfigError> {
    let own = ApiVersion::default();
    let (own_major, own_minor) = (own.version_major(), own.version_minor());
    // After the 16-byte UUID; `BootloaderConfig` does not give its version away.
    let &[m0, m1, n0, n1] = serialised
        .get(16..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(ConfigError::Broken("invalid len"))?;
    let (major, minor) = (u16::from_le_bytes([m0, m1]), u16::from_le_bytes([n0, n1]));
    if (major, minor) == (own_major, own_minor) {
        Ok(())
    } else {
        Err(ConfigError::Version {
            major,
            minor,
            own_major,
            own_minor,
        })
    }
}

fn check_offered(config: &BootloaderConfig) -> Result<(), ConfigError> {
    if config.mappings.aslr {
        return Err(ConfigError::NotOffered("a randomised address space"));
    }
    if config.mappings.kernel_base != bootloader_api::config::Mapping::Dynamic {
        return Err(ConfigError::NotOffered(
            "a kernel base other than the one it is linked at",
        ));
    }
    let bytes = config.kernel_stack_size;
    if bytes == 0 || bytes > MAX_STACK_BYTES {
        return Err(ConfigError::BadStackSize { bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
