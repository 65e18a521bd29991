//! The empty guest: exits at once. Starting it takes as long as QEMU itself takes,
//! which is what `./qemu.sh bench boot` subtracts.

#![no_std]
#![no_main]

use core::{arch::global_asm, panic::PanicInfo};

global_asm!(
    r#"
    .section .note.Xen, "a", @note
    .align 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad pvh_entry

    .section .text.entry, "ax"
    .code32
    .global pvh_entry
pvh_entry:
    mov dx, 0xf4
    mov eax, 16
    out dx, eax
    hlt
"#
);

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // Nothing above can panic.
    loop {
        core::hint::spin_loop();
    }
}
