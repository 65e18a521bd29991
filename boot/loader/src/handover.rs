//! The last step: into the kernel's address space, and to its entry point.

use core::{arch::asm, slice};

use bootloader_api::{BootInfo, info::MemoryRegion};
use proviso_loader_core::memory::Regions;

/// Everything that the last step needs.
pub struct Handover {
    /// Physical address of the kernel's top page table.
    pub root: u64,
    /// Virtual address for the boot information, with [`BOOT_INFO_BYTES`] mapped behind it.
    pub boot_info: u64,
    /// The memory map; everything the loader allocated is in it.
    pub regions: Regions,
    /// The boot information but for the memory map.
    pub fill: Filled,
    /// Virtual address of the top of the kernel's stack.
    pub stack_top: u64,
    /// Virtual address of the kernel's entry point.
    pub entry: u64,
}

/// What goes into the boot information besides the memory map.
pub struct Filled {
    /// See [`BootInfo::physical_memory_offset`].
    pub physical_memory_offset: Option<u64>,
    /// See [`BootInfo::recursive_index`].
    pub recursive_index: Option<u16>,
    /// See [`BootInfo::rsdp_addr`].
    pub rsdp_addr: Option<u64>,
    /// See [`BootInfo::tls_template`].
    pub tls_template: Option<bootloader_api::info::TlsTemplate>,
    /// See [`BootInfo::ramdisk_addr`].
    pub ramdisk_addr: u64,
    /// See [`BootInfo::ramdisk_len`].
    pub ramdisk_len: u64,
    /// See [`BootInfo::kernel_addr`].
    pub kernel_addr: u64,
    /// See [`BootInfo::kernel_len`].
    pub kernel_len: u64,
    /// See [`BootInfo::kernel_stack_bottom`].
    pub kernel_stack_bottom: u64,
    /// See [`BootInfo::kernel_stack_len`].
    pub kernel_stack_len: u64,
}

/// Offset of the memory map behind the boot information.
const REGIONS_OFFSET: usize = size_of::<BootInfo>().next_multiple_of(align_of::<MemoryRegion>());

/// Room for the boot information and the longest memory map.
pub const BOOT_INFO_BYTES: u64 =
    (REGIONS_OFFSET + proviso_loader_core::memory::MAX_REGIONS * size_of::<MemoryRegion>()) as u64;

impl Handover {
    /// Enters the kernel.
    pub fn enter(self) -> ! {
        // SAFETY: the new address space maps the loader (code, data and this stack)
        // where it is, with the rights it needs.
        unsafe { asm!("mov cr3, {}", in(reg) self.root, options(nostack, preserves_flags)) };
        let boot_info = self.boot_info as *mut BootInfo;
        // SAFETY:
        // 1. BOOT_INFO_BYTES are mapped writable at `boot_info`, a page boundary, in the
        //    address space that is now active; nothing refers to them yet.
        // 2. The regions fit, because `Regions` holds at most MAX_REGIONS.
        // 3. Both live until the kernel frees them: its memory map does not call them usable.
        let regions = unsafe {
            let regions = boot_info.byte_add(REGIONS_OFFSET).cast::<MemoryRegion>();
            regions.copy_from_nonoverlapping(self.regions.as_ptr(), self.regions.len());
            slice::from_raw_parts_mut(regions, self.regions.len())
        };
        let info = self.fill.into_boot_info(regions);
        // SAFETY: as above. The kernel's entry point takes the boot information in rdi and
        // finds the stack as after a call (System V ABI 3.2.2), with 0 for a return address.
        unsafe {
            boot_info.write(info);
            asm!(
                "mov rsp, {stack}",
                "xor ebp, ebp",
                "push 0",
                "jmp {entry}",
                stack = in(reg) self.stack_top,
                entry = in(reg) self.entry,
                in("rdi") boot_info,
                options(noreturn),
            )
        }
    }
}

impl Filled {
    fn into_boot_info(self, regions: &'static mut [MemoryRegion]) -> BootInfo {
        let mut info = BootInfo::new(regions.into());
        info.physical_memory_offset = self.physical_memory_offset.into();
        info.recursive_index = self.recursive_index.into();
        info.rsdp_addr = self.rsdp_addr.into();
        info.tls_template = self.tls_template.into();
        info.ramdisk_addr = Some(self.ramdisk_addr).into();
        info.ramdisk_len = self.ramdisk_len;
        info.kernel_addr = self.kernel_addr;
        info.kernel_len = self.kernel_len;
        info.kernel_stack_bottom = self.kernel_stack_bottom;
        info.kernel_stack_len = self.kernel_stack_len;
        info
    }
}
