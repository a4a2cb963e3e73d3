//! `baton bootnode`.

use super::{block_on, logging};
use crate::{
    config::{LogConfig, LogFormat, default_listen, write_whole},
    genesis::{Genesis, names_a_peer, with_peer},
    keys::{self, NODE_KEY},
    stop::StopRequests,
};
use baton_network::{Bootnode, BootnodeConfig, BootnodeState, PEERS_FILE, PeerId};
use clap::Args;
use eyre::{WrapErr, bail};
use libp2p::{Multiaddr, identity::Keypair, multiaddr::Protocol};
use serde::Serialize;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::watch;
use tracing::{info, warn};

/// How long the swarm may take to listen on all its addresses.
const LISTEN_PATIENCE: Duration = Duration::from_secs(10);

/// Run a bootnode: it helps the peers of a chain to find each other, and holds nothing of the chain.
#[derive(Debug, Args)]
pub(super) struct BootnodeCommand {
    /// The genesis file of the chain. Its bootnodes share what they know.
    #[arg(long, env = "BATON_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    /// Where the key and the known peers are kept; one running bootnode a directory.
    #[arg(long, env = "BATON_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Peer-to-peer addresses to listen on [default: /ip4/0.0.0.0/tcp/30400,/ip4/0.0.0.0/udp/30400/quic-v1].
    #[arg(long, env = "BATON_LISTEN", value_name = "MULTIADDR", value_delimiter = ',')]
    listen: Option<Vec<Multiaddr>>,
    /// Addresses under which others reach this bootnode, such as those outside a NAT.
    #[arg(long, env = "BATON_EXTERNAL_ADDRESS", value_name = "MULTIADDR", value_delimiter = ',')]
    external_address: Vec<Multiaddr>,
    /// Other bootnodes, besides those of the genesis file; each ends in /p2p/<peer id>.
    #[arg(long, env = "BATON_BOOTNODE", value_name = "MULTIADDR", value_delimiter = ',')]
    bootnode: Vec<Multiaddr>,
    /// How many peers may be connected at once.
    #[arg(long, env = "BATON_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = 512, value_parser = clap::value_parser!(u32).range(8..))]
    max_connections: u32,
    /// Relay for peers that cannot be reached: their traffic then goes through this machine, within bounds.
    #[arg(long, env = "BATON_RELAY_SERVER")]
    relay: bool,
    /// Spread addresses of private networks as if they were public.
    #[arg(long, env = "BATON_PRIVATE_ADDRESSES")]
    private_addresses: bool,
    /// What is logged: a level, or target=level, comma separated.
    #[arg(long, env = "BATON_LOG_FILTER", value_name = "FILTER", default_value = "info")]
    log_filter: String,
    /// The form of the log.
    #[arg(long, env = "BATON_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// A file to write once the bootnode listens: its addresses and its process id, as JSON.
    #[arg(long, env = "BATON_READY_FILE", value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Shut down when standard input ends.
    #[arg(long, env = "BATON_EXIT_ON_STDIN_EOF")]
    exit_on_stdin_eof: bool,
}

/// Where a bootnode listens, once it does.
#[derive(Debug, Serialize)]
struct Ready<'a> {
    p2p: &'a [Multiaddr],
    pid: u32,
}

impl BootnodeCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        logging::start(&LogConfig { filter: self.log_filter.clone(), format: self.log_format })?;
        block_on(self.serve())
    }

    async fn serve(self) -> eyre::Result<()> {
        let Self {
            genesis,
            data_dir,
            listen,
            external_address,
            bootnode,
            max_connections,
            relay,
            private_addresses,
            log_filter: _,
            log_format: _,
            ready_file,
            exit_on_stdin_eof,
        } = self;
        if let Some(address) = bootnode.iter().find(|address| !names_a_peer(address)) {
            bail!("bootnode: {address} does not end in /p2p/<peer id>");
        }
        let mut requests = StopRequests::listen(exit_on_stdin_eof)?;
        let (chain, named) = {
            let genesis = Genesis::load(&genesis)?;
            (genesis.signing_context(), genesis.bootnodes)
        };
        let keypair = identity(&data_dir)?;
        let peer = PeerId::from(keypair.public());
        let listen = listen.unwrap_or_else(default_listen);
        let expected = listen.len();
        let mut config = BootnodeConfig::new(keypair, chain);
        config.listen = listen;
        config.external_addresses.clone_from(&external_address);
        config.bootnodes = named.into_iter().chain(bootnode).collect();
        config.max_connections = max_connections;
        config.peer_store = Some(data_dir.join(PEERS_FILE));
        config.relay = relay;
        config.private_addresses = private_addresses;
        let (bootnode, mut state) = Bootnode::start(config)?;
        info!(%peer, chain = chain.chain_id, genesis = %chain.genesis_hash, relay, "bootnode");
        let stop = async {
            let announced = async {
                let addresses = wait_until_listening(&mut state, expected).await;
                announce(peer, &external_address, &addresses, ready_file.as_deref())
            };
            let what = tokio::select! {
                result = announced => match result {
                    Ok(()) => requests.next().await,
                    Err(error) => return Err(error),
                },
                what = requests.next() => what,
            };
            info!("{what}: stopping");
            Ok(())
        };
        let mut stopped = Ok(());
        bootnode.run(async { stopped = stop.await }).await;
        stopped
    }
}

/// The key of this directory. It is made once: other nodes know the bootnode by it, so one that is lost is not made up for.
fn identity(data_dir: &Path) -> eyre::Result<Keypair> {
    let path = data_dir.join(NODE_KEY);
    let is_new = path.symlink_metadata().is_err();
    if is_new && data_dir.join(PEERS_FILE).exists() {
        bail!(
            "the key of this bootnode is gone: {} is missing, and {PEERS_FILE} beside it says that there was one. Restore the key from \
             a backup, or use another directory for a bootnode of another name",
            path.display()
        );
    }
    fs::create_dir_all(data_dir).wrap_err_with(|| format!("cannot create {}", data_dir.display()))?;
    let keypair = keys::load_or_create_identity(&path)?;
    if is_new {
        info!(file = %path.display(), "made the key that names this bootnode; keep a copy of it in a safe place");
    }
    Ok(keypair)
}

async fn wait_until_listening(state: &mut watch::Receiver<BootnodeState>, expected: usize) -> Vec<Multiaddr> {
    let all = state.wait_for(|state| state.listening.len() >= expected);
    if tokio::time::timeout(LISTEN_PATIENCE, all).await.is_err() {
        warn!("the bootnode does not listen on all addresses that it was told");
    }
    state.borrow().listening.clone()
}

/// Prints the addresses in every form that others take, and writes the ready file.
fn announce(
    peer: PeerId,
    external: &[Multiaddr],
    listening: &[Multiaddr],
    ready_file: Option<&Path>,
) -> eyre::Result<()> {
    println!("{}", forms(peer, external, listening));
    if let Some(path) = ready_file {
        let p2p: Vec<_> = listening.iter().map(|address| with_peer(address, peer)).collect();
        write_whole(path, &Ready { p2p: &p2p, pid: std::process::id() })
            .wrap_err_with(|| format!("cannot write the ready file {}", path.display()))?;
    }
    Ok(())
}

/// What to give others: the external addresses, else those beyond the loopback interface, else what there is.
fn forms(peer: PeerId, external: &[Multiaddr], listening: &[Multiaddr]) -> String {
    let is_loopback = |address: &Multiaddr| match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    };
    let beyond: Vec<_> = listening.iter().filter(|address| !is_loopback(address)).cloned().collect();
    let chosen = [external, beyond.as_slice(), listening].into_iter().find(|addresses| !addresses.is_empty());
    let addresses: Vec<_> =
        chosen.unwrap_or_default().iter().map(|address| with_peer(address, peer).to_string()).collect();
    let quoted: Vec<_> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let mut text = format!("peer id       {peer}\n");
    // Writing to a string never fails.
    for address in &addresses {
        let _ = writeln!(text, "multiaddress  {address}");
    }
    let _ = writeln!(text, "genesis file  \"bootnodes\": [{}]", quoted.join(", "));
    let _ = writeln!(text, "flag          --bootnode {}", addresses.join(","));
    for address in &addresses {
        let _ = writeln!(text, "DNS record    _dnsaddr.HOST. TXT \"dnsaddr={address}\"");
    }
    let _ = write!(text, "then also     --bootnode /dnsaddr/HOST/p2p/{peer}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_printed_as_others_take_them() {
        let peer = PeerId::random();
        let listening = ["/ip4/127.0.0.1/tcp/4", "/ip4/10.0.0.1/tcp/4"].map(|text| text.parse().unwrap());
        let text = forms(peer, &[], &listening);
        let address = format!("/ip4/10.0.0.1/tcp/4/p2p/{peer}");
        for line in [
            format!("multiaddress  {address}"),
            format!("genesis file  \"bootnodes\": [\"{address}\"]"),
            format!("flag          --bootnode {address}"),
            format!("DNS record    _dnsaddr.HOST. TXT \"dnsaddr={address}\""),
            format!("then also     --bootnode /dnsaddr/HOST/p2p/{peer}"),
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line}: {text}");
        }
        assert!(!text.contains("127.0.0.1"), "{text}");
        assert!(forms(peer, &[], &listening[..1]).contains("/ip4/127.0.0.1/tcp/4/p2p/"));
        let external: [Multiaddr; 1] = ["/dns4/boot.example.org/tcp/4".parse().unwrap()];
        let text = forms(peer, &external, &listening);
        assert!(text.contains("/dns4/boot.example.org/tcp/4/p2p/") && !text.contains("10.0.0.1"), "{text}");
        // Every form that a program reads is one that this program reads.
        for address in [format!("/dnsaddr/HOST/p2p/{peer}"), address] {
            assert!(names_a_peer(&address.parse().unwrap()));
        }
    }

    #[test]
    fn a_lost_key_is_not_made_up_for() {
        let directory = tempfile::tempdir().unwrap();
        let first = identity(directory.path()).unwrap();
        fs::write(directory.path().join(PEERS_FILE), "{}").unwrap();
        assert_eq!(identity(directory.path()).unwrap().public(), first.public());
        fs::remove_file(directory.path().join(NODE_KEY)).unwrap();
        let error = identity(directory.path()).unwrap_err().to_string();
        assert!(error.contains("the key of this bootnode is gone"), "{error}");
    }
}
