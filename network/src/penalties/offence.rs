//! Everything that a peer can be blamed for: one row gives the class, the label and the words.

use super::Class;
use std::fmt;

macro_rules! offences {
    ($($(#[$doc:meta])* $name:ident: $class:ident, $label:literal, $words:literal;)+) => {
        /// Something that a peer is blamed for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Offence {
            $($(#[$doc])* $name,)+
        }

        impl Offence {
            /// All offences, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// How bad it is.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class),+ }
            }

            /// Its name in files and answers.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $label),+ }
            }

            /// What the peer did, in words that follow "the peer".
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words),+ }
            }
        }
    };
}

offences! {
    /// What it served is contradicted by the very hash or signature that goes with it.
    ServedLie: Fatal, "served-lie", "served what its own proof contradicts";
    /// What it served is well formed, but an honest node could not have it.
    ServedInvalid: Severe, "served-invalid", "served what no honest node holds";
    /// Gossip that is no message of its kind.
    UndecodableGossip: Severe, "undecodable-gossip", "sent gossip that cannot be decoded";
    /// Gossip beyond the cap of its kind, as it came or as it declared.
    OversizedGossip: Severe, "oversized-gossip", "sent gossip beyond the size of its kind";
    /// Gossip that the node rejected: a bad signature, a signer who is not entitled, or parts that contradict each other.
    InvalidGossip: Severe, "invalid-gossip", "sent gossip that breaks the protocol";
    /// A request that is none.
    UndecodableRequest: Severe, "undecodable-request", "sent a request that cannot be decoded";
    /// A request beyond the cap of its protocol.
    OversizedRequest: Severe, "oversized-request", "sent a request beyond the size of its protocol";
    /// A response that is none, or beyond the cap of its protocol.
    MalformedResponse: Severe, "malformed-response", "answered with what cannot be decoded";
    /// A status that no chain can have: more that is final than there is.
    ImpossibleStatus: Severe, "impossible-status", "told of a chain that cannot be";
    /// Transactions that no node would take in. Mild, as the rules may differ between versions.
    InvalidTransactions: Mild, "invalid-transactions", "sent transactions that are invalid";
    /// Requests far beyond the quota of their protocol.
    TooManyRequests: Mild, "too-many-requests", "went on asking far more often than it may";
    /// No answer before the deadline.
    NoAnswer: Slow, "no-answer", "did not answer in time";
}

impl Offence {
    /// The offence of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|offence| offence.name() == name)
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_tell_offences_apart() {
        let names: HashSet<_> = Offence::ALL.iter().map(|offence| offence.name()).collect();
        assert_eq!(names.len(), Offence::ALL.len());
        for offence in Offence::ALL {
            assert_eq!(Offence::named(offence.name()), Some(*offence));
            assert!(offence.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", offence.name());
        }
        assert_eq!(Offence::named("kindness"), None);
    }
}
