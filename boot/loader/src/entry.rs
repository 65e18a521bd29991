//! The first instructions: from the 32-bit mode that PVH begins in to long mode.
//!
//! PVH (Xen `docs/misc/pvh.pandoc`): protected mode, flat segments, no paging,
//! interrupts off, `ebx` = start information. The only loops here are over the
//! entries of the page tables.

use core::arch::global_asm;

global_asm!(
    r#"
    # What makes QEMU start this file in protected mode: ELF note 18 of "Xen".
    .section .note.Xen, "a", @note
    .align 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad pvh_entry

    .section .text.entry, "ax"
    .code32
    .global pvh_entry
pvh_entry:
    cli
    cld
    mov esp, offset loader_stack_top

    # Long mode (bit 29) and no-execute (bit 20) are not there on every processor
    # that QEMU can be. cpuid destroys ebx.
    mov esi, ebx
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb 8f
    mov eax, 0x80000001
    cpuid
    and edx, (1 << 29) | (1 << 20)
    cmp edx, (1 << 29) | (1 << 20)
    jne 8f

    # Identity mapping of 4 GiB: 2048 large pages, present and writable.
    mov edi, offset loader_pd
    mov eax, (1 << 7) | 3
    mov ecx, 2048
2:  mov [edi], eax
    add edi, 8
    add eax, 0x200000
    dec ecx
    jnz 2b
    mov edi, offset loader_pdpt
    mov eax, offset loader_pd + 3
    mov ecx, 4
3:  mov [edi], eax
    add edi, 8
    add eax, 0x1000
    dec ecx
    jnz 3b
    mov dword ptr [loader_pml4], offset loader_pdpt + 3

    # CR4.PAE; CR3; EFER.LME and NXE; CR0.PG, WP and PE.
    mov eax, cr4
    or eax, 1 << 5
    mov cr4, eax
    mov eax, offset loader_pml4
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, (1 << 8) | (1 << 11)
    wrmsr
    mov eax, cr0
    or eax, (1 << 31) | (1 << 16) | 1
    mov cr0, eax
    lgdt [loader_gdt_pointer]
    mov eax, 8
    push eax
    mov eax, offset loader_long_mode
    push eax
    retf

    # No long mode: say so without it.
8:  mov esi, offset loader_no_long_mode
    mov dx, 0x3f8
9:  lodsb
    test al, al
    jz 4f
    out dx, al
    jmp 9b
4:  mov dx, 0xf4
    mov eax, 17
    out dx, eax
6:  hlt
    jmp 6b

    .code64
loader_long_mode:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov edi, esi
    xor ebp, ebp
    call loader_main
    ud2

    .section .rodata.entry, "a"
    .align 8
    # Null, 64-bit code, data; accessed bits set, so that nothing is written here.
loader_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
loader_gdt_pointer:
    .word 23
    .quad loader_gdt
loader_no_long_mode:
    .asciz "\r\nproviso loader: the processor has no long mode or no no-execute pages; use another -cpu\r\n"

    .section .bss.entry, "aw", @nobits
    .align 4096
loader_pml4:
    .skip 4096
loader_pdpt:
    .skip 4096
loader_pd:
    .skip 4 * 4096
    .skip 65536
loader_stack_top:
"#
);
