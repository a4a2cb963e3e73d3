//! Web3 secret storage, version 3: how Ethereum programs keep a secp256k1 key.

use super::{
    KeystoreError, array, bytes,
    kdf::Kdf,
    sealed::{CIPHER, Sealed},
    uuid,
};
use alloy_primitives::{Address, hex};
use serde::Deserialize;
use serde_json::{Value, json};

/// Programs add fields of their own, which mean nothing here.
#[derive(Deserialize)]
struct File {
    #[serde(alias = "Crypto")]
    crypto: Crypto,
    address: Option<String>,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParameters,
    ciphertext: String,
    kdf: String,
    kdfparams: Value,
    mac: String,
}

#[derive(Deserialize)]
struct CipherParameters {
    iv: String,
}

/// The sealed key, and the address that the file claims.
pub(super) fn read(json: Value) -> Result<(Sealed, Option<Address>), KeystoreError> {
    let File { crypto, address } = serde_json::from_value(json).map_err(KeystoreError::malformed)?;
    let Crypto { cipher, cipherparams, ciphertext, kdf, kdfparams, mac } = crypto;
    if cipher != CIPHER {
        return Err(KeystoreError::Unsupported(format!("the cipher `{cipher}`")));
    }
    let sealed = Sealed {
        kdf: Kdf::read(&kdf, &kdfparams)?,
        iv: array("iv", &cipherparams.iv)?,
        ciphertext: array("ciphertext", &ciphertext)?,
        checksum: array("mac", &mac)?,
    };
    let address = match address {
        Some(text) => Some(
            Address::try_from(bytes("address", &text)?.as_slice())
                .map_err(|_| KeystoreError::malformed("`address` is no address"))?,
        ),
        None => None,
    };
    Ok((sealed, address))
}

/// The file.
pub(super) fn write(sealed: &Sealed, address: Address) -> Result<Value, KeystoreError> {
    let Sealed { kdf, iv, ciphertext, checksum } = sealed;
    let (kdf, kdfparams) = kdf.write();
    Ok(json!({
        "version": 3,
        "id": uuid()?,
        "address": hex::encode(address),
        "crypto": {
            "cipher": CIPHER,
            "cipherparams": { "iv": hex::encode(iv) },
            "ciphertext": hex::encode(ciphertext),
            "kdf": kdf,
            "kdfparams": kdfparams,
            "mac": hex::encode(checksum),
        },
    }))
}
