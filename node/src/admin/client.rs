//! How `baton admin` and `baton peers` reach a node.

use super::{
    Answer, Request,
    protocol::{MAX_ANSWER, line},
    socket::{fits, path_in},
};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};
use thiserror::Error;

/// How much longer than the node a client waits: the answer is on its way.
const MARGIN: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// There is no such directory.
    #[error("there is no data directory {}; give the one of the running node with --data-dir", data_dir.display())]
    NoDirectory {
        /// The directory.
        data_dir: PathBuf,
    },
    /// No node has made a socket there.
    #[error(
        "no node runs on {}: there is no {}; start it with `baton node`, or give the data directory of the running node with \
         --data-dir (a node that could not make its socket says why in its log)",
        data_dir.display(), path.display()
    )]
    NoSocket {
        /// The data directory.
        data_dir: PathBuf,
        /// The socket that is missing.
        path: PathBuf,
    },
    /// The node that made the socket is gone.
    #[error("no node answers at {}: the one that made it has ended without removing it; start it with `baton node`", path.display())]
    Dead {
        /// The socket.
        path: PathBuf,
    },
    /// Another user's node.
    #[error("this user may not use {}; run the command as the user that runs the node, or as root", path.display())]
    Forbidden {
        /// The socket.
        path: PathBuf,
    },
    /// The operating system has no room for the path.
    #[error(
        "the path {} is too long for a Unix domain socket (107 bytes on Linux); name the data directory by a symbolic link with \
         a shorter path, for `baton node` too",
        path.display()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// No answer came in time.
    #[error("the node at {} does not answer; is it stopped (SIGSTOP), or very busy? Its log may tell", path.display())]
    Silent {
        /// The socket.
        path: PathBuf,
    },
    /// The connection ended first.
    #[error("the node at {} ended the connection without an answer; it is probably stopping, see its log", path.display())]
    Ended {
        /// The socket.
        path: PathBuf,
    },
    /// The answer means nothing to this program.
    #[error("the node at {} answered what this program does not understand: {answer}; are they of the same version?", path.display())]
    Odd {
        /// The socket.
        path: PathBuf,
        /// The beginning of what it answered.
        answer: String,
    },
    /// Anything else that the operating system says.
    #[error("cannot talk to the node at {}: {cause}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// Asks the node that runs on a data directory, and waits for its answer, a little longer than `patience`.
///
/// # Errors
/// [`ClientError`] says what the operator can do.
pub fn ask(data_dir: &Path, request: &Request, patience: Duration) -> Result<Answer, ClientError> {
    let path = path_in(data_dir);
    if !fits(&path) {
        return Err(ClientError::TooLong { path });
    }
    let line = talk(&path, request, patience + MARGIN).map_err(|cause| explain(cause, data_dir, path.clone()))?;
    match serde_json::from_slice(&line) {
        Ok(answer) => Ok(answer),
        Err(_) if line.is_empty() => Err(ClientError::Ended { path }),
        Err(_) => Err(ClientError::Odd { path, answer: beginning(&line) }),
    }
}

fn talk(path: &Path, request: &Request, patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(MARGIN))?;
    stream.write_all(&line(request))?;
    let mut line = Vec::new();
    BufReader::new(stream).take(MAX_ANSWER as u64).read_until(b'\n', &mut line)?;
    Ok(line)
}

fn explain(cause: io::Error, data_dir: &Path, path: PathBuf) -> ClientError {
    match cause.kind() {
        io::ErrorKind::NotFound if !data_dir.is_dir() => ClientError::NoDirectory { data_dir: data_dir.to_owned() },
        io::ErrorKind::NotFound => ClientError::NoSocket { data_dir: data_dir.to_owned(), path },
        io::ErrorKind::ConnectionRefused => ClientError::Dead { path },
        io::ErrorKind::PermissionDenied => ClientError::Forbidden { path },
        // A read that times out says either, depending on the platform.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::Silent { path },
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => ClientError::Ended { path },
        _ => ClientError::Io { path, cause },
    }
}

/// Enough of a strange answer to recognise it, in one line.
fn beginning(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim().chars().map(|character| if character.is_control() { '?' } else { character }).take(100).collect()
}
