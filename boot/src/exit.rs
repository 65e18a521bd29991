//! What a machine's exit code means.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus};

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was shut down cleanly.
    Clean,
    /// The guest gave up; the reason is the last line on its console.
    Failure,
    /// The guest asks to be started again.
    Reboot,
    /// QEMU ended by itself: Ctrl-A X, or the machine reset itself (a triple fault).
    Quit,
    /// QEMU could not start or go on, and said why.
    QemuFailed,
    /// A code that neither the guest nor QEMU gives.
    Unknown(i32),
    /// QEMU was killed by a signal.
    Killed(i32),
}

impl Exit {
    /// The exit of a QEMU process.
    #[must_use]
    pub fn of(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::of_code(code),
            None => Self::Killed(status.signal().unwrap_or_default()),
        }
    }

    /// The meaning of a code: the guest writes 16, 17 or 18 to the exit device,
    /// and QEMU makes twice that plus one of it.
    #[must_use]
    pub const fn of_code(code: i32) -> Self {
        match code {
            33 => Self::Clean,
            35 => Self::Failure,
            37 => Self::Reboot,
            0 => Self::Quit,
            1 => Self::QemuFailed,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean => write!(f, "the machine shut down cleanly"),
            Self::Failure => {
                write!(
                    f,
                    "the machine failed (exit code 35); its last lines say why"
                )
            }
            Self::Reboot => write!(f, "the machine asks to be started again"),
            Self::Quit => write!(f, "QEMU ended without the machine having shut down"),
            Self::QemuFailed => write!(f, "QEMU failed (exit code 1); its message is above"),
            Self::Unknown(code) => write!(f, "QEMU crashed (exit code {code})"),
            Self::Killed(signal) => write!(f, "QEMU was killed by signal {signal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_guest_means() {
        let meanings = [
            (33, Exit::Clean),
            (35, Exit::Failure),
            (37, Exit::Reboot),
            (0, Exit::Quit),
            (1, Exit::QemuFailed),
            (34, Exit::Unknown(34)),
            (139, Exit::Unknown(139)),
        ];
        for (code, meaning) in meanings {
            assert_eq!(
                Exit::of(ExitStatus::from_raw(code << 8)),
                meaning,
                "code {code}"
            );
        }
    }

    #[test]
    fn a_signal_is_never_success() {
        let killed = Exit::of(ExitStatus::from_raw(9));
        assert_eq!(killed, Exit::Killed(9));
        assert_eq!(killed.to_string(), "QEMU was killed by signal 9");
    }
}
