//! The deterministic simulator: whole networks of the real consensus core on virtual time, from one seed.
//!
//! A [`world`] holds the nodes: each is the real core with a [`disk`] that survives it, behind a [`network`] that delays,
//! loses, doubles and reorders what it carries. [`byzantine`] members run the real core too, and bend what leaves it or
//! reaches it. [`faults`] breaks things at random. [`invariants`] looks at every effect before it is carried out: no key
//! signs two messages for one position, everything sent was made durable before, final prefixes agree.
//!
//! [`scenarios`] are the claims about the protocol, by name; [`run`] runs one of them on one seed, and [`campaign`] many
//! of them on all cores. The same seed gives the same trace, to the byte.

#![expect(clippy::unwrap_used, reason = "a simulation that cannot go on has failed")]

mod byzantine;
pub mod campaign;
mod clock;
mod disk;
mod faults;
mod finality;
mod invariants;
pub mod network;
pub mod run;
pub mod scenarios;
mod world;
