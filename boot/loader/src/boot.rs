//! From the start information to a kernel that is ready to be entered.

use bootloader_api::config::Mapping;
use proviso_loader_core::{
    LARGE_PAGE_BYTES, LoadError, PAGE_BYTES,
    kernel::{Access, Kernel, Segment},
    memory::{MemoryMap, PhysRange, REACH, RawRegion},
    page_down,
    paging::{AddressSpace, Flags, PageSize},
    pvh::{Module, StartInfo},
    space::{Item, Slots, recursive_index},
};
use proviso_ramdisk::Ramdisk;

use crate::{
    handover::{BOOT_INFO_BYTES, Filled, Handover},
    image,
    memory::{FreeMemory, bytes_at},
};

type Space = AddressSpace<FreeMemory>;

/// Data pages: written, not executed.
const DATA: Flags = Flags::WRITABLE.union(Flags::NO_EXECUTE);

/// Does everything but the jump.
pub fn prepare(start_info: u64) -> Result<Handover, LoadError> {
    let info = StartInfo::decode(&read(start_info, "start information")?)?;
    let module = ramdisk_module(&info)?;
    let mut map = memory_map(&info)?;
    map.keep(image::whole())?;
    map.keep(PhysRange::pages_around(module.start, module.len))?;

    // SAFETY: the ramdisk is kept, so nothing is allocated where it lies.
    let ramdisk = unsafe { bytes_at(module.start, module.len, "ramdisk") }?;
    let kernel_file = Ramdisk::open(ramdisk)?
        .kernel()
        .ok_or(LoadError::NoKernel)?;
    let kernel = Kernel::parse(kernel_file)?;

    // SAFETY: the loader and the ramdisk are kept. What else the firmware left has been
    // copied out of its memory by now.
    let mut space = AddressSpace::new(unsafe { FreeMemory::take(&map) })?;
    map_loader(&mut space)?;
    for segment in &kernel.segments {
        load_segment(&mut space, segment)?;
    }
    let physical_bytes = map
        .end_of_ram()
        .max(REACH)
        .next_multiple_of(LARGE_PAGE_BYTES);
    let mut slots = Slots::beside(&kernel, physical_bytes)?;
    let (stack_bottom, stack_len) = map_stack(&mut space, &mut slots, &kernel)?;
    let fill = Filled {
        physical_memory_offset: map_physical(&mut space, &mut slots, &kernel, physical_bytes)?,
        recursive_index: map_recursive(&mut space, &mut slots, &kernel)?,
        rsdp_addr: (info.rsdp != 0).then_some(info.rsdp),
        tls_template: kernel.tls,
        ramdisk_addr: map_ramdisk(&mut space, &mut slots, &kernel, module)?,
        ramdisk_len: module.len,
        kernel_addr: kernel_file.as_ptr() as u64,
        kernel_len: kernel_file.len() as u64,
        kernel_stack_bottom: stack_bottom,
        kernel_stack_len: stack_len,
    };
    let boot_info = map_boot_info(&mut space, &mut slots, &kernel)?;
    map.keep(space.memory().used())?;
    Ok(Handover {
        root: space.root(),
        boot_info,
        regions: map.regions(),
        fill,
        stack_top: stack_bottom + stack_len,
        entry: kernel.entry,
    })
}

/// Copies `N` bytes that the firmware says hold `what`.
fn read<const N: usize>(address: u64, what: &'static str) -> Result<[u8; N], LoadError> {
    // SAFETY: the bytes are copied before anything is written to memory.
    let bytes = unsafe { bytes_at(address, N as u64, what) }?;
    bytes
        .first_chunk()
        .copied()
        .ok_or(LoadError::OutOfReach { what, address })
}

fn ramdisk_module(info: &StartInfo) -> Result<Module, LoadError> {
    if info.modules == 0 {
        return Err(LoadError::NoRamdisk);
    }
    let module = Module::decode(&read(info.module_list, "module list")?);
    if module.len == 0 {
        Err(LoadError::NoRamdisk)
    } else {
        Ok(module)
    }
}

fn memory_map(info: &StartInfo) -> Result<MemoryMap, LoadError> {
    let bytes = u64::from(info.memory_map_entries) * RawRegion::BYTES as u64;
    // SAFETY: the map is copied before anything is written to memory.
    let entries = unsafe { bytes_at(info.memory_map, bytes, "memory map") }?;
    let (entries, _) = entries.as_chunks::<{ RawRegion::BYTES }>();
    MemoryMap::new(entries.iter().map(RawRegion::decode))
}

/// Maps the loader where it is, for the time until the kernel has tables of its own:
/// code, stack, segment and exception tables stay valid.
fn map_loader(space: &mut Space) -> Result<(), LoadError> {
    for (range, flags) in image::parts() {
        space.map(
            range.start,
            range.start,
            range.len(),
            PageSize::Small,
            flags,
        )?;
    }
    Ok(())
}

fn load_segment(space: &mut Space, segment: &Segment<'_>) -> Result<(), LoadError> {
    let pages = space
        .memory()
        .allocate(segment.page_bytes(), "the kernel")?;
    let start = (segment.address - segment.first_page()) as usize;
    let (head, rest) = pages.split_at_mut(start);
    let (contents, tail) = rest.split_at_mut(segment.contents.len());
    head.fill(0);
    contents.copy_from_slice(segment.contents);
    tail.fill(0);
    let flags = match segment.access {
        Access::Read => Flags::NO_EXECUTE,
        Access::Write => DATA,
        Access::Execute => Flags::empty(),
    };
    let physical = head.as_ptr() as u64;
    space.map(
        segment.first_page(),
        physical,
        segment.page_bytes(),
        PageSize::Small,
        flags,
    )
}

/// Returns the stack's lowest address and its length. The page below is never mapped.
fn map_stack(
    space: &mut Space,
    slots: &mut Slots,
    kernel: &Kernel<'_>,
) -> Result<(u64, u64), LoadError> {
    let bytes = kernel.config.kernel_stack_size.next_multiple_of(PAGE_BYTES);
    let mapping = kernel.config.mappings.kernel_stack;
    let guard = slots.place(&small("the kernel's stack", mapping, bytes + PAGE_BYTES))?;
    let pages = space.memory().allocate(bytes, "the kernel's stack")?;
    let bottom = guard + PAGE_BYTES;
    space.map(bottom, pages.as_ptr() as u64, bytes, PageSize::Small, DATA)?;
    Ok((bottom, bytes))
}

fn map_physical(
    space: &mut Space,
    slots: &mut Slots,
    kernel: &Kernel<'_>,
    bytes: u64,
) -> Result<Option<u64>, LoadError> {
    let Some(mapping) = kernel.config.mappings.physical_memory else {
        return Ok(None);
    };
    let (what, alignment) = ("the physical memory map", LARGE_PAGE_BYTES);
    let address = slots.place(&Item {
        what,
        mapping,
        bytes,
        alignment,
    })?;
    space.map(address, 0, bytes, PageSize::Large, DATA)?;
    Ok(Some(address))
}

fn map_recursive(
    space: &mut Space,
    slots: &mut Slots,
    kernel: &Kernel<'_>,
) -> Result<Option<u16>, LoadError> {
    let Some(mapping) = kernel.config.mappings.page_table_recursive else {
        return Ok(None);
    };
    let address = slots.place(&small("the recursive page table", mapping, PAGE_BYTES))?;
    let index = recursive_index(address)?;
    space.map_recursive(index)?;
    Ok(Some(index))
}

/// Maps the ramdisk read-only, and returns the address of its first byte.
fn map_ramdisk(
    space: &mut Space,
    slots: &mut Slots,
    kernel: &Kernel<'_>,
    module: Module,
) -> Result<u64, LoadError> {
    let pages = PhysRange::pages_around(module.start, module.len);
    let mapping = kernel.config.mappings.ramdisk_memory;
    let address = slots.place(&small("the ramdisk", mapping, pages.len()))?;
    space.map(
        address,
        pages.start,
        pages.len(),
        PageSize::Small,
        Flags::NO_EXECUTE,
    )?;
    Ok(address + (module.start - page_down(module.start)))
}

fn map_boot_info(
    space: &mut Space,
    slots: &mut Slots,
    kernel: &Kernel<'_>,
) -> Result<u64, LoadError> {
    let mapping = kernel.config.mappings.boot_info;
    let address = slots.place(&small("the boot information", mapping, BOOT_INFO_BYTES))?;
    let pages = space
        .memory()
        .allocate(BOOT_INFO_BYTES, "the boot information")?;
    space.map(
        address,
        pages.as_ptr() as u64,
        BOOT_INFO_BYTES,
        PageSize::Small,
        DATA,
    )?;
    Ok(address)
}

const fn small(what: &'static str, mapping: Mapping, bytes: u64) -> Item {
    Item {
        what,
        mapping,
        bytes,
        alignment: PAGE_BYTES,
    }
}
