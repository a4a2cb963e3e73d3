//! The section `config`: the chain id, and geth's list of forks.
//!
//! Baton knows one set of rules, those of Osaka, from block 0 on. The names of the forks are taken so that geth's files
//! can be used, and every one of them must say 0; a later activation would be a promise that nobody keeps.

use super::number;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Error as _, MapAccess},
    ser::SerializeMap,
};
use serde_json::Value;
use std::{collections::HashSet, fmt};

/// The forks up to Osaka, by block or by time. Each must be at 0, or absent.
const FORKS: [&str; 19] = [
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
    "londonBlock",
    "arrowGlacierBlock",
    "grayGlacierBlock",
    "mergeNetsplitBlock",
    "terminalTotalDifficulty",
    "shanghaiTime",
    "cancunTime",
    "pragueTime",
    "osakaTime",
];

/// What geth writes besides, and what means nothing on this chain: there was no DAO, there are no blobs, deposits go to
/// L1, and the merge has passed.
const WITHOUT_MEANING: [&str; 6] = [
    "daoForkBlock",
    "daoForkSupport",
    "eip150Hash",
    "terminalTotalDifficultyPassed",
    "blobSchedule",
    "depositContractAddress",
];

/// The section `config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChainConfig {
    pub(super) chain_id: u64,
}

impl<'de> Deserialize<'de> for ChainConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = ChainConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("geth's chain configuration")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ChainConfig, A::Error> {
        let mut chain_id = None;
        let mut seen = HashSet::new();
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("`{key}` is given twice in config")));
            }
            if key == "chainId" {
                let id = as_number(&value).and_then(|id| u64::try_from(id).ok());
                chain_id = Some(
                    id.ok_or_else(|| A::Error::custom(format_args!("chainId {value} is not a number of 64 bits")))?,
                );
            } else if FORKS.contains(&key.as_str()) {
                if !value.is_null() && as_number(&value) != Some(alloy_primitives::U256::ZERO) {
                    return Err(A::Error::custom(format_args!(
                        "{key} is {value}, but every fork up to Osaka is active from block 0: write 0, or leave it out"
                    )));
                }
            } else if !WITHOUT_MEANING.contains(&key.as_str()) {
                return Err(A::Error::custom(format_args!(
                    "unknown key `{key}` in config; Baton follows Osaka and knows chainId and the forks up to osakaTime"
                )));
            }
        }
        let chain_id = chain_id.ok_or_else(|| A::Error::custom("config has no chainId"))?;
        Ok(ChainConfig { chain_id })
    }
}

fn as_number(value: &Value) -> Option<alloy_primitives::U256> {
    match value {
        Value::Number(number) => number.as_u64().map(alloy_primitives::U256::from),
        Value::String(text) => number::parse(text).ok(),
        _ => None,
    }
}

impl Serialize for ChainConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(FORKS.len() + 1))?;
        map.serialize_entry("chainId", &self.chain_id)?;
        for fork in FORKS {
            map.serialize_entry(fork, &0)?;
        }
        map.end()
    }
}
