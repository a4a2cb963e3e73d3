//! `baton peers`.

mod show;

use super::admin::{NodeArguments, misunderstood};
use crate::admin::{Answer, MAX_BAN, PeerAnswer, PeerRequest, Request, ask};
use baton_network::{AddressRange, Multiaddr, PeerId};
use clap::{Args, Subcommand};
use eyre::bail;
use libp2p::multiaddr::Protocol;
use serde::Serialize;
use std::time::Duration;

/// How long the node may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be said and asked about the peers of a running node.
#[derive(Debug, Subcommand)]
pub(super) enum PeersCommand {
    /// Show who is connected, listed or banned.
    List(ListArguments),
    /// Tell all that is known of a peer: what it did, what it is charged with, and whether it is banned.
    Why(WhyArguments),
    /// Stay connected with a peer, from now on and after a restart, whatever the limits say.
    Add(AddArguments),
    /// Reserve a slot for a peer: limits and bans of address ranges do not touch it, and its own bans are short.
    Trust(PeerArguments),
    /// Take back `add` and `trust`; a peer that was added is disconnected.
    Remove(PeerArguments),
    /// Disconnect a peer and refuse it, in both directions, from now on and after a restart.
    Ban(BanArguments),
    /// Forgive a peer everything that is held against it, or lift the ban of an address range.
    Unban(UnbanArguments),
}

/// Which node, and how to print.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    node: NodeArguments,
    /// Print JSON, times in ms since 1970.
    #[arg(long)]
    json: bool,
}

/// Which peer, and how to print.
#[derive(Debug, Args)]
pub(super) struct WhyArguments {
    #[command(flatten)]
    peer: PeerArguments,
    /// Print JSON, times in ms since 1970.
    #[arg(long)]
    json: bool,
}

/// A peer of a node.
#[derive(Debug, Args)]
pub(super) struct PeerArguments {
    /// The peer's id.
    #[arg(value_name = "PEER")]
    peer: PeerId,
    #[command(flatten)]
    node: NodeArguments,
}

/// Where a peer is.
#[derive(Debug, Args)]
pub(super) struct AddArguments {
    /// Where the peer is, with its id at the end: /ip4/203.0.113.7/tcp/30400/p2p/12D3Koo…
    #[arg(value_name = "ADDRESS", value_parser = address_of_peer)]
    address: Multiaddr,
    #[command(flatten)]
    node: NodeArguments,
}

/// A ban.
#[derive(Debug, Args)]
pub(super) struct BanArguments {
    #[command(flatten)]
    peer: PeerArguments,
    /// How long; ten years at most.
    #[arg(long = "for", value_name = "DURATION", default_value = "1d", value_parser = ban_length)]
    length: Duration,
}

/// Who is let in again.
#[derive(Debug, Args)]
pub(super) struct UnbanArguments {
    /// A peer's id, or an address range as `list` shows it.
    #[arg(value_name = "PEER|RANGE", value_parser = banned)]
    whom: Banned,
    #[command(flatten)]
    node: NodeArguments,
}

/// Who can be banned.
#[derive(Clone, Copy, Debug)]
enum Banned {
    Peer(PeerId),
    Range(AddressRange),
}

fn address_of_peer(text: &str) -> Result<Multiaddr, String> {
    let address: Multiaddr = text.parse().map_err(|error: libp2p::multiaddr::Error| error.to_string())?;
    match address.iter().last() {
        Some(Protocol::P2p(_)) => Ok(address),
        _ => Err("it does not end in /p2p/<peer id>".to_owned()),
    }
}

fn ban_length(text: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if length > MAX_BAN {
        return Err("longer than ten years".to_owned());
    }
    Ok(length)
}

fn banned(text: &str) -> Result<Banned, String> {
    let peer = text.parse().map(Banned::Peer).ok();
    let range = || text.parse().map(Banned::Range).ok();
    peer.or_else(range).ok_or_else(|| "neither a peer id nor an address range (IPv4 /24 or IPv6 /56)".to_owned())
}

impl PeersCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        match self {
            Self::List(ListArguments { node, json }) => match tell(&node, PeerRequest::List)? {
                answer if json => print_json(&answer),
                PeerAnswer::Peers { peers, banned_ranges, left_out } => {
                    print!("{}", show::list(&peers, &banned_ranges, left_out));
                    Ok(())
                }
                other => misunderstood(other.into()),
            },
            Self::Why(WhyArguments { peer: PeerArguments { peer, node }, json }) => {
                match tell(&node, PeerRequest::Why(peer))? {
                    PeerAnswer::Peer(detail) if json => print_json(&detail),
                    PeerAnswer::Peer(detail) => {
                        print!("{}", show::why(&detail));
                        Ok(())
                    }
                    other => misunderstood(other.into()),
                }
            }
            Self::Add(AddArguments { address, node }) => {
                let (new, old) = (format!("{address} is added"), format!("{address} was added before"));
                done(tell(&node, PeerRequest::Add(address))?, &new, &old)
            }
            Self::Trust(PeerArguments { peer, node }) => {
                let (new, old) = (format!("{peer} is trusted"), format!("{peer} was trusted before"));
                done(tell(&node, PeerRequest::Trust(peer))?, &new, &old)
            }
            Self::Remove(PeerArguments { peer, node }) => {
                let (new, old) = (format!("{peer} is removed"), format!("{peer} was neither added nor trusted"));
                done(tell(&node, PeerRequest::Remove(peer))?, &new, &old)
            }
            Self::Ban(BanArguments { peer: PeerArguments { peer, node }, length }) => {
                match tell(&node, PeerRequest::Ban { peer, seconds: length.as_secs() })? {
                    PeerAnswer::Banned(ban) => {
                        println!("{peer} is banned until {}", show::time(ban.until));
                        Ok(())
                    }
                    other => misunderstood(other.into()),
                }
            }
            Self::Unban(UnbanArguments { whom, node }) => {
                let (name, request) = match whom {
                    Banned::Peer(peer) => (peer.to_string(), PeerRequest::Unban(peer)),
                    Banned::Range(range) => (range.to_string(), PeerRequest::UnbanRange(range)),
                };
                let (new, old) = (format!("{name} is no longer banned"), format!("{name} was not banned"));
                done(tell(&node, request)?, &new, &old)
            }
        }
    }
}

fn tell(node: &NodeArguments, request: PeerRequest) -> eyre::Result<PeerAnswer> {
    match ask(&node.data_dir, &Request::Peers { ask: request }, PATIENCE)? {
        Answer::AboutPeers(answer) => Ok(answer),
        Answer::Refused { reason } => bail!("the node refused: {reason}"),
        other => misunderstood(other),
    }
}

/// Says what became of it; that nothing had to change is no failure.
fn done(answer: PeerAnswer, new: &str, old: &str) -> eyre::Result<()> {
    match answer {
        PeerAnswer::Done { changed } => {
            println!("{}", if changed { new } else { old });
            Ok(())
        }
        other => misunderstood(other.into()),
    }
}

fn print_json(value: &impl Serialize) -> eyre::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
