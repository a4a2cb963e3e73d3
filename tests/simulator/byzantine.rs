//! Members that do not keep to the protocol. Each runs the real core, and bends what leaves it.

use alloy_primitives::B256;
use baton_consensus::{
    core::Outgoing,
    keys::{BlsKey, OperatorKey},
    messages::{TermChange, TermReport},
    signing::SigningContext,
    types::{BlockRef, Height, Term, Tip},
};

/// How a member deviates.
#[derive(Clone, Debug)]
pub(crate) enum Vice {
    /// It hears, and says nothing.
    Silent,
    /// It gives signs of life and nothing else: the scheduler that is alive and does not work.
    HeartbeatOnly,
    /// It signs blocks and seals, and keeps the bodies of its own blocks.
    BodyWithholder,
    /// Its reports tell of a deep branch that nobody has.
    InventorOfDeepBranches,
    /// It sends everything that it ever sent again and again.
    OutdatedReplayer(Vec<Outgoing>),
    /// Its blocks reach the scheduler late, and everyone else in time.
    LatePublisher,
}

/// What becomes of a message: copies with their delays in ms.
pub(crate) fn bend(
    vice: &mut Vice,
    message: &Outgoing,
    to_scheduler: bool,
    context: &SigningContext,
    keys: (&OperatorKey, &BlsKey),
) -> Vec<(u64, Outgoing)> {
    let is_heartbeat = matches!(message, Outgoing::Heartbeat(_));
    match vice {
        Vice::Silent => Vec::new(),
        Vice::HeartbeatOnly if !is_heartbeat => Vec::new(),
        Vice::BodyWithholder if matches!(message, Outgoing::Block(_)) => Vec::new(),
        Vice::LatePublisher if to_scheduler && matches!(message, Outgoing::Block(_)) => vec![(2_000, message.clone())],
        Vice::InventorOfDeepBranches => match message {
            Outgoing::TermChange(change) => {
                let TermChange { report, cause, sent_at, .. } = change.message;
                let block = BlockRef { height: Height(1 << 40), hash: B256::repeat_byte(0xee) };
                let head = Tip { term: Term(report.term.0 - 1), block };
                let report = TermReport { head, signed: block, ..report };
                vec![(0, Outgoing::TermChange(TermChange::sign(report, cause, sent_at, context, keys)))]
            }
            // Its certificates are made of what it signed before it bent it.
            Outgoing::Certificate(_) => Vec::new(),
            _ => vec![(0, message.clone())],
        },
        Vice::OutdatedReplayer(sent) => {
            sent.push(message.clone());
            let index = sent.len() / 2;
            vec![(0, message.clone()), (50, sent[0].clone()), (90, sent[index].clone())]
        }
        Vice::HeartbeatOnly | Vice::BodyWithholder | Vice::LatePublisher => vec![(0, message.clone())],
    }
}
