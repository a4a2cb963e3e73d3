//! Fixtures of this crate's unit tests: sequencers with their keys, and what they sign.

use crate::{
    genesis::{Genesis, GenesisFile, GenesisSequencer},
    keys::NodeKeys,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use baton_consensus::{
    Parameters,
    finality::{FinalityProof, QuorumCertificate, light_client::BlockProof},
    keys::BlsSignature,
    messages::{Checkpoint, CheckpointRef, L1Anchor, Vote},
    signing::SigningContext,
    types::{BlockRef, Electorate, Era, Height, Round, Stake, Term},
};
use std::sync::Arc;

/// Sequencers of one weight with their keys, in order of their addresses, and the genesis file that names them.
pub(crate) struct Committee {
    pub(crate) keys: Vec<NodeKeys>,
    pub(crate) file: GenesisFile,
    pub(crate) genesis: Genesis,
}

impl Committee {
    pub(crate) fn new(members: usize) -> Self {
        let mut keys: Vec<_> = (0..members).map(|_| NodeKeys::generate().unwrap()).collect();
        keys.sort_by_key(|keys| keys.operator.address());
        let sequencer = |keys: &NodeKeys| GenesisSequencer::new(keys.public(), Stake(U256::ONE));
        let file = GenesisFile {
            chain_id: 412_346,
            timestamp: 1_700_000_000,
            gas_limit: 60_000_000,
            base_fee_per_gas: 1_000_000_000,
            base_fee_recipient: None,
            parameters: Parameters::default(),
            sequencers: keys.iter().map(sequencer).collect(),
            l1: None,
            bootnodes: Vec::new(),
            alloc: baton_execution::system_contracts(),
        };
        let genesis = Genesis::new(file.clone()).unwrap();
        Self { keys, file, genesis }
    }

    /// What this committee signs on its own chain.
    pub(crate) fn electorate(&self) -> Electorate {
        self.electorate_of(self.genesis.signing_context())
    }

    /// What this committee signs on some chain.
    pub(crate) fn electorate_of(&self, context: SigningContext) -> Electorate {
        Electorate::genesis(context, Arc::clone(&self.genesis.set))
    }

    /// Headers of blocks 1, 2, 3 … on genesis.
    pub(crate) fn headers(&self, blocks: u64) -> Vec<Header> {
        let mut parent_hash = self.genesis.hash;
        let header = |number: u64| {
            let state_root = B256::from(U256::from(number));
            let header =
                Header { number, parent_hash, state_root, timestamp: 1_700_000_000 + number, ..Header::default() };
            parent_hash = header.hash_slow();
            header
        };
        (1..=blocks).map(header).collect()
    }

    /// A proof that a block is final, so many blocks above which one is that a checkpoint names.
    pub(crate) fn block_proof(&self, height: u64, above: u64) -> BlockProof {
        let headers = self.headers(height + above);
        let top = headers.last().unwrap();
        let checkpoint = checkpoint(&self.electorate(), top.number, (top.hash_slow(), top.state_root));
        let finality = self.finality(&self.electorate(), checkpoint);
        BlockProof { changes: Vec::new(), finality, headers: headers[usize::try_from(height).unwrap() - 1..].to_vec() }
    }

    /// What makes a checkpoint's head final: its child, with everyone's votes.
    pub(crate) fn finality(&self, electorate: &Electorate, checkpoint: Checkpoint) -> FinalityProof {
        let child = Checkpoint { round: checkpoint.round.next(), parent: checkpoint.reference(), ..checkpoint };
        let all: Vec<_> = (0..self.keys.len()).collect();
        FinalityProof { checkpoint, child: self.certificate(electorate, child, &all) }
    }

    /// The votes of these members for a checkpoint.
    pub(crate) fn certificate(
        &self,
        electorate: &Electorate,
        checkpoint: Checkpoint,
        signers: &[usize],
    ) -> QuorumCertificate {
        let digest = electorate.context.digest(&Vote::new(checkpoint.reference()));
        let votes: Vec<_> = signers.iter().map(|member| self.keys[*member].bls.sign(digest)).collect();
        let bitmap = self.genesis.set.bitmap(signers.iter().map(|member| self.keys[*member].operator.address()));
        QuorumCertificate { checkpoint, signers: bitmap.into(), signature: BlsSignature::aggregate(&votes).unwrap() }
    }
}

/// A first checkpoint, of a block with this hash and state root; its round is the height.
pub(crate) fn checkpoint(electorate: &Electorate, height: u64, (hash, state_root): (B256, B256)) -> Checkpoint {
    Checkpoint {
        era: Era(0),
        term: Term(1),
        round: Round(height),
        head: BlockRef { height: Height(height), hash },
        state_root,
        parent: CheckpointRef::genesis(electorate.context.genesis_hash),
        set_root: electorate.set_root,
        anchor: L1Anchor::default(),
        next_set_root: None,
    }
}
