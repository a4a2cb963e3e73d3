//! The topics of one chain.

use super::{Kind, channels::Channel};
use alloy_primitives::hex;
use baton_consensus::signing::SigningContext;
use libp2p::gossipsub::{IdentTopic, TopicHash};

/// The first part of topics and of protocols that are bound to a chain: `/baton/<chain id>/<8 hex digits of genesis>`.
pub(crate) fn chain_prefix(chain: &SigningContext) -> String {
    format!("/baton/{}/{}", chain.chain_id, hex::encode(&chain.genesis_hash[..4]))
}

/// One topic a kind: `/baton/<chain id>/<8 hex digits of genesis>/<kind>/1`.
#[derive(Clone, Debug)]
pub(crate) struct Topics(Vec<(Kind, IdentTopic, TopicHash)>);

impl Topics {
    pub(crate) fn new(chain: &SigningContext) -> Self {
        let prefix = chain_prefix(chain);
        let row = |kind: &Kind| {
            let topic = IdentTopic::new(format!("{prefix}/{}/1", kind.name()));
            let hash = topic.hash();
            (*kind, topic, hash)
        };
        Self(Kind::ALL.iter().map(row).collect())
    }

    /// The topics that an instance of gossipsub carries.
    pub(crate) fn of(&self, channel: Channel) -> impl Iterator<Item = &IdentTopic> {
        self.0.iter().filter(move |(kind, ..)| kind.channel() == channel).map(|(_, topic, _)| topic)
    }

    pub(crate) fn hash(&self, kind: Kind) -> Option<&TopicHash> {
        self.0.iter().find(|(of, ..)| *of == kind).map(|(.., hash)| hash)
    }

    pub(crate) fn kind(&self, hash: &TopicHash) -> Option<Kind> {
        self.0.iter().find(|(.., known)| known == hash).map(|(kind, ..)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn names() {
        let topics = Topics::new(&SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(0xab) });
        let hash = topics.hash(Kind::Seal).unwrap();
        assert_eq!(hash.as_str(), "/baton/7/abababab/seal/1");
        assert_eq!(topics.kind(hash), Some(Kind::Seal));
    }
}
