//! The socket file.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};
use thiserror::Error;
use tokio::net::UnixListener;

/// Its name in the data directory.
const NAME: &str = "admin.sock";

/// Where the socket of a data directory is.
pub(super) fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

/// Whether the operating system takes this path for a socket: it has room for a hundred bytes or so.
pub(super) fn fits(path: &Path) -> bool {
    std::os::unix::net::SocketAddr::from_pathname(path).is_ok()
}

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// The operating system has no room for the path.
    #[error(
        "the path {} is too long for a Unix domain socket (107 bytes on Linux); use a data directory with a shorter path, or \
         name it by a symbolic link with one",
        path.display()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// Something else has its name.
    #[error("{} is there already and is no socket; move it away", path.display())]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot make the socket {}: {cause}; check the rights of the data directory and its file system", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// A socket that listens, for its owner and root alone. The file goes with it.
#[derive(Debug)]
pub struct AdminSocket {
    pub(super) listener: UnixListener,
    /// The user that made it.
    pub(super) owner: u32,
    path: PathBuf,
}

impl AdminSocket {
    /// Listens in a data directory that this process has for itself: a socket that is there already was left behind by a node
    /// that was killed. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`SocketError`] says what the operator can do.
    pub fn bind(data_dir: &Path) -> Result<Self, SocketError> {
        let path = path_in(data_dir);
        if !fits(&path) {
            return Err(SocketError::TooLong { path });
        }
        if fs::symlink_metadata(&path).is_ok_and(|there| !there.file_type().is_socket()) {
            return Err(SocketError::InTheWay { path });
        }
        match Self::replace(&path) {
            Ok((listener, owner)) => Ok(Self { listener, owner, path }),
            Err(cause) => Err(SocketError::Io { path, cause }),
        }
    }

    fn replace(path: &Path) -> io::Result<(UnixListener, u32)> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        // Whoever connects in between is asked who it is.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok((listener, fs::symlink_metadata(path)?.uid()))
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "cannot remove the admin socket");
        }
    }
}
