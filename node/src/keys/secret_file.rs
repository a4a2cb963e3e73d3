//! One secret in one file: mode 0600, written whole or not at all, never overwritten.

use super::KeyError;
use alloy_primitives::hex;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// No key takes more bytes than this, newline included; other programs' keystores hold a seed phrase as well.
const MAX_FILE_SIZE: u64 = 16_384;

/// The permission bits that a secret must not have: any for others, and writing for the group.
const FORBIDDEN_MODE: u32 = 0o027;

/// Creates `directory` and its parents with mode 0700. One that exists is left as it is.
pub(super) fn create_directory(directory: &Path) -> Result<(), KeyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|cause| KeyError::Write { path: directory.to_owned(), cause })
}

/// Writes `text` to `path`, durably. Fails if `path` exists.
pub(super) fn create(path: &Path, text: &str) -> Result<(), KeyError> {
    let write_error = |cause| KeyError::Write { path: path.to_owned(), cause };
    let temporary = temporary_beside(path);
    let written = write_durably(&temporary, text)
        // Unlike a rename, a hard link never replaces what is there.
        .and_then(|()| fs::hard_link(&temporary, path));
    // The secret must not stay behind under the temporary name, whatever happened.
    let removed = fs::remove_file(&temporary);
    match written {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.exists() => {
            return Err(KeyError::Exists { path: path.to_owned() });
        }
        other => other.map_err(write_error)?,
    }
    removed.map_err(write_error)?;
    sync_directory_of(path).map_err(write_error)
}

/// Writes `text` in place of what `path` holds, durably: whenever it ends, one of the two is there, whole. For the same key
/// in another form only.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), KeyError> {
    let temporary = temporary_beside(path);
    let written = write_durably(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may not exist; what matters is the first error.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_directory_of(path)).map_err(|cause| KeyError::Write { path: path.to_owned(), cause })
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all())
}

/// Reads a text that nobody else may read.
pub(super) fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let read_error = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => KeyError::Missing { path: path.to_owned() },
        _ => KeyError::Read { path: path.to_owned(), cause },
    };
    let file = File::open(path).map_err(read_error)?;
    let mode = file.metadata().map_err(read_error)?.permissions().mode() & 0o7777;
    if mode & FORBIDDEN_MODE != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    // Room for all of it at once, so that no half of it stays behind in memory that was given back.
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_SIZE as usize + 1));
    file.take(MAX_FILE_SIZE + 1).read_to_string(&mut text).map_err(|cause| match cause.kind() {
        io::ErrorKind::InvalidData => KeyError::malformed(path, "not text"),
        _ => read_error(cause),
    })?;
    match text.len() as u64 {
        0 => Err(KeyError::malformed(path, "the file is empty")),
        1..=MAX_FILE_SIZE => Ok(text),
        _ => Err(KeyError::malformed(path, format_args!("it has more than {MAX_FILE_SIZE} bytes"))),
    }
}

/// The secret of a raw key file, with or without `0x`.
pub(super) fn from_hex(path: &Path, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(KeyError::malformed(path, "the file is empty"));
    }
    hex::decode(text).map(Zeroizing::new).map_err(|_| KeyError::malformed(path, "not hex"))
}

fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}
