use super::*;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn replace(path: &PathBuf, text: &str) {
    fs::write(path, text).unwrap();
}

fn load(directory: &Path) -> Result<NodeKeys, KeyError> {
    NodeKeys::load(directory, &Passwords::none())
}

/// A password in a file that only its owner reads.
fn password_file(directory: &Path, text: &str) -> Passwords {
    let path = directory.join(format!("password-{}", text.len()));
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Passwords::new(Some(path))
}

#[test]
fn keys_survive_the_disk_and_are_closed_to_others() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("keys");
    let made = NodeKeys::create(&directory).unwrap();
    let read = load(&directory).unwrap();
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
    let error = secret_file::create(&parent.path().join(BLS_KEY), "0x01").unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }));
    let bls = key_file::read_bls_key(&parent.path().join(BLS_KEY), &Passwords::none()).unwrap();
    assert_eq!(bls.public_key(), before.bls.public_key());
}

#[test]
fn a_missing_key_is_named_and_not_made_up() {
    let parent = tempfile::tempdir().unwrap();
    NodeKeys::create(parent.path()).unwrap();
    fs::remove_file(parent.path().join(BLS_KEY)).unwrap();
    let error = load(parent.path()).unwrap_err().to_string();
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
        let error = load(parent.path()).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains(name), "{error}");
        assert!(text.len() < 6 || !error.contains(text), "{error}");
        replace(&path, &good);
    }
    load(parent.path()).unwrap();
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    NodeKeys::create(parent.path()).unwrap();
    fs::set_permissions(parent.path().join(NODE_KEY), fs::Permissions::from_mode(0o644)).unwrap();
    let error = load(parent.path()).unwrap_err().to_string();
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

#[test]
fn encrypted_keys_open_with_their_password() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("keys");
    let passwords = password_file(parent.path(), "correct horse\n");
    let made = NodeKeys::create_encrypted(&directory, &passwords.choose().unwrap()).unwrap();
    assert_eq!(NodeKeys::load(&directory, &passwords).unwrap().public(), made.public());
    for name in [OPERATOR_KEY, BLS_KEY, NODE_KEY] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
    let error = load(&directory).unwrap_err().to_string();
    assert!(error.contains("operator.key is encrypted") && error.contains("--password-file"), "{error}");
    let error = NodeKeys::load(&directory, &password_file(parent.path(), "battery staple")).unwrap_err().to_string();
    assert!(error.contains("the password does not open the key file") && error.contains("operator.key"), "{error}");
    let told = describe(&directory).unwrap();
    assert_eq!((told[0].1.format, told[0].1.address), ("web3", Some(made.operator.address())));
    assert_eq!((told[1].1.format, told[1].1.bls_public_key), ("eip-2335", Some(made.bls.public_key())));
    assert!(matches!(
        NodeKeys::create_encrypted(&directory, &passwords.choose().unwrap()),
        Err(KeyError::Exists { .. })
    ));
}

#[test]
fn keys_are_encrypted_in_place_and_get_other_passwords() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("keys");
    let made = NodeKeys::create(&directory).unwrap().public();
    let (first, second) =
        (password_file(parent.path(), "correct horse"), password_file(parent.path(), "battery staple"));
    let changed = encrypt(&directory, &Passwords::none(), &first.choose().unwrap()).unwrap();
    assert_eq!(changed, [OPERATOR_KEY, BLS_KEY]);
    assert!(!fs::read_to_string(directory.join(OPERATOR_KEY)).unwrap().contains("0x"));
    assert_eq!(NodeKeys::load(&directory, &first).unwrap().public(), made);
    // Ended after the first of two files, it goes on with the other.
    let operator = directory.join(OPERATOR_KEY);
    assert!(key_file::reseal(&operator, Kind::Operator, &first, &second.choose().unwrap()).unwrap());
    assert_eq!(encrypt(&directory, &first, &second.choose().unwrap()).unwrap(), [BLS_KEY]);
    assert_eq!(NodeKeys::load(&directory, &second).unwrap().public(), made);
    assert!(matches!(encrypt(&directory, &first, &first.choose().unwrap()), Err(KeyError::WrongPassword { .. })));
    assert_eq!(mode(&operator), 0o600);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 3, "nothing temporary stays behind");
}

#[test]
fn a_keystore_of_another_key_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let passwords = password_file(parent.path(), "correct horse");
    NodeKeys::create_encrypted(parent.path(), &passwords.choose().unwrap()).unwrap();
    let (operator, bls) = (parent.path().join(OPERATOR_KEY), parent.path().join(BLS_KEY));
    let error = load_operator_key(&bls, &passwords).unwrap_err().to_string();
    assert!(error.contains("a keystore of a BLS key"), "{error}");
    let mut json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&operator).unwrap()).unwrap();
    json["address"] = serde_json::json!("00000000000000000000000000000000000000aa");
    replace(&operator, &json.to_string());
    let error = load_operator_key(&operator, &passwords).unwrap_err().to_string();
    assert!(error.contains("it claims to be of"), "{error}");
    replace(&operator, &"{".repeat(20_000));
    let error = load_operator_key(&operator, &passwords).unwrap_err().to_string();
    assert!(error.contains("more than 16384 bytes"), "{error}");
}

#[test]
fn a_password_that_others_can_read_or_guess_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let passwords = password_file(parent.path(), "short");
    assert!(passwords.choose().unwrap_err().to_string().contains("at least 8 characters"));
    assert!(password_file(parent.path(), "\n").choose().unwrap_err().to_string().contains("holds no password"));
    fs::set_permissions(parent.path().join("password-5"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(passwords.choose(), Err(KeyError::Exposed { .. })));
    let missing = Passwords::new(Some(parent.path().join("nowhere")));
    assert!(missing.choose().unwrap_err().to_string().contains("password file"));
}
