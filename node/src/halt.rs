//! The halt file: why this node stopped for good (R14), with both sides of the conflict, until an operator decides.
//!
//! It lies in the data directory. While it is there the node does not start.

use alloy_primitives::B256;
use baton_consensus::{core::Conflict, types::BlockRef};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};
use thiserror::Error;

/// The file's name in the data directory.
const FILE: &str = "halted.json";

/// The page that tells an operator what to do.
const RUNBOOK: &str = "docs/runbook/conflicting-finality.md";

/// The largest halt file that is read, in bytes: far more than two proofs of the largest set take.
const MAX_FILE_SIZE: u64 = 1 << 20;

/// Why a node stopped for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Halted {
    /// When, in RFC 3339, UTC.
    pub at: String,
    /// The version of the program.
    pub version: String,
    /// The EIP-155 chain id.
    pub chain_id: u64,
    /// The hash of block 0.
    pub genesis_hash: B256,
    /// The sealed head of this node.
    pub head: BlockRef,
    /// The newest final block of this node.
    pub finalized: BlockRef,
    /// What happened, in plain words.
    pub explanation: String,
    /// The page that tells what to do.
    pub runbook: String,
    /// Both sides.
    pub conflict: Conflict,
}

/// Why a node does not run, or cannot tell whether it may.
#[derive(Debug, Error)]
pub enum HaltError {
    /// The protocol's assumptions broke just now.
    #[error(
        "{explanation} Both sides are in {path}. This node does not start again before its operator decides: compare them \
         with `baton halt show`, read {RUNBOOK}, then `baton halt clear`"
    )]
    Now {
        /// What happened.
        explanation: String,
        /// The halt file.
        path: PathBuf,
    },
    /// They broke before, and nobody has decided.
    #[error(
        "this node stopped at {at} and does not start before its operator decides. {explanation} Both sides are in {path}: \
         compare them with `baton halt show`, read {RUNBOOK}, then `baton halt clear`"
    )]
    Undecided {
        /// When, in RFC 3339.
        at: String,
        /// What happened.
        explanation: String,
        /// The halt file.
        path: PathBuf,
    },
    /// There is a halt file that cannot be understood.
    #[error(
        "{path} says that this node stopped for conflicting finality, but cannot be read: {cause}. This node does not start \
         while it is there: read {RUNBOOK}"
    )]
    Unreadable {
        /// The halt file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The halt file cannot be written.
    #[error(
        "{explanation} This could not be kept in {path}: {cause}. Do not start this node again before you have read {RUNBOOK}"
    )]
    Unwritten {
        /// What happened.
        explanation: String,
        /// The halt file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

impl Halted {
    /// The account of a conflict that happened now.
    #[must_use]
    pub fn new(conflict: Conflict, (chain_id, genesis_hash): (u64, B256), head: BlockRef, finalized: BlockRef) -> Self {
        Self {
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            chain_id,
            genesis_hash,
            head,
            finalized,
            explanation: explain(&conflict),
            runbook: RUNBOOK.to_owned(),
            conflict,
        }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// Writes the file, whole and on disk when this returns.
    ///
    /// # Errors
    /// [`HaltError::Unwritten`] with what the operating system says.
    pub fn write(&self, data_dir: &Path) -> Result<(), HaltError> {
        let path = Self::path(data_dir);
        let temporary = path.with_extension("json.tmp");
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(data_dir)?.sync_all()
        };
        let explanation = || self.explanation.clone();
        write().map_err(|cause| HaltError::Unwritten { explanation: explanation(), path: path.clone(), cause })
    }

    /// Reads the file; none if there is none.
    ///
    /// # Errors
    /// [`HaltError::Unreadable`].
    pub fn read(data_dir: &Path) -> Result<Option<Self>, HaltError> {
        let path = Self::path(data_dir);
        let read = || -> io::Result<Option<Self>> {
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            };
            Ok(Some(serde_json::from_reader(io::Read::take(file, MAX_FILE_SIZE))?))
        };
        read().map_err(|cause| HaltError::Unreadable { path: path.clone(), cause })
    }

    /// Refuses to start a node that stopped for good.
    ///
    /// # Errors
    /// [`HaltError::Undecided`], or [`HaltError::Unreadable`].
    pub fn refuse_to_start(data_dir: &Path) -> Result<(), HaltError> {
        match Self::read(data_dir)? {
            None => Ok(()),
            Some(Self { at, explanation, .. }) => {
                Err(HaltError::Undecided { at, explanation, path: Self::path(data_dir) })
            }
        }
    }
}

fn explain(conflict: &Conflict) -> String {
    let blame =
        "sequencers with more than a third of the weight signed against the rules, or their keys are in other hands.";
    match conflict {
        Conflict::Quorums([one, other]) => format!(
            "Two quorum certificates exist for checkpoint {}: one for block {}, one for block {}; {blame}",
            one.checkpoint.position(),
            one.checkpoint.head,
            other.checkpoint.head
        ),
        Conflict::Finality { known: _, theirs, here, finalized } => {
            let theirs = theirs.checkpoint.head;
            let here = match here {
                Some(here) => format!("this node has block {here} there"),
                None => "this node's chain does not lead there".to_owned(),
            };
            format!(
                "A finality proof makes block {theirs} final, but {here}, and has finalized up to height {finalized}: the \
                 depth rule of this chain failed, if it has one, or {blame}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_consensus::{
        finality::QuorumCertificate,
        keys::BlsSignature,
        messages::{Checkpoint, CheckpointRef, L1Anchor},
        types::{Era, Height, Round, Term},
    };
    use std::sync::Arc;

    fn certificate(head: u8) -> Arc<QuorumCertificate> {
        let checkpoint = Checkpoint {
            era: Era(0),
            term: Term(2),
            round: Round(7),
            head: BlockRef { height: Height(9), hash: B256::repeat_byte(head) },
            state_root: B256::repeat_byte(1),
            parent: CheckpointRef::genesis(B256::repeat_byte(2)),
            set_root: B256::repeat_byte(3),
            anchor: L1Anchor::default(),
            next_set_root: None,
        };
        let signature = BlsSignature([5; 96].into());
        Arc::new(QuorumCertificate { checkpoint, signers: vec![7].into(), signature })
    }

    #[test]
    fn a_node_that_halted_does_not_start() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        Halted::refuse_to_start(data_dir).unwrap();
        assert_eq!(Halted::read(data_dir).unwrap(), None);
        let conflict = Conflict::Quorums([certificate(1), certificate(2)]);
        let block = BlockRef { height: Height(8), hash: B256::ZERO };
        let halted = Halted::new(conflict, (7, B256::repeat_byte(2)), block, block);
        halted.write(data_dir).unwrap();
        assert_eq!(Halted::read(data_dir).unwrap(), Some(halted));
        let error = Halted::refuse_to_start(data_dir).unwrap_err();
        assert!(matches!(error, HaltError::Undecided { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("Two quorum certificates exist for checkpoint 0/2/7") && text.contains(RUNBOOK),
            "{text}"
        );
        assert_eq!(fs::read_dir(data_dir).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_damaged_file_is_no_permission() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(Halted::path(directory.path()), "{").unwrap();
        let error = Halted::refuse_to_start(directory.path()).unwrap_err();
        assert!(matches!(error, HaltError::Unreadable { .. }), "{error}");
    }
}
