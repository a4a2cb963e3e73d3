//! The key that a password makes: scrypt (RFC 7914) or PBKDF2 with HMAC-SHA256 (RFC 8018).

use super::{KeystoreError, bytes};
use alloy_primitives::hex;
use rand::{TryRngCore, rngs::OsRng};
use serde_json::{Value, json};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The cost of a key that is written: N = 2^18 with r = 8 and p = 1 takes 256 MiB and about a second, as in geth and in
/// EIP-2335. Unit tests have no second to spare.
const LOG_N: u8 = if cfg!(test) { 8 } else { 18 };

/// The most memory that a file may ask for, in bytes: twice what is written.
const MAX_MEMORY: u64 = 512 << 20;

/// The most work that a file may ask for, as N × r × p: eight times what is written.
const MAX_WORK: u64 = 1 << 24;

/// The most rounds of PBKDF2 that a file may ask for; about as long as [`MAX_WORK`].
const MAX_ROUNDS: u32 = 10_000_000;

/// The longest salt that is read, in bytes.
const MAX_SALT: usize = 256;

/// How a password becomes a key. Its cost was checked: whoever wrote the file decides about it, and need not be a friend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kdf {
    Scrypt { log_n: u8, r: u32, p: u32, salt: Vec<u8> },
    Pbkdf2 { rounds: u32, salt: Vec<u8> },
}

impl Kdf {
    /// A new one, with a random salt.
    pub(super) fn generate() -> Result<Self, KeystoreError> {
        let mut salt = vec![0; 32];
        OsRng.try_fill_bytes(&mut salt).map_err(|_| KeystoreError::Randomness)?;
        Ok(Self::Scrypt { log_n: LOG_N, r: 8, p: 1, salt })
    }

    /// Reads the function's name and its parameters, which both formats write alike.
    pub(super) fn read(function: &str, parameters: &Value) -> Result<Self, KeystoreError> {
        let number = |name: &str| {
            let value = parameters.get(name).and_then(Value::as_u64);
            value.ok_or_else(|| KeystoreError::malformed(format_args!("the KDF's `{name}` is missing or no number")))
        };
        let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
        if number("dklen")? != 32 {
            return Err(KeystoreError::Unsupported("a derived key of other than 32 bytes".to_owned()));
        }
        let salt = bytes("salt", text("salt"))?;
        if salt.len() > MAX_SALT {
            return Err(KeystoreError::malformed(format_args!("a salt of {} bytes", salt.len())));
        }
        match function {
            "scrypt" => Self::scrypt(number("n")?, number("r")?, number("p")?, salt),
            "pbkdf2" if text("prf") == "hmac-sha256" => match u32::try_from(number("c")?) {
                Ok(0) => Err(KeystoreError::malformed("PBKDF2 without rounds")),
                Ok(rounds) if rounds <= MAX_ROUNDS => Ok(Self::Pbkdf2 { rounds, salt }),
                _ => Err(KeystoreError::TooExpensive),
            },
            "pbkdf2" => Err(KeystoreError::Unsupported(format!("PBKDF2 with `{}`", text("prf")))),
            other => Err(KeystoreError::Unsupported(format!("the KDF `{other}`"))),
        }
    }

    fn scrypt(n: u64, r: u64, p: u64, salt: Vec<u8>) -> Result<Self, KeystoreError> {
        let product = |factors: &[u64]| factors.iter().try_fold(1u64, |product, factor| product.checked_mul(*factor));
        if !n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
            return Err(KeystoreError::malformed("scrypt with parameters that RFC 7914 does not allow"));
        }
        let affordable = product(&[128, r, n]).is_some_and(|memory| memory <= MAX_MEMORY)
            && product(&[128, r, p]).is_some_and(|memory| memory <= MAX_MEMORY)
            && product(&[n, r, p]).is_some_and(|work| work <= MAX_WORK);
        match (u8::try_from(n.trailing_zeros()), u32::try_from(r), u32::try_from(p)) {
            (Ok(log_n), Ok(r), Ok(p)) if affordable => Ok(Self::Scrypt { log_n, r, p, salt }),
            _ => Err(KeystoreError::TooExpensive),
        }
    }

    /// The function's name and its parameters.
    pub(super) fn write(&self) -> (&'static str, Value) {
        match self {
            Self::Scrypt { log_n, r, p, salt } => {
                ("scrypt", json!({ "dklen": 32, "n": 1u64 << log_n, "r": r, "p": p, "salt": hex::encode(salt) }))
            }
            Self::Pbkdf2 { rounds, salt } => {
                ("pbkdf2", json!({ "dklen": 32, "c": rounds, "prf": "hmac-sha256", "salt": hex::encode(salt) }))
            }
        }
    }

    /// The key of this password.
    pub(super) fn derive(&self, password: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        let mut key = Zeroizing::new([0; 32]);
        match self {
            Self::Scrypt { log_n, r, p, salt } => {
                let parameters = scrypt::Params::new(*log_n, *r, *p).map_err(KeystoreError::malformed)?;
                scrypt::scrypt(password, salt, &parameters, key.as_mut_slice()).map_err(KeystoreError::malformed)?;
            }
            Self::Pbkdf2 { rounds, salt } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, *rounds, key.as_mut_slice());
            }
        }
        Ok(key)
    }
}
