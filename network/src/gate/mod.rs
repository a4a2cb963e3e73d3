//! The gate: who may connect, in both directions.
//!
//! It is the first of the swarm's behaviours, so that whoever it refuses costs the others nothing. What is refused *before* the
//! Noise handshake costs a socket and no cryptography:
//!
//! 1. ranges that are banned, unless a reserved peer was seen at the very address;
//! 2. more than [`ConnectionLimits::pending_per_ip`] unfinished connections of one address, and
//!    [`ConnectionLimits::pending`] of all;
//! 3. more than [`ConnectionLimits::arrivals_per_range`] new connections a second of one range (eight times as many at once).
//!
//! After it the peer id is known, and then:
//!
//! 4. banned peers, and those with too many points ([`crate::penalties`]);
//! 5. more than [`crate::MAX_CONNECTIONS_PER_PEER`] connections of one peer, and any while others of it are being closed;
//! 6. more than [`ConnectionLimits::per_range_inbound`] or `per_range_outbound` connections with one range;
//! 7. more than [`ConnectionLimits::inbound`] or `outbound` in all.
//!
//! **Reserved peers** (the sequencers, those that the operator trusts, and those that he added) are exempt from 6 and 7 and take
//! no slot there, so that they get in when all slots are taken. Outbound dials to them are exempt from bans of ranges as well:
//! where an attacker closes the way in for the neighbours of a sequencer, the way out stays open.
//!
//! **Local ranges** (loopback, private, link-local) are exempt from everything that counts by range or address, and from bans of
//! ranges: a test network is one range, and so is everyone behind one router. [`ConnectionLimits::limit_local`] holds them
//! to the limits as well.
//!
//! **Eclipse.** Inbound connections never take outbound slots, and those are spread over ranges, so an attacker who fills all
//! inbound slots, or owns one range, has still to be chosen by this node. When all inbound slots are taken, a newcomer replaces a
//! peer of the most crowded range if that range holds at least two more than the newcomer's own then would ([`slots`]): slots become
//! more even with every replacement and never less, so nobody can use the rule to drive out a peer that is alone in its range.

mod behaviour;
mod range;
mod refusal;
mod reserved;
mod slots;

pub(crate) use behaviour::Gate;
pub use range::{AddressRange, InvalidRange};
pub use refusal::Refusal;
pub(crate) use reserved::Reserved;

#[cfg(doc)]
use crate::config::ConnectionLimits;
