//! The contracts as forge made them, which are part of this program.

use alloy_primitives::Bytes;
use serde::Deserialize;

/// The code that creates a contract, of the artifact that is committed beside its source.
#[must_use]
pub fn creation_code(artifact: &str) -> Bytes {
    #[derive(Deserialize)]
    struct Artifact {
        bytecode: Bytecode,
    }
    #[derive(Deserialize)]
    struct Bytecode {
        object: Bytes,
    }
    #[expect(clippy::expect_used, reason = "the artifact is part of this program, and a test reads it")]
    let artifact: Artifact = serde_json::from_str(artifact).expect("the artifact is one of forge's");
    artifact.bytecode.object
}
