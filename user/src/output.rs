//! `print!` and `println!`: text to the console and the log, a line in one piece.

use core::fmt::{self, Write};

use crate::system;

/// Prints, like the `print!` of the standard library.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::output::print(format_args!($($argument)*)) };
}

/// Prints a line, like the `println!` of the standard library.
#[macro_export]
macro_rules! println {
    () => { $crate::output::print(format_args!("\n")) };
    ($($argument:tt)*) => {
        $crate::output::print(format_args!("{}\n", format_args!($($argument)*)))
    };
}

/// Collects a text on the stack (printing must work when memory is out) so that
/// an ordinary line is one system call and cannot be cut in two by others.
struct Piece {
    bytes: [u8; 256],
    used: usize,
}

impl Piece {
    fn flush(&mut self) {
        // Where to complain if writing fails? Nowhere.
        let _ = system::write(self.bytes.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}

impl Write for Piece {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.used == self.bytes.len() {
                self.flush();
            }
            if let Some(slot) = self.bytes.get_mut(self.used) {
                *slot = byte;
                self.used += 1;
            }
        }
        Ok(())
    }
}

/// What the macros expand to.
pub fn print(arguments: fmt::Arguments<'_>) {
    let mut piece = Piece {
        bytes: [0; 256],
        used: 0,
    };
    // An error can only come from a value that fails to format itself.
    let _ = piece.write_fmt(arguments);
    if piece.used > 0 {
        piece.flush();
    }
}
