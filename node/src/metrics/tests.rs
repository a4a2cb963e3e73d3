use super::{
    AwaitingFinality, Durations, Exposition, Judgement, Label, Metrics, Server, Socket, Sources, Tag,
    server::MAX_CLIENTS,
};
use crate::{
    chain::{ChainReader, init_genesis},
    mempool,
    rpc::{
        ports::Role,
        tests::node::{StillConsensus, StillPeers},
    },
    testing::Committee,
};
use baton_consensus::{
    core::{Ignored, Rejected, Verdict},
    evidence::EvidenceKind,
    messages::{Cause, SkipReason},
    types::Height,
};
use baton_storage::{Store, StoreOptions};
use prometheus_client::encoding::text::encode;
use std::{
    collections::BTreeSet,
    fmt::Write,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What a scrape shows before anything has happened.
fn fresh() -> String {
    let (_, registry) = Metrics::new();
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

/// The samples of a text: what stands before the value, and the value.
fn samples(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap())
}

#[track_caller]
fn assert_sample(text: &str, series: &str, value: &str) {
    let found: Vec<_> = samples(text).filter(|(name, _)| *name == series).map(|(_, value)| value).collect();
    assert_eq!(found, [value], "{series} in\n{text}");
}

/// A chain of one block, and views that stand still.
fn sources() -> (TempDir, Sources) {
    let directory = tempfile::tempdir().unwrap();
    let genesis = Committee::new(1).genesis;
    let store = Store::open(directory.path(), &StoreOptions::default()).unwrap();
    init_genesis(&store, &genesis).unwrap();
    let chain = ChainReader::new(store, genesis.chain);
    let pool = Arc::new(mempool::Metrics::default());
    (directory, Sources { chain, pool, consensus: Arc::new(StillConsensus), peers: Arc::new(StillPeers) })
}

#[test]
fn everything_is_there_at_zero_before_it_happens() {
    fn assert_zeros<L: Label>(text: &str, name: &str) {
        for label in L::ALL {
            assert_sample(text, &format!("{name}{{{}=\"{}\"}}", L::NAME, label.text()), "0");
        }
    }
    let text = fresh();
    assert!(text.ends_with("# EOF\n"), "{text}");
    for (series, value) in samples(&text) {
        assert!(value == "0" || value == "0.0", "{series} is {value}");
    }
    assert_zeros::<EvidenceKind>(&text, "baton_evidence_held");
    assert_zeros::<Cause>(&text, "baton_term_changes_signed_total");
    assert_zeros::<SkipReason>(&text, "baton_leaders_replaced_total");
    assert_zeros::<Judgement>(&text, "baton_messages_judged_total");
    assert_zeros::<Tag>(&text, "baton_head_height");
    assert_zeros::<Role>(&text, "baton_role");
    assert_eq!(EvidenceKind::ALL.len(), 5);
}

#[test]
fn labels_say_what_the_rest_of_the_node_says() {
    fn assert_places<L: Label>(text: impl Fn(L) -> String) {
        for (place, label) in L::ALL.iter().enumerate() {
            assert_eq!((label.place(), label.text()), (place, text(*label).as_str()));
        }
    }
    assert_places(|kind: EvidenceKind| kind.to_string());
    assert_places(|cause: Cause| cause.to_string());
    assert_places(|reason: SkipReason| reason.to_string());
    assert_places(|role: Role| serde_json::to_value(role).unwrap().as_str().unwrap().to_owned());
    let ignored = [
        Ignored::Duplicate,
        Ignored::Stale,
        Ignored::Early,
        Ignored::UnknownParent,
        Ignored::TooManyRivals,
        Ignored::Equivocation,
    ];
    let rejected = [Rejected::NotEntitled, Rejected::Inconsistent];
    let verdicts =
        [Verdict::Accept].into_iter().chain(ignored.map(Verdict::Ignore)).chain(rejected.map(Verdict::Reject));
    for (place, verdict) in verdicts.enumerate() {
        let judgement = Judgement::from(verdict);
        assert_eq!((judgement.place(), judgement.text()), (place, verdict.label().as_str()));
    }
}

#[test]
fn what_is_counted_and_what_is_read_is_shown() {
    let (_directory, sources) = sources();
    let (metrics, registry) = Metrics::new();
    metrics.finality.evidence_held.get(EvidenceKind::Vote).inc();
    metrics.mesh.messages_judged.get(Verdict::Ignore(Ignored::UnknownParent).into()).inc();
    metrics.blocks.gas_committed.inc_by(21_000);
    sources.pool.queued.store(7, Relaxed);
    sources.pool.evicted.store(3, Relaxed);
    sources.pool.prepare_micros.store(1_500_000, Relaxed);
    let text = Exposition::new(metrics, registry, Arc::default(), Arc::new(sources.into())).text().unwrap();
    for (series, value) in [
        ("baton_evidence_held{kind=\"vote\"}", "1"),
        ("baton_evidence_held{kind=\"seal\"}", "0"),
        ("baton_messages_judged_total{verdict=\"unknown parent\"}", "1"),
        ("baton_gas_committed_total", "21000"),
        ("baton_pool_transactions{state=\"queued\"}", "7"),
        ("baton_pool_transactions_dropped_total{reason=\"evicted\"}", "3"),
        ("baton_pool_prepare_seconds_total", "1.5"),
        ("baton_term", "1"),
        ("baton_role{role=\"follower\"}", "1"),
        ("baton_role{role=\"leader\"}", "0"),
        ("baton_convicted_members", "1"),
        ("baton_peers_connected", "1"),
    ] {
        assert_sample(&text, series, value);
    }
}

#[test]
fn a_block_waits_from_its_commit_to_its_finality() {
    let (metrics, registry) = Metrics::new();
    let (mut awaiting, start) = (AwaitingFinality::default(), Instant::now());
    let after = |millis| start + Duration::from_millis(millis);
    let seconds: &Durations = &metrics.finality.finality_seconds;
    for height in 1..=4 {
        awaiting.committed(Height(height), after(height * 10));
    }
    awaiting.finalized(Height(1), after(11), seconds);
    awaiting.reverted(Height(2));
    awaiting.committed(Height(3), after(60));
    awaiting.finalized(Height(3), after(90_000), seconds);
    awaiting.finalized(Height(9), after(99_000), seconds);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for (series, value) in [
        ("baton_finality_seconds_count", "3"),
        // 1 ms, 89.98 s and 89.94 s.
        ("baton_finality_seconds_sum", "179.921"),
        ("baton_finality_seconds_bucket{le=\"0.001\"}", "1"),
        ("baton_finality_seconds_bucket{le=\"60.0\"}", "1"),
        ("baton_finality_seconds_bucket{le=\"+Inf\"}", "3"),
    ] {
        assert_sample(&text, series, value);
    }
}

/// The table of `docs/operate.md`, made from what a scrape shows.
fn table() -> String {
    let text = fresh();
    let mut table = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else { continue };
        let kind = lines.next().unwrap().rsplit_once(' ').unwrap().1;
        let suffix = if kind == "counter" { "_total" } else { "" };
        let series = format!("{name}{suffix}{{");
        let labels = samples(&text).filter_map(|(sample, _)| sample.strip_prefix(&series)?.strip_suffix("\"}"));
        let labels: Vec<_> = labels.map(|label| label.split_once("=\"").unwrap()).collect();
        let values = labels.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(", ");
        let label = labels.first().map(|(name, _)| format!(" `{name}`: {values}")).unwrap_or_default();
        writeln!(table, "| `{name}{suffix}` | {kind} |{label} | {} |", help.trim_end_matches('.')).unwrap();
    }
    table
}

#[test]
fn the_documentation_lists_what_is_shown() {
    let operate = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operate.md")).unwrap();
    let (_, section) = operate.split_once("\n## Monitoring\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let documented: String =
        section.lines().filter(|line| line.starts_with("| `")).flat_map(|line| [line, "\n"]).collect();
    let table = table();
    assert!(documented == table, "docs/operate.md should say:\n{table}");
    // The alerts speak of what there is.
    let known: BTreeSet<_> = table.split('`').filter(|word| word.starts_with("baton_")).collect();
    let words = section.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    for word in words.filter(|word| word.starts_with("baton_") && *word != "baton_") {
        let metric = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
        assert!(known.contains(word) || known.contains(metric), "docs/operate.md speaks of {word}");
    }
}

/// A running server; it ends with the test.
async fn server(patience: Duration) -> (TempDir, SocketAddr) {
    let (directory, sources) = sources();
    let (metrics, registry) = Metrics::new();
    let socket = Socket::bind(ANY_PORT).await.unwrap();
    let address = socket.address();
    let mut server = Server::new(socket, Exposition::new(metrics, registry, Arc::default(), Arc::new(sources.into())));
    server.patience = patience;
    tokio::spawn(server.run(CancellationToken::new()));
    (directory, address)
}

#[tokio::test]
async fn only_get_of_metrics_is_answered() {
    let (_directory, address) = server(Duration::from_secs(30)).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{address}/metrics");
    let response = client.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_sample(&response.text().await.unwrap(), "baton_head_height{tag=\"latest\"}", "0");
    for path in ["", "metrics/", "metric"] {
        let response = client.get(format!("http://{address}/{path}")).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
    for request in [client.post(&url).body("x".repeat(1 << 20)), client.head(&url), client.put(&url)] {
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"GET".parse().unwrap()));
    }
}

#[tokio::test]
async fn silent_clients_are_cut_and_the_next_one_is_answered() {
    let (_directory, address) = server(Duration::from_millis(200)).await;
    let mut silent = Vec::new();
    for _ in 0..3 * MAX_CLIENTS {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let response = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let socket = Socket::bind(ANY_PORT).await.unwrap();
    let address = socket.address();
    let error = Socket::bind(address).await.unwrap_err().to_string();
    assert!(error.contains(&format!("cannot serve metrics on {address}: ")), "{error}");
}
