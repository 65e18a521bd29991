//! What a machine needs to build and run Proviso: find it, or install it.
//!
//! The checks are look-ups of files, so that they cost nothing on the second run.

pub mod cargo_config;
mod needs;

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use needs::{Host, missing};
pub use needs::{Need, Purpose};

use crate::toolchain::Way;

/// Makes sure that everything for `purposes` is there.
///
/// # Errors
/// When something is missing and cannot be installed; the message names the packages.
pub fn ensure(purposes: &[Purpose]) -> Result<()> {
    install(&missing(&ThisHost, purposes))?;
    if purposes.contains(&Purpose::BuildAgent) {
        cargo_config::ensure()?;
    }
    Ok(())
}

/// How packages can be installed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Installer {
    /// We are root.
    Root,
    /// `sudo` asks for no password.
    Sudo,
    /// Not without asking the person.
    Nobody,
}

fn install(needs: &[Need]) -> Result<()> {
    if needs.is_empty() {
        return Ok(());
    }
    let packages = needs::packages(needs);
    let reasons: Vec<_> = needs.iter().map(|need| need.reason()).collect();
    let installer = installer();
    if installer == Installer::Nobody {
        bail!("{}", by_hand(&reasons, &packages));
    }
    eprintln!(
        "Missing: {}. Installing with apt-get: {}",
        reasons.join(", "),
        packages.join(" ")
    );
    // The lists may be missing (a fresh container) or too old; then one update helps.
    if apt_get(installer, &[&["install"], &packages[..]].concat()).is_err() {
        eprintln!("That failed; fetching the lists of packages, then trying again");
        apt_get(installer, &["update"]).context("apt-get update failed")?;
        apt_get(installer, &[&["install"], &packages[..]].concat())
            .with_context(|| format!("apt-get could not install {}", packages.join(" ")))?;
    }
    match missing(&ThisHost, &Purpose::ALL)
        .into_iter()
        .find(|need| needs.contains(need))
    {
        Some(need) => bail!(
            "{} is still missing after installing {}",
            need.reason(),
            packages.join(" ")
        ),
        None => Ok(()),
    }
}

fn by_hand(reasons: &[&str], packages: &[&str]) -> String {
    format!(
        "missing: {}. Install these packages and try again: {}\n\
         (on Debian: sudo apt-get install {})",
        reasons.join(", "),
        packages.join(" "),
        packages.join(" ")
    )
}

fn installer() -> Installer {
    if !on_path("apt-get") {
        return Installer::Nobody;
    }
    if rustix::process::geteuid().is_root() {
        return Installer::Root;
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if sudo.status().is_ok_and(|status| status.success()) {
        Installer::Sudo
    } else {
        Installer::Nobody
    }
}

fn apt_get(installer: Installer, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(if installer == Installer::Sudo {
        "sudo"
    } else {
        "env"
    });
    if installer == Installer::Sudo {
        command.args(["-n", "env"]);
    }
    command.args([
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "--yes",
        "--quiet",
    ]);
    command.args(["--no-install-recommends"]).args(arguments);
    // Standard output is for transcripts.
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status();
    if status.context("cannot run apt-get")?.success() {
        return Ok(());
    }
    bail!(
        "apt-get {} failed; its messages are above",
        arguments.join(" ")
    )
}

/// The machine that this runs on.
struct ThisHost;

impl Host for ThisHost {
    fn has_program(&self, name: &str) -> bool {
        on_path(name)
    }

    fn has_libclang(&self) -> bool {
        let named =
            env::var_os("LIBCLANG_PATH").is_some_and(|path| has_libclang_in(Path::new(&path)));
        let llvm = std::fs::read_dir("/usr/lib")
            .into_iter()
            .flatten()
            .flatten();
        let mut folders = llvm
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("llvm"))
            .map(|entry| entry.path().join("lib"))
            .chain(
                [
                    "/usr/lib64",
                    "/usr/lib/x86_64-linux-gnu",
                    "/usr/lib/aarch64-linux-gnu",
                ]
                .map(Into::into),
            );
        named || folders.any(|folder| has_libclang_in(&folder))
    }

    fn has_core_library(&self) -> bool {
        Way::here().is_ok()
    }
}

fn has_libclang_in(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| is_libclang(&entry.file_name().to_string_lossy()))
}

/// Whether a file is the library that bindgen loads. The C++ one beside it comes
/// with LLVM and does not serve.
fn is_libclang(name: &str) -> bool {
    name.starts_with("libclang.so")
        || name.starts_with("libclang-")
            && !name.starts_with("libclang-cpp")
            && name.contains(".so")
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_library_of_clang_does_not_serve() {
        assert!(is_libclang("libclang.so.1") && is_libclang("libclang-14.so.1"));
        assert!(!is_libclang("libclang-cpp.so.14") && !is_libclang("libclang.a"));
    }

    #[test]
    fn the_message_names_the_packages() {
        let message = by_hand(&["the emulator QEMU"], &["qemu-system-x86"]);
        assert!(
            message.contains("sudo apt-get install qemu-system-x86"),
            "{message}"
        );
    }

    #[test]
    fn programs_are_looked_up_on_the_path() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-anywhere"));
    }
}
