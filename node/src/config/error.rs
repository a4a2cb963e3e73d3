//! What can be wrong with a configuration.

use libp2p::Multiaddr;
use std::{io, path::PathBuf};
use thiserror::Error;

/// Why a configuration is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The operating system refused the file.
    #[error("cannot read the configuration file {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The file is not TOML, has an unknown key, or a value of the wrong kind.
    #[error("the configuration file {}, line {line}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A setting without which no node starts.
    #[error("no {what} is given: pass --{setting}, or set `{setting}` in the file that --config names")]
    Required {
        /// Its name.
        setting: &'static str,
        /// What it names.
        what: &'static str,
    },
    /// A bound that would leave nothing.
    #[error("{setting} is {value}; it must be at least {least}")]
    TooSmall {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// The least possible value.
        least: u64,
    },
    /// A bootnode that nobody could authenticate.
    #[error("the bootnode {address} does not end in /p2p/<peer id>; ask its operator for the full address")]
    Bootnode {
        /// The address.
        address: Multiaddr,
    },
    /// TOML is UTF-8, paths need not be.
    #[error("the configuration cannot be written as TOML: {0}")]
    NotText(#[from] toml::ser::Error),
}
