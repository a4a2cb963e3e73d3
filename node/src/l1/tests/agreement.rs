//! The contract's own view, and what its logs say.

use super::chain::{Chain, MINIMUM};
use crate::{keys::NodeKeys, l1::ISequencerRegistry};
use alloy_primitives::{Bytes, U256};
use serde_json::json;

async fn agree(chain: &Chain, members: usize) {
    let (view, logs) = chain.view_and_logs().await;
    assert_eq!(view, logs.seats());
    assert_eq!((view.len(), logs.members().len()), (members, members));
}

/// Lets delays pass.
async fn later(chain: &Chain) {
    chain.anvil.request("evm_increaseTime", json!([100])).await;
    chain.anvil.mine(1).await;
}

#[tokio::test]
async fn whatever_happens_to_a_registry_its_logs_tell_its_set() {
    let chain = Chain::start(3).await;
    agree(&chain, 3).await;
    let (member, leaver) = (&chain.founders[0], chain.founders[1].operator.address());
    chain.add_stake(member.operator.address(), 1).await;
    let more: Vec<_> = (0..3).map(|_| NodeKeys::generate().unwrap()).collect();
    for (keys, stake) in more.iter().zip([9_000, MINIMUM, 9_000]) {
        chain.register(keys, stake).await;
        agree(&chain, 4).await;
    }

    // The same key, elsewhere.
    let operator = member.operator.address();
    let public = member.bls.public_key().to_eip2537().unwrap().to_vec().into();
    let bls_key = ISequencerRegistry::BlsKey { publicKey: public, possession: Bytes::new() };
    let (peer_id, multiaddr) = (NodeKeys::generate().unwrap().public().peer_id, "/ip4/192.0.2.1/tcp/1".to_owned());
    let peer = peer_id.clone();
    let call = ISequencerRegistry::requestRotationCall { operator, blsKey: bls_key, peerId: peer_id, multiaddr };
    chain.call(&call, 0).await;
    later(&chain).await;
    chain.call(&ISequencerRegistry::completeRotationCall { operator }, 0).await;
    agree(&chain, 4).await;
    let members = chain.view_and_logs().await.1.members();
    assert_eq!(members.iter().find(|member| member.address == operator).unwrap().peer_id, peer);

    chain.exit(leaver).await;
    later(&chain).await;
    chain.call(&ISequencerRegistry::withdrawCall { operator: leaver }, 0).await;
    agree(&chain, 4).await;

    // Fewer seats, and a minimum that the founders do not reach.
    for (seats, minimum, members) in [(2, MINIMUM, 2), (1_024, MINIMUM + 8_000, 2), (1_024, 10_000, 0)] {
        let parameters = ISequencerRegistry::Parameters {
            minimumStake: U256::from(minimum),
            maxMembers: seats,
            unbondingDelay: 1,
            rotationDelay: 1,
            slashBasisPoints: 1,
            rewardBasisPoints: 1,
        };
        chain.call(&ISequencerRegistry::scheduleParametersCall { parameters }, 0).await;
        later(&chain).await;
        chain.call(&ISequencerRegistry::executeParametersCall {}, 0).await;
        agree(&chain, members).await;
    }
}
