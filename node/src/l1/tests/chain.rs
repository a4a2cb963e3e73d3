//! An L1 with a registry, and who registers there.

use super::{
    anvil::{Anvil, CHAIN_ID, rich},
    client, patient,
};
use crate::{
    keys::NodeKeys,
    l1::{Call, FeePolicy, FollowerConfig, ISequencerRegistry, L1Client, RegistryState, Sender},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rpc_types_eth::TransactionReceipt;
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue};
use baton_consensus::{
    keys::possession_message,
    messages::L1Anchor,
    signing::SigningContext,
    types::{Sequencer, Stake},
};
use std::time::Duration;

/// The L2 whose registry it is.
pub(super) const L2: SigningContext = SigningContext { chain_id: 412_346, genesis_hash: B256::repeat_byte(0x77) };

/// The smallest stake.
pub(super) const MINIMUM: u64 = 1_000;

/// What each founder stakes.
const FOUNDERS: u64 = 1_500;

/// A running L1, its registry, and an account that pays for everything.
pub(super) struct Chain {
    pub(super) anvil: Anvil,
    pub(super) client: L1Client,
    pub(super) account: Sender,
    pub(super) registry: Address,
    pub(super) start: L1Anchor,
    /// Those of genesis.
    pub(super) founders: Vec<NodeKeys>,
}

impl Chain {
    /// So many sequencers registered, and the registry is activated.
    pub(super) async fn start(founders: usize) -> Self {
        let mut chain = Self::not_activated(founders).await;
        chain.activate(L2.genesis_hash).await;
        // The start is confirmed.
        chain.anvil.mine(3).await;
        chain
    }

    pub(super) async fn not_activated(founders: usize) -> Self {
        let anvil = Anvil::start().await;
        let client = client(&[format!("http://{}", anvil.address)], patient());
        let policy = FeePolicy { poll_interval: Duration::from_millis(20), ..FeePolicy::default() };
        let account = Sender::new(client.clone(), rich(), policy);
        let receipt = account.send(&deployment(account.address()), |_| {}).await.unwrap();
        let registry = receipt.contract_address.unwrap();
        let start = L1Anchor::default();
        let mut chain = Self { anvil, client, account, registry, start, founders: Vec::new() };
        for _ in 0..founders {
            let keys = NodeKeys::generate().unwrap();
            chain.register(&keys, FOUNDERS).await;
            chain.founders.push(keys);
        }
        chain.founders.sort_by_key(|keys| keys.operator.address());
        chain.start = chain.client.head().await.unwrap().anchor();
        chain
    }

    pub(super) async fn activate(&mut self, hash: B256) {
        self.call(&ISequencerRegistry::activateCall { genesisHash: hash }, 0).await;
    }

    pub(super) async fn register(&self, keys: &NodeKeys, stake: u64) -> L1Anchor {
        let operator = keys.operator.address();
        let message = possession_message(CHAIN_ID, self.registry, operator, &keys.bls.public_key());
        let possession = keys.bls.sign_possession(&message).to_eip2537().unwrap().to_vec().into();
        let public = keys.bls.public_key().to_eip2537().unwrap().to_vec().into();
        let mut registration = ISequencerRegistry::Registration {
            operator,
            payout: operator,
            blsKey: ISequencerRegistry::BlsKey { publicKey: public, possession },
            peerId: keys.public().peer_id,
            multiaddr: String::new(),
            operatorSignature: Bytes::new(),
        };
        let (staker, amount) = (self.account.address(), U256::from(stake));
        let digest = ISequencerRegistry::registrationDigestCall { staker, registration: registration.clone(), amount };
        let digest = self.client.read(self.registry, &digest, BlockId::latest()).await.unwrap();
        let signer = PrivateKeySigner::from_bytes(&keys.operator.to_bytes()).unwrap();
        registration.operatorSignature = signer.sign_hash_sync(&digest).unwrap().as_bytes().to_vec().into();
        at(&self.call(&ISequencerRegistry::registerCall { registration, amount }, stake).await)
    }

    pub(super) async fn add_stake(&self, operator: Address, stake: u64) -> L1Anchor {
        at(&self.call(&ISequencerRegistry::addStakeCall { operator, amount: U256::from(stake) }, stake).await)
    }

    pub(super) async fn exit(&self, operator: Address) -> L1Anchor {
        at(&self.call(&ISequencerRegistry::requestExitCall { operator }, 0).await)
    }

    pub(super) async fn call(&self, call: &impl SolCall, value: u64) -> TransactionReceipt {
        let (to, data) = (TxKind::Call(self.registry), call.abi_encode().into());
        self.account.send(&Call { to, data, value: U256::from(value) }, |_| {}).await.unwrap()
    }

    /// The founders as genesis names them.
    pub(super) fn members(&self) -> Vec<Sequencer> {
        self.founders.iter().map(|keys| member(keys, FOUNDERS)).collect()
    }

    /// Three confirmations, and looks without a pause to speak of.
    pub(super) fn follower(&self) -> FollowerConfig {
        FollowerConfig {
            members: self.members(),
            l2_chain_id: L2.chain_id,
            genesis_hash: L2.genesis_hash,
            confirmations: 3,
            poll_interval: Duration::from_millis(20),
            witness_patience: Duration::from_secs(60),
            ..FollowerConfig::new(self.registry, self.start)
        }
    }

    /// What the contract says now, and what its logs say.
    pub(super) async fn view_and_logs(&self) -> (Vec<ISequencerRegistry::Member>, RegistryState) {
        let call = ISequencerRegistry::currentSetCall;
        let view = self.client.read(self.registry, &call, BlockId::latest()).await.unwrap();
        let filter = alloy_rpc_types_eth::Filter::new().address(self.registry).from_block(0u64);
        let mut state = RegistryState::default();
        for log in self.client.logs(&filter).await.unwrap() {
            state.apply(&log.inner).unwrap();
        }
        (view, state)
    }
}

pub(super) fn member(keys: &NodeKeys, stake: u64) -> Sequencer {
    Sequencer {
        address: keys.operator.address(),
        bls_public_key: keys.bls.public_key(),
        weight: Stake(U256::from(stake)),
        peer_id: keys.public().peer_id,
    }
}

fn at(receipt: &TransactionReceipt) -> L1Anchor {
    L1Anchor { number: receipt.block_number.unwrap(), hash: receipt.block_hash.unwrap() }
}

fn deployment(owner: Address) -> Call {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../contracts/artifacts/SequencerRegistry.json");
    let artifact: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let code = &artifact["bytecode"];
    let code: Bytes = code.as_str().or(code["object"].as_str()).unwrap().parse().unwrap();
    let parameters = ISequencerRegistry::Parameters {
        minimumStake: U256::from(MINIMUM),
        maxMembers: 4,
        unbondingDelay: 60,
        rotationDelay: 60,
        slashBasisPoints: 1_000,
        rewardBasisPoints: 1_000,
    };
    let arguments = (owner, Address::ZERO, L2.chain_id, parameters, 0u64).abi_encode_params();
    Call { to: TxKind::Create, data: [code.as_ref(), &arguments].concat().into(), value: U256::ZERO }
}
