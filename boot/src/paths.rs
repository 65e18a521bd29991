//! Where things are in the working copy.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The working copy that this crate was built in.
#[must_use]
pub fn root() -> &'static Path {
    let boot = Path::new(env!("CARGO_MANIFEST_DIR"));
    boot.parent().unwrap_or(boot)
}

/// What the set-up fetched and what a run leaves behind; ignored by git.
#[must_use]
pub fn state() -> PathBuf {
    root().join(".proviso")
}

/// What cargo builds for the host.
#[must_use]
pub fn target() -> PathBuf {
    let Some(named) = env::var_os("CARGO_TARGET_DIR") else {
        return root().join("target");
    };
    // Cargo takes it from the folder that the person is in; what we start runs elsewhere.
    env::current_dir().unwrap_or_default().join(named)
}

/// What cargo builds for the guest: a folder of its own, so that the two builds
/// never wait for each other's lock.
#[must_use]
pub fn guest_target() -> PathBuf {
    target().join("guest")
}

/// The guest's workspace.
#[must_use]
pub fn guest_workspace() -> PathBuf {
    root().join("kernel")
}
