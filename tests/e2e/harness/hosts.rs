//! Hosts of their own: network namespaces, joined by a switch that can be split.
//!
//! Each host has two links. `mesh` leads to the switch: nodes reach each other over it. `control` leads to this machine: the
//! test reaches the node's JSON-RPC over it, whatever becomes of the mesh. The switch is one more namespace, with a bridge
//! for every host; hosts whose ports are on one bridge reach each other. To cut one off is to move its port to another
//! bridge: frames get lost, and no link goes down, so that nobody is told.
//!
//! Every set of hosts has a number, claimed by a file lock: it makes names and control addresses (198.19.0.0/16, which
//! RFC 2544 reserves for tests) its own on this machine. Dropping the hosts removes them. What a process that was killed
//! left behind goes when its number is claimed again.

use super::Place;
use eyre::{WrapErr, bail, ensure};
use std::{
    fs::{self, File, TryLockError},
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::MetadataExt,
    process::Command,
};

/// Where `ip netns` keeps the names.
const NAMES: &str = "/run/netns";

/// As many as have an address on the control network of one set.
const MAX_HOSTS: usize = 64;

/// Hosts, numbered from 0. Dropping them removes them; the processes in them should have ended.
#[derive(Debug)]
pub(crate) struct Hosts {
    number: u8,
    count: usize,
    _claim: File,
}

impl Hosts {
    /// Makes hosts that all reach each other. None, with a word on why, where this process may not make any.
    pub(crate) fn make(count: usize) -> eyre::Result<Option<Self>> {
        ensure!((1..=MAX_HOSTS).contains(&count), "{count} hosts");
        if fs::metadata("/proc/self")?.uid() != 0 {
            eprintln!("skipped: only root makes network namespaces");
            return Ok(None);
        }
        let hosts = Self::claim(count)?;
        hosts.remove();
        if let Err(error) = ip(&format!("netns add {}", hosts.switch())) {
            eprintln!("skipped: no network namespaces can be made here: {error:#}");
            return Ok(None);
        }
        hosts.build()?;
        Ok(Some(hosts))
    }

    fn claim(count: usize) -> eyre::Result<Self> {
        let directory = std::env::temp_dir();
        // Starting from anywhere, so that processes rarely look at each other's.
        let start = u8::try_from(std::process::id() % 256).unwrap_or_default();
        for number in (0..=u8::MAX).map(|step| start.wrapping_add(step)) {
            let path = directory.join(format!("baton-e2e-hosts-{number}"));
            let file = File::options().create(true).truncate(false).write(true).open(&path);
            let file = file.wrap_err_with(|| format!("cannot open {}", path.display()))?;
            match file.try_lock() {
                Ok(()) => return Ok(Self { number, count, _claim: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).wrap_err_with(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        bail!("all 256 numbers for hosts are taken")
    }

    fn build(&self) -> eyre::Result<()> {
        let switch = self.switch();
        for bridge in 0..self.count {
            ip(&format!("-n {switch} link add bridge{bridge} type bridge"))?;
            ip(&format!("-n {switch} link set bridge{bridge} up"))?;
        }
        for host in 0..self.count {
            let (name, control) = (self.name(host), self.control(host));
            ip(&format!("netns add {name}"))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!("-n {switch} link add port{host} type veth peer name mesh netns {name}"))?;
            ip(&format!("-n {switch} link set port{host} master bridge0 up"))?;
            ip(&format!("-n {name} address add {}/24 dev mesh", mesh_address(host)))?;
            ip(&format!("-n {name} link set mesh up"))?;
            let [ours, theirs] = self.control_addresses(host);
            ip(&format!("link add {control} type veth peer name control netns {name}"))?;
            ip(&format!("address add {ours}/30 dev {control}"))?;
            ip(&format!("link set {control} up"))?;
            ip(&format!("-n {name} address add {theirs}/30 dev control"))?;
            ip(&format!("-n {name} link set control up"))?;
        }
        Ok(())
    }

    /// Where a node on this host runs and listens.
    pub(crate) fn place(&self, host: usize) -> Place {
        let [_, rpc] = self.control_addresses(host);
        Place { namespace: Some(self.name(host)), mesh: IpAddr::V4(mesh_address(host)), rpc: IpAddr::V4(rpc) }
    }

    /// Splits the switch: hosts reach those of their own group, and no others. Every host is in one group.
    pub(crate) fn split(&self, groups: &[&[usize]]) -> eyre::Result<()> {
        for (bridge, group) in groups.iter().enumerate() {
            for host in *group {
                ip(&format!("-n {} link set port{host} master bridge{bridge}", self.switch()))?;
            }
        }
        Ok(())
    }

    /// From now on, what `host` sends to any other host gets lost on the way. What the others send arrives.
    pub(crate) fn mute(&self, host: usize) -> eyre::Result<()> {
        let name = self.name(host);
        for other in (0..self.count).filter(|other| *other != host) {
            // To the address of a card that nobody has.
            let nobody = "lladdr 02:00:00:00:00:01 nud permanent";
            ip(&format!("-n {name} neighbour replace {} {nobody} dev mesh", mesh_address(other)))?;
        }
        Ok(())
    }

    /// Undoes [`Self::split`] and [`Self::mute`].
    pub(crate) fn heal(&self) -> eyre::Result<()> {
        for host in 0..self.count {
            ip(&format!("-n {} link set port{host} master bridge0", self.switch()))?;
            ip(&format!("-n {} neighbour flush dev mesh nud permanent", self.name(host)))?;
        }
        Ok(())
    }

    fn switch(&self) -> String {
        format!("baton-e2e-{}-switch", self.number)
    }

    fn name(&self, host: usize) -> String {
        format!("baton-e2e-{}-{host}", self.number)
    }

    /// The name of this machine's end of a control link: a name of at most 15 bytes.
    fn control(&self, host: usize) -> String {
        format!("baton{}c{host}", self.number)
    }

    /// This machine's end of a control link, and the host's.
    fn control_addresses(&self, host: usize) -> [Ipv4Addr; 2] {
        let base = u8::try_from(host * 4).unwrap_or_default();
        [1, 2].map(|end| Ipv4Addr::new(198, 19, self.number, base + end))
    }

    /// Removes whatever is there.
    fn remove(&self) {
        // The links first: a namespace with a process in it lives on without a name. What is not there makes no error.
        for host in 0..self.count {
            let _ = ip(&format!("link delete {}", self.control(host)));
        }
        let ours = format!("baton-e2e-{}-", self.number);
        let names = fs::read_dir(NAMES).into_iter().flatten().flatten().map(|entry| entry.file_name());
        for name in names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with(&ours)) {
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.remove();
    }
}

/// On the mesh. Every mesh is apart from all others, so that all can have the same addresses.
fn mesh_address(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 0, u8::try_from(host + 1).unwrap_or_default())
}

fn ip(arguments: &str) -> eyre::Result<()> {
    let output = Command::new("ip").args(arguments.split_whitespace()).output();
    let output = output.wrap_err("cannot run `ip`, of the Debian package iproute2")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`ip {arguments}` failed: {}", said.trim());
    Ok(())
}
