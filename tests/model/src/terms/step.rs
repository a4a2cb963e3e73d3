//! What happens then.

use super::rules::{Broken, Terms};
use super::{Action, State};
use crate::members::Member;

impl Terms {
    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::Ask { member, term } => {
                state.raise_fence(member, term);
                if !self.breaks(Broken::FenceForgotten) {
                    state.node_mut(member).asked = term;
                }
                let head = state.node(member).head;
                state.send_report(member, term, head, self.bounds.reports);
            }
            Action::AskAgain { member } => {
                let node = *state.node(member);
                state.send_report(member, node.fence, node.head, self.bounds.reports);
            }
            Action::Enter { member, term } => {
                state.raise_fence(member, term);
                let by_certificates = self.breaks(Broken::ElectionByCertificates);
                let node = state.node_mut(member);
                node.entered = term;
                node.picks = if by_certificates { node.picks + 1 } else { term };
                node.base = None;
            }
            Action::TakeOver { member, base } => {
                note_signature(state, member);
                let node = state.node_mut(member);
                (node.head, node.base) = (base, Some(base));
                let term = node.entered;
                state.bases[member as usize][term as usize - 2] = Some(base);
            }
            Action::Seal { member, variant } => {
                note_signature(state, member);
                let journaled = !self.breaks(Broken::SealsForgotten);
                let node = state.node_mut(member);
                let term = node.entered;
                node.head = node.head.with(term, variant);
                node.sealed = (term, node.head.height());
                if journaled {
                    node.sealed_journaled = node.sealed;
                }
                let chain = node.head;
                state.publish(term, chain, member);
            }
            Action::Accept { member, base } => {
                let node = state.node_mut(member);
                (node.head, node.base) = (base, Some(base));
            }
            Action::Commit { member, head } => state.node_mut(member).head = head,
            Action::Restart { member } => {
                let node = state.node_mut(member);
                node.fence = node.entered.max(node.asked);
                if node.sealed > node.sealed_journaled && node.head.term() == node.sealed.0 {
                    // The block is in the same write as its seal.
                    node.head = node.head.parent();
                }
                node.sealed = node.sealed_journaled;
            }
        }
    }
}

/// For the properties: an announcement or a seal is signed for the term that the member is in.
fn note_signature(state: &mut State, member: Member) {
    state.below_fence |= state.node(member).entered < state.asked_in_public(member);
}
