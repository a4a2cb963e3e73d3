//! Numbers as genesis files write them: JSON numbers, decimal strings or hex strings.

use super::GenesisError;
use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A number of at most 256 bits; written in hex.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) U256);

/// A number of at most 256 bits; read like [`Number`], written in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal(pub(super) U256);

impl Number {
    /// The number, if it fits 64 bits.
    pub(super) fn to_u64(self, field: &'static str) -> Result<u64, GenesisError> {
        u64::try_from(self.0)
            .map_err(|_| GenesisError::field(field, format_args!("{} needs more than 64 bits", self.0)))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(U256::from(value))
    }
}

/// Reads `0x` and hex digits, or decimal digits.
pub(super) fn parse(text: &str) -> Result<U256, String> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(format!("`{text}` is not a number; write decimal digits, or hex digits after 0x"));
    }
    U256::from_str_radix(digits, u64::from(radix)).map_err(|_| format!("`{text}` needs more than 256 bits"))
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor).map(Self)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = U256;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or a string of decimal digits or of hex digits after 0x")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<U256, E> {
        Ok(U256::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<U256, E> {
        Err(E::custom(format_args!("{value} is not a whole number below 2^64; write larger ones as strings")))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<U256, E> {
        parse(text).map_err(E::custom)
    }
}
