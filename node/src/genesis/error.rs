//! What can be wrong with a genesis.

use baton_consensus::{InvalidParameter, types::InvalidSet};
use std::{fmt::Display, io, path::PathBuf};
use thiserror::Error;

/// Why a genesis is refused.
#[derive(Debug, Error)]
pub enum GenesisError {
    /// The operating system refused the file.
    #[error("cannot read the genesis file {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Something is wrong in a file.
    #[error("the genesis file {}: {problem}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Box<GenesisError>,
    },
    /// More than [`super::MAX_FILE_SIZE`].
    #[error("it is larger than 64 MiB; deploy large state after genesis")]
    TooLarge,
    /// Not JSON, or not this JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A field with an impossible value.
    #[error("{field}: {problem}")]
    Field {
        /// The field, with its path.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A parameter out of its bounds.
    #[error("sequencing: {0}")]
    Parameter(#[from] InvalidParameter),
    /// No possible sequencer set.
    #[error("sequencing.sequencers: {0}")]
    Set(#[from] InvalidSet),
    /// No possible chain.
    #[error("config: {0}")]
    Chain(#[from] baton_execution::SpecError),
    /// No possible state or header of block 0.
    #[error("block 0: {0}")]
    Block(#[from] baton_execution::GenesisError),
}

impl GenesisError {
    pub(super) fn field(field: &'static str, problem: impl Display) -> Self {
        Self::Field { field, problem: problem.to_string() }
    }
}
