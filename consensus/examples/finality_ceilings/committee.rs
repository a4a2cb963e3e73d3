//! A set of members with real keys, and the scheduler among them as a [`Core`] that is fed with what the others sign.

use alloy_consensus::{BlockBody, Header};
use alloy_primitives::{Address, B256, U256};
use baton_consensus::{
    Parameters,
    core::{Core, Effect, Identity, Input, Outgoing, Restored},
    finality::ProposedCheckpoint,
    keys::{BlsKey, OperatorKey},
    messages::{CastVote, Heartbeat, L1Anchor, Proposal, Vote},
    reign::Reign,
    signing::{Signed, SigningContext},
    types::{Block, Electorate, Era, ExtraData, Height, Sequencer, SequencerSet, SignedBlock, Stake, Term, Time},
};
use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

const CONTEXT: SigningContext = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(7) };

/// The members' keys, and the core of the one that schedules.
pub(crate) struct Committee {
    keys: BTreeMap<Address, (OperatorKey, BlsKey)>,
    pub(crate) electorate: Electorate,
    scheduler: Address,
    core: Core,
    now: Time,
}

impl Committee {
    /// So many members of equal weight; the scheduler has heard of all of them and has appointed a leader.
    pub(crate) fn new(members: usize) -> Result<Self, Box<dyn Error>> {
        let keys = (1..=members).map(|number| {
            let operator = OperatorKey::from_bytes(&B256::from(U256::from(number)))?;
            let bls = BlsKey::generate(operator.to_bytes().as_slice())?;
            Ok::<_, Box<dyn Error>>((operator.address(), (operator, bls)))
        });
        let keys: BTreeMap<_, _> = keys.collect::<Result<_, _>>()?;
        let sequencers = keys.iter().map(|(address, (_, bls))| Sequencer {
            address: *address,
            bls_public_key: bls.public_key(),
            weight: Stake::ONE,
            peer_id: String::new(),
        });
        let set = Arc::new(SequencerSet::new(sequencers.collect())?);
        let electorate = Electorate::genesis(CONTEXT, Arc::clone(&set));
        let core = |keys: Option<(OperatorKey, BlsKey)>| {
            let keys = keys.map(|(operator, bls)| (operator, vec![bls]));
            let identity = Identity { keys, ..Identity::default() };
            let reign = Reign::genesis(CONTEXT, Arc::clone(&set), L1Anchor::default());
            Core::new(CONTEXT, Parameters::default(), reign, identity, Restored::default())
        };
        let scheduler = core(None).schedule().scheduler();
        let core = core(keys.get(&scheduler).cloned());
        let mut committee = Self { keys, electorate, scheduler, core, now: Time(1_000_000) };
        committee.core.handle(Input::Start { proposals: Vec::new() }, committee.now);
        // A member is live from its second heartbeat on.
        for _ in 0..2 {
            committee.beat()?;
        }
        match committee.core.schedule().latest() {
            Some(_) => Ok(committee),
            None => Err("the scheduler appoints nobody".into()),
        }
    }

    /// Everyone else gives a sign of life.
    fn beat(&mut self) -> Result<(), Box<dyn Error>> {
        self.now = self.now.after(Duration::from_millis(10));
        let (head, now) = (self.core.head(), self.now);
        let heartbeat = Heartbeat {
            era: Era(0),
            term: Term(1),
            height: head.height,
            head: head.hash,
            sent_at: now.0,
            version: String::new(),
        };
        for (_, (operator, _)) in self.keys.iter().filter(|(member, _)| **member != self.scheduler) {
            let signed = Signed::new(heartbeat.clone(), &CONTEXT, operator).verify(&CONTEXT)?;
            self.core.handle(Input::Heartbeat(signed), now);
        }
        Ok(())
    }

    /// Has the leader's next block sealed; the checkpoint over it.
    pub(crate) fn next_block(&mut self) -> Result<ProposedCheckpoint, Box<dyn Error>> {
        self.beat()?;
        let epoch = self.core.schedule().latest().ok_or("no epoch runs")?;
        let announcement = &epoch.announcement;
        let position = ExtraData { era: Era(0), term: announcement.term, epoch: announcement.epoch };
        let (leader, head) = (announcement.leader, self.core.head());
        let header = Header {
            number: head.height.0 + 1,
            parent_hash: head.hash,
            timestamp: self.now.as_secs(),
            beneficiary: leader,
            extra_data: position.to_bytes(),
            parent_beacon_block_root: Some(epoch.hash),
            ..Header::default()
        };
        let (height, hash) = (Height(header.number), header.hash_slow());
        let body = BlockBody::default();
        let (operator, _) = self.keys.get(&leader).ok_or("a stranger leads")?;
        let signature = Signed::new(Proposal::new(position, height, hash), &CONTEXT, operator).signature;
        let block = Arc::new(SignedBlock { block: Block { header, body }, signature }).verify(&CONTEXT)?;
        self.feed(Input::Block(block));
        let effects = self.feed(Input::Executed { hash, result: Ok(()) });
        checkpoint_in(&effects).ok_or_else(|| "the scheduler put nothing to the vote".into())
    }

    /// What everyone but the scheduler, which has voted by itself, sends in answer to a checkpoint.
    pub(crate) fn votes(&self, checkpoint: &ProposedCheckpoint) -> Vec<Signed<CastVote>> {
        let vote = Vote::new(checkpoint.checkpoint.message.reference());
        let others = self.keys.iter().filter(|(member, _)| **member != self.scheduler);
        others.map(|(_, (operator, bls))| CastVote::sign(vote, &CONTEXT, (operator, bls))).collect()
    }

    /// A member's vote with another one's BLS signature.
    pub(crate) fn spoilt(&self, vote: &Signed<CastVote>, other: &Signed<CastVote>) -> Result<Signed<CastVote>, String> {
        let signer = vote.clone().verify(&CONTEXT).map_err(|error| error.to_string())?.signer();
        let (operator, _) = self.keys.get(&signer).ok_or("a stranger votes")?;
        let message = CastVote { signature: other.message.signature, ..vote.message };
        Ok(Signed::new(message, &CONTEXT, operator))
    }

    /// Feeds the core.
    pub(crate) fn feed(&mut self, input: Input) -> Vec<Effect> {
        self.core.handle(input, self.now)
    }
}

/// The checkpoint that is put to the vote.
pub(crate) fn checkpoint_in(effects: &[Effect]) -> Option<ProposedCheckpoint> {
    effects.iter().find_map(|effect| match effect {
        Effect::Gossip(Outgoing::Checkpoint(proposed)) => Some(proposed.clone()),
        _ => None,
    })
}
