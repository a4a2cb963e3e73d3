//! Peers in words.

use crate::admin::{BanRow, ConnectionRow, PeerDetail, PeerRow, RangeRow};
use baton_network::{BAN_AT, DISCONNECT_AT};
use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

/// A time in ms since 1970 as people write it, in UTC.
pub(super) fn time(millis: u64) -> String {
    // Far beyond what can be written is as good as never.
    let longest = 253_402_300_799_000;
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(millis.min(longest))).to_string()
}

/// A line for each peer.
pub(super) fn list(peers: &[PeerRow], ranges: &[RangeRow], left_out: usize) -> String {
    let mut text = String::new();
    for row in peers {
        let link = row.connection.as_ref().map_or_else(|| "not connected".to_owned(), self::link);
        _ = writeln!(text, "{}  {link}{}", row.peer, notes(row));
    }
    for RangeRow { range, until, .. } in ranges {
        _ = writeln!(text, "{range}  banned until {}", time(*until));
    }
    if text.is_empty() {
        text.push_str("nobody is connected, listed or banned\n");
    }
    if left_out > 0 {
        _ = writeln!(text, "and {left_out} more");
    }
    text
}

fn link(link: &ConnectionRow) -> String {
    let ConnectionRow { inbound, address, since: _, agent, head, latency } = link;
    let mut text = format!("{} {}", direction(*inbound), optional(address.as_ref()));
    if let Some(agent) = agent {
        _ = write!(text, " {}", printable(agent));
    }
    if let Some(head) = head {
        _ = write!(text, ", head {head}");
    }
    if let Some(latency) = latency {
        _ = write!(text, ", {latency} ms");
    }
    text
}

fn notes(row: &PeerRow) -> String {
    let mut text = String::new();
    if let Some(operator) = row.sequencer {
        _ = write!(text, ", sequencer {operator}");
    }
    for (is, what) in [(row.trusted, "trusted"), (row.added.is_some(), "added")] {
        if is {
            _ = write!(text, ", {what}");
        }
    }
    if row.faults + row.slowness > 0.0 {
        _ = write!(text, ", {:.0} points", row.faults + row.slowness);
    }
    if let Some(ban) = &row.ban {
        _ = write!(text, ", banned until {}", time(ban.until));
    }
    text
}

/// All that is known of a peer.
pub(super) fn why(detail: &PeerDetail) -> String {
    let PeerDetail { row, bans, gossip_score, banned_ranges, charges } = detail;
    let PeerRow { peer, connection, sequencer, trusted, added, faults, slowness, ban } = row;
    let mut text = match ban {
        Some(BanRow { since, until, cause }) => {
            format!("{peer} is banned since {} until {}, because {cause}\n", time(*since), time(*until))
        }
        None if *faults >= DISCONNECT_AT => {
            format!("{peer} is refused until its points of faults are below {DISCONNECT_AT}\n")
        }
        None => format!("{peer} is welcome\n"),
    };
    match connection {
        Some(connection) => _ = writeln!(text, "connected since {}: {}", time(connection.since), link(connection)),
        None => text.push_str("not connected\n"),
    }
    if let Some(operator) = sequencer {
        _ = writeln!(text, "it is the sequencer {operator}, for whom a slot is reserved");
    }
    if *trusted {
        text.push_str("the operator trusts it: a slot is reserved\n");
    }
    if let Some(address) = added {
        _ = writeln!(text, "the operator added it, at {address}");
    }
    _ = writeln!(
        text,
        "faults: {faults:.1} points of {DISCONNECT_AT} to be sent away and {BAN_AT} to be banned; slowness: {slowness:.1} points of \
         {DISCONNECT_AT} to be sent away"
    );
    if *bans > 0 {
        _ = writeln!(text, "bans that make the next one longer: {bans}");
    }
    if let Some(score) = gossip_score {
        _ = writeln!(text, "score in gossip: {score:.1}");
    }
    for RangeRow { range, since, until } in banned_ranges {
        _ = writeln!(text, "its address range {range} is banned since {} until {}", time(*since), time(*until));
    }
    if charges.is_empty() {
        text.push_str("nothing is held against it\n");
    } else {
        text.push_str("what it did, the newest last:\n");
    }
    for charge in charges {
        let about = if charge.about.is_empty() { String::new() } else { format!(" ({})", charge.about) };
        _ = writeln!(text, "  {}  {:6}  it {}{about}", time(charge.at), charge.class, charge.words);
    }
    text
}

const fn direction(inbound: bool) -> &'static str {
    if inbound { "inbound" } else { "outbound" }
}

fn optional(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "?".to_owned(), ToString::to_string)
}

/// What a peer says of itself, harmless on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::ChargeRow;

    fn row() -> PeerRow {
        PeerRow {
            peer: "12D3KooWBan".to_owned(),
            connection: None,
            sequencer: None,
            trusted: true,
            added: None,
            faults: 0.0,
            slowness: 5.2,
            ban: Some(BanRow { since: 0, until: 600_000, cause: "it sent a lie".to_owned() }),
        }
    }

    #[test]
    fn a_peer_is_a_line() {
        let link = ConnectionRow {
            inbound: true,
            address: Some("/ip4/8.8.8.8/tcp/1".parse().unwrap()),
            since: 0,
            agent: Some("baton/1\u{1b}[2J".to_owned()),
            head: Some(7),
            latency: Some(3),
        };
        let connected = PeerRow { connection: Some(link), ban: None, ..row() };
        let range = RangeRow { range: "8.8.8.0/24".parse().unwrap(), since: 0, until: 0 };
        assert_eq!(
            list(&[connected, row()], &[range], 2),
            "12D3KooWBan  inbound /ip4/8.8.8.8/tcp/1 baton/1?[2J, head 7, 3 ms, trusted, 5 points\n\
             12D3KooWBan  not connected, trusted, 5 points, banned until 1970-01-01T00:10:00Z\n\
             8.8.8.0/24  banned until 1970-01-01T00:00:00Z\n\
             and 2 more\n"
        );
        assert_eq!(list(&[], &[], 0), "nobody is connected, listed or banned\n");
    }

    #[test]
    fn a_ban_is_explained() {
        let charge = ChargeRow {
            at: 1_000,
            class: "fatal".to_owned(),
            offence: "served-lie".to_owned(),
            about: "blocks-by-range".to_owned(),
            words: "served a lie".to_owned(),
        };
        let detail =
            PeerDetail { row: row(), bans: 1, gossip_score: None, banned_ranges: Vec::new(), charges: vec![charge] };
        let text = why(&detail);
        for expected in [
            "12D3KooWBan is banned since 1970-01-01T00:00:00Z until 1970-01-01T00:10:00Z, because it sent a lie\n",
            "not connected\n",
            "the operator trusts it",
            "  1970-01-01T00:00:01Z  fatal   it served a lie (blocks-by-range)\n",
        ] {
            assert!(text.contains(expected), "{text}");
        }
        let welcome = PeerDetail { row: PeerRow { ban: None, ..row() }, charges: Vec::new(), ..detail.clone() };
        assert!(why(&welcome).contains("is welcome") && why(&welcome).contains("nothing is held against it"));
        let refused = PeerDetail { row: PeerRow { ban: None, faults: 50.0, ..row() }, ..detail };
        assert!(why(&refused).contains("is refused until its points of faults are below 48"));
    }
}
