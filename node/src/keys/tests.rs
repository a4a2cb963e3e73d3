use super::*;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn replace(path: &PathBuf, text: &str) {
    fs::write(path, text).unwrap();
}

#[test]
fn keys_survive_the_disk_and_are_closed_to_others() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("keys");
    let made = NodeKeys::create(&directory).unwrap();
    let read = NodeKeys::load(&directory).unwrap();
    assert_eq!(made.public(), read.public());
    assert!(read.public().bls_public_key.verify_possession(&read.public().proof_of_possession));
    assert_eq!(mode(&directory), 0o700);
    for name in [OPERATOR_KEY, BLS_KEY, NODE_KEY] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 3, "nothing temporary stays behind");
}

#[test]
fn no_key_is_overwritten() {
    let parent = tempfile::tempdir().unwrap();
    let before = NodeKeys::create(parent.path()).unwrap();
    assert!(matches!(NodeKeys::create(parent.path()), Err(KeyError::Exists { .. })));
    fs::remove_file(parent.path().join(OPERATOR_KEY)).unwrap();
    let error = NodeKeys::create(parent.path()).unwrap_err().to_string();
    assert!(error.contains("bls.key exists already"), "{error}");
    assert!(!parent.path().join(OPERATOR_KEY).exists(), "a refused command writes nothing");
    let error = secret_file::create(&parent.path().join(BLS_KEY), &[1]).unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }));
    let bls = BlsKey::from_bytes(&read_word(&parent.path().join(BLS_KEY)).unwrap()).unwrap();
    assert_eq!(bls.public_key(), before.bls.public_key());
}

#[test]
fn a_missing_key_is_named_and_not_made_up() {
    let parent = tempfile::tempdir().unwrap();
    NodeKeys::create(parent.path()).unwrap();
    fs::remove_file(parent.path().join(BLS_KEY)).unwrap();
    let error = NodeKeys::load(parent.path()).unwrap_err().to_string();
    assert!(error.contains("bls.key does not exist"), "{error}");
    assert!(!parent.path().join(BLS_KEY).exists());
}

#[test]
fn malformed_keys_are_named_and_not_shown() {
    let parent = tempfile::tempdir().unwrap();
    NodeKeys::create(parent.path()).unwrap();
    let secp256k1_order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    for (name, text, problem) in [
        (OPERATOR_KEY, "", "the file is empty"),
        (OPERATOR_KEY, "hello", "not hex"),
        (OPERATOR_KEY, "0xabcd", "2 bytes of hex instead of 32"),
        (OPERATOR_KEY, secp256k1_order, "not a valid secp256k1 private key"),
        (BLS_KEY, &"ff".repeat(32), "not a valid BLS private key"),
        (NODE_KEY, "0xabcd", "not a libp2p private key"),
    ] {
        let path = parent.path().join(name);
        let good = fs::read_to_string(&path).unwrap();
        replace(&path, text);
        let error = NodeKeys::load(parent.path()).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains(name), "{error}");
        assert!(text.len() < 6 || !error.contains(text), "{error}");
        replace(&path, &good);
    }
    NodeKeys::load(parent.path()).unwrap();
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    NodeKeys::create(parent.path()).unwrap();
    fs::set_permissions(parent.path().join(NODE_KEY), fs::Permissions::from_mode(0o644)).unwrap();
    let error = NodeKeys::load(parent.path()).unwrap_err().to_string();
    assert!(error.contains("node.key is open to other users (mode 0644)"), "{error}");
}

#[test]
fn an_observer_keeps_its_identity() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data").join(NODE_KEY);
    let first = load_or_create_identity(&path).unwrap();
    assert_eq!(load_or_create_identity(&path).unwrap().public(), first.public());
    replace(&path, "garbage");
    assert!(matches!(load_or_create_identity(&path), Err(KeyError::Malformed { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "garbage");
}
