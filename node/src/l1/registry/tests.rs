use super::{
    ISequencerRegistry::{
        Activated, ExitRequested, FaultKind, Member, Parameters, ParametersChanged, Registered, Rotated, Slashed,
        StakeAdded, Withdrawn,
    },
    RegistryState,
};
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256};
use alloy_sol_types::SolEvent;
use baton_consensus::{keys::BlsKey, types::SequencerSet};
use proptest::prelude::*;
use std::collections::HashMap;

const REGISTRY: Address = Address::repeat_byte(0x11);
const PEER: &str = "12D3KooWGC6BkBUBhPVnQyKZCKxQbmyC4ZLPLxvZKD1e9m3YwZpE";

fn log(event: &impl SolEvent) -> Log {
    Log { address: REGISTRY, data: event.encode_log_data() }
}

fn operator(index: u8) -> Address {
    Address::repeat_byte(index)
}

fn key(index: u8) -> Bytes {
    Bytes::copy_from_slice(BlsKey::generate(&[index; 32]).unwrap().public_key().0.as_slice())
}

fn parameters(minimum: U256, members: u32) -> ParametersChanged {
    let parameters = Parameters {
        minimumStake: minimum,
        maxMembers: members,
        unbondingDelay: 1,
        rotationDelay: 1,
        slashBasisPoints: 1,
        rewardBasisPoints: 1,
    };
    ParametersChanged { parameters }
}

fn registered(index: u8, stake: U256) -> Registered {
    let [staker, payout] = [operator(index); 2];
    let (operator, peer_id) = (operator(index), libp2p::PeerId::random().to_base58());
    let multiaddr = String::new();
    Registered { operator, staker, payout, stake, blsPublicKey: key(index), peerId: peer_id, multiaddr }
}

/// What happens to a registry.
#[derive(Clone, Debug)]
enum Step {
    Register(u8, U256),
    Add(u8, U256),
    Rotate(u8, u8),
    Exit(u8),
    Withdraw(u8),
    Slash(u8),
    Change(U256, u32),
    /// A log of another interface, or one that changes no set.
    Noise,
}

fn stakes() -> impl Strategy<Value = U256> {
    prop_oneof![
        (0u64..8).prop_map(U256::from),
        // Sums of these do not fit; their low 64 bits are smaller than those of small ones.
        (0u64..4).prop_map(|low| (U256::ONE << 255) + U256::from(low)),
        (0u64..4).prop_map(|low| (U256::ONE << 64) + U256::from(low)),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let who = 1u8..12;
    prop_oneof![
        4 => (who.clone(), stakes()).prop_map(|(who, stake)| Step::Register(who, stake)),
        2 => (who.clone(), stakes()).prop_map(|(who, stake)| Step::Add(who, stake)),
        1 => (who.clone(), 1u8..30).prop_map(|(who, key)| Step::Rotate(who, key)),
        1 => who.clone().prop_map(Step::Exit),
        1 => who.clone().prop_map(Step::Withdraw),
        1 => who.prop_map(Step::Slash),
        1 => ((0u64..6).prop_map(U256::from), 1u32..8).prop_map(|(minimum, most)| Step::Change(minimum, most)),
        1 => Just(Step::Noise),
    ]
}

/// The registry as one would write it down: a table of everyone, ranked by comparing each with each.
#[derive(Default)]
struct Naive {
    minimum: U256,
    most: usize,
    table: HashMap<Address, (U256, Bytes)>,
}

impl Naive {
    fn follow(&mut self, step: &Step) -> Log {
        let delay = 1;
        match *step {
            Step::Register(who, stake) => {
                self.table.insert(operator(who), (stake, key(who)));
                log(&registered(who, stake))
            }
            Step::Add(who, stake) => {
                self.table.entry(operator(who)).and_modify(|entry| entry.0 = stake);
                log(&StakeAdded { operator: operator(who), amount: U256::ONE, stake })
            }
            Step::Rotate(who, to) => {
                self.table.entry(operator(who)).and_modify(|entry| entry.1 = key(to));
                let (peer_id, multiaddr) = (PEER.to_owned(), String::new());
                log(&Rotated { operator: operator(who), blsPublicKey: key(to), peerId: peer_id, multiaddr })
            }
            Step::Exit(who) => {
                self.table.remove(&operator(who));
                log(&ExitRequested { operator: operator(who), withdrawableAt: delay })
            }
            Step::Withdraw(who) => {
                self.table.remove(&operator(who));
                log(&Withdrawn { operator: operator(who), payout: REGISTRY, amount: U256::ONE })
            }
            Step::Slash(who) => {
                self.table.remove(&operator(who));
                let (burnt, reward, stake) = (U256::ONE, U256::ONE, U256::ONE);
                let (reporter, fault, kind) = (REGISTRY, B256::ZERO, FaultKind::Vote);
                log(&Slashed { operator: operator(who), reporter, fault, kind, burnt, reward, stake })
            }
            Step::Change(minimum, most) => {
                (self.minimum, self.most) = (minimum, most as usize);
                log(&parameters(minimum, most))
            }
            Step::Noise => {
                Log { address: REGISTRY, data: LogData::new_unchecked(vec![B256::repeat_byte(9)], Bytes::new()) }
            }
        }
    }

    fn seats(&self) -> Vec<(Address, U256, Bytes)> {
        let enough: Vec<_> = self.table.iter().filter(|(_, (stake, _))| *stake >= self.minimum).collect();
        let above = |who: &Address, stake: &U256| {
            let better = |other: &Address, theirs: &U256| theirs > stake || (theirs == stake && other < who);
            enough.iter().filter(|(other, (theirs, _))| better(other, theirs)).count()
        };
        let seated = enough.iter().filter(|(who, (stake, _))| above(who, stake) < self.most);
        let mut seats: Vec<_> = seated.map(|(who, (stake, key))| (**who, *stake, key.clone())).collect();
        seats.sort();
        seats
    }
}

proptest! {
    #[test]
    fn the_set_is_what_a_table_says(steps in proptest::collection::vec(steps(), 0..60)) {
        let (mut state, mut naive) = (RegistryState::default(), Naive::default());
        for step in &steps {
            state.apply(&naive.follow(step)).unwrap();
            let seats = state.seats();
            let flat: Vec<_> =
                seats.iter().map(|seat| (seat.operator, seat.stake, seat.blsPublicKey.clone())).collect();
            prop_assert_eq!(flat, naive.seats());
            let members = state.members();
            prop_assert!(members.len() <= seats.len());
            // Whatever is staked, and with whatever keys: it is a set that can vote, or none.
            prop_assert!(members.is_empty() || SequencerSet::new(members).is_ok());
        }
    }
}

fn state(members: u32, logs: &[Log]) -> RegistryState {
    let mut state = RegistryState::default();
    for log in [log(&parameters(U256::ONE, members))].iter().chain(logs) {
        state.apply(log).unwrap();
    }
    state
}

#[test]
fn weight_is_the_whole_stake_and_the_order_is_by_address() {
    let large = (U256::ONE << 200) + U256::from(7);
    let logs = [(3, U256::from(5)), (1, large), (2, U256::from(5))].map(|(who, stake)| log(&registered(who, stake)));
    let members = state(2, &logs).members();
    // Of the two with stake 5, the lower address.
    assert_eq!(members.iter().map(|member| member.address).collect::<Vec<_>>(), [operator(1), operator(2)]);
    assert_eq!(members[0].weight.0, large);
    assert!(!members[0].peer_id.is_empty());
}

#[test]
fn bytes_that_are_no_key_keep_a_seat_and_give_no_vote() {
    for bad in [Bytes::new(), Bytes::from(vec![0; 48]), Bytes::from([key(1).as_ref(), &[0]].concat())] {
        let first = Registered { blsPublicKey: bad, ..registered(1, U256::from(9)) };
        let logs = [log(&first), log(&registered(2, U256::from(5))), log(&registered(3, U256::from(4)))];
        let state = state(2, &logs);
        assert_eq!(state.seats().len(), 2);
        assert_eq!(state.members().iter().map(|member| member.address).collect::<Vec<_>>(), [operator(2)]);
    }
}

#[test]
fn a_key_that_is_registered_twice_votes_once() {
    let twice = Registered { blsPublicKey: key(1), ..registered(2, U256::from(9)) };
    let members = state(9, &[log(&registered(1, U256::from(5))), log(&twice)]).members();
    assert_eq!(members.iter().map(|member| member.address).collect::<Vec<_>>(), [operator(1)]);
}

#[test]
fn a_peer_id_that_is_none_is_left_out() {
    for (said, known) in [("", ""), ("not a peer", ""), (PEER, PEER), (&format!(" {PEER}"), "")] {
        let said = Registered { peerId: said.to_owned(), ..registered(1, U256::from(5)) };
        assert_eq!(state(9, &[log(&said)]).members()[0].peer_id, known);
    }
}

#[test]
fn weights_that_do_not_add_up_are_left_out_by_rank() {
    let logs = [(1, U256::from(2)), (2, U256::MAX - U256::ONE), (3, U256::ONE)];
    let members = state(9, &logs.map(|(who, stake)| log(&registered(who, stake)))).members();
    assert_eq!(members.iter().map(|member| member.address).collect::<Vec<_>>(), [operator(2), operator(3)]);
}

#[test]
fn a_log_that_only_bears_an_events_name_is_an_error() {
    let mut state = RegistryState::default();
    let good = log(&registered(1, U256::from(5)));
    let cut = LogData::new_unchecked(good.data.topics().to_vec(), good.data.data.slice(..40));
    assert!(state.apply(&Log { address: REGISTRY, data: cut }).is_err());
    let bare = LogData::new_unchecked(vec![Slashed::SIGNATURE_HASH], Bytes::new());
    assert!(state.apply(&Log { address: REGISTRY, data: bare }).is_err());
    assert!(state.apply(&log(&Activated { genesisHash: B256::ZERO })).is_ok());
    assert_eq!(state, RegistryState::default());
    assert_eq!(state.seats(), Vec::<Member>::new());
}
