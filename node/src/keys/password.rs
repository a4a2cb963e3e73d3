//! Where the password of encrypted keys comes from: a file, the environment, or whoever sits at the terminal.

use super::{KeyError, secret_file};
use std::{
    cell::OnceCell,
    fmt,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The environment variable with the password.
pub const PASSWORD_VARIABLE: &str = "BATON_PASSWORD";

/// The fewest characters of a password that is made here.
const MIN_LENGTH: usize = 8;

/// A password, which no copy outlives.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password for new keystores.
    ///
    /// # Errors
    /// [`KeyError::WeakPassword`] if it has fewer than eight characters.
    pub fn new(text: Zeroizing<String>) -> Result<Self, KeyError> {
        match text.chars().count() {
            MIN_LENGTH.. => Ok(Self(text)),
            _ => Err(KeyError::WeakPassword { least: MIN_LENGTH }),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Where to ask for a password. It is asked for once, and only if a key is encrypted.
#[derive(Debug, Default)]
pub struct Passwords {
    file: Option<PathBuf>,
    environment: bool,
    terminal: bool,
    known: OnceCell<Password>,
}

impl Passwords {
    /// The file if one is named, else `BATON_PASSWORD`, else the terminal if there is one.
    #[must_use]
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, environment: true, terminal: io::stdin().is_terminal(), known: OnceCell::new() }
    }

    /// The file if one is named, else the terminal: for a second password beside the one of the environment.
    #[must_use]
    pub fn file_or_terminal(file: Option<PathBuf>) -> Self {
        Self { environment: false, ..Self::new(file) }
    }

    /// Nowhere: an encrypted key is an error.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The password of the key in this file.
    pub(super) fn of(&self, path: &Path) -> Result<&Password, KeyError> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let password = match self.without_asking()? {
            Some(password) => password,
            None if self.terminal => ask(&format!("Password of {}: ", path.display()))?,
            None => return Err(KeyError::Locked { path: path.to_owned() }),
        };
        Ok(self.known.get_or_init(|| Password(password)))
    }

    /// A password for new keystores; whoever sits at the terminal types it twice.
    ///
    /// # Errors
    /// [`KeyError`] if there is none, it is too short, or the two differ.
    pub fn choose(&self) -> Result<Password, KeyError> {
        if let Some(password) = self.without_asking()? {
            return Password::new(password);
        }
        if !self.terminal {
            return Err(KeyError::NoNewPassword);
        }
        let password = Password::new(ask("New password: ")?)?;
        match ask("The same again: ")? == password.0 {
            true => Ok(password),
            false => Err(KeyError::PasswordsDiffer),
        }
    }

    fn without_asking(&self) -> Result<Option<Zeroizing<String>>, KeyError> {
        if let Some(path) = &self.file {
            return read(path).map(Some);
        }
        // An empty variable is one that nobody set.
        let variable = if self.environment { std::env::var(PASSWORD_VARIABLE).ok() } else { None };
        Ok(variable.filter(|text| !text.is_empty()).map(Zeroizing::new))
    }
}

/// The first line of the file, which nobody else may read.
fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let text = secret_file::read_text(path).map_err(|error| match error {
        KeyError::Missing { path } => KeyError::NoPasswordFile { path },
        other => other,
    })?;
    let line = text.lines().next().unwrap_or_default();
    match line {
        "" => Err(KeyError::malformed(path, "it holds no password")),
        line => Ok(Zeroizing::new(line.to_owned())),
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, KeyError> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|cause| KeyError::Prompt { cause })
}
