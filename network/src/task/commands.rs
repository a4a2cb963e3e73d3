//! What the handle asks for.

use super::NetworkTask;
use crate::{error::DialFailure, handle::Command, reconnect};
use libp2p::{Multiaddr, PeerId};
use std::{collections::HashSet, time::Instant};
use tokio::sync::oneshot;

impl NetworkTask {
    // A reply that finds nobody belongs to a caller that has given up.
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish { kind, data, reply } => {
                let _ = reply.send(self.publish(kind, data));
            }
            Command::Request { peer, protocol, frame, reply } => self.send_request(peer, protocol, frame, reply),
            Command::Peers { reply } => {
                let _ = reply.send(self.peers.infos());
            }
            Command::Dial { address, reply } => self.dial(address, reply),
            Command::Disconnect(peer) => self.part_from(peer),
            Command::Know(peer, addresses) => self.know(peer, &addresses),
            Command::SetExplicitPeers(peers) => self.set_explicit_peers(&peers),
            Command::Oversight(command) => self.on_oversight(command),
        }
    }

    fn dial(&mut self, address: Multiaddr, reply: oneshot::Sender<Result<PeerId, DialFailure>>) {
        let options = reconnect::dial(None, &address, &[]);
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                self.dials.insert(connection, (address, reply));
            }
            Err(error) => {
                let _ = reply.send(Err(DialFailure { address, reason: error.to_string() }));
            }
        }
    }

    pub(super) fn set_explicit_peers(&mut self, peers: &[PeerId]) {
        let local = *self.swarm.local_peer_id();
        let new: HashSet<_> = peers.iter().copied().filter(|peer| *peer != local).collect();
        let behaviour = self.swarm.behaviour_mut();
        for peer in self.explicit.difference(&new) {
            behaviour.gossipsub.remove_explicit_peer(peer);
        }
        for peer in new.difference(&self.explicit) {
            behaviour.gossipsub.add_explicit_peer(peer);
        }
        behaviour.gate.reserved.explicit.clone_from(&new);
        behaviour.gate.reserved_changed();
        self.explicit = new;
        self.reconnect.set_explicit(peers, Instant::now());
    }
}
