//! The genesis of a chain: what every node must hold alike before it may talk to the others.
//!
//! The file is geth's genesis JSON (`config`, `alloc`, `timestamp`, `gasLimit`, `baseFeePerGas`), so that Ethereum tools
//! read it, with a section `sequencing` of its own: the protocol's parameters, the sequencers of era 0 and the bootnodes.
//! Every fork up to Osaka is active from block 0.
//!
//! The hash of block 0 names the chain: every signature covers it. It commits to the whole file except the bootnodes,
//! which may change: the header holds state root, timestamp, gas limit and base fee, and its `extra_data` is the keccak
//! of the RLP list, whose last item is there only if the set follows a registry on L1:
//!
//! ```text
//! ["baton genesis 1", chain id, digest of the parameters, root of the sequencer set, base fee recipient or "",
//!  elasticity multiplier, base fee change denominator, gas limit, base fee, timestamp,
//!  [L1 chain id, registry, [anchor's number, anchor's hash], confirmations]]
//! ```

mod alloc;
mod error;
mod file;
mod forks;
mod json;
mod l1;
mod number;
mod pace;

pub use error::GenesisError;
pub use file::{GenesisFile, GenesisSequencer};
pub use l1::L1Genesis;
pub use pace::parameters_for;

use alloy_consensus::Header;
use alloy_eips::eip1559::BaseFeeParams;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rlp::RlpEncodable;
use baton_consensus::{
    FinalityRule, Parameters,
    reign::Reign,
    signing::SigningContext,
    types::{Block, Electorate, SequencerSet, Stake},
};
use baton_execution::{ChainSpec, GenesisParameters, StateDiff, genesis_header, genesis_state};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::{fs::File, io::Read, path::Path, sync::Arc};

/// The largest genesis file that is read: 64 MiB.
pub const MAX_FILE_SIZE: u64 = 64 << 20;

/// Sets the commitment of block 0 apart from every other hash, and counts its form.
const COMMITMENT_DOMAIN: &str = "baton genesis 1";

/// A genesis whose every part was checked.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// What it fixes about execution.
    pub chain: ChainSpec,
    /// What it fixes about the protocol.
    pub parameters: Parameters,
    /// The sequencers of era 0; their proofs of possession hold.
    pub set: Arc<SequencerSet>,
    /// The header of block 0.
    pub header: Header,
    /// The hash of block 0.
    pub hash: B256,
    /// The state of block 0, as a change of the empty state.
    pub state: StateDiff,
    /// Where the set comes from after era 0; none if it never changes.
    pub l1: Option<L1Genesis>,
    /// Peers to start from; each address ends in `/p2p/<peer id>`.
    pub bootnodes: Vec<Multiaddr>,
}

impl Genesis {
    /// Reads and checks a genesis file.
    ///
    /// # Errors
    /// [`GenesisError`] names the file and what is wrong in it.
    pub fn load(path: &Path) -> Result<Self, GenesisError> {
        let in_file = |problem| GenesisError::InFile { path: path.to_owned(), problem: Box::new(problem) };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes))
            .map_err(|cause| GenesisError::Read { path: path.to_owned(), cause })?;
        Self::from_json(&bytes).map_err(in_file)
    }

    /// Checks the content of a genesis file.
    ///
    /// # Errors
    /// [`GenesisError`] names the first thing that is wrong.
    pub fn from_json(bytes: &[u8]) -> Result<Self, GenesisError> {
        if bytes.len() as u64 > MAX_FILE_SIZE {
            return Err(GenesisError::TooLarge);
        }
        Self::new(GenesisFile::from_json(bytes)?)
    }

    /// Checks a genesis and computes block 0.
    ///
    /// # Errors
    /// [`GenesisError`] names the first thing that is wrong.
    pub fn new(file: GenesisFile) -> Result<Self, GenesisError> {
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
        } = file;
        let chain = ChainSpec::new(chain_id, BaseFeeParams::ethereum(), base_fee_recipient)?;
        check_parameters(&parameters)?;
        check_weights(&sequencers, parameters.finality)?;
        l1.as_ref().map_or(Ok(()), L1Genesis::check)?;
        for address in &bootnodes {
            if !names_a_peer(address) {
                return Err(GenesisError::field(
                    "sequencing.bootnodes",
                    format_args!("{address} does not end in /p2p/<peer id>"),
                ));
            }
        }
        let members = sequencers.into_iter().map(|sequencer| sequencer.into_member(l1.as_ref()));
        let set = Arc::new(SequencerSet::new(members.collect::<Result<_, _>>()?)?);
        let commitment = commitment(&chain, &parameters, &set, gas_limit, base_fee_per_gas, timestamp, l1);
        let (state, state_root) = genesis_state(&alloc)?;
        let header = genesis_header(
            &GenesisParameters {
                timestamp,
                gas_limit,
                base_fee_per_gas,
                extra_data: Bytes::from(commitment),
                beneficiary: Address::ZERO,
            },
            state_root,
        )?;
        let hash = header.hash_slow();
        Ok(Self { chain, parameters, set, header, hash, state, l1, bootnodes })
    }

    /// The EIP-155 chain id.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain.chain_id()
    }

    /// What signatures on this chain cover besides their message.
    #[must_use]
    pub const fn signing_context(&self) -> SigningContext {
        SigningContext { chain_id: self.chain.chain_id(), genesis_hash: self.hash }
    }

    /// What signatures of era 0 are checked against.
    #[must_use]
    pub fn electorate(&self) -> Electorate {
        Electorate::genesis(self.signing_context(), Arc::clone(&self.set))
    }

    /// What era 0 begins with.
    #[must_use]
    pub fn reign(&self) -> Reign {
        Reign::genesis(self.signing_context(), Arc::clone(&self.set), self.l1.map(|l1| l1.anchor).unwrap_or_default())
    }

    /// Block 0: the header over an empty body.
    #[must_use]
    pub fn block(&self) -> Block {
        Block {
            header: self.header.clone(),
            body: alloy_consensus::BlockBody {
                transactions: Vec::new(),
                ommers: Vec::new(),
                withdrawals: Some(alloy_eips::eip4895::Withdrawals::default()),
            },
        }
    }
}

/// Whether a multiaddress ends in the id of the peer that it leads to, so that the peer can be authenticated.
#[must_use]
pub fn names_a_peer(address: &Multiaddr) -> bool {
    matches!(address.iter().last(), Some(Protocol::P2p(_)))
}

/// The address with the peer's id at its end; one that ends with a peer's id is left as it is.
#[must_use]
pub fn with_peer(address: &Multiaddr, peer: PeerId) -> Multiaddr {
    address.clone().with_p2p(peer).unwrap_or_else(|named| named)
}

/// What block 0 carries in its `extra_data`.
fn commitment(
    chain: &ChainSpec,
    parameters: &Parameters,
    set: &SequencerSet,
    gas_limit: u64,
    base_fee_per_gas: u64,
    timestamp: u64,
    l1: Option<L1Genesis>,
) -> B256 {
    #[derive(RlpEncodable)]
    #[rlp(trailing)]
    struct Committed<'a> {
        domain: &'a str,
        chain_id: u64,
        parameters: B256,
        set: B256,
        base_fee_recipient: Bytes,
        elasticity_multiplier: u128,
        max_change_denominator: u128,
        gas_limit: u64,
        base_fee_per_gas: u64,
        timestamp: u64,
        l1: Option<L1Genesis>,
    }
    let base_fee_params = chain.base_fee_params();
    keccak256(alloy_rlp::encode(Committed {
        domain: COMMITMENT_DOMAIN,
        chain_id: chain.chain_id(),
        parameters: parameters.digest(),
        set: set.members_root(),
        base_fee_recipient: chain
            .base_fee_recipient()
            .map(|recipient| Bytes::copy_from_slice(recipient.as_slice()))
            .unwrap_or_default(),
        elasticity_multiplier: base_fee_params.elasticity_multiplier,
        max_change_denominator: base_fee_params.max_change_denominator,
        gas_limit,
        base_fee_per_gas,
        timestamp,
        l1,
    }))
}

/// The bounds, and that what the digest counts in milliseconds is whole milliseconds.
fn check_parameters(parameters: &Parameters) -> Result<(), GenesisError> {
    parameters.check()?;
    let Parameters {
        block_time,
        epoch_blocks: _,
        leader_timeout,
        heartbeat_interval,
        heartbeat_timeout,
        opening_timeout,
        term_timeout,
        adopt_timeout,
        term_blocks: _,
        vote_timeout,
        max_unfinalized_blocks: _,
        finality: _,
    } = parameters;
    for (name, span) in [
        ("sequencing.blockTime", block_time),
        ("sequencing.leaderTimeout", leader_timeout),
        ("sequencing.heartbeatInterval", heartbeat_interval),
        ("sequencing.heartbeatTimeout", heartbeat_timeout),
        ("sequencing.openingTimeout", opening_timeout),
        ("sequencing.termTimeout", term_timeout),
        ("sequencing.adoptTimeout", adopt_timeout),
        ("sequencing.voteTimeout", vote_timeout),
    ] {
        if span.subsec_nanos() % 1_000_000 != 0 {
            return Err(GenesisError::field(name, format_args!("{span:?} is not a whole number of milliseconds")));
        }
    }
    Ok(())
}

/// Under `depth-count` producers are counted: any weight but 1 would be a weight that does not count.
fn check_weights(sequencers: &[GenesisSequencer], finality: FinalityRule) -> Result<(), GenesisError> {
    let odd = sequencers.iter().map(|sequencer| &sequencer.member).find(|member| member.weight != Stake::ONE);
    match (finality, odd) {
        (FinalityRule::DepthCount, Some(member)) => Err(GenesisError::field(
            "sequencing.sequencers",
            format_args!(
                "{} has weight {}, but under finality \"depth-count\" every weight is 1; \
                 choose \"depth-stake\" or \"quorum\" to weigh sequencers",
                member.address, member.weight
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
