//! The TOML form of the options.

use super::{ConfigError, NodeOptions};
use std::{fs, path::Path};

/// Reads a configuration file.
pub(super) fn read(path: &Path) -> Result<NodeOptions, ConfigError> {
    let text = fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
    toml::from_str(&text).map_err(|error| ConfigError::File {
        path: path.to_owned(),
        line: line_of(&text, error.span().map_or(0, |span| span.start)),
        problem: error.message().lines().collect::<Vec<_>>().join(" "),
    })
}

/// Writes options as a configuration file that [`read`] understands.
pub(super) fn write(options: &NodeOptions) -> Result<String, ConfigError> {
    Ok(toml::to_string(options)?)
}

fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}
