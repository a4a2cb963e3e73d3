//! The ready file: how a node tells what started it where it listens.

use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    net::SocketAddr,
    path::Path,
};

/// Where a node listens, once it does. With port 0 in the configuration the operating system chose the ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The address of JSON-RPC, over HTTP and WebSocket.
    pub rpc: SocketAddr,
    /// The peer-to-peer addresses, each ending in `/p2p/<peer id>`.
    pub p2p: Vec<Multiaddr>,
    /// The id of the node's process.
    pub pid: u32,
}

/// Writes a JSON file whole: a reader sees the old one or the new one.
///
/// # Errors
/// Whatever the operating system says.
pub(crate) fn write_whole(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let mut file = File::create(&temporary)?;
    file.write_all(serde_json::to_string(value)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

impl Ready {
    /// Writes the file whole: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        write_whole(path, self)
    }

    /// Reads the file; none if it is not there yet.
    ///
    /// # Errors
    /// Whatever the operating system says, or that the file is malformed.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
