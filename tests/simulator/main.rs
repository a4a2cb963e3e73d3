//! The deterministic simulator: whole networks of the real consensus core on virtual time, from one seed.
//!
//! [`world`] carries messages with latency, loss and duplication, executes blocks without an EVM, keeps every node's disk,
//! and kills, pauses and restarts nodes. [`byzantine`] members run the real core and bend what leaves it. [`invariants`] looks at every effect: no key signs two messages for one position,
//! everything sent was made durable before, committed prefixes agree. [`scenarios`] are the claims about the protocol.

#![expect(clippy::unwrap_used, reason = "a simulation that cannot go on fails its test")]

mod byzantine;
mod disk;
mod invariants;
mod scenarios;
mod world;
