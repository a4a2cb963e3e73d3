//! Why a connection is refused.

use thiserror::Error;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $label:literal, $words:literal;)+) => {
        /// Why a connection is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
        pub enum Refusal {
            $($(#[$doc])* #[error($words)] $name,)+
        }

        impl Refusal {
            /// All reasons, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $label),+ }
            }
        }
    };
}

refusals! {
    /// The peer is banned.
    Banned: "banned", "the peer is banned";
    /// The address range is banned.
    BannedRange: "banned-range", "the address range is banned";
    /// Too many points are held against the peer.
    Points: "points", "too much is held against the peer";
    /// Too many connections are being set up.
    Pending: "pending", "too many connections are being set up";
    /// Too many connections of one address are being set up.
    PendingOfAddress: "pending-of-address", "too many connections of this address are being set up";
    /// Too many new connections of one range.
    Arrivals: "arrivals", "too many new connections from this address range";
    /// The peer is connected often enough.
    Peer: "peer", "the peer has as many connections as it may";
    /// The peer was connected, and is being parted from.
    Leaving: "leaving", "an earlier connection of the peer is not closed yet";
    /// Enough peers of the range are connected.
    Range: "range", "the address range has as many connections as it may";
    /// All slots for inbound connections are taken.
    Inbound: "inbound", "all slots for inbound connections are taken";
    /// All slots for outbound connections are taken.
    Outbound: "outbound", "all slots for outbound connections are taken";
}
