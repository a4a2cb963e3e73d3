//! The JSON form of a genesis file.

use super::{
    GenesisError, GenesisFile, GenesisSequencer,
    alloc::Alloc,
    forks::ChainConfig,
    l1,
    number::{Decimal, Number},
};
use alloy_primitives::{Address, Bytes};
use baton_consensus::{
    FinalityRule, Parameters,
    keys::{BlsPublicKey, ProofOfPossession},
    types::{Sequencer, Stake},
};
use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// geth's initial base fee, in wei, for files that name none.
const DEFAULT_BASE_FEE: u64 = 1_000_000_000;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Root {
    config: ChainConfig,
    #[serde(default)]
    timestamp: Number,
    gas_limit: Number,
    #[serde(default = "default_base_fee")]
    base_fee_per_gas: Number,
    sequencing: Sequencing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    l1: Option<l1::Section>,
    alloc: Alloc,
    // Fields of geth's file that block 0 does not take from it: they may be there if they say nothing.
    #[serde(default, skip_serializing)]
    nonce: Number,
    #[serde(default, skip_serializing)]
    difficulty: Number,
    #[serde(default, skip_serializing)]
    number: Number,
    #[serde(default, skip_serializing)]
    gas_used: Number,
    #[serde(default, skip_serializing)]
    blob_gas_used: Option<Number>,
    #[serde(default, skip_serializing)]
    excess_blob_gas: Option<Number>,
    #[serde(default, skip_serializing)]
    mix_hash: Bytes,
    #[serde(default, skip_serializing)]
    parent_hash: Bytes,
    #[serde(default, skip_serializing)]
    coinbase: Bytes,
    #[serde(default, skip_serializing)]
    extra_data: Bytes,
}

fn default_adopt_timeout() -> Duration {
    Parameters::default().adopt_timeout
}

fn default_term_blocks() -> u64 {
    Parameters::default().term_blocks
}

fn default_vote_timeout() -> Duration {
    Parameters::default().vote_timeout
}

fn default_max_unfinalized_blocks() -> u64 {
    Parameters::default().max_unfinalized_blocks
}

fn default_base_fee() -> Number {
    DEFAULT_BASE_FEE.into()
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sequencing {
    #[serde(with = "humantime_serde")]
    block_time: Duration,
    epoch_blocks: u64,
    #[serde(with = "humantime_serde")]
    leader_timeout: Duration,
    #[serde(with = "humantime_serde")]
    heartbeat_interval: Duration,
    #[serde(with = "humantime_serde")]
    heartbeat_timeout: Duration,
    #[serde(with = "humantime_serde")]
    opening_timeout: Duration,
    #[serde(with = "humantime_serde")]
    term_timeout: Duration,
    #[serde(with = "humantime_serde", default = "default_adopt_timeout")]
    adopt_timeout: Duration,
    #[serde(default = "default_term_blocks")]
    term_blocks: u64,
    #[serde(with = "humantime_serde", default = "default_vote_timeout")]
    vote_timeout: Duration,
    #[serde(default = "default_max_unfinalized_blocks")]
    max_unfinalized_blocks: u64,
    finality: FinalityRule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_fee_recipient: Option<Address>,
    sequencers: Vec<Member>,
    #[serde(default)]
    bootnodes: Vec<Multiaddr>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Member {
    address: Address,
    bls_public_key: BlsPublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof_of_possession: Option<ProofOfPossession>,
    weight: Decimal,
    #[serde(default)]
    peer_id: String,
}

/// Reads the file.
pub(super) fn read(bytes: &[u8]) -> Result<GenesisFile, GenesisError> {
    let Root {
        config,
        timestamp,
        gas_limit,
        base_fee_per_gas,
        sequencing,
        l1,
        alloc,
        nonce,
        difficulty,
        number,
        gas_used,
        blob_gas_used,
        excess_blob_gas,
        mix_hash,
        parent_hash,
        coinbase,
        extra_data,
    } = serde_json::from_slice(bytes)?;
    for (field, value) in [
        ("nonce", nonce),
        ("difficulty", difficulty),
        ("number", number),
        ("gasUsed", gas_used),
        ("blobGasUsed", blob_gas_used.unwrap_or_default()),
        ("excessBlobGas", excess_blob_gas.unwrap_or_default()),
    ] {
        if !value.0.is_zero() {
            return Err(GenesisError::field(field, format_args!("{} is not possible: it is 0 in block 0", value.0)));
        }
    }
    for (field, value) in
        [("mixHash", mix_hash), ("parentHash", parent_hash), ("coinbase", coinbase), ("extraData", extra_data)]
    {
        if value.iter().any(|byte| *byte != 0) {
            return Err(GenesisError::field(
                field,
                format_args!("{value} is not possible: block 0 sets it itself; leave it out"),
            ));
        }
    }
    let Sequencing {
        block_time,
        epoch_blocks,
        leader_timeout,
        heartbeat_interval,
        heartbeat_timeout,
        opening_timeout,
        term_timeout,
        adopt_timeout,
        term_blocks,
        vote_timeout,
        max_unfinalized_blocks,
        finality,
        base_fee_recipient,
        sequencers,
        bootnodes,
    } = sequencing;
    Ok(GenesisFile {
        chain_id: config.chain_id,
        timestamp: timestamp.to_u64("timestamp")?,
        gas_limit: gas_limit.to_u64("gasLimit")?,
        base_fee_per_gas: base_fee_per_gas.to_u64("baseFeePerGas")?,
        base_fee_recipient,
        parameters: Parameters {
            block_time,
            epoch_blocks,
            leader_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            opening_timeout,
            term_timeout,
            adopt_timeout,
            term_blocks,
            vote_timeout,
            max_unfinalized_blocks,
            finality,
        },
        sequencers: sequencers.into_iter().map(GenesisSequencer::from).collect(),
        l1: l1.map(l1::Section::read).transpose()?,
        bootnodes,
        alloc: alloc.0,
    })
}

/// Writes the file.
pub(super) fn write(file: &GenesisFile) -> Result<String, GenesisError> {
    let GenesisFile {
        chain_id,
        timestamp,
        gas_limit,
        base_fee_per_gas,
        base_fee_recipient,
        parameters,
        sequencers,
        l1,
        bootnodes,
        alloc,
    } = file.clone();
    let Parameters {
        block_time,
        epoch_blocks,
        leader_timeout,
        heartbeat_interval,
        heartbeat_timeout,
        opening_timeout,
        term_timeout,
        adopt_timeout,
        term_blocks,
        vote_timeout,
        max_unfinalized_blocks,
        finality,
    } = parameters;
    let root = Root {
        config: ChainConfig { chain_id },
        timestamp: timestamp.into(),
        gas_limit: gas_limit.into(),
        base_fee_per_gas: base_fee_per_gas.into(),
        sequencing: Sequencing {
            block_time,
            epoch_blocks,
            leader_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            opening_timeout,
            term_timeout,
            adopt_timeout,
            term_blocks,
            vote_timeout,
            max_unfinalized_blocks,
            finality,
            base_fee_recipient,
            sequencers: sequencers.into_iter().map(Member::from).collect(),
            bootnodes,
        },
        l1: l1.map(l1::Section::from),
        alloc: Alloc(alloc),
        nonce: Number::default(),
        difficulty: Number::default(),
        number: Number::default(),
        gas_used: Number::default(),
        blob_gas_used: None,
        excess_blob_gas: None,
        mix_hash: Bytes::new(),
        parent_hash: Bytes::new(),
        coinbase: Bytes::new(),
        extra_data: Bytes::new(),
    };
    Ok(serde_json::to_string_pretty(&root)?)
}

impl From<Member> for GenesisSequencer {
    fn from(member: Member) -> Self {
        let Member { address, bls_public_key, proof_of_possession, weight, peer_id } = member;
        Self { member: Sequencer { address, bls_public_key, weight: Stake(weight.0), peer_id }, proof_of_possession }
    }
}

impl From<GenesisSequencer> for Member {
    fn from(sequencer: GenesisSequencer) -> Self {
        let GenesisSequencer { member, proof_of_possession } = sequencer;
        let Sequencer { address, bls_public_key, weight, peer_id } = member;
        Self { address, bls_public_key, proof_of_possession, weight: Decimal(weight.0), peer_id }
    }
}
