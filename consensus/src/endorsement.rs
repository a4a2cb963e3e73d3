//! What is costly to check travels endorsed: with the signature of a member who vouches for it.
//!
//! Certificates prove themselves, to whoever adds up keys and pairs: a thousand times what a recovery costs. Anyone could
//! make rubbish of that form, or put it beside what a member signed. So whoever publishes such a message signs all of it,
//! with its operator's key, and whoever gets it recovers that signature before anything else. Only a member of the era's set
//! can make others pair by that, and a member that vouches for what does not hold is known by its own signature. Who passes
//! a message on leaves the endorsement as it is.

use crate::certificate::TermCertificate;
use crate::evidence::Evidence;
use crate::finality::{CertifiedCheckpoint, ProposedCheckpoint, SetChange};
use crate::keys::OperatorKey;
use crate::messages::TermRequest;
use crate::signing::{InvalidSignature, Message, Signature, Signed, SigningContext};
use crate::types::{Electorate, Era};
use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::{Encodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// What a member signs to vouch for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable)]
pub struct Endorsement {
    /// What kind of thing it is.
    pub kind: &'static str,
    /// The era of whose set the endorser is a member.
    pub era: Era,
    /// The keccak of all of it.
    pub content: B256,
}

impl Message for Endorsement {
    const DOMAIN: &'static str = "baton/endorsement/1";
}

/// What travels endorsed.
pub trait Endorsable {
    /// Its name, the same as that of its gossip.
    const KIND: &'static str;

    /// The era of whose set the endorser is a member.
    fn era(&self) -> Era;

    /// The RLP of all its parts in order, signatures and bitmaps included; nothing for a part that is missing.
    fn encode_content(&self, out: &mut Vec<u8>);
}

/// Something with the signature of whoever vouches for it. Neither is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsed<T> {
    /// What is vouched for.
    pub content: T,
    /// By whom is only known after [`Endorsed::verify`].
    pub signature: Signature,
}

/// Why something is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotEndorsed {
    /// No key could have made the signature.
    #[error(transparent)]
    Signature(#[from] InvalidSignature),
    /// Whoever signed it is no member of the set.
    #[error("{0}, who endorsed it, is not a sequencer of its era")]
    Stranger(Address),
}

impl<T: Endorsable> Endorsed<T> {
    /// Vouches for something. Deterministic: a copy has the same bytes.
    #[must_use]
    pub fn new(content: T, context: &SigningContext, key: &OperatorKey) -> Self {
        let signature = Signed::new(endorsement(&content), context, key).signature;
        Self { content, signature }
    }

    /// Who vouches for it: a recovery. What is vouched for may still be rubbish.
    ///
    /// # Errors
    /// [`InvalidSignature`] if nobody does.
    pub fn endorser(&self, context: &SigningContext) -> Result<Address, InvalidSignature> {
        let signed = Signed { message: endorsement(&self.content), signature: self.signature };
        Ok(signed.verify(context)?.signer())
    }

    /// Takes the content out if a member of this set vouches for it, with the member.
    ///
    /// # Errors
    /// [`NotEndorsed`].
    pub fn verify(self, electorate: &Electorate) -> Result<(T, Address), NotEndorsed> {
        let endorser = self.endorser(&electorate.context)?;
        if electorate.set.contains(endorser) {
            Ok((self.content, endorser))
        } else {
            Err(NotEndorsed::Stranger(endorser))
        }
    }
}

fn endorsement<T: Endorsable>(content: &T) -> Endorsement {
    let mut bytes = Vec::new();
    content.encode_content(&mut bytes);
    Endorsement { kind: T::KIND, era: content.era(), content: keccak256(bytes) }
}

impl<T: Endorsable> Endorsable for Arc<T> {
    const KIND: &'static str = T::KIND;

    fn era(&self) -> Era {
        T::era(self)
    }

    fn encode_content(&self, out: &mut Vec<u8>) {
        T::encode_content(self, out);
    }
}

fn encode_signed<M: Message>(signed: &Signed<M>, out: &mut Vec<u8>) {
    signed.message.encode(out);
    signed.signature.encode(out);
}

fn encode_if_any<T: Encodable>(part: Option<&T>, out: &mut Vec<u8>) {
    if let Some(part) = part {
        part.encode(out);
    }
}

impl Endorsable for TermRequest {
    const KIND: &'static str = "term-change";

    fn era(&self) -> Era {
        self.change.message.report.era
    }

    fn encode_content(&self, out: &mut Vec<u8>) {
        encode_signed(&self.change, out);
        encode_if_any(self.certificate.as_deref(), out);
    }
}

impl Endorsable for TermCertificate {
    const KIND: &'static str = "certificate";

    fn era(&self) -> Era {
        self.era
    }

    fn encode_content(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl Endorsable for ProposedCheckpoint {
    const KIND: &'static str = "checkpoint";

    fn era(&self) -> Era {
        self.checkpoint.message.era
    }

    fn encode_content(&self, out: &mut Vec<u8>) {
        encode_signed(&self.checkpoint, out);
        encode_if_any(self.parent.as_deref(), out);
    }
}

impl Endorsable for CertifiedCheckpoint {
    const KIND: &'static str = "quorum";

    fn era(&self) -> Era {
        self.certificate.checkpoint.era
    }

    fn encode_content(&self, out: &mut Vec<u8>) {
        self.certificate.encode(out);
        encode_if_any(self.parent.as_ref(), out);
    }
}

impl Endorsable for SetChange {
    const KIND: &'static str = "set-change";

    fn era(&self) -> Era {
        self.proof.checkpoint.era
    }

    fn encode_content(&self, out: &mut Vec<u8>) {
        self.proof.encode(out);
        self.members.encode(out);
        self.priorities.encode_entries(out);
    }
}

impl Endorsable for Evidence {
    const KIND: &'static str = "evidence";

    fn era(&self) -> Era {
        Self::era(self)
    }

    fn encode_content(&self, out: &mut Vec<u8>) {
        fn encode_pair<M: Message>(pair: &[Signed<M>; 2], out: &mut Vec<u8>) {
            pair.iter().for_each(|signed| encode_signed(signed, out));
        }
        self.kind().to_string().encode(out);
        match self {
            Self::Announcement(pair) => encode_pair(pair, out),
            Self::Block(pair) => encode_pair(pair, out),
            Self::Seal(pair) => encode_pair(pair, out),
            Self::Checkpoint(pair) => encode_pair(pair, out),
            Self::Vote(evidence) => {
                evidence.signer.encode(out);
                evidence.votes.iter().for_each(|paper| paper.encode(out));
            }
        }
    }
}

#[cfg(test)]
mod tests;
