//! Files that operators name.

use eyre::{WrapErr, bail};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

/// Reads a JSON file of at most `most` bytes. The answer of a JSON-RPC server is taken for its result.
///
/// # Errors
/// If it cannot be read, is larger, or is not what is wanted; the message names the file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, most: u64) -> eyre::Result<T> {
    let name = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .wrap_err_with(|| format!("cannot read {name}"))?;
    if bytes.len() as u64 > most {
        bail!("{name} is larger than {most} bytes, the most that is read");
    }
    let mut json: Value = serde_json::from_slice(&bytes).wrap_err_with(|| format!("{name} is not JSON"))?;
    if let Some(message) = json.pointer("/error/message") {
        bail!("{name} is a server's answer that it failed: {message}");
    }
    if let Some(result) = json.get_mut("result") {
        json = result.take();
    }
    serde_json::from_value(json).wrap_err_with(|| format!("{name} is not what it should be"))
}

/// Writes a JSON file, in place of what was there.
///
/// # Errors
/// If the operating system refuses; the message names the file.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> eyre::Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    fs::write(path, text).wrap_err_with(|| format!("cannot write {}", path.display()))
}
