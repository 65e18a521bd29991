//! What the shell knows without hardware: keys, lines, commands, words.
//!
//! Bytes come in ([`keys`], [`editor`]), are understood ([`commands`]), and what
//! the kernel says about them goes out as text ([`effects`], [`conversation`]).
//! Nothing here makes a system call, so all of it is tested on the host.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod commands;
pub mod conversation;
pub mod duration;
pub mod editor;
pub mod effects;
pub mod history;
pub mod keys;
pub mod line;
pub mod observe;
pub mod parse;
pub mod suggest;
pub mod table;
pub mod terminal;

pub use commands::{Input, Request};
pub use conversation::Conversation;
pub use editor::{Editor, Event};
pub use terminal::Terminal;

/// What stands at the beginning of a line that can be typed on.
pub const PROMPT: &str = "proviso> ";

/// What is asked before something is destroyed.
pub const QUESTION: &str = "go ahead? [y/N] ";
/// The most bytes of a line.
pub const MAX_LINE: usize = 512;

/// What the shell says first.
#[must_use]
pub fn greeting(terminal: Terminal) -> alloc::string::String {
    alloc::format!(
        "{}{}: say what you want in a sentence, such as \"start two counters\".\n\
         Commands begin with a slash and need no model: /help lists them.\n",
        // A shell that ended before may have left half a line.
        terminal.erase_line(),
        terminal.strong("Proviso")
    )
}
