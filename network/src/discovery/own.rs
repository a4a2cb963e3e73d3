//! This node's own addresses: those that it tells others.

use super::{policy::AddressPolicy, scope};
use libp2p::{Multiaddr, Swarm, swarm::NetworkBehaviour};

/// The most addresses that a node tells of itself.
const MAX_TOLD: usize = 8;

/// Where this node can be reached, by what it is known.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses {
    /// The operator says so.
    given: Vec<Multiaddr>,
    /// A peer dialed back, a gateway or a relay promised.
    confirmed: Vec<Multiaddr>,
    /// It listens there, as far as it can tell.
    listening: Vec<Multiaddr>,
}

impl OwnAddresses {
    pub(crate) fn new(given: Vec<Multiaddr>) -> Self {
        Self { given, ..Self::default() }
    }

    pub(crate) fn confirmed(&mut self, address: Multiaddr) {
        if !self.confirmed.contains(&address) {
            // The newest are the likeliest.
            self.confirmed.insert(0, address);
            self.confirmed.truncate(MAX_TOLD);
        }
    }

    pub(crate) fn expired(&mut self, address: &Multiaddr) {
        self.confirmed.retain(|known| known != address);
    }

    pub(crate) fn listens(&mut self, address: &Multiaddr) {
        if !scope::is_relayed(address) && !self.listening.contains(address) {
            self.listening.push(address.clone());
        }
    }

    /// It does not listen there any more, whoever reached it there before.
    pub(crate) fn stopped_listening(&mut self, address: &Multiaddr) {
        self.listening.retain(|known| known != address);
        self.expired(address);
    }

    /// What to tell others: what the operator gave whatever it is, the rest as far as the policy lets it be spread.
    pub(crate) fn to_tell(&self, policy: &AddressPolicy) -> Vec<Multiaddr> {
        let mut told = Vec::new();
        let found = self.confirmed.iter().chain(&self.listening).filter(|address| policy.hearsay(address));
        for address in self.given.iter().chain(found) {
            if told.len() < MAX_TOLD && !told.contains(address) {
                told.push(address.clone());
            }
        }
        told
    }
}

/// Has the swarm tell others these addresses and no others; whether it did not tell one of them before.
pub(crate) fn announce<B: NetworkBehaviour>(swarm: &mut Swarm<B>, told: &[Multiaddr]) -> bool {
    let old: Vec<_> = swarm.external_addresses().cloned().collect();
    for address in old.iter().filter(|address| !told.contains(address)) {
        swarm.remove_external_address(address);
    }
    let new: Vec<_> = told.iter().filter(|address| !old.contains(address)).collect();
    for address in &new {
        swarm.add_external_address((*address).clone());
    }
    !new.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_until_the_internet_is_seen() {
        let address = |text: &str| text.parse::<Multiaddr>().unwrap();
        let (private, global) = (address("/ip4/10.0.0.1/tcp/1"), address("/ip4/8.8.8.8/tcp/1"));
        let policy = AddressPolicy::new(false);
        let mut own = OwnAddresses::new(vec![]);
        own.listens(&address("/ip4/127.0.0.1/tcp/1"));
        own.listens(&private);
        policy.widen(&private);
        assert_eq!(own.to_tell(&policy), std::slice::from_ref(&private));
        policy.widen(&global);
        assert!(own.to_tell(&policy).is_empty());
        for goes in [OwnAddresses::expired, OwnAddresses::stopped_listening] {
            own.confirmed(global.clone());
            assert_eq!(own.to_tell(&policy), std::slice::from_ref(&global));
            goes(&mut own, &global);
            assert!(own.to_tell(&policy).is_empty());
        }
        let given = OwnAddresses::new(vec![private.clone()]);
        assert_eq!(given.to_tell(&policy), [private], "an operator knows better");
    }
}
