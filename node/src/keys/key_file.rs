//! A key file: the secret in hex, or a keystore. Which one it is, the content tells.

use super::{
    KeyError, Password, Passwords,
    keystore::{self, Keystore, KeystoreError, Secret},
    secret_file,
};
use alloy_primitives::{Address, hex};
use baton_consensus::keys::{BlsKey, BlsPublicKey, InvalidKey, OperatorKey};
use serde::Serialize;
use std::path::Path;
use zeroize::Zeroizing;

/// What can be told of a key file without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyFileSummary {
    /// `raw`, `web3` or `eip-2335`.
    pub format: &'static str,
    /// The address that a web3 keystore claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The public key that an EIP-2335 keystore claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bls_public_key: Option<BlsPublicKey>,
}

/// The two kinds of keys that a keystore can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Operator,
    Bls,
}

/// Reads a secp256k1 key.
pub(super) fn read_operator_key(path: &Path, passwords: &Passwords) -> Result<OperatorKey, KeyError> {
    let (secret, claimed) = read(path, Kind::Operator, passwords)?;
    let key = operator_key(&secret).map_err(|cause| KeyError::malformed(path, cause))?;
    match claimed.address {
        Some(address) if address != key.address() => Err(KeyError::malformed(
            path,
            format_args!("it claims to be of {address}, and holds the key of {}", key.address()),
        )),
        _ => Ok(key),
    }
}

/// Reads a BLS key.
pub(super) fn read_bls_key(path: &Path, passwords: &Passwords) -> Result<BlsKey, KeyError> {
    let (secret, claimed) = read(path, Kind::Bls, passwords)?;
    let key = bls_key(&secret).map_err(|cause| KeyError::malformed(path, cause))?;
    match claimed.bls_public_key {
        Some(public) if public != key.public_key() => Err(KeyError::malformed(
            path,
            format_args!("it claims to hold {}, and holds {}", public.0, key.public_key().0),
        )),
        _ => Ok(key),
    }
}

/// What the file says without its password.
pub(super) fn describe(path: &Path) -> Result<KeyFileSummary, KeyError> {
    let text = secret_file::read_text(path)?;
    match Keystore::is_one(&text) {
        true => Keystore::read(&text).map(|keystore| summary(&keystore)).map_err(|error| refuse(path, error)),
        false => Ok(KeyFileSummary { format: "raw", address: None, bls_public_key: None }),
    }
}

/// The file's content for a secret under a password.
pub(super) fn seal(kind: Kind, secret: &Secret, password: &Password) -> Result<Zeroizing<String>, KeyError> {
    let invalid = |_| KeyError::Randomness;
    let text = match kind {
        Kind::Operator => {
            let address = operator_key(secret).map_err(invalid)?.address();
            keystore::seal_operator_key(secret, address, password.as_str())
        }
        Kind::Bls => {
            let public = bls_key(secret).map_err(invalid)?.public_key();
            keystore::seal_bls_key(secret, &public, password.as_str())
        }
    };
    text.map(Zeroizing::new).map_err(|_| KeyError::Randomness)
}

/// Puts a key under a new password, in the same file. Returns whether the file changed: one that has the new password
/// already, because an earlier attempt ended in between, is left as it is.
pub(super) fn reseal(path: &Path, kind: Kind, old: &Passwords, new: &Password) -> Result<bool, KeyError> {
    let text = secret_file::read_text(path)?;
    let raw = !Keystore::is_one(&text);
    if !raw {
        let keystore = Keystore::read(&text).map_err(|error| refuse(path, error))?;
        if keystore.open(new.as_str()).is_ok() {
            return Ok(false);
        }
    }
    let (secret, _) = read(path, kind, old)?;
    let sealed = seal(kind, &secret, new).map_err(|_| KeyError::malformed(path, "not a valid private key"))?;
    // What cannot be opened again must not replace what can.
    let reopened = Keystore::read(&sealed).and_then(|keystore| keystore.open(new.as_str()));
    if reopened.map_err(|error| refuse(path, error))? != secret {
        return Err(KeyError::malformed(path, "encrypted, it would be another key"));
    }
    secret_file::replace(path, &sealed)?;
    Ok(true)
}

fn read(path: &Path, kind: Kind, passwords: &Passwords) -> Result<(Secret, KeyFileSummary), KeyError> {
    let text = secret_file::read_text(path)?;
    if !Keystore::is_one(&text) {
        let summary = KeyFileSummary { format: "raw", address: None, bls_public_key: None };
        return Ok((raw_word(path, &text)?, summary));
    }
    let keystore = Keystore::read(&text).map_err(|error| refuse(path, error))?;
    match (&keystore, kind) {
        (Keystore::Web3 { .. }, Kind::Operator) | (Keystore::Eip2335 { .. }, Kind::Bls) => {}
        (Keystore::Web3 { .. }, Kind::Bls) => {
            return Err(KeyError::malformed(path, "a keystore of a secp256k1 key, where a BLS key (EIP-2335) must be"));
        }
        (Keystore::Eip2335 { .. }, Kind::Operator) => {
            return Err(KeyError::malformed(path, "a keystore of a BLS key, where a secp256k1 key must be"));
        }
    }
    let secret = keystore.open(passwords.of(path)?.as_str()).map_err(|error| refuse(path, error))?;
    Ok((secret, summary(&keystore)))
}

fn raw_word(path: &Path, text: &str) -> Result<Secret, KeyError> {
    let bytes = secret_file::from_hex(path, text)?;
    let word = <[u8; 32]>::try_from(bytes.as_slice());
    word.map(Zeroizing::new)
        .map_err(|_| KeyError::malformed(path, format_args!("{} bytes of hex instead of 32", bytes.len())))
}

fn summary(keystore: &Keystore) -> KeyFileSummary {
    match keystore {
        Keystore::Web3 { address, .. } => KeyFileSummary { format: "web3", address: *address, bls_public_key: None },
        Keystore::Eip2335 { public, .. } => {
            KeyFileSummary { format: "eip-2335", address: None, bls_public_key: *public }
        }
    }
}

fn refuse(path: &Path, error: KeystoreError) -> KeyError {
    match error {
        KeystoreError::WrongPassword => KeyError::WrongPassword { path: path.to_owned() },
        KeystoreError::Randomness => KeyError::Randomness,
        other => KeyError::malformed(path, other),
    }
}

fn operator_key(secret: &Secret) -> Result<OperatorKey, InvalidKey> {
    OperatorKey::from_bytes((&**secret).into())
}

fn bls_key(secret: &Secret) -> Result<BlsKey, InvalidKey> {
    BlsKey::from_bytes((&**secret).into())
}

/// The secret of a raw key file, in hex.
pub(super) fn raw_text(secret: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(format!("{}\n", Zeroizing::new(hex::encode_prefixed(secret)).as_str()))
}
