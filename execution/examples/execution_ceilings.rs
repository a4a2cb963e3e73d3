//! The ceilings of this machine, as JSON lines: how fast signatures are recovered, and transfers executed in memory.
//!
//! Run with `cargo run --release -p baton-execution --example ceilings`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip1559::BaseFeeParams;
use alloy_primitives::{Address, B256, Bytes, Sealed, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use baton_execution::{
    BlockAttributes, BuildLimits, ChainSpec, GenesisAccount, GenesisParameters, MAX_BLOCK_SIZE, MemoryState,
    RecoveredTransaction, SealedHeader, StateReader, Transaction, build_block, execute_block, genesis_header,
    genesis_state, recover_signer, trie,
};

const CHAIN_ID: u64 = 7;
const TRANSACTIONS: usize = 20_000;
const SENDERS: usize = 1_000;
const ACCOUNTS: usize = 100_000;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let signers: Vec<PrivateKeySigner> = (0..SENDERS).map(|_| PrivateKeySigner::random()).collect();
    let token = Address::repeat_byte(0x70);
    let (state, parent) = genesis(&signers, token)?;
    let spec = ChainSpec::new(CHAIN_ID, BaseFeeParams::ethereum(), None)?;

    let transfers = transactions(&signers, |id| (account(id), 21_000, U256::from(1), Bytes::new()))?;
    recovery(&transfers)?;
    execution("transfers", &spec, &state, &parent, &transfers)?;

    let tokens = transactions(&signers, |id| {
        let mut data = hex!("a9059cbb").to_vec();
        data.extend_from_slice(account(id).into_word().as_slice());
        data.extend_from_slice(&U256::from(1).to_be_bytes::<32>());
        (token, 100_000, U256::ZERO, data.into())
    })?;
    execution("token_transfers", &spec, &state, &parent, &tokens)?;
    root(&state, &parent)?;
    // Serving and taking over a state are measured on one core, since a node does other things meanwhile.
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    one_core.install(|| ranges(&state, &parent)).map_err(|error| -> Box<dyn std::error::Error> { error })
}

/// The accounts in pieces of 512 KiB, proved and verified.
fn ranges(state: &MemoryState, parent: &SealedHeader) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let root = parent.state_root;
    let (mut proving, mut verifying) = (Duration::ZERO, Duration::ZERO);
    let (mut accounts, mut pieces) = (0, 0u32);
    let mut next = Some(B256::ZERO);
    while let Some(from) = next {
        let start = Instant::now();
        let range = trie::prove_range(state, None, root, from, 512 << 10)?;
        proving += start.elapsed();
        let start = Instant::now();
        next = trie::verify_range(None, root, from, &range)?.next;
        verifying += start.elapsed();
        accounts += range.leaves.len();
        pieces += 1;
    }
    for (name, time) in [("range_proving", proving), ("range_verifying", verifying)] {
        let rate = accounts as f64 / time.as_secs_f64();
        let each = time.as_secs_f64() * 1000.0 / f64::from(pieces);
        println!("{{\"name\":\"{name}\",\"unit\":\"leaves/s\",\"value\":{rate:.0},\"ms_per_piece\":{each:.1}}}");
    }
    Ok(())
}

fn account(id: usize) -> Address {
    Address::from_word(keccak256((id as u64).to_be_bytes()))
}

fn genesis(
    signers: &[PrivateKeySigner],
    token: Address,
) -> Result<(MemoryState, SealedHeader), Box<dyn std::error::Error>> {
    let rich = || GenesisAccount { balance: U256::from(10).pow(U256::from(24)), ..GenesisAccount::default() };
    let mut alloc: BTreeMap<Address, GenesisAccount> = (0..ACCOUNTS).map(|id| (account(id), rich())).collect();
    alloc.extend(signers.iter().map(|signer| (signer.address(), rich())));
    let slot = |address: Address| U256::from_be_bytes(address.into_word().0);
    let storage = signers.iter().map(|signer| (slot(signer.address()), U256::from(1_000_000))).collect();
    alloc.insert(token, GenesisAccount { nonce: 1, code: token_code(), storage, ..GenesisAccount::default() });
    let (diff, root) = genesis_state(&alloc)?;
    let mut state = MemoryState::new();
    state.apply(&diff);
    let parameters =
        GenesisParameters { gas_limit: 4_000_000_000, base_fee_per_gas: 1_000, ..GenesisParameters::default() };
    let header = genesis_header(&parameters, root)?;
    let hash = header.hash_slow();
    state.insert_block_hash(0, hash);
    Ok((state, Sealed::new_unchecked(header, hash)))
}

/// A token that moves balances, keyed by address, by calldata of `transfer(address,uint256)`. It checks nothing.
fn token_code() -> Bytes {
    let transfer_topic = keccak256("Transfer(address,address,uint256)");
    let mut code = Vec::new();
    // balances[caller] = balances[caller] - amount
    code.extend_from_slice(&hex!("602435" "3354" "03" "3355"));
    // balances[to] = balances[to] + amount
    code.extend_from_slice(&hex!("602435" "60043554" "01" "60043555"));
    // log3(mem[0..32] = amount, Transfer, caller, to)
    code.extend_from_slice(&hex!("602435" "600052" "600435" "33" "7f"));
    code.extend_from_slice(transfer_topic.as_slice());
    code.extend_from_slice(&hex!("60206000" "a3"));
    // return true
    code.extend_from_slice(&hex!("6001600052" "60206000f3"));
    code.into()
}

fn transactions(
    signers: &[PrivateKeySigner],
    make: impl Fn(usize) -> (Address, u64, U256, Bytes),
) -> Result<Vec<RecoveredTransaction>, Box<dyn std::error::Error>> {
    (0..TRANSACTIONS)
        .map(|id| {
            let signer = &signers[id % signers.len()];
            let (to, gas_limit, value, input) = make(id);
            let tx = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce: (id / signers.len()) as u64,
                gas_limit,
                max_fee_per_gas: 10_000,
                max_priority_fee_per_gas: 10,
                to: TxKind::Call(to),
                value,
                access_list: Default::default(),
                input,
            };
            let signature = signer.sign_hash_sync(&tx.signature_hash())?;
            let transaction = Transaction::from(tx.into_signed(signature));
            Ok(RecoveredTransaction::new_unchecked(transaction, signer.address()))
        })
        .collect()
}

fn report(name: &str, count: usize, elapsed: Duration) {
    let per_second = (count as f64 / elapsed.as_secs_f64()).round();
    println!(
        r#"{{"ceiling":"{name}","count":{count},"milliseconds":{},"per_second":{per_second}}}"#,
        elapsed.as_millis()
    );
}

/// The fastest of a few rounds.
fn best<E>(mut run: impl FnMut() -> Result<Duration, E>) -> Result<Duration, E> {
    let mut fastest = run()?;
    for _ in 1..ROUNDS {
        fastest = fastest.min(run()?);
    }
    Ok(fastest)
}

fn recovery(transactions: &[RecoveredTransaction]) -> Result<(), Box<dyn std::error::Error>> {
    let fastest = best(|| {
        let start = Instant::now();
        for transaction in &transactions[..5_000] {
            recover_signer(transaction.inner())?;
        }
        Ok::<_, Box<dyn std::error::Error>>(start.elapsed())
    })?;
    report("recoveries_one_core", 5_000, fastest);
    Ok(())
}

fn execution(
    name: &str,
    spec: &ChainSpec,
    state: &MemoryState,
    parent: &SealedHeader,
    transactions: &[RecoveredTransaction],
) -> Result<(), Box<dyn std::error::Error>> {
    let attributes = BlockAttributes {
        timestamp: 1,
        beneficiary: Address::repeat_byte(0xbe),
        gas_limit: parent.gas_limit,
        extra_data: Bytes::new(),
        parent_beacon_block_root: B256::ZERO,
    };
    let mut filled = Duration::ZERO;
    let mut block = None;
    let whole = best(|| {
        let start = Instant::now();
        let mut asked = 0;
        let mut keep_going = || {
            asked += 1;
            if asked == transactions.len() {
                filled = start.elapsed();
            }
            true
        };
        let limits = BuildLimits { max_bytes: MAX_BLOCK_SIZE, keep_going: &mut keep_going };
        let built =
            build_block(spec, parent, &attributes, transactions, limits, state).map_err(|error| error.to_string())?;
        let elapsed = start.elapsed();
        if built.executed.receipts.len() != transactions.len() || built.executed.receipts.iter().any(|r| !r.success) {
            return Err(format!("not all {name} succeeded"));
        }
        block = Some(built.executed);
        Ok(elapsed)
    })?;
    report(&format!("{name}_without_root"), transactions.len(), filled);
    report(&format!("{name}_built_with_roots"), transactions.len(), whole);
    let block = block.ok_or("no block was built")?;
    let senders: std::collections::HashMap<B256, Address> =
        transactions.iter().map(|tx| (*tx.tx_hash(), tx.signer())).collect();
    let checked = best(|| {
        let copy = block.block.clone();
        let start = Instant::now();
        execute_block(spec, parent, copy, &|hash| senders.get(hash).copied(), state)?;
        Ok::<_, baton_execution::BlockError>(start.elapsed())
    })?;
    report(&format!("{name}_checked_with_roots"), transactions.len(), checked);
    Ok(())
}

fn root(state: &MemoryState, parent: &SealedHeader) -> Result<(), Box<dyn std::error::Error>> {
    let mut changes = Vec::with_capacity(TRANSACTIONS);
    for id in 0..TRANSACTIONS {
        let mut account = state.account(account(id))?.ok_or("an account is missing")?;
        account.nonce += 1;
        changes.push((keccak256(crate::account(id)), Some(alloy_rlp::encode(account.to_trie_account()))));
    }
    let fastest = best(|| {
        let changes = changes.clone();
        let start = Instant::now();
        trie::update(state, None, parent.state_root, changes)?;
        Ok::<_, baton_execution::StateError>(start.elapsed())
    })?;
    report("account_trie_updates", TRANSACTIONS, fastest);
    Ok(())
}
