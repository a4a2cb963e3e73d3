//! The outside judge: what a node executed, anvil executes again, block by block, and both must say the same.
//!
//! The genesis leaves the system contracts out: they would store block hashes, which differ because anvil's headers carry
//! no epochs. Anvil brings its own contract of EIP-2935, which [`leave_block_hashes_out`] takes away. The rest is compared
//! down to the state root of every block, as far as anvil computes it (see [`plan`]).

use crate::harness::{Anvil, CHAIN_ID, Fees, Net, Plan, Rpc, Signed, Wallet, contract, wallets};
use alloy_consensus::{TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::SignedAuthorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256, address, hex, keccak256};
use alloy_rpc_types_eth::EIP1186AccountProofResponse;
use alloy_sol_types::SolCall;
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where EIP-2935 keeps block hashes.
const HISTORY: Address = address!("0x0000F90827F1C53a10cb7A02335B175320002935");

const GAS_LIMIT: u64 = 60_000_000;

/// The accounts that creations of the second wallet would have made, had they not failed.
const FAILED_CREATIONS: std::ops::RangeInclusive<u64> = 1..=4;

/// The precompiles of Osaka.
const PRECOMPILES: [u64; 18] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0x100];

/// What is touched and stays empty has a wei: EIP-161 removes such accounts from the state, and anvil does not.
fn plan() -> eyre::Result<Plan> {
    let [_, creator] = wallets(CHAIN_ID, 2)?.try_into().map_err(|_| eyre::eyre!("not two wallets"))?;
    let failed = FAILED_CREATIONS.map(|nonce| creator.address().create(nonce));
    let touched = [HISTORY, Address::repeat_byte(0xa3), Address::repeat_byte(0xa4)];
    Ok(Plan {
        stakes: &[1],
        genesis: &[
            "--finality",
            "depth-stake",
            "--no-system-contracts",
            "--block-time",
            "500ms",
            "--timestamp",
            "1700000000",
        ],
        wallets: 6,
        dust: failed.chain(touched).chain(PRECOMPILES.map(precompile)).collect(),
    })
}

fn precompile(number: u64) -> Address {
    Address::left_padding_from(&number.to_be_bytes())
}

/// The header fields that do not depend on who made the block, or that the test sets alike; the state root apart.
const HEADER: [&str; 9] = [
    "number",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "gasUsed",
    "gasLimit",
    "baseFeePerGas",
    "timestamp",
    "miner",
];

const RECEIPT: [&str; 12] = [
    "transactionHash",
    "transactionIndex",
    "blockNumber",
    "from",
    "to",
    "status",
    "type",
    "gasUsed",
    "cumulativeGasUsed",
    "effectiveGasPrice",
    "contractAddress",
    "logsBloom",
];

const LOG: [&str; 5] = ["address", "topics", "data", "logIndex", "transactionIndex"];

#[tokio::test(flavor = "multi_thread")]
async fn anvil_says_the_same() -> eyre::Result<()> {
    let mut net = Net::start(plan()?).await?;
    let anvil = Anvil::start(&net.genesis, GAS_LIMIT).await?;
    leave_block_hashes_out(&anvil.rpc).await?;
    let (ours, theirs) = (net.rpc(0)?, anvil.rpc.clone());
    let mut script = Script::run(&mut net).await?;
    let last = script.replay(&ours, &theirs, 0, true).await?;
    compare_state(&net, &script, &ours, &theirs, last).await?;

    // Anvil keeps an empty account where a contract destroyed itself, and slots of value zero in its storage tries. From
    // here on its roots are its own.
    script.destroy(&net).await?;
    let last = script.replay(&ours, &theirs, last, false).await?;
    compare_accounts(&net, &script, &ours, &theirs, last).await?;
    compare_logs_and_calls(&script, &ours, &theirs, last).await?;
    script.outcomes(&ours).await?;
    net.finish()
}

async fn leave_block_hashes_out(anvil: &Rpc) -> eyre::Result<()> {
    for (method, value) in [("anvil_setCode", "0x"), ("anvil_setNonce", "0x0"), ("anvil_setBalance", "0x1")] {
        let _: Value = anvil.ask(method, json!([HISTORY, value])).await?;
    }
    Ok(())
}

/// What was sent, and what it must have touched.
struct Script {
    transactions: Vec<B256>,
    /// Transactions that must have failed.
    failing: Vec<B256>,
    probe: Address,
    delegated: Address,
    touched: BTreeSet<Address>,
    wallets: Vec<Wallet>,
}

impl Script {
    /// Sends everything, in waves: each needs the one before it.
    async fn run(net: &mut Net) -> eyre::Result<Self> {
        let mut wallets = net.wallets.clone();
        let addresses: Vec<_> = wallets.iter().map(Wallet::address).collect();
        let probe = addresses[0].create(0);
        let mut script = Self {
            transactions: Vec::new(),
            failing: Vec::new(),
            probe,
            delegated: addresses[3],
            touched: addresses.iter().copied().chain([probe]).collect(),
            wallets: Vec::new(),
        };
        script.touched.extend(plan()?.dust);
        let new = |byte: u8| Address::repeat_byte(byte);
        script.touched.extend([new(0xa1), new(0xa2), new(0xa3), new(0xa4)]);

        // Creations, good and bad.
        let creation = contract::creation(1_000_000)?;
        let mut wave = vec![wallets[0].call(TxKind::Create, 77, creation, contract::CREATION_GAS)?];
        wave.push(wallets[1].call(TxKind::Create, 0, Bytes::new(), 60_000)?);
        let bad_creations = [
            // revert; an invalid opcode; code that begins with 0xEF (EIP-3541); too much code (EIP-170).
            &hex!("5f5ffd")[..],
            &hex!("fe"),
            &hex!("60ef5f5360015ff3"),
            &hex!("6160015ff3"),
        ];
        for code in bad_creations {
            let transaction = wallets[1].call(TxKind::Create, 1, code.to_vec(), 500_000)?;
            script.failing.push(transaction.hash);
            wave.push(transaction);
        }
        // Plain transfers of every type.
        for transaction in script.transfers(&mut wallets[2])? {
            wave.push(transaction);
        }
        script.send(net, wave).await?;

        // Calls to the contract, from two senders.
        let mut wave = script.calls(&mut wallets[0])?;
        wave.extend(script.precompiles(&mut wallets[1])?);
        for call in [
            contract::failCall { reason: "because".to_owned() }.abi_encode(),
            contract::panicCall { divisor: U256::ZERO }.abi_encode(),
            contract::burnCall {}.abi_encode(),
            hex!("deadbeef").to_vec(),
            contract::transferCall { to: new(0xa1), amount: U256::MAX }.abi_encode(),
        ] {
            let transaction = wallets[2].call(TxKind::Call(probe), 0, call, 90_000)?;
            script.failing.push(transaction.hash);
            wave.push(transaction);
        }
        script.send(net, wave).await?;

        // Delegations (EIP-7702): by another sender, with two authorizations that do not count; used; and taken back.
        let (sponsor, delegated) = (4, 3);
        let authorize =
            |wallet: usize, chain: u64, to: Address, nonce: u64| wallets[wallet].authorize(chain, to, nonce);
        let list = vec![
            authorize(delegated, CHAIN_ID, probe, 0)?,
            authorize(5, CHAIN_ID + 1, probe, 0)?,
            authorize(5, CHAIN_ID, probe, 9)?,
        ];
        let nonce = wallets[sponsor].take_nonce();
        let to = addresses[delegated];
        let increment = contract::incrementCall {}.abi_encode();
        let wave = vec![wallets[sponsor].sign(delegation(nonce, to, list, increment.clone()))?];
        wallets[delegated].nonce = 1;
        script.send(net, wave).await?;
        let mut wave = vec![wallets[sponsor].call(TxKind::Call(to), 0, increment, 100_000)?];
        wave.push(wallets[sponsor].call(TxKind::Call(to), 5, Bytes::new(), 100_000)?);
        // The delegated account still sends by itself, and to itself.
        wave.push(wallets[delegated].call(TxKind::Call(to), 0, contract::contextCall {}.abi_encode(), 100_000)?);
        script.send(net, wave).await?;
        let nonce = wallets[delegated].take_nonce();
        let back = wallets[delegated].authorize(0, Address::ZERO, nonce + 1)?;
        wallets[delegated].nonce += 1;
        let wave = vec![wallets[delegated].sign(delegation(nonce, new(0xa4), vec![back], Vec::new()))?];
        script.send(net, wave).await?;
        // And once more for another account, so that a delegation stands at the end.
        let list = vec![wallets[5].authorize(0, probe, 0)?];
        let nonce = wallets[sponsor].take_nonce();
        let fill = contract::fillCall { from: U256::ZERO, count: U256::from(4), value: U256::from(9) }.abi_encode();
        let wave = vec![wallets[sponsor].sign(delegation(nonce, addresses[5], list, fill))?];
        script.delegated = addresses[5];
        script.send(net, wave).await?;
        script.wallets = wallets;
        Ok(script)
    }

    /// Contracts that are made by CREATE2 and die in the same transaction, with and without funds, and slots that are
    /// set to zero, for which gas is refunded.
    async fn destroy(&mut self, net: &Net) -> eyre::Result<()> {
        let zero = contract::fillCall { from: U256::ZERO, count: U256::from(15), value: U256::ZERO }.abi_encode();
        let mut wave = vec![self.wallets[0].call(TxKind::Call(self.probe), 0, zero, 2_000_000)?];
        for (value, salt) in [(9, "one"), (0, "two")] {
            let call = contract::createCall { salt: keccak256(salt) }.abi_encode();
            wave.push(self.wallets[0].call(TxKind::Call(self.probe), value, call, 2_000_000)?);
        }
        self.send(net, wave).await
    }

    /// Has anvil execute every block after `since` again, the empty ones too: contracts see the number. Returns the last.
    async fn replay(&self, ours: &Rpc, theirs: &Rpc, since: u64, roots: bool) -> eyre::Result<u64> {
        let mut last = since;
        for hash in &self.transactions {
            let receipt = ours.receipt(*hash).await?.ok_or_eyre("a receipt is missing")?;
            last = last.max(receipt.block_number.ok_or_eyre("no block number")?);
        }
        for number in since + 1..=last {
            replay(ours, theirs, number).await.wrap_err_with(|| format!("block {number}"))?;
            if roots {
                self.compare_roots(ours, theirs, number).await.wrap_err_with(|| format!("block {number}"))?;
            }
        }
        Ok(last)
    }

    /// Sends a wave in one go, and waits until all of it is in blocks.
    async fn send(&mut self, net: &Net, wave: Vec<Signed>) -> eyre::Result<()> {
        for transaction in &wave {
            net.send(0, transaction).await?;
        }
        for transaction in &wave {
            net.included(0, transaction.hash).await?;
            self.transactions.push(transaction.hash);
        }
        Ok(())
    }

    /// The state roots must be the same; if they are not, says which accounts differ.
    async fn compare_roots(&self, ours: &Rpc, theirs: &Rpc, number: u64) -> eyre::Result<()> {
        let at = json!([U64::from(number), false]);
        let [ours_then, theirs_then] = [ours, theirs].map(|rpc| rpc.ask::<Value>("eth_getBlockByNumber", at.clone()));
        let (our_block, their_block) = (ours_then.await?, theirs_then.await?);
        let Err(error) = same("the header", &["stateRoot"], &our_block, &their_block) else { return Ok(()) };
        let mut differences = Vec::new();
        for account in &self.touched {
            let params = json!([account, [], U64::from(number)]);
            let answer: Value = ours.ask("eth_getProof", params.clone()).await?;
            let expected: Value = theirs.ask("eth_getProof", params).await?;
            let fields = ["balance", "nonce", "codeHash", "storageHash"];
            differences
                .extend(same(&account.to_string(), &fields, &answer, &expected).err().map(|error| error.to_string()));
        }
        Err(error.wrap_err(format!("accounts that differ: {differences:?}")))
    }

    /// Transfers of types 0, 1 and 2, to others, to itself, of nothing, with data.
    fn transfers(&self, wallet: &mut Wallet) -> eyre::Result<Vec<Signed>> {
        let (to, value) = (Address::repeat_byte(0xa1), U256::from(1_000));
        let mut transactions = Vec::new();
        let legacy = TxLegacy {
            chain_id: Some(CHAIN_ID),
            nonce: wallet.take_nonce(),
            gas_price: Fees::MAX,
            gas_limit: 21_000,
            to: TxKind::Call(to),
            value,
            input: Bytes::new(),
        };
        transactions.push(wallet.sign(legacy)?);
        let listed = TxEip2930 {
            chain_id: CHAIN_ID,
            nonce: wallet.take_nonce(),
            gas_price: Fees::MAX,
            gas_limit: 60_000,
            to: TxKind::Call(to),
            value,
            access_list: AccessList(vec![AccessListItem {
                address: self.probe,
                storage_keys: vec![B256::ZERO, B256::ZERO],
            }]),
            input: Bytes::from_static(b"with data"),
        };
        transactions.push(wallet.sign(listed)?);
        transactions.push(wallet.transfer(Address::repeat_byte(0xa2), 5)?);
        transactions.push(wallet.transfer(wallet.address(), 6)?);
        transactions.push(wallet.transfer(Address::repeat_byte(0xa3), 0)?);
        // The floor of EIP-7623: mostly data.
        transactions.push(wallet.call(TxKind::Call(to), 1, vec![0xff; 4_000], 300_000)?);
        transactions.push(wallet.call(TxKind::Call(to), 1, vec![0; 4_000], 300_000)?);
        Ok(transactions)
    }

    /// Calls of all that the contract can do.
    fn calls(&self, wallet: &mut Wallet) -> eyre::Result<Vec<Signed>> {
        let to = Address::repeat_byte(0xa1);
        let number = |number: u64| U256::from(number);
        let calls = [
            (0, contract::transferCall { to, amount: number(17) }.abi_encode()),
            (0, contract::incrementCall {}.abi_encode()),
            (3, Vec::new()),
            (0, contract::fillCall { from: number(0), count: number(20), value: number(7) }.abi_encode()),
            (0, contract::fillCall { from: number(5), count: number(10), value: number(8) }.abi_encode()),
            (0, contract::contextCall {}.abi_encode()),
            (0, contract::dataCall { length: number(0) }.abi_encode()),
            (0, contract::dataCall { length: number(1_000) }.abi_encode()),
            (0, contract::nestedCall { depth: number(4) }.abi_encode()),
            (0, contract::opcodesCall { value: number(12_345) }.abi_encode()),
            (0, contract::opcodesCall { value: U256::ZERO }.abi_encode()),
        ];
        calls.into_iter().map(|(value, call)| wallet.call(TxKind::Call(self.probe), value, call, 2_000_000)).collect()
    }

    /// Every precompile of the fork, with an input of some use and without any.
    fn precompiles(&self, wallet: &mut Wallet) -> eyre::Result<Vec<Signed>> {
        let g1 = [U256::from(1), U256::from(2)].map(|word| word.to_be_bytes::<32>()).concat();
        let modexp = [1, 1, 2].map(|length: u64| U256::from(length).to_be_bytes::<32>()).concat();
        let inputs: &[(u64, Vec<u8>)] = &[
            (1, keccak256("m").to_vec()),
            (2, b"sha256".to_vec()),
            (3, b"ripemd".to_vec()),
            (4, b"identity".to_vec()),
            (5, [&modexp[..], &[3, 5, 1, 1]].concat()),
            (6, [&g1[..], &g1].concat()),
            (7, [&g1[..], &U256::from(9).to_be_bytes::<32>()].concat()),
            (8, Vec::new()),
            (9, [&[0, 0, 0, 12][..], &[7; 208], &[1]].concat()),
            (10, vec![1; 192]),
            (11, vec![0; 256]),
            (12, vec![0; 160]),
            (13, vec![0; 512]),
            (14, vec![0; 288]),
            (15, vec![0; 384]),
            (16, vec![0; 64]),
            (17, vec![0; 128]),
            (0x100, vec![1; 160]),
        ];
        let mut transactions = Vec::new();
        for (number, input) in inputs {
            let target = precompile(*number);
            for input in [Bytes::from(input.clone()), Bytes::new()] {
                let call = contract::askCall { target, input }.abi_encode();
                transactions.push(wallet.call(TxKind::Call(self.probe), 0, call, 500_000)?);
            }
        }
        Ok(transactions)
    }

    /// The script itself is worth something only if it did what it meant to.
    async fn outcomes(&self, rpc: &Rpc) -> eyre::Result<()> {
        for hash in &self.transactions {
            let receipt = rpc.receipt(*hash).await?.ok_or_eyre("a receipt is missing")?;
            let expected = !self.failing.contains(hash);
            ensure!(receipt.status() == expected, "{hash} should have ended with {expected}: {receipt:?}");
        }
        let code: Bytes = rpc.ask("eth_getCode", json!([self.delegated, "latest"])).await?;
        ensure!(code[..] == [&hex!("ef0100")[..], self.probe.as_slice()].concat(), "the delegation is {code}");
        Ok(())
    }
}

fn delegation(nonce: u64, to: Address, authorization_list: Vec<SignedAuthorization>, input: Vec<u8>) -> TxEip7702 {
    TxEip7702 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 400_000,
        max_fee_per_gas: Fees::MAX,
        max_priority_fee_per_gas: Fees::PRIORITY,
        to,
        value: U256::ZERO,
        access_list: AccessList::default(),
        authorization_list,
        input: input.into(),
    }
}

/// The named fields of two objects must be the same.
fn same(what: &str, fields: &[&str], ours: &Value, theirs: &Value) -> eyre::Result<()> {
    for field in fields {
        let (ours, theirs) = (&ours[*field], &theirs[*field]);
        ensure!(ours == theirs, "{what}: {field} is {ours}, anvil says {theirs}");
    }
    Ok(())
}

/// Has anvil mine the same block and compares it.
async fn replay(ours: &Rpc, theirs: &Rpc, number: u64) -> eyre::Result<()> {
    let block: Value = ours.ask("eth_getBlockByNumber", json!([U64::from(number), false])).await?;
    let hashes: Vec<B256> = serde_json::from_value(block["transactions"].clone())?;
    let _: Value = theirs.ask("anvil_setCoinbase", json!([block["miner"]])).await?;
    let _: Value = theirs.ask("anvil_setNextBlockBaseFeePerGas", json!([block["baseFeePerGas"]])).await?;
    let _: Value = theirs.ask("evm_setNextBlockTimestamp", json!([block["timestamp"]])).await?;
    for hash in &hashes {
        let raw: Bytes = ours.ask("eth_getRawTransactionByHash", json!([hash])).await?;
        theirs.send(&raw).await.wrap_err_with(|| format!("anvil refuses {hash}"))?;
    }
    let _: Value = theirs.ask("evm_mine", json!([])).await?;
    let mirrored: Value = theirs.ask("eth_getBlockByNumber", json!([U64::from(number), false])).await?;
    ensure!(mirrored["transactions"] == block["transactions"], "anvil mined {}", mirrored["transactions"]);
    // Receipts first: they say most about a difference.
    for hash in &hashes {
        let [ours, theirs] = [ours, theirs].map(|rpc| rpc.ask::<Value>("eth_getTransactionReceipt", json!([hash])));
        let (ours, theirs) = (ours.await?, theirs.await?);
        let what = format!("the receipt of {hash}");
        same(&what, &RECEIPT, &ours, &theirs)?;
        let [ours, theirs] = [&ours, &theirs].map(|receipt| receipt["logs"].as_array());
        let (ours, theirs) = (ours.ok_or_eyre("no logs")?, theirs.ok_or_eyre("no logs")?);
        ensure!(ours.len() == theirs.len(), "{what}: {} logs, anvil says {}", ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            same(&what, &LOG, ours, theirs)?;
        }
    }
    same("the header", &HEADER, &block, &mirrored)
}

/// The slots that the contract may have written: its variables, what the senders have of its token, its cells.
fn slots(script: &Script) -> Vec<B256> {
    let mapped = |key: B256, slot: u8| keccak256([key, B256::with_last_byte(slot)].concat());
    let holders = script.touched.iter().map(|holder| mapped(B256::left_padding_from(holder.as_slice()), 0));
    let cells = (0..22u64).map(|cell| mapped(U256::from(cell).into(), 3));
    (0..4).map(B256::with_last_byte).chain(holders).chain(cells).collect()
}

/// Balances, nonces, code and storage of all that was touched.
async fn compare_accounts(net: &Net, script: &Script, ours: &Rpc, theirs: &Rpc, number: u64) -> eyre::Result<()> {
    let at = U64::from(number);
    for account in script.touched.iter().chain(&net.operators) {
        for method in ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"] {
            let answer: Value = ours.ask(method, json!([account, at])).await?;
            let expected: Value = theirs.ask(method, json!([account, at])).await?;
            ensure!(answer == expected, "{method} of {account} is {answer}, anvil says {expected}");
        }
    }
    for account in [script.probe, script.delegated] {
        for slot in slots(script) {
            let answer: U256 = ours.ask("eth_getStorageAt", json!([account, slot, at])).await?;
            let expected: U256 = theirs.ask("eth_getStorageAt", json!([account, slot, at])).await?;
            ensure!(answer == expected, "slot {slot} of {account} is {answer}, anvil says {expected}");
        }
    }
    Ok(())
}

/// The same, and the proofs of all of it, and of an account that is not there.
async fn compare_state(net: &Net, script: &Script, ours: &Rpc, theirs: &Rpc, number: u64) -> eyre::Result<()> {
    compare_accounts(net, script, ours, theirs, number).await?;
    let at = U64::from(number);
    let header = ours.block(number).await?.ok_or_eyre("the block is missing")?.header;
    for account in script.touched.iter().chain(&net.operators).copied().chain([Address::repeat_byte(0xdd)]) {
        let slots = slots(script);
        let answer: EIP1186AccountProofResponse = ours.ask("eth_getProof", json!([account, slots, at])).await?;
        let expected: EIP1186AccountProofResponse = theirs.ask("eth_getProof", json!([account, slots, at])).await?;
        verify(header.state_root, &answer).wrap_err_with(|| format!("the proof of {account}"))?;
        ensure!(answer.account_proof == expected.account_proof, "the account proof of {account} differs");
        ensure!(answer.storage_hash == expected.storage_hash, "the storage hash of {account} differs");
        for (answer, expected) in answer.storage_proof.iter().zip(&expected.storage_proof) {
            ensure!(answer.value == expected.value, "slot {:?} of {account} differs in the proof", answer.key);
            let there = !answer.value.is_zero();
            ensure!(
                !there || answer.proof == expected.proof,
                "the proof of slot {:?} of {account} differs",
                answer.key
            );
        }
    }
    Ok(())
}

/// Checks a proof with a library that the node does not use for it.
fn verify(state_root: B256, proof: &EIP1186AccountProofResponse) -> eyre::Result<()> {
    let account = TrieAccount {
        nonce: proof.nonce,
        balance: proof.balance,
        storage_root: proof.storage_hash,
        code_hash: proof.code_hash,
    };
    let empty = account == TrieAccount::default();
    let expected = (!empty).then(|| alloy_rlp::encode(account));
    let path = Nibbles::unpack(keccak256(proof.address));
    verify_proof(state_root, path, expected, &proof.account_proof)?;
    for slot in &proof.storage_proof {
        let path = Nibbles::unpack(keccak256(slot.key.as_b256()));
        let expected = (!slot.value.is_zero()).then(|| alloy_rlp::encode_fixed_size(&slot.value).to_vec());
        verify_proof(proof.storage_hash, path, expected, &slot.proof)
            .wrap_err_with(|| format!("slot {:?}", slot.key))?;
    }
    Ok(())
}

/// What can be asked of both without a transaction.
async fn compare_logs_and_calls(script: &Script, ours: &Rpc, theirs: &Rpc, number: u64) -> eyre::Result<()> {
    let at = U64::from(number);
    let transfer = keccak256("Transfer(address,address,uint256)");
    let filters = [
        json!({ "fromBlock": "0x1", "toBlock": at }),
        json!({ "fromBlock": "0x1", "toBlock": at, "address": script.probe, "topics": [transfer] }),
        json!({ "fromBlock": "0x1", "toBlock": at, "address": script.delegated }),
        json!({ "fromBlock": "0x1", "toBlock": at, "topics": [[transfer, keccak256("Plain(bytes)")], null] }),
    ];
    for filter in filters {
        let found: Vec<Value> = ours.ask("eth_getLogs", json!([filter])).await?;
        let expected: Vec<Value> = theirs.ask("eth_getLogs", json!([filter])).await?;
        ensure!(found.len() == expected.len(), "{filter}: {} logs, anvil says {}", found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            same(&filter.to_string(), &LOG, found, expected)?;
            same(&filter.to_string(), &["blockNumber", "transactionHash", "removed"], found, expected)?;
        }
    }
    let sender = *script.touched.first().ok_or_eyre("nothing")?;
    for call in [
        contract::balanceOfCall { holder: sender }.abi_encode(),
        contract::nestedCall { depth: U256::from(2) }.abi_encode(),
        contract::failCall { reason: "because".to_owned() }.abi_encode(),
        contract::transferCall { to: sender, amount: U256::MAX }.abi_encode(),
    ] {
        let request = json!({ "from": sender, "to": script.probe, "input": Bytes::from(call) });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [request, at] }).to_string();
        let (answer, expected) = (ours.post(body.clone()).await?, theirs.post(body).await?);
        ensure!(answer["result"] == expected["result"], "{request}: {answer}, anvil says {expected}");
        same(&request.to_string(), &["code", "data"], &answer["error"], &expected["error"])?;
    }
    Ok(())
}
