//! What a measurement found, for programs to read.

use eyre::WrapErr;
use serde_json::Value;
use std::path::Path;

/// Writes the figures to a file, if one was asked for.
pub(crate) fn write(path: Option<&Path>, figures: &Value) -> eyre::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(figures)?;
    std::fs::write(path, text + "\n").wrap_err_with(|| format!("cannot write {}", path.display()))
}
