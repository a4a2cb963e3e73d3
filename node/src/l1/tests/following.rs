use super::{
    CHAIN_ID, Following,
    chain::{Chain, L2, MINIMUM, member},
    client, patient,
    proxy::Proxy,
};
use crate::{
    keys::NodeKeys,
    l1::{FollowerConfig, Phase, RegistrySet, RegistryUpdate, StartError},
};
use alloy_primitives::B256;
use baton_consensus::{FinalityRule, messages::L1Anchor, types::Stake};
use serde_json::json;

fn keys() -> NodeKeys {
    NodeKeys::generate().unwrap()
}

/// These members and the founders, by address.
fn with(chain: &Chain, others: &[(&NodeKeys, u64)]) -> Vec<baton_consensus::types::Sequencer> {
    let others = others.iter().map(|(keys, stake)| member(keys, *stake));
    let mut members: Vec<_> = chain.members().into_iter().chain(others).collect();
    members.sort_by_key(|member| member.address);
    members
}

#[tokio::test]
async fn every_change_of_the_set_is_told_with_the_block_that_made_it() {
    let chain = Chain::start(2).await;
    let mut following = Following::start(chain.follower(), &chain.client);
    let newcomer = keys();
    let anchor = chain.register(&newcomer, 5_000).await;
    // Not before it is confirmed.
    chain.anvil.mine(2).await;
    following.reads(anchor.number - 1).await;
    following.nothing_is_told();
    chain.anvil.mine(1).await;
    assert_eq!(following.set().await, RegistrySet { anchor, members: with(&chain, &[(&newcomer, 5_000)]) });

    let anchor = chain.add_stake(newcomer.operator.address(), 7).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await, RegistrySet { anchor, members: with(&chain, &[(&newcomer, 5_007)]) });

    let anchor = chain.exit(newcomer.operator.address()).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await, RegistrySet { anchor, members: chain.members() });

    // Several in one look, in order; the set is full at four, and who stakes less than the fourth changes nothing.
    let more: Vec<_> = (0..3).map(|_| keys()).collect();
    let first = chain.register(&more[0], 3_000).await;
    let second = chain.register(&more[1], 2_000).await;
    chain.register(&more[2], MINIMUM).await;
    chain.anvil.mine(3).await;
    assert_eq!((following.set().await.anchor, following.set().await.anchor), (first, second));
    let (view, logs) = chain.view_and_logs().await;
    assert_eq!(view, logs.seats());

    let status = following.handle.status.borrow().clone();
    assert_eq!((status.phase, &status.last_error), (Phase::Following, &None));
    assert!(status.lag().is_some() && status.head.is_some() && status.endpoints[0].usable);
    assert_eq!(following.metrics.l1_set_versions.get(), 5);
    assert_eq!(following.metrics.l1_endpoints_usable.get(), 1);
}

#[tokio::test]
async fn a_follower_that_starts_late_tells_the_same() {
    let chain = Chain::start(2).await;
    let newcomer = keys();
    let first = chain.register(&newcomer, 5_000).await;
    chain.anvil.mine(40).await;
    let second = chain.exit(newcomer.operator.address()).await;
    chain.anvil.mine(40).await;
    // Four blocks at once.
    let mut following = Following::start(FollowerConfig { max_range: 4, ..chain.follower() }, &chain.client);
    assert_eq!((following.set().await.anchor, following.set().await.anchor), (first, second));
    assert_eq!(following.metrics.l1_set_versions.get(), 2);
}

#[tokio::test]
async fn under_depth_count_stakes_are_not_told() {
    let chain = Chain::start(2).await;
    let config = FollowerConfig { finality: FinalityRule::DepthCount, ..chain.follower() };
    let members = FinalityRule::DepthCount.count(config.members.clone());
    let mut following = Following::start(FollowerConfig { members, ..config }, &chain.client);
    let anchor = chain.add_stake(chain.founders[0].operator.address(), 7).await;
    chain.anvil.mine(3).await;
    following.reads(anchor.number).await;
    following.nothing_is_told();
    chain.register(&keys(), 5_000).await;
    chain.anvil.mine(3).await;
    assert!(following.set().await.members.iter().all(|member| member.weight == Stake::ONE));
}

#[tokio::test]
async fn a_registry_that_is_not_activated_is_waited_for() {
    let mut chain = Chain::not_activated(1).await;
    chain.anvil.mine(3).await;
    let mut following = Following::start(chain.follower(), &chain.client);
    following.handle.status.wait_for(|status| status.phase == Phase::AwaitingActivation).await.unwrap();
    chain.activate(L2.genesis_hash).await;
    let anchor = chain.register(&keys(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);
}

#[tokio::test]
async fn what_does_not_fit_genesis_is_refused() {
    let chain = Chain::start(2).await;
    chain.anvil.mine(3).await;
    let config = chain.follower();
    let refused = async |config: FollowerConfig| {
        let following = Following::start(config, &chain.client);
        tokio::time::timeout(super::PATIENCE, following.result).await.unwrap().unwrap().unwrap_err()
    };
    let foreign = refused(FollowerConfig { l2_chain_id: 5, ..config.clone() }).await;
    assert!(matches!(foreign, StartError::ForeignChain { expected: 5, actual: 412_346, .. }), "{foreign}");
    let foreign = refused(FollowerConfig { genesis_hash: B256::ZERO, ..config.clone() }).await;
    assert!(matches!(foreign, StartError::ForeignGenesis { .. }), "{foreign}");
    let start = L1Anchor { hash: B256::repeat_byte(1), ..config.start };
    let foreign = refused(FollowerConfig { start, ..config.clone() }).await;
    assert!(matches!(foreign, StartError::ForeignAnchor { .. }), "{foreign}");
    let start = chain.client.block_at(0).await.unwrap().unwrap().anchor();
    let foreign = refused(FollowerConfig { start, ..config.clone() }).await;
    assert!(matches!(foreign, StartError::NotDeployed { start: 0, .. }), "{foreign}");
    let mut others = config.clone();
    others.members[0].weight = Stake::ONE;
    let foreign = refused(others).await.to_string();
    assert!(foreign.contains("weighs 1 in genesis and 1500 in the registry"), "{foreign}");
    let fewer = refused(FollowerConfig { members: config.members[..1].to_vec(), ..config.clone() }).await.to_string();
    assert!(fewer.contains(&format!("{} is in the registry only", config.members[1].address)), "{fewer}");
}

#[tokio::test]
async fn a_reorganisation_of_blocks_that_are_not_confirmed_changes_nothing() {
    let chain = Chain::start(2).await;
    let mut following = Following::start(chain.follower(), &chain.client);
    let undone = chain.register(&keys(), 5_000).await;
    chain.anvil.mine(1).await;
    following.reads(undone.number - 2).await;
    chain.anvil.reorganise(2).await;
    assert_ne!(chain.client.block_at(undone.number).await.unwrap().unwrap().hash, undone.hash);
    let newcomer = keys();
    let anchor = chain.register(&newcomer, 6_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await, RegistrySet { anchor, members: with(&chain, &[(&newcomer, 6_000)]) });
    following.nothing_is_told();
    assert_eq!(following.metrics.l1_deep_reorgs.get(), 0);
}

#[tokio::test]
async fn a_reorganisation_deeper_than_the_confirmations_takes_versions_back() {
    let chain = Chain::start(2).await;
    let mut following = Following::start(chain.follower(), &chain.client);
    let (kept, undone) = (keys(), keys());
    let kept_at = chain.register(&kept, 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, kept_at);
    let undone_at = chain.register(&undone, 6_000).await;
    chain.anvil.mine(4).await;
    assert_eq!(following.set().await.anchor, undone_at);

    chain.anvil.reorganise(6).await;
    chain.anvil.mine(6).await;
    let RegistryUpdate::Reverted { above } = following.update().await else { panic!() };
    assert!((kept_at.number..undone_at.number).contains(&above), "{above}");
    let newcomer = keys();
    let anchor = chain.register(&newcomer, 7_000).await;
    chain.anvil.mine(3).await;
    let members = with(&chain, &[(&kept, 5_000), (&newcomer, 7_000)]);
    assert_eq!(following.set().await, RegistrySet { anchor, members });
    assert_eq!(following.metrics.l1_deep_reorgs.get(), 1);
}

#[tokio::test]
async fn an_l1_that_is_killed_is_followed_again_once_it_is_back() {
    let mut chain = Chain::start(2).await;
    let proxy = Proxy::start(Some(chain.anvil.address)).await;
    let seen = client(&[proxy.url()], patient());
    let mut following = Following::start(chain.follower(), &seen);
    let anchor = chain.register(&keys(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);

    proxy.lead_to(None);
    let stopped = chain.anvil.stop().await;
    following.fails("cannot be reached").await;
    following.handle.status.wait_for(|status| !status.endpoints[0].usable).await.unwrap();
    chain.anvil = stopped.start().await;
    proxy.lead_to(Some(chain.anvil.address));
    assert_eq!(chain.anvil.request("eth_chainId", json!([])).await, json!(format!("{CHAIN_ID:#x}")));
    chain.anvil.mine(5).await;
    let head = seen.head().await.unwrap().number;
    following.reads(head - 3).await;
    following.nothing_is_told();
    assert_eq!(following.handle.status.borrow().last_error, None);
    assert_eq!(following.metrics.l1_deep_reorgs.get(), 0);
}
