//! The keys of a node, as files.
//!
//! A key directory holds three secrets, each in a file of its own:
//!
//! | file | key | what it signs |
//! |---|---|---|
//! | `operator.key` | secp256k1 | announcements, blocks, seals, checkpoints, heartbeats; its address is the operator |
//! | `bls.key` | BLS12-381 | votes and term changes |
//! | `node.key` | Ed25519, in libp2p's protobuf form | the node's connections; its hash is the peer id |
//!
//! While the BLS key is rotated, `bls.next.key` holds the next one; a node uses the one that the set of its era names.
//!
//! The first two are in hex, or encrypted in a keystore (web3 secret storage, EIP-2335); a node reads either. The third stays
//! in hex: no stake depends on it.
//!
//! A key is made once, by an explicit command. Nothing here overwrites one or makes up for a lost one: a sequencer that
//! silently got a new key would be another sequencer. Only putting the same key under another password replaces its file.

mod error;
mod key_file;
mod keystore;
mod password;
mod secret_file;

pub use error::KeyError;
pub use key_file::KeyFileSummary;
pub use password::{PASSWORD_VARIABLE, Password, Passwords};

use alloy_primitives::{Address, B256, hex};
use baton_consensus::keys::{BlsKey, BlsPublicKey, OperatorKey, ProofOfPossession};
use key_file::{Kind, raw_text};
use libp2p::{PeerId, identity::Keypair};
use rand::{TryRngCore, rngs::OsRng};
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::Zeroizing;

/// The file with the operator's secp256k1 key.
pub const OPERATOR_KEY: &str = "operator.key";

/// The file with the operator's BLS12-381 key.
pub const BLS_KEY: &str = "bls.key";

/// The file with the BLS key that takes over with a rotation, if there is one.
pub const NEXT_BLS_KEY: &str = "bls.next.key";

/// The file with the node's libp2p key.
pub const NODE_KEY: &str = "node.key";

/// The three keys of a sequencer's node.
#[derive(Clone, Debug)]
pub struct NodeKeys {
    /// Signs what the protocol signs message by message.
    pub operator: OperatorKey,
    /// Signs what the protocol aggregates.
    pub bls: BlsKey,
    /// The BLS key that takes over once the registry names it; none if no rotation is under way.
    pub next_bls: Option<BlsKey>,
    /// Identifies the node to its peers.
    pub node: Keypair,
}

/// What a sequencer shows to the world, and what genesis says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicKeys {
    /// The operator's address.
    pub address: Address,
    /// The public half of the BLS key.
    pub bls_public_key: BlsPublicKey,
    /// The BLS key's signature on itself.
    pub proof_of_possession: ProofOfPossession,
    /// The libp2p peer id in its base58 form.
    pub peer_id: String,
}

impl NodeKeys {
    /// Makes three new keys from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Randomness`] if the operating system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let bls = BlsKey::generate(random()?.as_slice()).map_err(|_| KeyError::Randomness)?;
        Ok(Self { operator: random_operator_key()?, bls, next_bls: None, node: random_identity()? })
    }

    /// Makes three new keys and writes them to `directory`, which is created if need be.
    ///
    /// # Errors
    /// [`KeyError::Exists`] if any of the files is there already: nothing is written then. [`KeyError::Write`] if the
    /// disk refuses.
    pub fn create(directory: &Path) -> Result<Self, KeyError> {
        Self::create_under(directory, None)
    }

    /// The same, with the operator's two keys under a password.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_encrypted(directory: &Path, password: &Password) -> Result<Self, KeyError> {
        Self::create_under(directory, Some(password))
    }

    fn create_under(directory: &Path, password: Option<&Password>) -> Result<Self, KeyError> {
        for name in [OPERATOR_KEY, BLS_KEY, NODE_KEY] {
            let path = directory.join(name);
            if path.symlink_metadata().is_ok() {
                return Err(KeyError::Exists { path });
            }
        }
        let keys = Self::generate()?;
        secret_file::create_directory(directory)?;
        let text = |kind, secret: B256| {
            let secret = Zeroizing::new(secret.0);
            password.map_or_else(|| Ok(raw_text(secret.as_slice())), |password| key_file::seal(kind, &secret, password))
        };
        // All that can fail before anything is written.
        let (operator, bls) = (text(Kind::Operator, keys.operator.to_bytes())?, text(Kind::Bls, keys.bls.to_bytes())?);
        let node = raw_text(&identity_bytes(&keys.node)?);
        for (name, text) in [(OPERATOR_KEY, operator), (BLS_KEY, bls), (NODE_KEY, node)] {
            secret_file::create(&directory.join(name), &text)?;
        }
        Ok(keys)
    }

    /// Reads the three keys of `directory`, and asks for the password if one of them is encrypted.
    ///
    /// # Errors
    /// [`KeyError`] names the file that is missing, readable by others, malformed, or encrypted under another password.
    pub fn load(directory: &Path, passwords: &Passwords) -> Result<Self, KeyError> {
        let node = load_identity(&directory.join(NODE_KEY))?;
        let operator = load_operator_key(&directory.join(OPERATOR_KEY), passwords)?;
        let bls = key_file::read_bls_key(&directory.join(BLS_KEY), passwords)?;
        let next = directory.join(NEXT_BLS_KEY);
        let is_rotating = next.symlink_metadata().is_ok();
        let next_bls = is_rotating.then(|| key_file::read_bls_key(&next, passwords)).transpose()?;
        Ok(Self { operator, bls, next_bls, node })
    }

    /// The public parts.
    #[must_use]
    pub fn public(&self) -> PublicKeys {
        PublicKeys {
            address: self.operator.address(),
            bls_public_key: self.bls.public_key(),
            proof_of_possession: self.bls.prove_possession(),
            peer_id: PeerId::from(self.node.public()).to_base58(),
        }
    }
}

/// Reads a secp256k1 key, raw or from a keystore.
///
/// # Errors
/// As [`NodeKeys::load`].
pub fn load_operator_key(path: &Path, passwords: &Passwords) -> Result<OperatorKey, KeyError> {
    key_file::read_operator_key(path, passwords)
}

/// Reads a BLS key, raw or from a keystore.
///
/// # Errors
/// As [`NodeKeys::load`].
pub fn load_bls_key(path: &Path, passwords: &Passwords) -> Result<BlsKey, KeyError> {
    key_file::read_bls_key(path, passwords)
}

/// What can be told of the operator's two key files without a password, by their names.
///
/// # Errors
/// [`KeyError`] names the file that is missing, readable by others or malformed.
pub fn describe(directory: &Path) -> Result<Vec<(&'static str, KeyFileSummary)>, KeyError> {
    [OPERATOR_KEY, BLS_KEY].into_iter().map(|name| Ok((name, key_file::describe(&directory.join(name))?))).collect()
}

/// Puts the operator's two keys under a new password, each in its file: encrypts what is raw, and encrypts anew what was
/// under the old password. Returns the names of the files that changed. Ended in between, it can be done again.
///
/// # Errors
/// As [`NodeKeys::load`], or [`KeyError::Write`].
pub fn encrypt(directory: &Path, old: &Passwords, new: &Password) -> Result<Vec<&'static str>, KeyError> {
    let mut changed = Vec::new();
    for (name, kind) in [(OPERATOR_KEY, Kind::Operator), (BLS_KEY, Kind::Bls)] {
        if key_file::reseal(&directory.join(name), kind, old, new)? {
            changed.push(name);
        }
    }
    Ok(changed)
}

/// Reads the libp2p key at `path`, or makes it if there is no such file: an observer's identity carries no stake.
///
/// # Errors
/// [`KeyError`] if the file is malformed or readable by others (it is never replaced), or the disk refuses.
pub fn load_or_create_identity(path: &Path) -> Result<Keypair, KeyError> {
    match load_identity(path) {
        Err(KeyError::Missing { .. }) => {
            let identity = random_identity()?;
            if let Some(parent) = path.parent() {
                secret_file::create_directory(parent)?;
            }
            secret_file::create(path, &raw_text(&identity_bytes(&identity)?))?;
            Ok(identity)
        }
        other => other,
    }
}

fn load_identity(path: &Path) -> Result<Keypair, KeyError> {
    let bytes = secret_file::from_hex(path, &secret_file::read_text(path)?)?;
    let keypair = Keypair::from_protobuf_encoding(&bytes)
        .map_err(|_| KeyError::malformed(path, "not a libp2p private key in its protobuf form"))?;
    if keypair.clone().try_into_ed25519().is_err() {
        return Err(KeyError::malformed(path, "not an Ed25519 key"));
    }
    Ok(keypair)
}

fn identity_bytes(keypair: &Keypair) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    keypair.to_protobuf_encoding().map(Zeroizing::new).map_err(|_| KeyError::Randomness)
}

fn random() -> Result<B256, KeyError> {
    let mut bytes = B256::ZERO;
    OsRng.try_fill_bytes(bytes.as_mut_slice()).map_err(|_| KeyError::Randomness)?;
    Ok(bytes)
}

fn random_operator_key() -> Result<OperatorKey, KeyError> {
    // One in 2^128 words is not below the order of the curve.
    loop {
        if let Ok(key) = OperatorKey::from_bytes(&random()?) {
            return Ok(key);
        }
    }
}

fn random_identity() -> Result<Keypair, KeyError> {
    Keypair::ed25519_from_bytes(random()?.0).map_err(|_| KeyError::Randomness)
}

impl PublicKeys {
    /// The lines that a person reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { address, bls_public_key, proof_of_possession, peer_id } = self;
        format!(
            "address              {address}\nBLS public key       {}\nproof of possession  {}\npeer id              {peer_id}",
            hex::encode_prefixed(bls_public_key.0),
            hex::encode_prefixed(proof_of_possession.0),
        )
    }
}

#[cfg(test)]
mod tests;
