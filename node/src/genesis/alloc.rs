//! The section `alloc`: the accounts of block 0.

use super::number::{self, Number};
use alloy_primitives::{Address, Bytes, U256, hex};
use baton_execution::GenesisAccount;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Error as _, MapAccess},
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    marker::PhantomData,
};

/// The accounts by address; the same address in two spellings is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alloc(pub(super) BTreeMap<Address, GenesisAccount>);

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Account {
    #[serde(default)]
    balance: Number,
    #[serde(default, skip_serializing_if = "is_zero")]
    nonce: Number,
    #[serde(default, skip_serializing_if = "is_no_code")]
    code: Bytes,
    #[serde(default, skip_serializing_if = "UniqueMap::is_empty")]
    storage: UniqueMap<Slot, Number>,
}

fn is_zero(number: &Number) -> bool {
    number.0.is_zero()
}

fn is_no_code(code: &Bytes) -> bool {
    code.is_empty()
}

/// A storage slot; as long as its hex digits are, and written as 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Slot(U256);

/// A map whose keys, once read, must differ.
struct UniqueMap<K, V>(BTreeMap<K, V>);

/// A key of a [`UniqueMap`].
trait Key: Ord + Sized {
    fn parse(text: &str) -> Result<Self, String>;
}

impl Key for Address {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let bytes: Option<[u8; 20]> = hex::decode_to_array(digits).ok();
        match bytes {
            Some(bytes) if digits.len() == 40 => Ok(Self::from(bytes)),
            _ => Err(format!("`{text}` in alloc is not an address of 40 hex digits")),
        }
    }
}

impl Key for Slot {
    fn parse(text: &str) -> Result<Self, String> {
        // geth writes slots in hex, with or without 0x, at any length up to 32 bytes.
        let digits = text.strip_prefix("0x").unwrap_or(text);
        number::parse(&format!("0x{digits}"))
            .map(Self)
            .map_err(|_| format!("`{text}` is not a storage slot of at most 64 hex digits"))
    }
}

impl<K, V> UniqueMap<K, V> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, V> Default for UniqueMap<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, K: Key, V: Deserialize<'de>> Deserialize<'de> for UniqueMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueMapVisitor(PhantomData))
    }
}

struct UniqueMapVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K: Key, V: Deserialize<'de>> de::Visitor<'de> for UniqueMapVisitor<K, V> {
    type Value = UniqueMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with hex keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(text) = map.next_key::<String>()? {
            match entries.entry(K::parse(&text).map_err(A::Error::custom)?) {
                Entry::Vacant(place) => place.insert(map.next_value()?),
                Entry::Occupied(_) => return Err(A::Error::custom(format_args!("`{text}` is given twice"))),
            };
        }
        Ok(UniqueMap(entries))
    }
}

impl Serialize for UniqueMap<Slot, Number> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(slot, value)| (word(slot.0), word(value.0))))
    }
}

fn word(value: U256) -> String {
    hex::encode_prefixed(value.to_be_bytes::<32>())
}

impl<'de> Deserialize<'de> for Alloc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let accounts = UniqueMap::<Address, Account>::deserialize(deserializer)?.0;
        let accounts = accounts.into_iter().map(|(address, Account { balance, nonce, code, storage })| {
            let nonce = u64::try_from(nonce.0)
                .map_err(|_| D::Error::custom(format_args!("the nonce of {address} needs more than 64 bits")))?;
            let storage = storage.0.into_iter().map(|(slot, value)| (slot.0, value.0)).collect();
            Ok((address, GenesisAccount { nonce, balance: balance.0, code, storage }))
        });
        accounts.collect::<Result<_, _>>().map(Self)
    }
}

impl Serialize for Alloc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(address, GenesisAccount { nonce, balance, code, storage })| {
            let storage = storage.iter().map(|(slot, value)| (Slot(*slot), Number(*value))).collect();
            let account = Account {
                balance: Number(*balance),
                nonce: Number::from(*nonce),
                code: code.clone(),
                storage: UniqueMap(storage),
            };
            (address, account)
        }))
    }
}
