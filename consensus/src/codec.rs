//! The one codec of the wire and the disk: a version byte, then bincode.
//!
//! Decoding is bounded: a value may claim at most `LIMIT` bytes, and bytes left over are refused. Nothing is ever signed
//! or identified by these bytes.

use bincode::config::{self, Config};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};
use thiserror::Error;

/// The format version, the first byte of every encoded value.
pub const VERSION: u8 = 1;

/// The bound of values that the node itself wrote: 64 MiB.
pub const DISK_LIMIT: usize = 64 << 20;

/// Why bytes are not a value.
#[derive(Debug, Error)]
pub enum CodecError {
    /// More bytes than the caller allows.
    #[error("{length} bytes are more than the limit of {limit}")]
    TooLong {
        /// How many came.
        length: usize,
        /// How many may.
        limit: usize,
    },
    /// No bytes at all.
    #[error("the value is empty")]
    Empty,
    /// Written by another version of the format.
    #[error("format version {0} is not known; this program writes version {VERSION}")]
    Version(u8),
    /// Not what bincode writes for this type, or beyond the limit.
    #[error("malformed: {0}")]
    Malformed(#[from] bincode::error::DecodeError),
    /// A whole value, and then more.
    #[error("{0} bytes are left over")]
    Trailing(usize),
}

const fn configuration<const LIMIT: usize>() -> impl Config {
    config::standard().with_big_endian().with_limit::<LIMIT>()
}

/// Encodes a value.
///
/// # Panics
/// Never for the types of this project: bincode fails only on sequences of unknown length.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    #[expect(clippy::expect_used, reason = "our types have known lengths, and a Vec takes every write")]
    bincode::serde::encode_into_std_write(value, &mut bytes, config::standard().with_big_endian())
        .expect("the type can be encoded");
    bytes
}

/// Decodes a value of at most `LIMIT` bytes.
///
/// # Errors
/// [`CodecError`] if the bytes are too many, of another version, malformed, or more than the value.
pub fn decode<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > LIMIT {
        return Err(CodecError::TooLong { length: bytes.len(), limit: LIMIT });
    }
    let (version, body) = bytes.split_first().ok_or(CodecError::Empty)?;
    if *version != VERSION {
        return Err(CodecError::Version(*version));
    }
    let (value, used) = bincode::serde::decode_from_slice(body, configuration::<LIMIT>())?;
    match body.len() - used {
        0 => Ok(value),
        left => Err(CodecError::Trailing(left)),
    }
}

/// Reads a sequence of at most `MAX` elements, for `#[serde(deserialize_with)]`: a longer one is refused by its length, before
/// any element is read. For elements that take more memory than bytes on the wire, where the limit in bytes is too wide.
///
/// # Errors
/// If there are more, or one of them is malformed.
pub fn at_most<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(AtMost::<T, MAX>(PhantomData))
}

struct AtMost<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for AtMost<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a sequence of at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<T>, A::Error> {
        let length = sequence.size_hint().unwrap_or_default();
        let too_many = || A::Error::custom(format_args!("more than {MAX} elements"));
        if length > MAX {
            return Err(too_many());
        }
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            if elements.len() == MAX {
                return Err(too_many());
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let bytes = encode(&(7u64, "baton".to_owned(), vec![1u8, 2, 3]));
        assert_eq!(bytes[0], VERSION);
        let value: (u64, String, Vec<u8>) = decode::<_, 64>(&bytes).unwrap();
        assert_eq!(value, (7, "baton".to_owned(), vec![1, 2, 3]));
    }

    #[test]
    fn refuses_what_is_not_exactly_a_value() {
        let mut bytes = encode(&7u64);
        bytes.push(0);
        assert!(matches!(decode::<u64, 64>(&bytes), Err(CodecError::Trailing(1))));
        assert!(matches!(decode::<u64, 64>(&[]), Err(CodecError::Empty)));
        assert!(matches!(decode::<u64, 64>(&[9, 7]), Err(CodecError::Version(9))));
        assert!(matches!(decode::<u64, 1>(&encode(&7u64)), Err(CodecError::TooLong { .. })));
        assert!(matches!(decode::<String, 64>(&[VERSION, 5, b'a']), Err(CodecError::Malformed(_))));
    }

    #[test]
    fn a_claimed_length_beyond_the_limit_is_refused_before_it_is_allocated() {
        // Nine bytes that claim a terabyte.
        let claim = [VERSION, 253, 0, 0, 1, 0, 0, 0, 0, 0];
        let refused = decode::<alloy_primitives::Bytes, 1024>(&claim);
        assert!(
            matches!(refused, Err(CodecError::Malformed(bincode::error::DecodeError::LimitExceeded))),
            "{refused:?}"
        );
    }
}
