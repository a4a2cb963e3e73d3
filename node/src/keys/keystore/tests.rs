use super::*;
use kdf::Kdf;
use serde_json::json;
use zeroize::Zeroizing;

/// The vectors of the EIP: one secret under one password, by either function.
mod eip {
    pub(super) const PASSWORD: &str = "𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑";
    pub(super) const SECRET: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
    pub(super) const PUBLIC: &str =
        "9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07";
    pub(super) const SALT: &str = "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3";
    pub(super) const IV: &str = "264daa3f303d7259501c93d997d84fe6";
}

fn eip2335_vector(function: &str) -> Value {
    let (params, checksum, message) = match function {
        "scrypt" => (
            json!({ "dklen": 32, "n": 262_144, "p": 1, "r": 8, "salt": eip::SALT }),
            "d2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484",
            "06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f",
        ),
        _ => (
            json!({ "dklen": 32, "c": 262_144, "prf": "hmac-sha256", "salt": eip::SALT }),
            "8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1",
            "cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad",
        ),
    };
    json!({
        "crypto": {
            "kdf": { "function": function, "params": params, "message": "" },
            "checksum": { "function": "sha256", "params": {}, "message": checksum },
            "cipher": { "function": "aes-128-ctr", "params": { "iv": eip::IV }, "message": message },
        },
        "description": "a test vector",
        "pubkey": eip::PUBLIC,
        "path": "m/12381/60/3141592653/589793238",
        "uuid": "1d85ae20-35c5-4611-98e8-aa14a633906f",
        "version": 4,
    })
}

/// The vectors of the definition of web3 secret storage.
fn web3_vector(function: &str) -> Value {
    let (params, iv, ciphertext, mac) = match function {
        "scrypt" => (
            json!({
                "dklen": 32, "n": 262_144, "p": 8, "r": 1,
                "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
            }),
            "83dbcc02d8ccb40e466191a123791e0e",
            "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
            "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
        ),
        _ => (
            json!({
                "dklen": 32, "c": 262_144, "prf": "hmac-sha256",
                "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
            }),
            "6087dab2f9fdbbfaddc31a909735c1e6",
            "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
            "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
        ),
    };
    json!({
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": iv },
            "ciphertext": ciphertext,
            "kdf": function,
            "kdfparams": params,
            "mac": mac,
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3,
    })
}

fn read(json: &Value) -> Result<Keystore, KeystoreError> {
    Keystore::read(&json.to_string())
}

#[test]
fn the_vectors_of_eip_2335_open() {
    for function in ["scrypt", "pbkdf2"] {
        let keystore = read(&eip2335_vector(function)).unwrap();
        assert_eq!(hex::encode(keystore.open(eip::PASSWORD).unwrap().as_slice()), eip::SECRET, "{function}");
    }
}

#[test]
fn a_password_is_normalised() {
    let plain = eip2335::password_bytes("testpassword🔑");
    assert_eq!(eip2335::password_bytes(eip::PASSWORD), plain);
    assert_eq!(eip2335::password_bytes("test\u{7f}pass\u{85}word🔑\n"), plain);
}

#[test]
fn what_is_sealed_is_what_the_vectors_of_eip_2335_are() {
    let secret = Zeroizing::new(array("secret", eip::SECRET).unwrap());
    for function in ["scrypt", "pbkdf2"] {
        let (expected, public) = eip2335::read(eip2335_vector(function)).unwrap();
        let password = eip2335::password_bytes(eip::PASSWORD);
        let sealed = Sealed::with(expected.kdf.clone(), expected.iv, &secret, &password, sha256).unwrap();
        assert_eq!(sealed, expected, "{function}");
        let written = eip2335::write(&sealed, &public.unwrap()).unwrap();
        assert_eq!(written["crypto"], eip2335_vector(function)["crypto"]);
    }
}

#[test]
fn the_vectors_of_web3_secret_storage_open() {
    for function in ["scrypt", "pbkdf2"] {
        let secret = read(&web3_vector(function)).unwrap().open("testpassword").unwrap();
        assert_eq!(
            hex::encode(secret.as_slice()),
            "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d",
            "{function}"
        );
    }
    let mut capital = web3_vector("pbkdf2");
    let crypto = capital["crypto"].take();
    capital.as_object_mut().unwrap().remove("crypto");
    capital["Crypto"] = crypto;
    capital["x-wallet"] = json!({ "version": "1" });
    read(&capital).unwrap();
}

#[test]
fn a_sealed_key_opens_with_its_password_only() {
    let secret = Zeroizing::new([7; 32]);
    let address = Address::repeat_byte(1);
    let text = seal_operator_key(&secret, address, "correct horse").unwrap();
    let keystore = Keystore::read(&text).unwrap();
    assert!(matches!(&keystore, Keystore::Web3 { address: Some(claimed), .. } if *claimed == address));
    assert_eq!(keystore.open("correct horse").unwrap(), secret);
    assert_eq!(keystore.open("battery staple"), Err(KeystoreError::WrongPassword));
    assert!(!text.contains(&hex::encode(secret.as_slice())));
    assert_ne!(seal_operator_key(&secret, address, "correct horse").unwrap(), text, "salt and IV are fresh");
}

#[test]
fn a_hostile_file_costs_nothing() {
    let with = |base: &Value, pointer: &str, value: Value| {
        let mut json = base.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        read(&json)
    };
    let (scrypt, pbkdf2) = (eip2335_vector("scrypt"), web3_vector("pbkdf2"));
    let too_expensive = Err(KeystoreError::TooExpensive);
    for (name, value) in
        [("n", json!(1u64 << 40)), ("n", json!(1u64 << 63)), ("r", json!(1u64 << 40)), ("p", json!(1u64 << 30))]
    {
        assert_eq!(with(&scrypt, &format!("/crypto/kdf/params/{name}"), value), too_expensive, "{name}");
    }
    assert_eq!(with(&pbkdf2, "/crypto/kdfparams/c", json!(4_000_000_000u64)), too_expensive);
    for (json, pointer, value, expected) in [
        (&scrypt, "/crypto/kdf/params/n", json!(1000), "RFC 7914"),
        (&scrypt, "/crypto/kdf/params/r", json!(0), "RFC 7914"),
        (&scrypt, "/crypto/kdf/params/r", json!(-1), "`r` is missing or no number"),
        (&scrypt, "/crypto/kdf/params/dklen", json!(1u64 << 40), "derived key of other than 32 bytes"),
        (&scrypt, "/crypto/kdf/function", json!("argon2"), "the KDF `argon2`"),
        (&scrypt, "/crypto/cipher/function", json!("xor"), "the cipher `xor`"),
        (&scrypt, "/crypto/checksum/function", json!("crc32"), "the checksum `crc32`"),
        (&scrypt, "/crypto/cipher/message", json!("00"), "has 1 bytes instead of 32"),
        (&scrypt, "/crypto/cipher/params", json!({}), "`iv` has 0 bytes instead of 16"),
        (&pbkdf2, "/crypto/kdfparams/c", json!(0), "PBKDF2 without rounds"),
        (&pbkdf2, "/crypto/kdfparams/prf", json!("hmac-md5"), "PBKDF2 with `hmac-md5`"),
        (&pbkdf2, "/crypto/kdfparams/salt", json!("ab".repeat(257)), "a salt of 257 bytes"),
        (&pbkdf2, "/crypto/mac", json!("zz"), "`mac` is not hex"),
        (&pbkdf2, "/version", json!(2), "version 2"),
        (&pbkdf2, "/version", json!("3"), "it has no `version`"),
    ] {
        let error = with(json, pointer, value).unwrap_err().to_string();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
    assert!(Keystore::read("{").is_err());
    assert!(matches!(Kdf::read("scrypt", &Value::Null), Err(KeystoreError::Malformed(_))));
}

#[test]
fn a_name_is_unique() {
    let name = uuid().unwrap();
    assert_eq!((name.len(), name.as_bytes()[14]), (36, b'4'));
    assert_ne!(uuid().unwrap(), name);
}
