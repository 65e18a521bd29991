//! Programs: ELF files from the ramdisk, checked before anything is mapped.
//!
//! The ramdisk comes from outside, so an image proves nothing about itself: a
//! [`Program`] exists only if every segment lies where programs may lie, none
//! is writable and executable, and the entry is in code.

use alloc::vec::Vec;
use core::fmt;

use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_EXEC, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_TLS};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;
use proviso_abi::Name;
use proviso_abi::layout::{HEAP_BASE, PAGE, STACK_SIZE, STACK_TOP};

use crate::machine::Access;

/// The most segments that a program can have; linkers make four or five.
const MAX_SEGMENTS: usize = 8;

/// Why an image is not a program that this kernel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramError {
    /// Not an ELF file, or cut short.
    NotElf,
    /// For another processor, or of another kind than a plain executable.
    NotExecutable,
    /// It needs a dynamic linker or thread-local storage.
    NotStatic,
    /// More segments than [`MAX_SEGMENTS`], or none.
    SegmentCount,
    /// A segment's bytes lie outside the file, or are more than its memory.
    BadSegment,
    /// A segment lies where no program may be.
    BadAddress,
    /// Two segments share a page.
    Overlap,
    /// A segment is writable and executable.
    WritableCode,
    /// The entry is not in an executable segment.
    BadEntry,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotElf => "not a whole ELF file",
            Self::NotExecutable => "not a 64-bit x86 executable of fixed addresses",
            Self::NotStatic => "needs a dynamic linker or thread-local storage; link it statically",
            Self::SegmentCount => "has no segment to load, or more than 8",
            Self::BadSegment => "has a segment whose bytes are not in the file",
            Self::BadAddress => "has a segment outside of the addresses for programs",
            Self::Overlap => "has two segments in one page; align them to 4096 bytes",
            Self::WritableCode => "has a segment that is writable and executable",
            Self::BadEntry => "starts outside of its code",
        })
    }
}

/// Pages to be mapped, and the bytes in them: those of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The first page's address.
    pub address: u64,
    /// How many pages.
    pub pages: u64,
    /// What the process may do there.
    pub access: Access,
    /// Where the bytes go; at `address` or above.
    pub data_address: u64,
    /// The bytes; the rest of the pages is zero.
    pub data: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Pages of zeroes, to be written to.
    #[must_use]
    pub const fn zeroed(address: u64, pages: u64) -> Self {
        Self {
            address,
            pages,
            access: Access::Write,
            data_address: address,
            data: &[],
        }
    }

    /// The bytes that go into a page, and how far into it they begin.
    #[inline]
    #[must_use]
    pub fn content_of(&self, page: u64) -> (usize, &'a [u8]) {
        let skipped = page.saturating_sub(self.data_address) as usize;
        let offset = self.data_address.saturating_sub(page);
        let room = PAGE.saturating_sub(offset) as usize;
        let bytes = self.data.get(skipped..).unwrap_or(&[]);
        (
            offset.min(PAGE) as usize,
            bytes.get(..room).unwrap_or(bytes),
        )
    }
}

/// A program that can be started.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name.
    pub name: Name,
    /// Where it starts.
    pub entry: u64,
    /// What is mapped before it starts, by address; the stack is not among it.
    pub segments: Vec<Segment<'static>>,
    /// Frames that a start takes: segments, stack and page tables.
    pub frames: u64,
}

impl Program {
    /// Checks an image.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(name: Name, image: &'static [u8]) -> Result<Self, ProgramError> {
        let file =
            ElfBytes::<LittleEndian>::minimal_parse(image).map_err(|_| ProgramError::NotElf)?;
        if file.ehdr.class != Class::ELF64
            || file.ehdr.e_machine != EM_X86_64
            || file.ehdr.e_type != ET_EXEC
        {
            return Err(ProgramError::NotExecutable);
        }
        let mut segments = Vec::new();
        for header in file.segments().ok_or(ProgramError::SegmentCount)?.iter() {
            match header.p_type {
                PT_INTERP | PT_DYNAMIC | PT_TLS => return Err(ProgramError::NotStatic),
                PT_LOAD if header.p_memsz > 0 => {
                    if segments.len() >= MAX_SEGMENTS {
                        return Err(ProgramError::SegmentCount);
                    }
                    segments.push(Segment::new(&header, image)?);
                }
                _ => {}
            }
        }
        segments.sort_by_key(|segment| segment.address);
        check(&segments, file.ehdr.e_entry)?;
        let frames = frames(&segments);
        Ok(Self {
            name,
            entry: file.ehdr.e_entry,
            segments,
            frames,
        })
    }
}

impl Segment<'static> {
    fn new(header: &ProgramHeader, image: &'static [u8]) -> Result<Self, ProgramError> {
        let access = match (header.p_flags & PF_W != 0, header.p_flags & PF_X != 0) {
            (true, true) => return Err(ProgramError::WritableCode),
            (true, false) => Access::Write,
            (false, true) => Access::Execute,
            (false, false) => Access::Read,
        };
        let end = header
            .p_vaddr
            .checked_add(header.p_memsz)
            .ok_or(ProgramError::BadAddress)?;
        // Page 0 stays unmapped so that a null pointer faults; the heap, the
        // stack and the kernel are all above HEAP_BASE.
        if header.p_vaddr < PAGE || end > HEAP_BASE {
            return Err(ProgramError::BadAddress);
        }
        let address = header.p_vaddr - header.p_vaddr % PAGE;
        Ok(Self {
            address,
            pages: (end - address).div_ceil(PAGE),
            access,
            data_address: header.p_vaddr,
            data: data(header, image).ok_or(ProgramError::BadSegment)?,
        })
    }

    const fn end(&self) -> u64 {
        self.address + self.pages * PAGE
    }
}

fn data(header: &ProgramHeader, image: &'static [u8]) -> Option<&'static [u8]> {
    if header.p_filesz > header.p_memsz {
        return None;
    }
    let start = usize::try_from(header.p_offset).ok()?;
    let length = usize::try_from(header.p_filesz).ok()?;
    image.get(start..start.checked_add(length)?)
}

/// What only shows in all segments together; they are sorted by address.
fn check(segments: &[Segment<'static>], entry: u64) -> Result<(), ProgramError> {
    if segments.is_empty() {
        return Err(ProgramError::SegmentCount);
    }
    if segments
        .iter()
        .zip(segments.iter().skip(1))
        .any(|(low, high)| low.end() > high.address)
    {
        return Err(ProgramError::Overlap);
    }
    let is_code = |segment: &Segment<'static>| {
        segment.access == Access::Execute && (segment.address..segment.end()).contains(&entry)
    };
    if segments.iter().any(is_code) {
        Ok(())
    } else {
        Err(ProgramError::BadEntry)
    }
}

/// Frames for the pages and for the page tables above them.
fn frames(segments: &[Segment<'static>]) -> u64 {
    let stack = (STACK_TOP - STACK_SIZE, STACK_SIZE / PAGE);
    let ranges = || segments.iter().map(|s| (s.address, s.pages)).chain([stack]);
    let pages: u64 = ranges().map(|(_, pages)| pages).sum();
    // A page table spans 2 MiB, the next level 1 GiB, the next 512 GiB; the
    // root is there once. Ranges are sorted, so equal tables are neighbours.
    let tables: u64 = [21, 30, 39]
        .map(|shift| {
            let (mut count, mut next) = (0, 0);
            for (address, pages) in ranges() {
                let first = (address >> shift).max(next);
                let last = (address + pages * PAGE - 1) >> shift;
                count += (last + 1).saturating_sub(first);
                next = last + 1;
            }
            count
        })
        .iter()
        .sum();
    1 + tables + pages
}
