//! Three ways to a `core` library for the bare machine.
//!
//! rustup's compiled one, rustup's sources, or Debian's sources: whichever is there,
//! in this order, so that one command works on any machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// The guest's target.
pub const TARGET: &str = "x86_64-unknown-none";

/// Debian's compiler, from the packages `rustc-web`, `cargo-web`, `rust-web-src`.
const DEBIAN_BIN: &str = "/usr/bin";

/// A way to compile for the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The active toolchain has the target.
    Target,
    /// The active toolchain has the sources of the standard library.
    Sources,
    /// Debian's compiler has the sources; the linker is the active toolchain's.
    Debian {
        /// Path of `rust-lld`.
        linker: PathBuf,
    },
}

/// What the choice of a way depends on.
pub trait Machine {
    /// Whether the active toolchain has a compiled library for the target.
    fn has_target(&self) -> bool;
    /// Tries to fetch that library; whether it is there now.
    fn fetch_target(&self) -> bool;
    /// Whether the active toolchain has the library's sources.
    fn has_sources(&self) -> bool;
    /// Whether Debian's compiler is there with sources.
    fn has_debian(&self) -> bool;
    /// The active toolchain's linker.
    fn linker(&self) -> Option<PathBuf>;
}

/// Chooses the first way that works on `machine`, or none.
pub fn choose(machine: &impl Machine) -> Option<Way> {
    if machine.has_target() {
        return Some(Way::Target);
    }
    let debian = || machine.has_debian().then(|| machine.linker()).flatten();
    // Fetching comes last of what costs nothing: it needs the network and may hang.
    if machine.has_sources() {
        Some(Way::Sources)
    } else if let Some(linker) = debian() {
        Some(Way::Debian { linker })
    } else if machine.fetch_target() {
        Some(Way::Target)
    } else {
        None
    }
}

impl Way {
    /// The way on this machine.
    ///
    /// # Errors
    /// When there is none; the message says what to install.
    pub fn here() -> Result<Self> {
        match choose(&Here) {
            Some(way) => Ok(way),
            None => bail!(
                "there is no core library for {TARGET}. Run `rustup target add {TARGET}`, or on \
                 Debian `apt-get install rustc-web cargo-web rust-web-src`, or run `./qemu.sh setup`"
            ),
        }
    }

    /// A `cargo` command that builds for the guest in this way.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut flags = String::from("-C relocation-model=static");
        let mut command = match self {
            Self::Target | Self::Sources => process::command("cargo"),
            Self::Debian { linker } => {
                let linker = linker.display();
                flags += &format!(" -C linker={linker} -C linker-flavor=ld.lld");
                let mut command = process::command(Path::new(DEBIAN_BIN).join("cargo"));
                command.env("RUSTC", Path::new(DEBIAN_BIN).join("rustc"));
                command
            }
        };
        clear_cargo_variables(&mut command);
        command
            .args([subcommand, "--release", "--target", TARGET])
            .env("RUSTFLAGS", flags);
        if *self != Self::Target {
            command.env("RUSTC_BOOTSTRAP", "1");
            command.args(["-Zbuild-std=core,alloc"]);
            command.args(["-Zbuild-std-features=compiler-builtins-mem"]);
        }
        command
    }
}

/// Under `cargo run` and `cargo test` the outer cargo's variables are set, and
/// would be mistaken for wishes about the guest.
fn clear_cargo_variables(command: &mut Command) {
    let kept = [
        "CARGO_HOME",
        "CARGO_TERM_COLOR",
        "CARGO_NET_OFFLINE",
        "CARGO_HTTP_PROXY",
    ];
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let cargo = name.starts_with("CARGO") && !kept.contains(&name.as_ref());
        if cargo
            || [
                "RUSTC",
                "RUSTFLAGS",
                "RUSTC_WRAPPER",
                "RUSTC_WORKSPACE_WRAPPER",
            ]
            .contains(&&*name)
        {
            command.env_remove(&*name);
        }
    }
}

/// The machine that this runs on.
struct Here;

impl Machine for Here {
    fn has_target(&self) -> bool {
        rustc(
            Path::new("rustc"),
            &["--print", "target-libdir", "--target", TARGET],
        )
        .is_some_and(|folder| holds_core(Path::new(&folder)))
    }

    fn fetch_target(&self) -> bool {
        // Once: where it cannot work, it must not cost every run its time-out.
        let tried = paths::state().join("rustup-target-tried");
        if tried.exists() {
            return false;
        }
        let _ = fs::create_dir_all(paths::state());
        let _ = fs::write(&tried, "");
        let status = Command::new("timeout")
            .args(["120", "rustup", "target", "add", TARGET])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success()) && self.has_target()
    }

    fn has_sources(&self) -> bool {
        let sysroot = rustc(Path::new("rustc"), &["--print", "sysroot"]);
        sysroot.is_some_and(|sysroot| holds_sources(Path::new(&sysroot)))
    }

    fn has_debian(&self) -> bool {
        let bin = Path::new(DEBIAN_BIN);
        bin.join("cargo").exists()
            && rustc(&bin.join("rustc"), &["--print", "sysroot"])
                .is_some_and(|sysroot| holds_sources(Path::new(&sysroot)))
    }

    fn linker(&self) -> Option<PathBuf> {
        let folder = rustc(Path::new("rustc"), &["--print", "target-libdir"])?;
        let linker = Path::new(&folder).parent()?.join("bin/rust-lld");
        linker.exists().then_some(linker)
    }
}

/// What `rustc` prints.
fn rustc(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(rustc)
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn holds_core(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn holds_sources(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib/src/rust/library/core/Cargo.toml")
        .exists()
}

/// Runs a cargo command and returns what it printed on standard output.
pub fn run(mut command: Command, what: &str) -> Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run cargo to build {what}"))?;
    if !output.status.success() {
        bail!("building {what} failed; cargo's messages are above");
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A machine that has what the test says.
    #[derive(Default)]
    struct FakeMachine {
        target: bool,
        fetchable: bool,
        sources: bool,
        debian: bool,
        linker: Option<PathBuf>,
        fetches: Cell<u32>,
    }

    impl Machine for FakeMachine {
        fn has_target(&self) -> bool {
            self.target
        }

        fn fetch_target(&self) -> bool {
            self.fetches.set(self.fetches.get() + 1);
            self.fetchable
        }

        fn has_sources(&self) -> bool {
            self.sources
        }

        fn has_debian(&self) -> bool {
            self.debian
        }

        fn linker(&self) -> Option<PathBuf> {
            self.linker.clone()
        }
    }

    #[test]
    fn the_first_way_that_works_is_chosen() {
        let linker = Some(PathBuf::from("/rust-lld"));
        let debian = FakeMachine {
            debian: true,
            linker: linker.clone(),
            ..Default::default()
        };
        assert_eq!(
            choose(&debian),
            Some(Way::Debian {
                linker: "/rust-lld".into()
            })
        );
        let sources = FakeMachine {
            sources: true,
            ..debian
        };
        assert_eq!(choose(&sources), Some(Way::Sources));
        let target = FakeMachine {
            target: true,
            ..sources
        };
        assert_eq!(choose(&target), Some(Way::Target));
        assert_eq!(target.fetches.get(), 0);
    }

    #[test]
    fn the_target_is_fetched_where_nothing_else_helps() {
        let bare = FakeMachine {
            fetchable: true,
            ..Default::default()
        };
        assert_eq!(choose(&bare), Some(Way::Target));
        assert_eq!(bare.fetches.get(), 1);
    }

    #[test]
    fn debian_without_a_linker_is_no_way() {
        let machine = FakeMachine {
            debian: true,
            ..Default::default()
        };
        assert_eq!(choose(&machine), None);
    }

    #[test]
    fn commands_name_the_target_and_static_addresses() {
        for way in [
            Way::Target,
            Way::Sources,
            Way::Debian {
                linker: "/l".into(),
            },
        ] {
            let command = way.cargo("build");
            let arguments: Vec<_> = command
                .get_args()
                .map(|argument| argument.to_string_lossy())
                .collect();
            assert!(arguments.contains(&TARGET.into()));
            let build_std = arguments
                .iter()
                .any(|argument| argument.starts_with("-Zbuild-std="));
            assert_eq!(build_std, way != Way::Target);
            let flags = command.get_envs().find(|(name, _)| *name == "RUSTFLAGS");
            let flags = flags
                .and_then(|(_, value)| value)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            assert!(flags.contains("relocation-model=static"));
            assert_eq!(
                flags.contains("linker=/l"),
                matches!(way, Way::Debian { .. })
            );
        }
    }
}
