//! EIP-2335: how Ethereum programs keep a BLS12-381 key.

use super::{
    KeystoreError, array,
    kdf::Kdf,
    sealed::{CIPHER, Sealed},
    uuid,
};
use alloy_primitives::{FixedBytes, hex};
use baton_consensus::keys::BlsPublicKey;
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

#[derive(Deserialize)]
struct File {
    crypto: Crypto,
    #[serde(default)]
    pubkey: String,
}

#[derive(Deserialize)]
struct Crypto {
    kdf: Module,
    checksum: Module,
    cipher: Module,
}

#[derive(Deserialize)]
struct Module {
    function: String,
    params: Value,
    message: String,
}

/// The password's bytes: compatibility-decomposed, without control characters.
pub(super) fn password_bytes(password: &str) -> Zeroizing<Vec<u8>> {
    let text: Zeroizing<String> = Zeroizing::new(password.nfkd().filter(|character| !character.is_control()).collect());
    Zeroizing::new(text.as_bytes().to_vec())
}

/// The sealed key, and the public key that the file claims.
pub(super) fn read(json: Value) -> Result<(Sealed, Option<BlsPublicKey>), KeystoreError> {
    let File { crypto: Crypto { kdf, checksum, cipher }, pubkey } =
        serde_json::from_value(json).map_err(KeystoreError::malformed)?;
    for (what, module, expected) in [("cipher", &cipher, CIPHER), ("checksum", &checksum, "sha256")] {
        if module.function != expected {
            return Err(KeystoreError::Unsupported(format!("the {what} `{}`", module.function)));
        }
    }
    let iv = cipher.params.get("iv").and_then(Value::as_str).unwrap_or_default();
    let sealed = Sealed {
        kdf: Kdf::read(&kdf.function, &kdf.params)?,
        iv: array("iv", iv)?,
        ciphertext: array("cipher.message", &cipher.message)?,
        checksum: array("checksum.message", &checksum.message)?,
    };
    let public = match pubkey.as_str() {
        "" => None,
        text => Some(BlsPublicKey(FixedBytes(array("pubkey", text)?))),
    };
    Ok((sealed, public))
}

/// The file.
pub(super) fn write(sealed: &Sealed, public: &BlsPublicKey) -> Result<Value, KeystoreError> {
    let Sealed { kdf, iv, ciphertext, checksum } = sealed;
    let (kdf, kdf_parameters) = kdf.write();
    Ok(json!({
        "crypto": {
            "kdf": { "function": kdf, "params": kdf_parameters, "message": "" },
            "checksum": { "function": "sha256", "params": {}, "message": hex::encode(checksum) },
            "cipher": { "function": CIPHER, "params": { "iv": hex::encode(iv) }, "message": hex::encode(ciphertext) },
        },
        "description": "the BLS key of a Baton sequencer",
        "pubkey": hex::encode(public.0),
        "path": "",
        "uuid": uuid()?,
        "version": 4,
    }))
}
