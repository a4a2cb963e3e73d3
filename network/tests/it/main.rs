//! Real swarms on loopback, ports chosen by the system. Nothing sleeps: every step waits for its condition.

mod chains;
mod discovery;
mod gate;
mod gossip;
mod hostile;
mod links;
mod measure;
mod node;
mod peers;
mod priorities;
mod quotas;
mod requests;
mod samples;
