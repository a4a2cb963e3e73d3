//! Serde for a value inside a codec frame that travels and rests as its standard RLP bytes.

use alloy_rlp::{Decodable, Encodable};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Writes the RLP of `value` as one byte string.
pub(super) fn serialize<T: Encodable, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(&alloy_rlp::encode(value))
}

/// Reads one byte string and decodes it whole: bytes left over are refused.
pub(super) fn deserialize<'de, T: Decodable, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let bytes = alloy_primitives::Bytes::deserialize(deserializer)?;
    alloy_rlp::decode_exact(&bytes).map_err(D::Error::custom)
}
