//! A gossip message as bytes: the codec's bytes as one raw snappy block.

use super::{GossipMessage, Kind};
use crate::wire::WireError;

/// Encodes and compresses.
pub(crate) fn seal(message: &GossipMessage) -> Result<Vec<u8>, WireError> {
    let payload = message.payload()?;
    let compressed = snap::raw::Encoder::new().compress_vec(&payload)?;
    check(compressed.len(), message.kind())?;
    Ok(compressed)
}

/// Decompresses and decodes. Both lengths, the one that came and the one that is declared, are checked before anything
/// is decompressed.
pub(crate) fn open(kind: Kind, data: &[u8]) -> Result<GossipMessage, WireError> {
    check(data.len(), kind)?;
    check(snap::raw::decompress_len(data)?, kind)?;
    kind.decode(&snap::raw::Decoder::new().decompress_vec(data)?)
}

fn check(length: usize, kind: Kind) -> Result<(), WireError> {
    let cap = kind.spec().cap;
    if length > cap { Err(WireError::TooLarge { length, cap }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Bytes;

    #[test]
    fn round_trip() {
        let message = GossipMessage::Transactions(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        assert_eq!(open(Kind::Transactions, &seal(&message).unwrap()).unwrap(), message);
    }

    #[test]
    fn full_batches_survive() {
        let message = GossipMessage::Transactions(vec![Bytes::from_static(&[7; 60]); 16_384]);
        assert_eq!(open(Kind::Transactions, &seal(&message).unwrap()).unwrap(), message);
    }

    #[test]
    fn a_bomb_is_refused_by_its_declared_length() {
        let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; 4 << 20]).unwrap();
        assert!(bomb.len() < 1 << 20);
        assert!(
            matches!(open(Kind::Transactions, &bomb), Err(WireError::TooLarge { length, .. }) if length == 4 << 20)
        );
        let declared_only = [0xff, 0xff, 0xff, 0xff, 0x0f];
        assert!(matches!(open(Kind::Block, &declared_only), Err(WireError::TooLarge { .. })));
    }

    #[test]
    fn what_is_too_large_is_neither_sent_nor_read() {
        let batch = GossipMessage::Transactions(vec![vec![1; 2 << 20].into()]);
        assert!(matches!(seal(&batch), Err(WireError::TooLarge { .. })));
        assert!(matches!(open(Kind::Heartbeat, &[0; 513]), Err(WireError::TooLarge { length: 513, cap: 512 })));
    }

    #[test]
    fn empty_batches_and_garbage_are_refused() {
        assert!(matches!(seal(&GossipMessage::Transactions(vec![])), Err(WireError::Bounds(_))));
        assert!(matches!(seal(&GossipMessage::Transactions(vec![Bytes::new()])), Err(WireError::Bounds(_))));
        assert!(open(Kind::Block, b"not snappy").is_err());
        let noise = snap::raw::Encoder::new().compress_vec(b"not the codec").unwrap();
        assert!(matches!(open(Kind::Block, &noise), Err(WireError::Codec(_))));
    }
}
