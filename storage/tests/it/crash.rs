//! A process that is killed at any instant leaves either the old head or the new one.

use crate::common::{
    account, changes, commit, entry, genesis, open, open_with, options, proof, sealed_block, transaction,
};
use alloy_primitives::{Address, Bytes, U256};
use baton_consensus::types::{BlockRef, Height};
use baton_storage::{GenesisId, ImportState, ImportedChain, Prune, StateChanges, StorageError, Store, StoreOptions};
use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

const DIRECTORY: &str = "BATON_CRASH_DIRECTORY";
const ROUNDS: &str = "BATON_CRASH_ROUNDS";
const PRUNE: &str = "BATON_CRASH_PRUNE";

fn say(what: &str, height: Height) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "crash {what} {height}").unwrap();
    out.flush().unwrap();
}

/// How far finality lags behind, so that the head may be reverted.
const LAG: u64 = 2;

/// Commits the one block that follows the head, with a journal entry, and finalizes what lies deep enough.
fn commit_next(store: &Store) {
    let head = store.head();
    let mut write = commit(head, 20, changes(head.height.0 + 1));
    write.journal = vec![entry(head.height.0 + 1, write.hash.as_slice())];
    store.commit_block(&write).unwrap();
    let height = Height(store.head().height.0.saturating_sub(LAG));
    if height > store.finalized().height {
        let block = BlockRef { height, hash: store.block_hash(height).unwrap().unwrap() };
        store.put_finality(block, &proof(block), height).unwrap();
    }
}

/// What the child does until it is killed: four commits, one revert, and so on.
#[test]
#[ignore = "runs in a child process of the other test"]
fn child() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let store = open_with(Path::new(&directory), &options_of_child());
    say("head", store.head().height);
    for step in 1.. {
        let head = store.head();
        if step % 5 == 0 && head.height > Height(0) {
            say("next", head.height.previous());
            store.revert_head().unwrap();
        } else {
            say("next", head.height.next());
            commit_next(&store);
        }
        say("head", store.head().height);
    }
}

/// Runs a test in a child process, with this prune mode, kills it after `life`, and returns what it said.
fn run_and_kill(test: &str, directory: &Path, life: Duration, prune: Prune) -> Vec<String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(PRUNE, prune.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (started, start) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        for line in lines.map_while(Result::ok) {
            let Some((_, words)) = line.split_once("crash ") else { continue };
            said.push(words.to_owned());
            let _ = started.send(());
        }
        said
    });
    start.recv_timeout(Duration::from_secs(60)).expect("the child starts");
    if life > Duration::from_millis(100) {
        assert!(matches!(Store::open(directory, &options()), Err(StorageError::Locked { .. })));
    }
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// Kills a child after `life`; returns the last head that it told, and the one that it was about to reach.
fn run_child(directory: &Path, life: Duration, prune: Prune) -> (Option<u64>, Option<u64>) {
    let (mut head, mut next) = (None, None);
    for line in run_and_kill("crash::child", directory, life, prune) {
        let mut words = line.split(' ');
        match (words.next(), words.next().and_then(|word| word.parse().ok())) {
            (Some("head"), Some(height)) => (head, next) = (Some(height), None),
            (Some("next"), Some(height)) => next = Some(height),
            _ => {}
        }
    }
    (head, next)
}

/// How long a child may live, in a round.
fn some_time() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Duration::from_micros(u64::from(now.subsec_nanos() / 7 % 200_000))
}

/// The prune mode of a child, which is another from time to time.
fn some_mode(round: u32) -> Prune {
    if round % 3 == 2 { Prune::Full(8) } else { Prune::Archive }
}

fn options_of_child() -> StoreOptions {
    StoreOptions { prune: Some(env::var(PRUNE).unwrap().parse().unwrap()), ..options() }
}

fn rounds() -> u32 {
    env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12)
}

/// Checks that every record and index tells the same story.
fn check(store: &Store) {
    let head = store.head();
    let kept = store.kept().unwrap();
    assert!(kept.receipts.max(kept.state) <= store.finalized().height);
    let mut parent = store.block_hash(Height(0)).unwrap().unwrap();
    for height in (1..=head.height.0).map(Height) {
        let header = store.header(height).unwrap().unwrap();
        assert_eq!(header.header.parent_hash, parent);
        assert_eq!(store.height_of(header.hash).unwrap(), Some(height));
        let block = store.block(height).unwrap().unwrap();
        assert_eq!(block.block.header, header.header);
        let receipts = store.receipts(height).unwrap().map(|receipts| receipts.len());
        assert_eq!(receipts, (height >= kept.receipts).then_some(block.block.body.transactions.len()));
        for transaction in &block.block.body.transactions {
            assert_eq!(store.transaction_location(*transaction.tx_hash()).unwrap().unwrap().height, height);
        }
        assert_eq!(store.journal_entry(&height.0.to_be_bytes()).unwrap().unwrap().as_ref(), header.hash.as_slice());
        parent = header.hash;
    }
    assert_eq!(head.hash, parent);
    let newest = store.newest_finality().unwrap().map(|proof| proof.checkpoint.head);
    assert_eq!(newest.unwrap_or(BlockRef { height: Height(0), ..store.finalized() }), store.finalized());
    let above = head.height.next();
    assert!(store.block(above).unwrap().is_none() && store.header(above).unwrap().is_none());
    assert!(store.receipts(above).unwrap().is_none());
    assert!(store.transaction_location(*transaction(above.0 * 1_000_000).tx_hash()).unwrap().is_none());
    assert!(kept.state == Height(0) || store.view_at(kept.state.previous()).is_err());
    let oldest = kept.state.0..=head.height.0.min(kept.state.0 + 10);
    let newest = head.height.0.saturating_sub(10).max(kept.state.0)..=head.height.0;
    for height in oldest.chain(newest).map(Height) {
        let view = store.view_at(height).unwrap();
        let address = Address::repeat_byte(1);
        assert_eq!(view.account(address).unwrap().unwrap().nonce, height.0);
        assert_eq!(view.slot(address, U256::from(height.0 % 4)).unwrap(), U256::from(height.0));
    }
}

#[test]
fn a_killed_process_leaves_the_old_head_or_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..rounds() {
        let life = some_time();
        let (told, next) = run_child(directory.path(), life, some_mode(round));
        let store = open(directory.path());
        let height = store.head().height.0;
        assert!(
            told.is_none() || told == Some(height) || next == Some(height),
            "round {round}, killed after {life:?}: the head is {height}, told were {told:?} and {next:?}"
        );
        check(&store);
        commit_next(&store);
        check(&store);
    }
}

#[test]
fn a_log_torn_anywhere_leaves_whole_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    (0..4).for_each(|_| commit_next(&store));
    drop(store);
    let files = || fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let length = files().filter(|path| path.extension().is_some_and(|it| it == "log"));
    let length = length.map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    let mut heads = BTreeSet::new();
    for cut in (0..40).map(|part| length * part / 40).chain([length]) {
        let copy = tempfile::tempdir().unwrap();
        for path in files() {
            let target = copy.path().join(path.file_name().unwrap());
            fs::copy(&path, &target).unwrap();
            if path.extension().is_some_and(|it| it == "log") {
                fs::File::options().write(true).open(&target).unwrap().set_len(cut).unwrap();
            }
        }
        let store = open(copy.path());
        heads.insert(store.head().height.0);
        check(&store);
        commit_next(&store);
        check(&store);
    }
    assert_eq!(heads, (0..=4).collect());
}

/// The account of a piece of an imported state.
fn piece(number: u64) -> Address {
    Address::left_padding_from(&(number + 1_000).to_be_bytes())
}

/// Adds pieces up to one, each with its number as progress.
fn import_up_to(store: &Store, last: u64) {
    let ImportState { target, progress, .. } = store.import().unwrap().unwrap();
    let next = u64::from_be_bytes(progress.as_ref().try_into().unwrap()) + 1;
    for number in next..=last {
        let accounts = vec![(piece(number), Some(account(number)))];
        let state = StateChanges { accounts, ..StateChanges::default() };
        store.import_state(target, &state, Bytes::copy_from_slice(&number.to_be_bytes())).unwrap();
    }
}

/// How many pieces a state has.
const PIECES: u64 = 200;

/// The chain of which it is the state.
fn imported() -> ImportedChain {
    let genesis = genesis();
    let block_zero = BlockRef { height: Height(0), hash: genesis.genesis_hash };
    ImportedChain {
        ancestors: vec![genesis.block.header.clone()],
        block: sealed_block(block_zero, Vec::new()),
        genesis: genesis.block,
        senders: Vec::new(),
        finality: None,
        changes: Vec::new(),
        announcements: Vec::new(),
        certificates: Vec::new(),
        safety_state: None,
    }
}

fn begin_import(store: &Store) {
    let genesis = GenesisId { chain_id: genesis().chain_id, genesis_hash: genesis().genesis_hash };
    let none = Bytes::copy_from_slice(&0u64.to_be_bytes());
    store.begin_import(genesis, imported().block.seal.message.block(), none).unwrap();
}

/// What the child does until it is killed: begin, import, finish, abandon, start from genesis, and so on.
#[test]
#[ignore = "runs in a child process of the other test"]
fn importing_child() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let store = Store::open(Path::new(&directory), &options_of_child()).unwrap();
    say("head", store.head().height);
    for round in 0.. {
        if store.import().unwrap().is_none() {
            begin_import(&store);
        }
        import_up_to(&store, PIECES);
        if round % 2 == 0 {
            store.finish_import(&imported()).unwrap();
        } else {
            store.abandon_import().unwrap();
            store.initialize(&genesis()).unwrap();
        }
        say("round", Height(round));
    }
}

#[test]
fn a_killed_import_is_resumed_or_abandoned() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..rounds() {
        let life = some_time();
        run_and_kill("crash::importing_child", directory.path(), life, some_mode(round));
        let store = Store::open(directory.path(), &options()).unwrap();
        let (pieces, is_genesis) = match store.import().unwrap() {
            Some(import) => {
                assert_eq!((store.genesis(), store.head()), (None, BlockRef::default()));
                let done = u64::from_be_bytes(import.progress.as_ref().try_into().unwrap());
                if round % 3 == 0 {
                    store.abandon_import().unwrap();
                    store.initialize(&genesis()).unwrap();
                    (0, true)
                } else {
                    // Leave a gap, so that what is there can be told from what is added.
                    store.finish_import(&imported()).unwrap();
                    (done, false)
                }
            }
            None if store.head().height == Height(0) => {
                store.initialize(&genesis()).unwrap();
                (0, true)
            }
            None => (PIECES, false),
        };
        let view = store.view().unwrap();
        for number in 1..=PIECES {
            let expected = (number <= pieces).then(|| account(number));
            assert_eq!(view.account(piece(number)).unwrap(), expected, "round {round}, {life:?}, piece {number}");
        }
        assert_eq!(view.account(Address::repeat_byte(1)).unwrap().is_some(), is_genesis);
        drop(view);
        // The next child goes on from the middle of an import.
        begin_import(&store);
        import_up_to(&store, PIECES / 2);
    }
}
