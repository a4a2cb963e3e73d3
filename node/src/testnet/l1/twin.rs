//! The cheater: a second block for a position at which the member has led one, signed by its key, and told to the mesh by a
//! peer that nobody knows.

use crate::{
    genesis::Genesis,
    keys::{self, Passwords},
};
use alloy_primitives::B256;
use baton_consensus::{
    messages::Proposal,
    signing::{Signed, SigningContext},
    types::{Block, CompactBlock, ExtraData, Height, SignedBlock},
};
use baton_network::{GossipMessage, Keypair, Multiaddr, NetworkConfig, NetworkHandle, Status};
use eyre::{OptionExt, WrapErr};
use std::{path::Path, sync::Arc};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// A peer on the mesh, until it is dropped.
pub(super) struct Peer {
    network: NetworkHandle,
    _tasks: JoinSet<()>,
}

impl Peer {
    /// Joins the mesh by these addresses.
    pub(super) fn start(genesis: &Genesis, addresses: Vec<Multiaddr>) -> eyre::Result<Self> {
        let chain = genesis.signing_context();
        let mut config = NetworkConfig::new(Keypair::generate_ed25519(), chain);
        config.bootnodes = addresses;
        let (keep, status) = watch::channel(Status::of_newcomer(&chain));
        let (network, mut events, task) = baton_network::start(config, status)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run(CancellationToken::new().cancelled_owned()));
        tasks.spawn(async move {
            // What others say is of no interest, and must be taken.
            while events.next().await.is_some() {}
            drop(keep);
        });
        Ok(Self { network, _tasks: tasks })
    }

    /// Tells everyone of a block; before anyone listens, once somebody does.
    pub(super) async fn tell(&self, block: SignedBlock) -> eyre::Result<()> {
        self.network
            .publish(GossipMessage::Block(Arc::new(CompactBlock::of(&block, |_| true))))
            .await
            .wrap_err("cannot tell of a block")?;
        Ok(())
    }
}

/// Another block for the position of this header, with the signature of the operator whose keys these are. It holds nothing,
/// and need not: nobody executes it.
pub(super) fn twin(
    header: alloy_consensus::Header,
    context: &SigningContext,
    keys: &Path,
) -> eyre::Result<SignedBlock> {
    let key = keys::load_operator_key(&keys.join(keys::OPERATOR_KEY), &Passwords::none())?;
    let position = ExtraData::from_bytes(&header.extra_data).ok_or_eyre("the block has no position")?;
    let mut block = Block { header, body: Default::default() };
    block.header.mix_hash = B256::repeat_byte(0x2e);
    block.header.transactions_root = alloy_consensus::EMPTY_ROOT_HASH;
    let proposal = Proposal::new(position, Height(block.header.number), block.header.hash_slow());
    let signature = Signed::new(proposal, context, &key).signature;
    Ok(SignedBlock { block, signature })
}
