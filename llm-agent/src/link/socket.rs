//! The socket file: taken over if nobody listens, refused if somebody does.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Why there is no socket to listen on.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody listens there.
    #[error("another agent already serves {0}: end it, or choose another --listen path")]
    Live(String),
    /// Something else is there.
    #[error("{0} exists and is not a socket: choose another --listen path")]
    NotASocket(String),
    /// The system refused.
    #[error("cannot listen on {path}: {why}; choose a --listen path in a folder you can write to")]
    Refused {
        /// The socket.
        path: String,
        /// The system's own words.
        why: std::io::Error,
    },
}

/// A listening socket whose file goes away with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens on `path`. A file that a dead agent left there is replaced.
    ///
    /// # Errors
    /// If somebody listens there, or the file cannot be made.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let name = || path.display().to_string();
        let refused = |why| SocketError::Refused { path: name(), why };
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(SocketError::NotASocket(name()));
            }
            Ok(_) if UnixStream::connect(path).is_ok() => return Err(SocketError::Live(name())),
            Ok(_) => std::fs::remove_file(path).map_err(refused)?,
        }
        let listener = UnixListener::bind(path).map_err(refused)?;
        Ok(Self {
            listener,
            path: path.to_path_buf(),
        })
    }

    /// The listener.
    #[must_use]
    pub const fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // If somebody else removed it already, so much the better.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_replaced_and_a_live_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        // A listener that is dropped leaves its file behind.
        drop(UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).unwrap();
        let error = Socket::bind(&path).unwrap_err().to_string();
        assert!(
            error.contains("agent.sock") && error.contains("end it"),
            "{error}"
        );
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious.txt");
        std::fs::write(&path, "data").unwrap();
        assert!(matches!(
            Socket::bind(&path),
            Err(SocketError::NotASocket(_))
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
        let nowhere = folder.path().join("missing/agent.sock");
        assert!(
            Socket::bind(&nowhere)
                .unwrap_err()
                .to_string()
                .contains("missing")
        );
    }
}
