//! Building what runs in the machine: loader, kernel and programs.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    paths,
    toolchain::{self, Way},
};

/// The files that a machine is made of, as cargo built them (with symbols, for gdb).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// What QEMU's `-kernel` gets.
    pub loader: PathBuf,
    /// The empty guest, which boot times are compared with.
    pub empty: PathBuf,
    /// The kernel.
    pub kernel: PathBuf,
    /// The programs, by name.
    pub programs: BTreeMap<String, PathBuf>,
}

/// The package whose binaries are programs.
const PROGRAM_PACKAGE: &str = "proviso-user";

/// Builds the guest's workspace. Where nothing changed, it takes a fraction of a second.
///
/// # Errors
/// When there is no way to compile for the guest, or something does not compile
/// (cargo's messages go to standard error).
pub fn build() -> Result<Guest> {
    let mut command = cargo_build()?;
    command.args(["--workspace", "--bins"]);
    let mut built = Executables::of(&toolchain::run(command, "the guest")?)?;
    Ok(Guest {
        loader: built.take("proviso-loader")?,
        empty: built.take("proviso-empty")?,
        kernel: built.take("proviso-kernel")?,
        programs: built.of_package(PROGRAM_PACKAGE)?,
    })
}

/// Builds the loader alone, with its probe: a kernel that checks what the loader
/// promises. For the loader's own tests.
///
/// # Errors
/// As [`build`].
pub fn build_loader_and_probe() -> Result<(PathBuf, PathBuf)> {
    build_with_example("proviso-probe")
}

/// Builds the loader, with a kernel that dies in the way that it is told to.
///
/// # Errors
/// As [`build`].
pub fn build_loader_and_fatal() -> Result<(PathBuf, PathBuf)> {
    build_with_example("proviso-fatal")
}

fn build_with_example(name: &str) -> Result<(PathBuf, PathBuf)> {
    let mut command = cargo_build()?;
    // Of the whole workspace: cargo unites the features of what it builds together, and
    // the loader alone would be another build.
    command.args(["--workspace", "--bins", "--examples"]);
    let mut built = Executables::of(&toolchain::run(command, "the loader")?)?;
    Ok((built.take("proviso-loader")?, built.take(name)?))
}

fn cargo_build() -> Result<std::process::Command> {
    let mut command = Way::here()?.cargo("build");
    command
        .current_dir(paths::guest_workspace())
        .env("CARGO_TARGET_DIR", paths::guest_target())
        .args(["--quiet", "--message-format=json-render-diagnostics"]);
    Ok(command)
}

/// The executables that a cargo build reports, with their package and name.
#[derive(Debug, Default)]
pub(crate) struct Executables(Vec<(String, String, PathBuf)>);

impl Executables {
    /// Reads cargo's messages: JSON, one a line.
    pub fn of(messages: &[u8]) -> Result<Self> {
        let mut executables = Self::default();
        for line in messages
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let message: Value =
                serde_json::from_slice(line).context("cargo printed what is not JSON")?;
            if let (Some(package), Some(name), Some(path)) = (
                message["package_id"].as_str().and_then(package_of),
                message["target"]["name"].as_str(),
                message["executable"].as_str(),
            ) {
                executables.0.push((package, name.to_owned(), path.into()));
            }
        }
        Ok(executables)
    }

    pub fn take(&mut self, name: &str) -> Result<PathBuf> {
        let Some(found) = self.0.iter().position(|(_, own, _)| own == name) else {
            bail!("cargo built no {name}; is the guest's workspace complete?");
        };
        Ok(self.0.swap_remove(found).2)
    }

    fn of_package(self, package: &str) -> Result<BTreeMap<String, PathBuf>> {
        let own = self.0.into_iter().filter(|(owner, ..)| owner == package);
        let programs: BTreeMap<_, _> = own.map(|(_, name, path)| (name, path)).collect();
        if programs.is_empty() {
            bail!("package {package} has no programs");
        }
        Ok(programs)
    }
}

/// The package's name in a package ID: `path+file:///folder#name@version`, or
/// without `name@` where the folder bears that name.
fn package_of(id: &str) -> Option<String> {
    let (source, rest) = id.split_once('#')?;
    let name = match rest.split_once('@') {
        Some((name, _)) => name,
        None => source.rsplit('/').next()?,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(package: &str, name: &str, executable: Option<&str>) -> String {
        serde_json::json!({
            "reason": "compiler-artifact",
            "package_id": package,
            "target": { "name": name },
            "executable": executable,
        })
        .to_string()
    }

    #[test]
    fn executables_are_found_in_cargos_messages() {
        let user = "path+file:///home/me/proviso/user#proviso-user@0.1.0";
        let messages = [
            message(user, "init", Some("/t/init")),
            message(user, "lib", None),
            message(
                "path+file:///home/me/stray#0.1.0",
                "stray",
                Some("/t/stray"),
            ),
            message(user, "shell", Some("/t/shell")),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ]
        .join("\n");
        let mut built = Executables::of(messages.as_bytes()).unwrap();
        assert_eq!(built.take("shell").unwrap(), PathBuf::from("/t/shell"));
        assert!(built.take("shell").is_err());
        let programs = built.of_package("proviso-user").unwrap();
        assert_eq!(programs.into_keys().collect::<Vec<_>>(), ["init"]);
    }

    #[test]
    fn package_ids_of_both_kinds_are_understood() {
        assert_eq!(
            package_of("path+file:///x/user#proviso-user@0.1.0").unwrap(),
            "proviso-user"
        );
        assert_eq!(package_of("path+file:///x/stray#0.1.0").unwrap(), "stray");
        assert_eq!(package_of("no hash"), None);
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        assert!(Executables::of(b"Compiling\n").is_err());
        assert!(Executables::default().of_package(PROGRAM_PACKAGE).is_err());
    }
}
