//! End-to-end tests: real `baton` processes on loopback, looked at only from outside.
//!
//! Each test makes its keys and its genesis with the program itself, lets the operating system choose every port, and
//! waits for conditions, never for time to pass. Children end with their test, however it ends.

mod agreement;
mod attacks;
mod bad_input;
mod clients;
mod compact;
mod discovery;
mod finality;
mod handover;
mod harness;
#[path = "../hostile/mod.rs"]
mod hostile;
mod hosts;
mod interop;
mod joining;
mod judge;
mod kills;
mod membership;
mod metrics;
mod partitions;
mod peers;
mod proofs;
mod pruning;
mod relay;
mod shutdown;
mod single;
mod strangers;
mod sync;
mod terms;
mod testnet;
