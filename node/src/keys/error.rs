//! What can be wrong with a key file.

use std::{
    fmt::Display,
    io,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Why keys could not be read or made. None of these shows a secret.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file is not there.
    #[error(
        "the key file {} does not exist; restore it from your backup, or make new keys with `baton key new --dir DIR`",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is there and must not be replaced.
    #[error("the key file {} exists already and is never overwritten; choose another directory", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else could read or change the secret.
    #[error("the key file {} is open to other users (mode {mode:04o}); run `chmod 600` on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not a key.
    #[error("the key file {} is malformed: {problem}; restore it from your backup", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the content.
        problem: String,
    },
    /// The operating system refused to read.
    #[error("cannot read the key file {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The operating system refused to write.
    #[error("cannot write the key file {}: {cause}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The key is encrypted, and nobody said the password.
    #[error(
        "the key file {} is encrypted, and no password is given: pass --password-file, set BATON_PASSWORD, or run at a terminal",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Another password opens it.
    #[error("the password does not open the key file {}", path.display())]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The password's file is not there.
    #[error("the password file {} does not exist", path.display())]
    NoPasswordFile {
        /// The file.
        path: PathBuf,
    },
    /// Nobody said a password to encrypt with.
    #[error("no password is given to encrypt with: pass it in a file, set BATON_PASSWORD, or run at a terminal")]
    NoNewPassword,
    /// Too short a password.
    #[error("the password is too short; take at least {least} characters")]
    WeakPassword {
        /// The fewest characters.
        least: usize,
    },
    /// It was mistyped, this time or before.
    #[error("the two passwords differ; nothing was changed")]
    PasswordsDiffer,
    /// The terminal does not answer.
    #[error("cannot ask for a password at the terminal: {cause}")]
    Prompt {
        /// What the operating system said.
        cause: io::Error,
    },
    /// No randomness, or randomness that makes no key.
    #[error("cannot make a key: the operating system gave no usable randomness")]
    Randomness,
}

impl KeyError {
    pub(super) fn malformed(path: &Path, problem: impl Display) -> Self {
        Self::Malformed { path: path.to_owned(), problem: problem.to_string() }
    }
}
