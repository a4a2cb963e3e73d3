//! The bytes of everything that is stored or sent, pinned by files.
//!
//! `BATON_BLESS=1` writes the files anew. A file that changes is a new schema version on disk, or a new protocol version
//! on the wire.

use crate::common::{
    account, announcement, context, epoch_of, evidence, operator, proof, receipt, sealed_block, set_change, transaction,
};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use baton_consensus::{
    codec::{self, DISK_LIMIT},
    messages::{Heartbeat, Proposal, Seal},
    signing::Signed,
    types::{BlockRef, ChainSegment, Era, Height, Term},
};
use baton_storage::{
    BlockSeal, GenesisId, ImportState, Prune, StoredAccount, StoredBlock, StoredHeader, TransactionLocation, UndoIndex,
    UndoState, UndoTrie,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeSet, env, fmt::Debug, fs, path::PathBuf, sync::Arc};

const LINE: usize = 120;

struct Golden {
    directory: PathBuf,
    bless: bool,
    names: BTreeSet<String>,
}

impl Golden {
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: &str, value: &T) {
        assert!(self.names.insert(format!("{name}.hex")), "{name} is checked twice");
        let path = self.directory.join(format!("{name}.hex"));
        let bytes = codec::encode(value);
        if self.bless {
            let digits = hex::encode(&bytes).into_bytes();
            let lines = digits.chunks(LINE).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
            fs::write(&path, lines.collect::<String>()).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let pinned = hex::decode(text.split_whitespace().collect::<String>()).unwrap();
        assert_eq!(hex::encode(&bytes), hex::encode(&pinned), "{name} is encoded to other bytes than before");
        assert_eq!(&codec::decode::<T, DISK_LIMIT>(&pinned).unwrap(), value, "{name} is decoded to another value");
        for length in 0..pinned.len() {
            assert!(codec::decode::<T, DISK_LIMIT>(&pinned[..length]).is_err(), "{name} is decoded from a part of it");
        }
    }
}

#[test]
fn encodings_do_not_drift() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = env::var_os("BATON_BLESS").is_some_and(|value| value == "1");
    let mut golden = Golden { directory, bless, names: BTreeSet::new() };
    messages(&mut golden);
    records(&mut golden);
    let found = fs::read_dir(&golden.directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(found.collect::<BTreeSet<_>>(), golden.names, "a golden file has no value");
}

fn parent() -> BlockRef {
    BlockRef { height: Height(299), hash: B256::repeat_byte(0x22) }
}

fn messages(golden: &mut Golden) {
    let (context, operator) = (context(), operator());
    let block = BlockRef { height: Height(300), hash: B256::repeat_byte(0x11) };
    let heartbeat = Heartbeat {
        era: Era(1),
        term: Term(2),
        height: block.height,
        head: block.hash,
        sent_at: 1_700_000_000_123,
        version: "0.1.0".to_owned(),
    };
    let position = epoch_of(block.height);
    let seal = Seal { era: Era(1), term: Term(2), height: block.height, hash: block.hash };
    golden.check("heartbeat", &Signed::new(heartbeat, &context, &operator));
    golden.check("announcement", &announcement(70_000));
    golden.check("proposal", &Signed::new(Proposal::new(position, block.height, block.hash), &context, &operator));
    golden.check("seal", &Signed::new(seal, &context, &operator));
    let sealed = sealed_block(parent(), vec![transaction(1), transaction(2)]);
    golden.check("signed_block", &sealed.block);
    golden.check("sealed_block", &sealed);
    let segment = ChainSegment {
        certificates: Vec::new(),
        announcements: vec![announcement(1), announcement(2)],
        blocks: vec![sealed],
        finality: Some(Arc::new(proof(parent()))),
        change: Some(Arc::new(set_change(parent()))),
    };
    golden.check("chain_segment", &segment);
    golden.check("finality_proof", &proof(parent()));
    golden.check("set_change", &set_change(parent()));
    golden.check("evidence", &evidence(300));
}

fn records(golden: &mut Golden) {
    let sealed = sealed_block(parent(), vec![transaction(1), transaction(2)]);
    let hash = sealed.seal.message.hash;
    golden.check("stored_header", &StoredHeader { hash, header: sealed.block.block.header.clone() });
    let stored = StoredBlock {
        block: sealed.block.block,
        senders: vec![Address::repeat_byte(1), Address::repeat_byte(2)],
        seal: Some(BlockSeal { signature: sealed.block.signature, seal: sealed.seal }),
    };
    golden.check("stored_block", &stored);
    let genesis = StoredBlock { block: crate::common::genesis().block, senders: vec![], seal: None };
    golden.check("stored_genesis_block", &genesis);
    golden.check("stored_receipts", &vec![receipt(1), receipt(2)]);
    golden.check("stored_account", &account(300));
    golden.check("stored_slot", &U256::from(0x1234));
    golden.check("stored_bytes", &Bytes::from_static(b"code, trie nodes, the journal, the schedule"));
    golden.check("transaction_location", &TransactionLocation { height: Height(300), index: 70_000 });
    let import = ImportState {
        genesis: GenesisId { chain_id: 300, genesis_hash: hash },
        target: parent(),
        progress: Bytes::from_static(b"progress"),
    };
    golden.check("import_state", &import);
    golden.check("address", &Address::repeat_byte(1));
    golden.check("genesis_id", &GenesisId { chain_id: 300, genesis_hash: hash });
    golden.check("block_ref", &parent());
    golden.check("height", &Height(u64::MAX));
    golden.check("schema_version", &1u32);
    golden.check("undo_index", &UndoIndex { trie_parts: 2 });
    let (old, new) = (Address::repeat_byte(1), Address::repeat_byte(2));
    let undo = UndoState {
        accounts: vec![(old, Some(account(1))), (new, None)],
        slots: vec![(old, U256::from(1), U256::from(2)), (new, U256::from(3), U256::ZERO)],
        code: vec![B256::repeat_byte(3)],
    };
    golden.check("undo_state", &undo);
    let nodes = vec![(Bytes::from_static(b"path"), Some(Bytes::from_static(b"node"))), (Bytes::new(), None)];
    golden.check("undo_trie", &UndoTrie { nodes });
    golden.check("prune", &Prune::Full(1024));
    golden.check("prune_archive", &Prune::Archive);
    golden.check("account_before", &None::<StoredAccount>);
}
