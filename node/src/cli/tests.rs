use super::*;
use clap::CommandFactory;

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("baton").chain(arguments.iter().copied()))
}

#[test]
fn the_definitions_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_wrong_command_line_is_one_line() {
    for (arguments, expected) in [
        (&["node", "--colour"][..], "unexpected argument '--colour' found"),
        (&["node", "--rpc-listen", "here"], "invalid value 'here' for '--rpc-listen <HOST:PORT>'"),
        (&["node", "--log-format", "xml"], "invalid value 'xml' for '--log-format <FORMAT>'"),
        (&["nod"], "unrecognized subcommand 'nod'"),
        (&["key", "new"], "required arguments were not provided: --dir <DIR>"),
        (
            &["genesis", "new", "--chain-id", "1", "--sequencer", "a,b", "--out", "f"],
            "the weight `b` is not a whole number",
        ),
        (
            &["sequencer", "list", "--registry", "0x12", "--l1-rpc", "http://h"],
            "invalid value '0x12' for '--registry <ADDRESS>'",
        ),
        (&["sequencer", "list", "--l1-rpc", "http://h"], "required arguments were not provided: --registry <ADDRESS>"),
        (&["sequencer", "list", "--l1-rpc", "h", "--genesis", "g"], "is not a URL"),
        (
            &["sequencer", "exit", "--l1-rpc", "http://h", "--genesis", "g", "--operator", "0x0x", "--yes"],
            "invalid value '0x0x' for '--operator <ADDRESS>'",
        ),
        (&["genesis", "new", "--chain-id", "1", "--out", "f"], "were not provided: --sequencer"),
        (&["admin", "resign"], "required arguments were not provided: --data-dir <DIR>"),
        (
            &["admin", "resign", "--data-dir", "d", "--timeout", "1h"],
            "invalid value '1h' for '--timeout <DURATION>': longer than 10m",
        ),
        (&["admin", "reboot"], "unrecognized subcommand 'reboot'"),
        (&["peers", "why", "me", "--data-dir", "d"], "invalid value 'me' for '<PEER>'"),
        (&["peers", "add", "/ip4/1.2.3.4/tcp/1", "--data-dir", "d"], "does not end in /p2p/<peer id>"),
        (&["peers", "unban", "10.0.0.0/8", "--data-dir", "d"], "neither a peer id nor an address range"),
        (&["testnet", "--kill", "leader"], "invalid value 'leader' for '--kill"),
    ] {
        let line = one_line(&parse(arguments).unwrap_err());
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains('\n') && !line.starts_with("error"), "{line}");
    }
}
