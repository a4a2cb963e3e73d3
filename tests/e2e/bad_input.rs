//! What is malformed gets one clear error line, or one standard error code, and changes nothing.

use crate::harness::{Net, Outcome, Plan, Refusal, Rpc, baton, run};
use alloy_primitives::{Bytes, U256};
use eyre::{WrapErr, ensure, eyre};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `baton` with these arguments after `node`, which must refuse them.
async fn refused(code: i32, arguments: &[&str], expected: &[&str]) -> eyre::Result<()> {
    let outcome = run(baton(arguments), PATIENCE).await?;
    says(&outcome, code, expected).wrap_err_with(|| format!("baton {}", arguments.join(" ")))
}

fn says(outcome: &Outcome, code: i32, expected: &[&str]) -> eyre::Result<()> {
    let line = outcome.refusal(code)?;
    for part in expected {
        ensure!(line.contains(part), "`{part}` is not in: {line}");
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// How a good genesis is spoiled, and what the error line must say: a name, the change, parts of the line.
type Edit = (&'static str, fn(&mut Value), &'static [&'static str]);

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_genesis_is_refused() -> eyre::Result<()> {
    let net = Net::prepare(Plan::default(), crate::harness::Slot::none()).await?;
    let good = fs::read_to_string(&net.genesis)?;
    let file = net.path().join("bad.json");
    let data = net.path().join("untouched");
    let edits: &[Edit] = &[
        ("unknown field", |json| json["sequencing"]["blokTime"] = json!("1s"), &["unknown field `blokTime`", "line"]),
        (
            "missing section",
            |json| drop(json.as_object_mut().map(|fields| fields.remove("sequencing"))),
            &["sequencing"],
        ),
        ("bad duration", |json| json["sequencing"]["blockTime"] = json!("250 parsecs"), &["250 parsecs"]),
        ("zero block time", |json| json["sequencing"]["blockTime"] = json!("0s"), &["block_time", "10ms to 60s"]),
        ("no epoch", |json| json["sequencing"]["epochBlocks"] = json!(0), &["epoch_blocks", "1 to 65536"]),
        ("unknown rule", |json| json["sequencing"]["finality"] = json!("hope"), &["hope"]),
        ("nobody", |json| json["sequencing"]["sequencers"] = json!([]), &["sequencing.sequencers"]),
        (
            "the same twice",
            |json| {
                let member = json["sequencing"]["sequencers"][0].clone();
                json["sequencing"]["sequencers"] = json!([member, member]);
            },
            &["sequencing.sequencers"],
        ),
        ("no weight", |json| json["sequencing"]["sequencers"][0]["weight"] = json!("0"), &["sequencing.sequencers"]),
        (
            "no proof",
            |json| json["sequencing"]["sequencers"][0]["proofOfPossession"] = json!(format!("0x{}", "a0".repeat(96))),
            &["sequencing.sequencers", "proof of possession"],
        ),
        ("late fork", |json| json["config"]["osakaTime"] = json!(17), &["osakaTime"]),
        (
            "bad balance",
            |json| json["alloc"]["0x00000000000000000000000000000000000000aa"] = json!({"balance": "much"}),
            &["much"],
        ),
        (
            "a bootnode without a name",
            |json| json["sequencing"]["bootnodes"] = json!(["/ip4/1.2.3.4/tcp/1"]),
            &["/p2p/"],
        ),
    ];
    let mut cases = vec![
        ("cut off", good[..good.len() / 2].to_owned(), &["EOF"][..]),
        ("not JSON", "key = value".to_owned(), &["line 1"][..]),
        ("empty", String::new(), &["EOF"][..]),
        ("binary", "\u{0}\u{1}\u{2}".to_owned(), &["line 1"][..]),
    ];
    for (name, edit, expected) in edits {
        let mut json: Value = serde_json::from_str(&good)?;
        edit(&mut json);
        cases.push((*name, json.to_string(), *expected));
    }
    for (name, content, expected) in cases {
        fs::write(&file, content)?;
        let expected: Vec<_> = expected.iter().copied().chain([file.to_str().unwrap_or_default()]).collect();
        refused(1, &["genesis", "inspect", &text(&file)], &expected).await.wrap_err(name)?;
        let arguments = ["node", "--genesis", &text(&file), "--data-dir", &text(&data)];
        refused(1, &arguments, &expected).await.wrap_err(name)?;
        ensure!(!data.exists(), "{name}: the data directory was made");
    }
    let missing = text(&net.path().join("missing.json"));
    refused(1, &["genesis", "inspect", &missing], &["cannot read the genesis file", &missing]).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_key_is_refused_and_kept() -> eyre::Result<()> {
    let net = Net::prepare(Plan::default(), crate::harness::Slot::none()).await?;
    let node = &net.nodes[0];
    for name in ["operator.key", "bls.key", "node.key"] {
        let key = node.keys_dir().join(name);
        let good = fs::read(&key)?;
        for (content, problem) in
            [("", "the file is empty"), ("zz", "not hex"), ("0x1234", "malformed"), ("0x00", "malformed")]
        {
            fs::write(&key, content)?;
            let outcome = run(baton(node.arguments(&[])), PATIENCE).await?;
            says(&outcome, 1, &[&text(&key), problem, "backup"])
                .wrap_err_with(|| format!("{name} with `{content}`"))?;
            ensure!(fs::read_to_string(&key)? == content, "{name} was changed");
            ensure!(!node.data_dir().exists(), "{name} with `{content}`: the data directory was made");
            refused(1, &["key", "show", "--dir", &text(&node.keys_dir())], &[&text(&key), problem]).await?;
        }
        fs::write(&key, &good)?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
        let outcome = run(baton(node.arguments(&[])), PATIENCE).await?;
        says(&outcome, 1, &[&text(&key), "open to other users", "chmod 600"])?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        fs::remove_file(&key)?;
        let outcome = run(baton(node.arguments(&[])), PATIENCE).await?;
        says(&outcome, 1, &[&text(&key), "does not exist", "backup"])?;
        ensure!(!key.exists(), "{name} was made anew");
        fs::write(&key, &good)?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        refused(1, &["key", "new", "--dir", &text(&node.keys_dir())], &["exists already"]).await?;
        ensure!(fs::read(&key)? == good, "{name} was overwritten");
    }
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_setting_is_refused() -> eyre::Result<()> {
    let net = Net::prepare(Plan::default(), crate::harness::Slot::none()).await?;
    let genesis = text(&net.genesis);
    let data = net.path().join("untouched");
    let data_dir = text(&data);
    let node = |more: &[&'static str]| -> Vec<String> {
        let first = ["node", "--genesis", &genesis, "--data-dir", &data_dir].map(str::to_owned);
        first.into_iter().chain(more.iter().map(|argument| (*argument).to_owned())).collect()
    };
    let flags: &[(&[&str], &[&str])] = &[
        (&["--colour"], &["unexpected argument '--colour'"]),
        (&["--rpc-listen", "here"], &["'here'", "--rpc-listen"]),
        (&["--metrics", "9101"], &["'9101'", "--metrics"]),
        (&["--listen", "/ip4/nowhere"], &["--listen"]),
        (&["--mempool-queued-lifetime", "soon"], &["'soon'", "--mempool-queued-lifetime"]),
        (&["--database-cache", "lots"], &["'lots'", "--database-cache"]),
        (&["--log-format", "xml"], &["'xml'", "--log-format"]),
    ];
    for (more, expected) in flags {
        let arguments = node(more);
        refused(2, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), expected).await?;
    }
    let values: &[(&[&str], &[&str])] = &[
        (&["--bootnode", "/ip4/127.0.0.1/tcp/1"], &["does not end in /p2p/"]),
        (&["--rpc-max-batch", "0"], &["rpc-max-batch is 0", "at least 1"]),
        (&["--log-filter", "=="], &["log-filter `==`"]),
    ];
    for (more, expected) in values {
        let arguments = node(more);
        refused(1, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), expected).await?;
    }
    refused(2, &["frobnicate"], &["frobnicate"]).await?;
    refused(2, &["testnet", "--duration", "a while"], &["'a while'", "--duration"]).await?;
    refused(2, &["testnet", "--kill", "everyone@1s"], &["everyone"]).await?;
    refused(1, &["node", "--genesis", &genesis], &["no data directory is given", "--data-dir"]).await?;
    let keys = text(&net.nodes[0].keys_dir());
    let out = text(&net.path().join("out.json"));
    let new = ["genesis", "new", "--chain-id", "1", "--sequencer", &keys, "--out", &out];
    refused(2, &[&new[..], &["--block-time", "250 parsecs"]].concat(), &["250 parsecs", "--block-time"]).await?;
    refused(1, &[&new[..], &["--block-time", "2h"]].concat(), &["block_time"]).await?;
    ensure!(!Path::new(&out).exists(), "a genesis file was written");

    let file = net.path().join("baton.toml");
    let config = text(&file);
    for (content, expected) in [
        ("genesis = \"g\"\nrpc-lisen = \"127.0.0.1:1\"\n", &["line 2", "unknown field `rpc-lisen`"][..]),
        ("mempool-queued-lifetime = \"soon\"\n", &["line 1", "soon"]),
        ("rpc-max-batch = \"many\"\n", &["line 1", "many"]),
        ("genesis = \n", &["line 1"]),
        ("listen = \"/ip4/127.0.0.1/tcp/0\"\n", &["line 1"]),
    ] {
        fs::write(&file, content)?;
        refused(1, &["node", "--config", &config], &[&[config.as_str()], expected].concat()).await?;
    }
    refused(1, &["node", "--config", "/nonexistent.toml"], &["cannot read the configuration file /nonexistent.toml"])
        .await?;
    ensure!(!data.exists(), "the data directory was made");

    // Flags win over the environment, the environment over the file.
    fs::write(
        &file,
        "data-dir = \"from-file\"\nrpc-max-batch = 3\nrpc-max-connections = 7\nmempool-queued-lifetime = \"250ms\"\n",
    )?;
    let mut command =
        baton(["node", "--config", &config, "--genesis", &genesis, "--rpc-max-batch", "5", "--print-config"]);
    command.env("BATON_RPC_MAX_BATCH", "4").env("BATON_RPC_MAX_CONNECTIONS", "8");
    let printed = run(command, PATIENCE).await?.success()?;
    for line in [
        "data-dir = \"from-file\"",
        "rpc-max-batch = 5",
        "rpc-max-connections = 8",
        "mempool-queued-lifetime = \"250ms\"",
    ] {
        ensure!(printed.lines().any(|printed| printed == line), "`{line}` is not in:\n{printed}");
    }
    net.finish()
}

/// Posts a body and expects an error with this code.
async fn answers(rpc: &Rpc, body: &str, code: i64) -> eyre::Result<()> {
    let answer = rpc.post(body).await?;
    ensure!(answer["error"]["code"] == code && answer["jsonrpc"] == "2.0", "{body} got {answer} instead of {code}");
    ensure!(
        answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty() && !text.contains('\n')),
        "{answer}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_gets_the_standard_code() -> eyre::Result<()> {
    let mut net = Net::start(Plan::default()).await?;
    let rpc = net.rpc(0)?;
    let account = net.wallets[0].address();
    let before = (rpc.nonce(account).await?, rpc.ask::<U256>("eth_getBalance", json!([account, "latest"])).await?);
    let mut failures = Vec::new();
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("\u{7f}", -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId""#, -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_frobnicate","params":[]}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"","params":[]}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12","latest"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{"address":"0x12"}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["soon",false]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x1",false,1]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getTransactionReceipt","params":["0x1234"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":["no object"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"soon"}]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["no hex"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":[]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x"]}"#, -32000),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x02c0"]}"#, -32000),
    ] {
        // All of them are told, not only the first.
        if let Err(error) = answers(&rpc, body, code).await {
            failures.push(format!("{error:#}"));
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    // JSON, but no request. The standard says -32600; jsonrpsee, which cannot find an id in it, says -32700.
    for body in ["{}", "7", "null"] {
        let code = rpc.post(body).await?["error"]["code"].as_i64();
        ensure!([Some(-32600), Some(-32700)].contains(&code), "{body} got {code:?}");
    }
    // In a batch, each gets its own answer.
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},{"jsonrpc":"2.0","id":2,"method":"nope"},7]"#;
    let answer = rpc.post(batch).await?;
    ensure!(answer[0]["result"] == "0x7cff" && answer[1]["error"]["code"] == -32601, "{answer}");
    ensure!(answer[2]["error"]["code"] == -32600, "{answer}");

    malformed_transactions(&mut net, &rpc).await?;
    let after = (rpc.nonce(account).await?, rpc.ask::<U256>("eth_getBalance", json!([account, "latest"])).await?);
    ensure!(before == after, "the account changed: {before:?} to {after:?}");
    let pool = rpc.status().await?["pool"].clone();
    ensure!(pool["pending"] == 0 && pool["queued"] == 0, "{pool}");
    // And it still works.
    let transfer = net.wallets[0].transfer(account, 1)?;
    net.send(0, &transfer).await?;
    ensure!(net.included(0, transfer.hash).await?.status(), "a good transaction failed");
    net.finish()
}

/// A good transaction, spoiled in every way that the wire allows.
async fn malformed_transactions(net: &mut Net, rpc: &Rpc) -> eyre::Result<()> {
    let good = net.wallets[0].clone().transfer(net.wallets[0].address(), 1)?.raw.to_vec();
    let mut spoiled = vec![good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat(), vec![0x02], vec![0xff; 200]];
    for position in [0, 1, 2, good.len() / 2] {
        let mut bytes = good.clone();
        bytes[position] ^= 0x40;
        spoiled.push(bytes);
    }
    // A blob transaction by its type alone, and one signed for another chain.
    spoiled.push([&[0x03], &good[1..]].concat());
    let mut elsewhere = crate::harness::wallets(1, 1)?.remove(0);
    spoiled.push(elsewhere.transfer(elsewhere.address(), 1)?.raw.to_vec());
    for bytes in spoiled {
        let bytes = Bytes::from(bytes);
        match rpc.send(&bytes).await {
            Ok(hash) => return Err(eyre!("{bytes} was accepted as {hash}")),
            Err(error) => match error.downcast_ref::<Refusal>() {
                Some(refusal) => ensure!(refusal.code == -32000, "{bytes}: {refusal}"),
                None => return Err(error),
            },
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_refused_with_what_to_do() -> eyre::Result<()> {
    let mut net = Net::start(Plan::default()).await?;
    net.reach(3, PATIENCE).await?;
    net.nodes[0].stop_by_stdin().await?;
    let database = net.nodes[0].data_dir().join("db");
    for name in ["CURRENT", "MANIFEST"] {
        let entry = fs::read_dir(&database)?
            .filter_map(Result::ok)
            .find(|entry| entry.file_name().to_string_lossy().starts_with(name))
            .ok_or_else(|| eyre!("no {name} in {}", database.display()))?;
        let good = fs::read(entry.path())?;
        for garbage in [vec![0xa5; good.len()], Vec::new()] {
            fs::write(entry.path(), &garbage)?;
            let outcome = run(baton(net.nodes[0].arguments(&[])), PATIENCE).await?;
            says(
                &outcome,
                1,
                &[&text(&database), "is damaged", "Move the directory away, but keep it", "safety journal"],
            )
            .wrap_err_with(|| format!("{name} with {} bytes of garbage", garbage.len()))?;
            ensure!(fs::read(entry.path())? == garbage, "{name} was changed");
        }
        fs::write(entry.path(), &good)?;
    }
    // Nothing was repaired, and nothing was lost.
    net.start_all().await?;
    let height = net.rpc(0)?.height().await?;
    net.reach(height + 2, PATIENCE).await?;
    net.finish()
}

/// Sends bytes to the admin socket and reads the answer.
async fn tell(socket: &Path, bytes: &[u8]) -> eyre::Result<Value> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(bytes).await?;
    let mut answer = String::new();
    stream.shutdown().await?;
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await??;
    ensure!(answer.ends_with('\n') && answer.lines().count() == 1, "not one line: {answer}");
    Ok(serde_json::from_str(&answer)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_admin_request_is_answered_and_the_node_lives_on() -> eyre::Result<()> {
    let mut net = Net::start(Plan::default()).await?;
    let data = net.nodes[0].data_dir();
    let socket = data.join("admin.sock");
    ensure!(fs::metadata(&socket)?.permissions().mode() & 0o777 == 0o600, "others may use the socket");
    let mut random = StdRng::seed_from_u64(11);
    let mut binary = vec![0; 1000];
    random.fill_bytes(&mut binary);
    binary.retain(|byte| *byte != b'\n');
    for (bytes, problem) in [
        (b"garbage\n".to_vec(), "not a request"),
        (binary, "not a request"),
        (vec![b'['; 1 << 16], "longer than 4096 bytes"),
        (b"{\"command\":\"reboot\"}\n".to_vec(), "unknown variant"),
        (b"{\"command\":\"resign\",\"patienceMs\":1e99}\n".to_vec(), "not a request"),
    ] {
        let answer = tell(&socket, &bytes).await.wrap_err(problem)?;
        let said = answer["malformed"]["problem"].as_str().unwrap_or_default();
        ensure!(said.contains(problem), "`{problem}` is not in: {answer}");
    }
    let answer = tell(&socket, b"{\"command\":\"resign\",\"patienceMs\":1000}\n").await?;
    ensure!(answer["refused"]["reason"].as_str().is_some_and(|reason| reason.contains("only sequencer")), "{answer}");
    refused(1, &["admin", "resign", "--data-dir", &text(&data)], &["did not resign", "only sequencer"]).await?;
    let height = net.rpc(0)?.height().await?;
    net.reach(height + 3, PATIENCE).await?;
    // The socket ends with the node.
    net.nodes[0].stop_by_stdin().await?;
    ensure!(!socket.exists(), "the socket was left behind");
    refused(1, &["admin", "resign", "--data-dir", &text(&data)], &["no node runs on", &text(&data)]).await?;
    let nowhere = text(&net.path().join("nowhere"));
    refused(1, &["admin", "resign", "--data-dir", &nowhere], &["there is no data directory", &nowhere]).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_wire_changes_nothing() -> eyre::Result<()> {
    let net = Net::start(Plan { stakes: &[1, 1], ..Plan::default() }).await?;
    let mut random = StdRng::seed_from_u64(7);
    for node in &net.nodes {
        let port = node.p2p_port()?;
        for round in 0..20 {
            let mut garbage = vec![0; 1 << (round % 16)];
            random.fill_bytes(&mut garbage);
            // Some come as far as the handshake of multistream-select.
            if round % 3 == 0 {
                let hello = *b"\x13/multistream/1.0.0\n\x07/noise\n";
                garbage.splice(0..0, hello);
            }
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
            // The node may hang up while it is written to.
            let _ = stream.write_all(&garbage).await;
            let _ = stream.shutdown().await;
            let _ = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut [0; 64])).await;
        }
    }
    let height = net.agree().await?;
    net.reach(height + 8, PATIENCE).await?;
    net.agree().await?;
    for rpc in net.rpcs()? {
        let status = rpc.status().await?;
        ensure!(status["peers"] == 1, "{status}");
    }
    for (index, node) in net.nodes.iter().enumerate() {
        ensure!(!node.log().contains("peer gone"), "node {index} lost its peer");
    }
    net.finish()
}
