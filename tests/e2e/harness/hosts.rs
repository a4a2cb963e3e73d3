//! Hosts of their own: network namespaces, joined by a switch that can be split.
//!
//! Each host has two links. `mesh` leads to the switch: nodes reach each other over it. `control` leads to this machine: the
//! test reaches the node's JSON-RPC over it, whatever becomes of the mesh. The switch is one more namespace, with a bridge
//! for every host; hosts whose ports are on one bridge reach each other. To cut one off is to move its port to another
//! bridge: frames get lost, and no link goes down, so that nobody is told.
//!
//! A host's way to the switch can be made a long one ([`Hosts::worsen`]): by `tc netem`, or by `wire.py` beside this file where the
//! kernel has no netem. A host can be behind a router of its own that translates addresses ([`Hosts::make_behind_nat`]), as
//! nodes at home are: then it has a private address, and the router the one on the mesh.
//!
//! The addresses of the mesh are such as the internet has, so that nodes treat them as public. Nothing leaves the namespaces.
//!
//! Every set of hosts has a number, claimed by a file lock: it makes names and control addresses (198.19.0.0/16, which
//! RFC 2544 reserves for tests) its own on this machine. Dropping the hosts removes them. What a process that was killed
//! left behind goes when its number is claimed again.

use super::Place;
use eyre::{OptionExt, WrapErr, bail, ensure};
use std::{
    fs::{self, File, TryLockError},
    io::{BufRead, BufReader, Write},
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Where `ip netns` keeps the names.
const NAMES: &str = "/run/netns";

/// As many as have an address on the control network of one set.
const MAX_HOSTS: usize = 64;

/// What lies between a host and the switch, each way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distance {
    /// In ms.
    pub(crate) delay: u32,
    /// Of all frames, in percent.
    pub(crate) loss: f32,
    /// In Mbit a second.
    pub(crate) rate: u32,
}

/// Hosts, numbered from 0. Dropping them removes them; the processes in them should have ended.
#[derive(Debug)]
pub(crate) struct Hosts {
    number: u8,
    count: usize,
    /// The hosts behind a router that translates addresses.
    behind_nat: Vec<usize>,
    /// The addresses on the mesh; those of routers, where there are any.
    addresses: Vec<Ipv4Addr>,
    /// The program that stands for long ways, if the kernel cannot make them.
    wire: Option<Child>,
    _claim: File,
}

impl Hosts {
    /// Makes hosts that all reach each other. None, with a word on why, where this process may not make any.
    pub(crate) fn make(count: usize) -> eyre::Result<Option<Self>> {
        Self::make_behind_nat(count, &[])
    }

    /// The same, with these hosts behind a router each.
    pub(crate) fn make_behind_nat(count: usize, behind_nat: &[usize]) -> eyre::Result<Option<Self>> {
        ensure!((1..=MAX_HOSTS).contains(&count), "{count} hosts");
        if fs::metadata("/proc/self")?.uid() != 0 {
            eprintln!("skipped: only root makes network namespaces");
            return Ok(None);
        }
        if !behind_nat.is_empty() && Command::new("nft").arg("--version").output().is_err() {
            eprintln!("skipped: no `nft` (of the Debian package nftables) to translate addresses");
            return Ok(None);
        }
        let mut hosts = Self::claim(count)?;
        hosts.behind_nat = behind_nat.to_vec();
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
                Ok(()) => {
                    let addresses = (0..count).map(mesh_address).collect();
                    return Ok(Self { number, count, behind_nat: Vec::new(), addresses, wire: None, _claim: file });
                }
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
            let (outermost, link) = match self.behind_nat.contains(&host) {
                true => (self.router(host), "outside"),
                false => (name.clone(), "mesh"),
            };
            if self.behind_nat.contains(&host) {
                self.build_router(host)?;
            }
            ip(&format!("-n {switch} link add port{host} type veth peer name {link} netns {outermost}"))?;
            ip(&format!("-n {switch} link set port{host} master bridge0 up"))?;
            ip(&format!("-n {outermost} address add {}/24 dev {link}", mesh_address(host)))?;
            ip(&format!("-n {outermost} link set {link} up"))?;
            let [ours, theirs] = self.control_addresses(host);
            ip(&format!("link add {control} type veth peer name control netns {name}"))?;
            ip(&format!("address add {ours}/30 dev {control}"))?;
            ip(&format!("link set {control} up"))?;
            ip(&format!("-n {name} address add {theirs}/30 dev control"))?;
            ip(&format!("-n {name} link set control up"))?;
        }
        Ok(())
    }

    /// The router of a host, which lets out what comes from inside, under its own address, and lets in the answers.
    fn build_router(&self, host: usize) -> eyre::Result<()> {
        let (name, router) = (self.name(host), self.router(host));
        let [gateway, inside] = inside_addresses(host);
        ip(&format!("netns add {router}"))?;
        ip(&format!("-n {router} link add inside type veth peer name mesh netns {name}"))?;
        ip(&format!("-n {router} address add {gateway}/24 dev inside"))?;
        ip(&format!("-n {router} link set inside up"))?;
        ip(&format!("-n {name} address add {inside}/24 dev mesh"))?;
        ip(&format!("-n {name} link set mesh up"))?;
        ip(&format!("-n {name} route add default via {gateway}"))?;
        let rules = "table ip nat {\n chain out {\n  type nat hook postrouting priority srcnat\n  oifname outside masquerade\n }\n}\n\
            table ip filter {\n chain pass {\n  type filter hook forward priority filter; policy drop\n  iifname inside accept\n  \
            ct state established,related accept\n }\n}\n";
        let setup = "echo 1 > /proc/sys/net/ipv4/ip_forward && nft -f -";
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &router, "sh", "-c", setup]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().wrap_err("cannot run `ip`")?;
        child.stdin.take().ok_or_eyre("no standard input")?.write_all(rules.as_bytes())?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot translate addresses: {}", said.trim());
        Ok(())
    }

    /// Where a node on this host runs and listens.
    pub(crate) fn place(&self, host: usize) -> Place {
        let [_, rpc] = self.control_addresses(host);
        let mesh = match self.behind_nat.contains(&host) {
            true => inside_addresses(host)[1],
            false => self.addresses[host],
        };
        Place { namespace: Some(self.name(host)), mesh: IpAddr::V4(mesh), rpc: IpAddr::V4(rpc) }
    }

    /// Puts all hosts at a distance from the switch, once.
    pub(crate) fn worsen(&mut self, distance: Distance) -> eyre::Result<()> {
        ensure!(self.wire.is_none(), "the hosts are far away already");
        let Distance { delay, loss, rate } = distance;
        let switch = self.switch();
        let netem = |namespace: &str, link: &str| {
            run(
                "tc",
                &format!("-n {namespace} qdisc add dev {link} root netem delay {delay}ms loss {loss}% rate {rate}mbit"),
            )
        };
        if netem(&switch, "port0").is_ok() {
            for host in 0..self.count {
                if host > 0 {
                    netem(&switch, &format!("port{host}"))?;
                }
                match self.behind_nat.contains(&host) {
                    true => netem(&self.router(host), "outside")?,
                    false => netem(&self.name(host), "mesh")?,
                }
            }
            return Ok(());
        }
        let mut pairs = Vec::new();
        for host in 0..self.count {
            ip(&format!("-n {switch} link add wire{host} type veth peer name far{host}"))?;
            ip(&format!("-n {switch} link set port{host} nomaster"))?;
            ip(&format!("-n {switch} link set wire{host} master bridge0 up"))?;
            ip(&format!("-n {switch} link set far{host} up"))?;
            pairs.push(format!("port{host}=far{host}"));
        }
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/harness/wire.py");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &switch, "python3"]).arg(program);
        command.args([delay.to_string(), loss.to_string(), (u64::from(rate) * 1_000_000).to_string()]);
        command.arg(self.number.to_string()).args(pairs).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut wire = command.spawn().wrap_err("cannot run `ip`")?;
        let mut said = String::new();
        BufReader::new(wire.stdout.take().ok_or_eyre("no standard output")?).read_line(&mut said)?;
        self.wire = Some(wire);
        ensure!(said == "ready\n", "wire.py did not start: it wants python3");
        Ok(())
    }

    /// Gives a host another address on the mesh instead of the one that it has, without a word to anyone.
    pub(crate) fn move_away(&mut self, host: usize) -> eyre::Result<()> {
        ensure!(!self.behind_nat.contains(&host), "host {host} has no address on the mesh");
        let (name, old, new) = (self.name(host), self.addresses[host], mesh_address(host + MAX_HOSTS));
        // The other way round the new one would go with the old one, as its secondary address.
        ip(&format!("-n {name} address delete {old}/24 dev mesh"))?;
        ip(&format!("-n {name} address add {new}/24 dev mesh"))?;
        self.addresses[host] = new;
        Ok(())
    }

    /// A host's address on the mesh; that of its router, if it has one.
    pub(crate) fn address(&self, host: usize) -> Ipv4Addr {
        self.addresses[host]
    }

    /// Splits the switch: hosts reach those of their own group, and no others. Every host is in one group.
    pub(crate) fn split(&self, groups: &[&[usize]]) -> eyre::Result<()> {
        for (bridge, group) in groups.iter().enumerate() {
            for host in *group {
                ip(&format!("-n {} link set {} master bridge{bridge}", self.switch(), self.port(*host)))?;
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
            ip(&format!("-n {name} neighbour replace {} {nobody} dev mesh", self.addresses[other]))?;
        }
        Ok(())
    }

    /// Undoes [`Self::split`] and [`Self::mute`].
    pub(crate) fn heal(&self) -> eyre::Result<()> {
        for host in 0..self.count {
            ip(&format!("-n {} link set {} master bridge0", self.switch(), self.port(host)))?;
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

    fn router(&self, host: usize) -> String {
        format!("{}-router", self.name(host))
    }

    /// What the switch has at a bridge for a host.
    fn port(&self, host: usize) -> String {
        format!("{}{host}", if self.wire.is_some() { "wire" } else { "port" })
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
        if let Some(mut wire) = self.wire.take() {
            // It may have ended by itself.
            let _ = wire.kill();
            let _ = wire.wait();
        }
        self.remove();
    }
}

/// On the mesh. Every mesh is apart from all others, so that all can have the same addresses.
fn mesh_address(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(77, 77, 77, u8::try_from(host + 1).unwrap_or_default())
}

/// Behind a router: the router's address there, and the host's.
fn inside_addresses(host: usize) -> [Ipv4Addr; 2] {
    [1, 2].map(|end| Ipv4Addr::new(10, 0, u8::try_from(host).unwrap_or_default(), end))
}

fn ip(arguments: &str) -> eyre::Result<()> {
    run("ip", arguments)
}

/// Runs a command of the Debian package iproute2.
fn run(program: &str, arguments: &str) -> eyre::Result<()> {
    let output = Command::new(program).args(arguments.split_whitespace()).output();
    let output = output.wrap_err_with(|| format!("cannot run `{program}`, of the Debian package iproute2"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{program} {arguments}` failed: {}", said.trim());
    Ok(())
}
