//! What the tests stand on.

mod anvil;
mod bootnode;
pub(crate) mod contract;
mod hosts;
mod load;
mod net;
mod node;
mod program;
mod relay;
mod rpc;
mod scrape;
mod slots;
mod terms;
mod wait;
mod wallet;

pub(crate) use anvil::{Anvil, client_package, foundry};
pub(crate) use bootnode::BootnodeProcess;
pub(crate) use contract::deploy;
pub(crate) use hosts::{Distance, Hosts};
pub(crate) use load::{Lane, Load};
pub(crate) use net::{CHAIN_ID, FINALITY, Net, Plan};
pub(crate) use node::{Node, Place};
pub(crate) use program::{Outcome, baton, run};
pub(crate) use relay::BentPeer;
pub(crate) use rpc::{Refusal, Rpc};
pub(crate) use scrape::Scrape;
pub(crate) use slots::Slot;
pub(crate) use terms::Tip;
pub(crate) use wait::until;
pub(crate) use wallet::{Fees, Signed, Wallet, wallets};
