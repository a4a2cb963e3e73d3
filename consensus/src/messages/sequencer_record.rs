use crate::signing::Message;
use crate::types::MAX_PEER_ID_BYTES;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// The most addresses that a sequencer record may name.
pub const MAX_RECORD_ADDRESSES: usize = 8;

/// The most bytes of one of them, in its text form.
pub const MAX_RECORD_ADDRESS_BYTES: usize = 256;

/// Where a sequencer's node is, signed by its operator, so that members who know only the set find each other.
///
/// It has no position (R2) and names no era: an operator signs as many as it likes, whoever is in the set or will be, and of two the
/// one with the higher sequence number holds. An older one that somebody sends again is no fault of anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct SequencerRecord {
    /// The node's libp2p peer id in its base58 form, at most [`MAX_PEER_ID_BYTES`].
    pub peer_id: String,
    /// Multiaddresses of the node in their text form, without its peer id: at most [`MAX_RECORD_ADDRESSES`] of at most
    /// [`MAX_RECORD_ADDRESS_BYTES`] each. None if it does not know any.
    pub addresses: Vec<String>,
    /// Grows with every record of an operator: its clock in ms since the Unix epoch, or one more than the last, whichever is
    /// higher.
    pub sequence: u64,
}

impl SequencerRecord {
    /// Checks counts and lengths, which the types do not.
    ///
    /// # Errors
    /// What is too much.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.peer_id.len() > MAX_PEER_ID_BYTES {
            return Err("the record's peer id is too long");
        }
        if self.addresses.len() > MAX_RECORD_ADDRESSES {
            return Err("the record has too many addresses");
        }
        if self.addresses.iter().any(|address| address.len() > MAX_RECORD_ADDRESS_BYTES) {
            return Err("an address of the record is too long");
        }
        Ok(())
    }
}

impl Message for SequencerRecord {
    const DOMAIN: &'static str = "baton/sequencer-record/1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keys::OperatorKey,
        signing::{Signed, SigningContext},
    };
    use alloy_primitives::B256;

    fn record(addresses: usize, length: usize) -> SequencerRecord {
        SequencerRecord { peer_id: "12D3".to_owned(), addresses: vec!["x".repeat(length); addresses], sequence: 7 }
    }

    #[test]
    fn records_are_bounded() {
        assert_eq!(record(MAX_RECORD_ADDRESSES, MAX_RECORD_ADDRESS_BYTES).check(), Ok(()));
        assert!(record(MAX_RECORD_ADDRESSES + 1, 1).check().is_err());
        assert!(record(1, MAX_RECORD_ADDRESS_BYTES + 1).check().is_err());
        let long = SequencerRecord { peer_id: "x".repeat(MAX_PEER_ID_BYTES + 1), ..record(0, 0) };
        assert!(long.check().is_err());
    }

    #[test]
    fn a_record_is_signed_for_one_chain() {
        let context = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(1) };
        let key = OperatorKey::from_bytes(&B256::repeat_byte(3)).unwrap();
        let signed = Signed::new(record(2, 9), &context, &key);
        assert_eq!(signed.clone().verify(&context).unwrap().signer(), key.address());
        let other = SigningContext { chain_id: 8, ..context };
        assert_ne!(signed.verify(&other).map(|verified| verified.signer()), Ok(key.address()));
        let bytes = alloy_rlp::encode(record(2, 9));
        assert_eq!(<SequencerRecord as alloy_rlp::Decodable>::decode(&mut bytes.as_slice()), Ok(record(2, 9)));
    }
}
