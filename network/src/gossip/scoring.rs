//! Gossipsub's own scores: how it chooses among peers. Who is sent away or banned is decided elsewhere (`penalties`); scores only
//! say who is grafted, gossiped to and listened to. Names P1 to P7 are those of the gossipsub 1.1 specification.
//!
//! | part | here | why |
//! |---|---|---|
//! | P1 time in mesh | up to 0.5 a topic, full after ten minutes | a stable mesh is worth a little; it can outweigh nothing |
//! | P2 first deliveries | up to 1 a topic, halved every minute, or every ten where news are rare | who brings news is kept when the mesh is too large. One message counts 0.1, so ten in that time are enough: how busy a topic is makes no difference |
//! | P3, P3b mesh deliveries | off | they punish whoever delivers less than expected. Most topics are quiet for minutes (evidence, term changes, set changes), the rate of blocks is a parameter of genesis, and in meshes of 4 to 25 peers most copies are late by construction. A peer that delivers nothing loses P2, no more |
//! | P4 invalid messages | −1 × (count)², of transactions −¼ × (count)², halved every ten minutes | beside the points of our own penalties, which weigh more: 1, 4, 9 … a topic, and a quarter where versions may judge differently |
//! | P5 application | −1 a point of faults in `penalties`, +[`RESERVED_HEAD_START`] for reserved peers | one account decides. Slowness is not in it: it is about requests, and under load it meets everyone; the head start keeps gossipsub from muting a sequencer before our own ban does |
//! | P6 addresses in common | off | whole meshes live on loopback or behind one router. The gate limits ranges before a peer can have a score |
//! | P7 behaviour | −0.1 × (count beyond 16)², halved every ten seconds | grafting too early and not sending what was advertised. Honest nodes do both when they are overloaded; it takes some 40 in ten seconds to be muted, which an attacker's whole purpose exceeds |
//! | slow peers | off | a slow link is no fault: its queue is bounded, and messages that are too old are dropped from it |
//!
//! Positive parts come to [`TOPIC_CAP`] at most, so that nobody buys misdeeds with good behaviour: that is one mild offence.
//!
//! Thresholds, in a mesh of 4 as in one of 1,000, follow from the points: a peer with one severe offence (20) gets no gossip
//! beyond the mesh any more, with two (40) none of our own publications, and with three (60, beyond [`DISCONNECT_AT`]) it is not
//! listened to; at that point it is being disconnected anyway. A negative score alone, from one mild offence on, already keeps
//! it from being grafted. Duplicates, ignored messages and late ones change no score.
//!
//! The two instances of gossipsub each keep scores of the topics that they carry; P5 is the same in both.

use super::{
    Kind, Topics,
    channels::{Channel, Gossipsub},
};
use crate::{
    error::NetworkError,
    penalties::{DISCONNECT_AT, HALF_LIFE},
};
use libp2p::gossipsub::{PeerScoreParams, PeerScoreThresholds, TopicScoreParams};
use std::{collections::HashSet, time::Duration};

/// What a reserved peer has in advance, so that gossipsub's parts alone do not mute it.
pub(crate) const RESERVED_HEAD_START: f64 = 100.0;

/// The most that the positive parts of all topics come to.
const TOPIC_CAP: f64 = 5.0;

/// How often counters decay.
const INTERVAL: Duration = Duration::from_secs(1);

/// Counters below this are nothing.
const NOTHING: f64 = 0.01;

/// How long a peer's score outlives its connections, so that reconnecting does not whiten it.
const RETAIN: Duration = Duration::from_secs(600);

/// The head start of a peer in its application score.
pub(crate) const fn reserved_score(reserved: bool) -> f64 {
    if reserved { RESERVED_HEAD_START } else { 0.0 }
}

/// The factor by which a counter shrinks every [`INTERVAL`] to halve in `half_life`.
fn decay(half_life: Duration) -> f64 {
    (-INTERVAL.as_secs_f64() / half_life.as_secs_f64()).exp2()
}

/// How long it takes until half of the merit for news is gone.
const fn news_half_life(kind: Kind) -> Duration {
    match kind {
        Kind::Heartbeat
        | Kind::Block
        | Kind::Seal
        | Kind::Checkpoint
        | Kind::Vote
        | Kind::Quorum
        | Kind::Transactions => Duration::from_secs(60),
        // Epochs and terms apart, or never.
        Kind::Schedule
        | Kind::TermChange
        | Kind::Certificate
        | Kind::Evidence
        | Kind::SetChange
        | Kind::SequencerRecord => Duration::from_secs(600),
    }
}

/// What the square of the number of invalid messages counts.
const fn invalid_weight(kind: Kind) -> f64 {
    match kind {
        Kind::Transactions => -0.25,
        _ => -1.0,
    }
}

fn topic(kind: Kind) -> TopicScoreParams {
    let off = decay(Duration::from_secs(60));
    TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.5 / 600.0,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 600.0,
        first_message_deliveries_weight: 0.1,
        first_message_deliveries_decay: decay(news_half_life(kind)),
        first_message_deliveries_cap: 10.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_message_deliveries_decay: off,
        mesh_message_deliveries_cap: 1.0,
        mesh_message_deliveries_threshold: 1.0,
        mesh_message_deliveries_window: Duration::from_millis(10),
        mesh_message_deliveries_activation: Duration::from_secs(60),
        mesh_failure_penalty_weight: 0.0,
        mesh_failure_penalty_decay: off,
        invalid_message_deliveries_weight: invalid_weight(kind),
        invalid_message_deliveries_decay: decay(HALF_LIFE),
    }
}

/// The parameters for the topics of an instance.
fn params(topics: &Topics, channel: Channel) -> PeerScoreParams {
    let carried = Kind::ALL.iter().filter(|kind| kind.channel() == channel);
    PeerScoreParams {
        topics: carried.filter_map(|kind| Some((topics.hash(*kind)?.clone(), topic(*kind)))).collect(),
        topic_score_cap: TOPIC_CAP,
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: 0.0,
        ip_colocation_factor_threshold: 1.0,
        ip_colocation_factor_whitelist: HashSet::new(),
        behaviour_penalty_weight: -0.1,
        behaviour_penalty_threshold: 16.0,
        behaviour_penalty_decay: decay(Duration::from_secs(10)),
        decay_interval: INTERVAL,
        decay_to_zero: NOTHING,
        retain_score: RETAIN,
        slow_peer_weight: 0.0,
        slow_peer_threshold: 0.0,
        slow_peer_decay: decay(Duration::from_secs(10)),
    }
}

/// The thresholds.
const fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -20.0,
        publish_threshold: -40.0,
        graylist_threshold: -DISCONNECT_AT,
        // Nobody: peers are found elsewhere, and addresses in a prune are not asked for.
        accept_px_threshold: 1e9,
        // Below the worth of a mesh peer that has delivered anything lately.
        opportunistic_graft_threshold: 0.1,
    }
}

/// Turns scoring on.
pub(super) fn apply(gossipsub: &mut Gossipsub, topics: &Topics, channel: Channel) -> Result<(), NetworkError> {
    gossipsub
        .with_peer_score(params(topics, channel), thresholds())
        .map_err(|reason| NetworkError::Setup { what: "gossipsub's scores", reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use baton_consensus::signing::SigningContext;

    fn topics() -> Topics {
        Topics::new(&SigningContext { chain_id: 7, genesis_hash: B256::ZERO })
    }

    #[test]
    fn gossipsub_takes_them() {
        let carried = [Channel::Chain, Channel::Transactions].map(|channel| {
            let params = params(&topics(), channel);
            params.validate().unwrap();
            params.topics.len()
        });
        assert_eq!(carried, [Kind::ALL.len() - 1, 1]);
        thresholds().validate().unwrap();
    }

    #[test]
    fn good_behaviour_buys_less_than_one_severe_offence() {
        for kind in Kind::ALL {
            let each = topic(*kind);
            let most = each.time_in_mesh_cap * each.time_in_mesh_weight
                + each.first_message_deliveries_cap * each.first_message_deliveries_weight;
            assert!((most - 1.5).abs() < 1e-9);
        }
        assert!(TOPIC_CAP <= crate::penalties::Class::Mild.points());
    }

    #[test]
    fn counters_halve_in_their_half_life() {
        assert!((decay(Duration::from_secs(60)).powi(60) - 0.5).abs() < 1e-9);
    }
}
