//! The terminal as it was: QEMU makes it raw, and cannot put it back when killed.

use std::io::{self, IsTerminal};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};

/// The state of standard input, put back when this is dropped.
#[derive(Debug)]
pub struct Saved {
    settings: Option<Termios>,
    flags: Option<OFlags>,
}

/// Whether a person sits in front of us.
#[must_use]
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

impl Saved {
    /// Remembers the state of standard input.
    #[must_use]
    pub fn now() -> Self {
        let stdin = io::stdin();
        // Not a terminal: there are no settings, and nothing to put back.
        Self {
            settings: tcgetattr(&stdin).ok(),
            flags: fcntl_getfl(&stdin).ok(),
        }
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        let stdin = io::stdin();
        // Nothing can be done about a terminal that is gone.
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(&stdin, OptionalActions::Now, settings);
        }
        if let Some(flags) = self.flags {
            let _ = fcntl_setfl(&stdin, flags);
        }
    }
}
