//! The registry's interface, read from its source when this crate is built.

#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated; the Solidity source documents it")]

alloy_sol_types::sol! {
    #[sol(all_derives)]
    "../contracts/src/ISequencerRegistry.sol"
}
