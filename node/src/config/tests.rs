use super::*;
use clap::Parser;
use std::{fs, path::Path};

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    options: NodeOptions,
}

fn parse(flags: &[&str]) -> NodeOptions {
    Program::try_parse_from(std::iter::once("baton").chain(flags.iter().copied())).unwrap().options
}

fn with_file(text: &str, flags: &[&str]) -> Result<NodeConfig, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("baton.toml");
    fs::write(&path, text).unwrap();
    let mut options = parse(flags);
    options.config = Some(path);
    NodeConfig::resolve(options)
}

#[test]
fn defaults_fill_what_nobody_said() {
    let config = NodeConfig::resolve(parse(&["--genesis", "g.json", "--data-dir", "d"])).unwrap();
    assert_eq!(config.rpc.listen.to_string(), "127.0.0.1:8545");
    let listen: Vec<_> = config.network.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["/ip4/0.0.0.0/tcp/30400", "/ip4/0.0.0.0/udp/30400/quic-v1"]);
    assert_eq!((config.keys_dir, config.metrics), (None, None));
    assert_eq!(config.log.filter, "info,libp2p_gossipsub=error");
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let text = "genesis = 'file.json'\ndata-dir = 'd'\nrpc-max-batch = 7\nmempool-max-bytes = '64MiB'\nmempool-queued-lifetime = '90s'\n";
    let config = with_file(text, &["--genesis", "flag.json", "--rpc-max-batch", "9"]).unwrap();
    assert_eq!(config.genesis, Path::new("flag.json"));
    assert_eq!(config.data_dir, Path::new("d"));
    assert_eq!(config.rpc.max_batch, 9);
    assert_eq!(config.mempool.max_bytes, ByteSize::mebibytes(64));
    assert_eq!(config.mempool.queued_lifetime, Duration::from_secs(90));
    assert_eq!(config.rpc.max_connections, 512);
}

#[test]
fn every_setting_has_an_environment_variable_of_its_name() {
    use clap::CommandFactory;
    for argument in Program::command().get_arguments().filter(|argument| argument.get_id() != "help") {
        let flag = argument.get_long().unwrap();
        let variable = argument.get_env().unwrap().to_str().unwrap();
        assert_eq!(variable, format!("BATON_{}", flag.to_uppercase().replace('-', "_")));
    }
}

#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    for (text, expected) in [
        ("genesis = 'g'\nblock-tme = 3\n", "baton.toml, line 2: unknown field `block-tme`"),
        ("genesis = 3\n", "line 1: invalid type: integer `3`"),
        ("genesis = 'g'\n\nrpc-listen = 'nowhere'\n", "line 3: "),
        ("mempool-max-bytes = '12 parsecs'\n", "line 1: `12 parsecs` is not a size"),
        ("= 3\n", "line 1: "),
        ("genesis = 'g'\ngenesis = 'h'\n", "line 2: duplicate key"),
        ("config = 'other.toml'\n", "line 1: unknown field `config`"),
    ] {
        let error = with_file(text, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn missing_and_impossible_settings_are_named() {
    for (text, expected) in [
        ("", "no genesis file is given: pass --genesis"),
        ("genesis = 'g'", "no data directory is given: pass --data-dir"),
        ("genesis = 'g'\ndata-dir = 'd'\nrpc-max-batch = 0", "rpc-max-batch is 0; it must be at least 1"),
        ("genesis = 'g'\ndata-dir = 'd'\nprune = 'full:127'", "prune is 127; it must be at least 128"),
        ("genesis = 'g'\ndata-dir = 'd'\nprune = 'lean'", "line 3: `lean` is not a prune mode"),
        ("genesis = 'g'\ndata-dir = 'd'\nprune = 'full:0'", "line 3: `full:0` is not a prune mode"),
        ("genesis = 'g'\ndata-dir = 'd'\nbootnode = ['/ip4/1.2.3.4/tcp/1']", "does not end in /p2p/"),
    ] {
        let error = with_file(text, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let missing =
        NodeConfig::resolve(NodeOptions { config: Some("/nonexistent/x.toml".into()), ..NodeOptions::default() });
    assert!(missing.unwrap_err().to_string().starts_with("cannot read the configuration file /nonexistent/x.toml: "));
}

#[test]
fn bootnodes_are_named_by_address_or_by_name() {
    let peer = "p2p/12D3KooWAHoEkEqnKzM5PXFygh2movVBCSX3k8tDsT2cneU68Gyt";
    for address in [
        "ip4/192.0.2.1/tcp/1",
        "ip6/2001:db8::1/udp/1/quic-v1",
        "dns4/a.org/tcp/1",
        "dns6/a.org/tcp/1",
        "dnsaddr/a.org",
    ] {
        let flag = format!("/{address}/{peer}");
        let config = NodeConfig::resolve(parse(&["--genesis", "g", "--data-dir", "d", "--bootnode", &flag])).unwrap();
        assert_eq!(config.network.bootnodes, [flag.parse().unwrap()]);
    }
}

#[test]
fn a_prune_mode_is_said_in_a_flag_or_in_the_file_or_not_at_all() {
    let base = ["--genesis", "g.json", "--data-dir", "d"];
    let resolve = |text: &str, flags: &[&str]| with_file(text, &[&base, flags].concat()).unwrap().database.prune;
    assert_eq!(resolve("", &[]), None);
    assert_eq!(resolve("prune = 'archive'", &[]), Some(Prune::Archive));
    assert_eq!(resolve("prune = 'archive'", &["--prune", "full"]), Some(Prune::default()));
    assert_eq!(resolve("", &["--prune", "full:128"]), Some(Prune::Full(128)));
    assert!(Program::try_parse_from(["baton", "--prune", "full:-1"]).is_err());
}

#[test]
fn the_printed_configuration_gives_itself_again() {
    let flags = [
        "--genesis",
        "g.json",
        "--data-dir",
        "d",
        "--keys-dir",
        "k",
        "--rpc-listen",
        "[::1]:0",
        "--metrics",
        "[::1]:1",
        "--max-inbound",
        "7",
        "--limit-local",
        "--prune",
        "full:4096",
    ];
    let config = NodeConfig::resolve(parse(&flags)).unwrap();
    assert!(config.network.limit_local && config.network.max_inbound == 7);
    let printed = config.to_toml().unwrap();
    assert_eq!(with_file(&printed, &[]).unwrap(), config, "{printed}");
}

#[test]
fn the_ready_file_is_read_as_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ready.json");
    assert_eq!(Ready::read(&path).unwrap(), None);
    let p2p = vec!["/ip4/127.0.0.1/tcp/4000".parse().unwrap()];
    let ready = Ready { rpc: "127.0.0.1:9000".parse().unwrap(), p2p, pid: 7 };
    ready.write(&path).unwrap();
    assert_eq!(Ready::read(&path).unwrap(), Some(ready));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
