use crate::cli::share;
use alloy_primitives::{Address, B256};
use baton_consensus::{
    finality::light_client::{ProvenBlock, Trusted},
    messages::CheckpointPosition,
    types::BlockRef,
};
use serde::Serialize;

/// What a proof says, once it convinced. Numbers are plain JSON numbers, weights decimal strings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// The block that is proven final.
    block: BlockRef,
    /// Its state root.
    state_root: B256,
    /// Its timestamp, in seconds since the Unix epoch.
    timestamp: u64,
    /// The checkpoint that makes it final.
    position: CheckpointPosition,
    /// The head of that checkpoint: the block itself, or one above it.
    final_block: BlockRef,
    /// Who signed, in order of their addresses.
    signers: Vec<Address>,
    /// How many could have.
    members: usize,
    /// What the signers weigh.
    signed_weight: String,
    /// What all members weigh.
    total_weight: String,
    /// The weight of the signers in percent.
    share: String,
    /// The block that was trusted to begin with.
    trusted: BlockRef,
}

impl Report {
    pub(super) fn new(from: &Trusted, proven: &ProvenBlock) -> Self {
        let ProvenBlock { header, block, finality, trusted } = proven;
        let electorate = trusted.electorate();
        let set = &electorate.set;
        let signers = finality.child().signers(electorate);
        let places: Vec<_> = signers.iter().filter_map(|signer| set.index_of(*signer)).collect();
        let signed = set.weight_of(&places);
        Self {
            block: *block,
            state_root: header.state_root,
            timestamp: header.timestamp,
            position: finality.position(),
            final_block: finality.block(),
            signers,
            members: set.len(),
            signed_weight: signed.to_string(),
            total_weight: set.total().to_string(),
            share: share(signed, set.total()),
            trusted: from.block(),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let Self {
            block,
            state_root,
            timestamp,
            position,
            final_block,
            signers,
            members,
            signed_weight,
            total_weight,
            share,
            trusted,
        } = self;
        let by = if final_block == block { "of this block".to_owned() } else { format!("of block {final_block}") };
        let mut text = format!(
            "block {} is final\n\
             hash                 {}\n\
             state root           {state_root}\n\
             timestamp            {timestamp}\n\
             made final by        checkpoint {position} {by}\n\
             signed by            {} of {members} sequencers, weight {signed_weight} of {total_weight} ({share})\n",
            block.height,
            block.hash,
            signers.len()
        );
        for signer in signers {
            text.push_str(&format!("  {signer}\n"));
        }
        let from = if trusted.height.0 == 0 { "genesis" } else { "the checkpoint of block" };
        text.push_str(&format!("starting from        {from} {trusted}\n"));
        text
    }
}
