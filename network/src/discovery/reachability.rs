//! Whether others can open connections to this node.

/// What peers found out by dialing back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reachability {
    /// Nobody has tried yet.
    #[default]
    Unknown,
    /// At one address at least, or the operator says so.
    Reachable,
    /// At none of the addresses that were tried: behind a NAT or a firewall.
    Unreachable,
}
