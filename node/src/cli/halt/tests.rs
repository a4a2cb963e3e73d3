use super::*;
use crate::testing::{Committee, checkpoint};
use alloy_primitives::B256;
use baton_consensus::{
    core::Conflict,
    messages::Checkpoint,
    types::{BlockRef, Height},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

const NOW: Duration = Duration::from_secs(1_800_000_000);

/// A node that may have stopped.
struct Node {
    directory: TempDir,
    committee: Committee,
}

impl Node {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), committee: Committee::new(4) }
    }

    fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    /// A checkpoint of block 9, of one branch or the other.
    fn checkpoint(&self, branch: u8) -> Checkpoint {
        let electorate = self.committee.electorate();
        checkpoint(&electorate, 9, (B256::repeat_byte(branch), B256::repeat_byte(branch)))
    }

    fn halt(&self, conflict: Conflict) {
        let block = BlockRef { height: Height(8), hash: B256::repeat_byte(8) };
        let chain = (self.committee.genesis.chain_id(), self.committee.genesis.hash);
        Halted::new(conflict, chain, block, block).write(self.data_dir()).unwrap();
    }

    /// Members 0, 1, 2 signed one branch, 1, 2, 3 the other.
    fn two_quorums(&self) -> Conflict {
        let electorate = self.committee.electorate();
        let sign = |branch, signers: &[usize]| {
            Arc::new(self.committee.certificate(&electorate, self.checkpoint(branch), signers))
        };
        Conflict::Quorums([sign(1, &[0, 1, 2]), sign(2, &[1, 2, 3])])
    }

    fn address(&self, member: usize) -> String {
        self.committee.keys[member].operator.address().to_string()
    }

    fn clear(&self, yes: bool, reason: Option<&str>) -> eyre::Result<String> {
        super::clear(self.data_dir(), yes, reason, UNIX_EPOCH + NOW)
    }
}

#[test]
fn two_certificates_are_told_with_those_who_signed_both() {
    let node = Node::new();
    node.halt(node.two_quorums());
    let plain = show(node.data_dir(), None).unwrap();
    assert!(plain.contains("Two quorum certificates exist for checkpoint 0/1/9"), "{plain}");
    assert!(plain.contains("signed by          0x07 (a bit for each member"), "{plain}");
    assert!(plain.contains(&B256::repeat_byte(1).to_string()) && plain.contains(&B256::repeat_byte(2).to_string()));
    assert!(plain.contains(RUNBOOK) && plain.contains("halted.json"), "{plain}");

    let named = show(node.data_dir(), Some(&node.committee.genesis)).unwrap();
    let (_, both) = named.split_once("signed both sides, two votes for one position are a fault\n").unwrap();
    let guilty: Vec<_> = (0..4).filter(|member| both.contains(&node.address(*member))).collect();
    assert_eq!(guilty, [1, 2]);
    assert_eq!(named.matches(&node.address(0)).count(), 1);
    // Another chain's genesis file names nobody.
    let error = show(node.data_dir(), Some(&Committee::new(4).genesis)).unwrap_err();
    assert!(error.to_string().contains("the genesis file is of chain"), "{error}");
}

#[test]
fn two_proofs_are_told_side_by_side() {
    let node = Node::new();
    let electorate = node.committee.electorate();
    let proof = |branch| Box::new(node.committee.finality(&electorate, node.checkpoint(branch)));
    let here = Some(BlockRef { height: Height(9), hash: B256::repeat_byte(1) });
    node.halt(Conflict::Finality { known: Some(proof(1)), theirs: proof(2), here, finalized: Height(9) });
    let text = show(node.data_dir(), Some(&node.committee.genesis)).unwrap();
    let (ours, theirs) = text.split_once("what came\n").unwrap();
    assert!(ours.contains(&format!("makes final        9 ({}) by checkpoint 0/1/9", B256::repeat_byte(1))), "{text}");
    assert!(theirs.contains(&format!("makes final        9 ({}) by checkpoint 0/1/9", B256::repeat_byte(2))), "{text}");
    assert_eq!(text.matches(&node.address(3)).count(), 3, "on either side, and in both");

    // A depth rule has no proof.
    node.halt(Conflict::Finality { known: None, theirs: proof(2), here: None, finalized: Height(9) });
    let text = show(node.data_dir(), None).unwrap();
    assert!(text.contains("none at height 9 that is in reach") && text.contains("by a depth rule alone"), "{text}");
}

#[test]
fn a_node_that_is_well_has_nothing_to_show_or_clear() {
    let node = Node::new();
    assert!(show(node.data_dir(), None).unwrap().contains("did not stop for conflicting finality"));
    let error = node.clear(true, Some("because")).unwrap_err();
    assert!(error.to_string().contains("nothing to clear"), "{error}");
    let nowhere = node.data_dir().join("nowhere");
    assert!(show(&nowhere, None).unwrap_err().to_string().contains("there is no directory"));
    assert!(super::clear(&nowhere, true, Some("because"), UNIX_EPOCH + NOW).is_err());
}

#[test]
fn to_clear_takes_a_decision_and_a_reason() {
    let node = Node::new();
    node.halt(node.two_quorums());
    for (yes, reason) in [(false, None), (true, None), (false, Some("because")), (true, Some("  "))] {
        let error = node.clear(yes, reason).unwrap_err().to_string();
        assert!(error.contains("--yes and --reason") && error.contains(RUNBOOK), "{error}");
        assert!(Halted::refuse_to_start(node.data_dir()).is_err());
    }
    let account = fs::read(Halted::path(node.data_dir())).unwrap();
    let text = node.clear(true, Some("members 1 and 2 were slashed, we are on the right side")).unwrap();
    assert!(text.contains("halted-1800000000.json") && text.contains("stops again"), "{text}");
    Halted::refuse_to_start(node.data_dir()).unwrap();
    assert_eq!(fs::read(node.data_dir().join("halted-1800000000.json")).unwrap(), account);
    let decision = fs::read(node.data_dir().join("halted-1800000000.decision.json")).unwrap();
    let decision: Value = serde_json::from_slice(&decision).unwrap();
    assert_eq!(decision["reason"], "members 1 and 2 were slashed, we are on the right side");
    assert_eq!(decision["clearedAt"], "2027-01-15T08:00:00Z");

    // The next conflict does not overwrite what is kept of the first.
    node.halt(node.two_quorums());
    assert!(node.clear(true, Some("again")).unwrap_err().to_string().contains("exists already"));
    assert!(Halted::refuse_to_start(node.data_dir()).is_err());
}

#[test]
fn a_damaged_account_can_be_cleared_and_is_kept() {
    let node = Node::new();
    fs::write(Halted::path(node.data_dir()), "{").unwrap();
    assert!(show(node.data_dir(), None).is_err());
    node.clear(true, Some("the disk failed")).unwrap();
    assert_eq!(fs::read(node.data_dir().join("halted-1800000000.json")).unwrap(), b"{");
}
