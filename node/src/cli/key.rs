//! `baton key`.

use super::password::PasswordArguments;
use crate::keys::{self, KeyError, KeyFileSummary, NodeKeys, Passwords, PublicKeys};
use clap::{Args, Subcommand};
use eyre::eyre;
use serde_json::{Map, json};
use std::path::PathBuf;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make an operator key, a BLS key and a peer-to-peer key, and print their public parts.
    New(NewArguments),
    /// Print the public parts of the keys in a directory; asks for the password of encrypted ones.
    Show(ShowArguments),
    /// Print what the key files say without a password: their form, the address and the BLS public key.
    Inspect(InspectArguments),
    /// Encrypt the operator key (web3 secret storage) and the BLS key (EIP-2335) of a directory, each in its file.
    Encrypt(ShowArguments),
    /// Encrypt the keys of a directory under another password.
    ///
    /// The old one comes from --password-file, BATON_PASSWORD or the prompt, the new one from --new-password-file or the prompt.
    ChangePassword(ChangePasswordArguments),
}

/// Where to make keys, and how to print them.
#[derive(Debug, Args)]
pub(super) struct NewArguments {
    #[command(flatten)]
    keys: KeyArguments,
    /// Encrypt the operator key and the BLS key.
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    password: PasswordArguments,
}

/// Where the keys are, how to open them and how to print them.
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    keys: KeyArguments,
    #[command(flatten)]
    password: PasswordArguments,
}

/// Where the keys are, and how to print what their files say.
#[derive(Debug, Args)]
pub(super) struct InspectArguments {
    /// The key directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Where the keys are, and their passwords.
#[derive(Debug, Args)]
pub(super) struct ChangePasswordArguments {
    /// The key directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    password: PasswordArguments,
    /// A file with the new password.
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
}

/// Where the keys are, and how to print them.
#[derive(Debug, Args)]
struct KeyArguments {
    /// The key directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON, as `baton genesis new --sequencer` takes it.
    #[arg(long)]
    json: bool,
}

impl KeyCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        match self {
            Self::New(NewArguments { keys: KeyArguments { dir, json }, encrypt, password }) => {
                let keys = match encrypt {
                    true => NodeKeys::create_encrypted(&dir, &password.passwords().choose()?)?,
                    false => NodeKeys::create(&dir)?,
                };
                print(&keys.public(), json)?;
                if !json {
                    let backup = if encrypt { "it, and of the password," } else { "it" };
                    eprintln!("wrote three keys to {}; keep a copy of {backup} in a safe place", dir.display());
                }
                Ok(())
            }
            Self::Show(ShowArguments { keys: KeyArguments { dir, json }, password }) => {
                print(&NodeKeys::load(&dir, &password.passwords())?.public(), json)
            }
            Self::Inspect(InspectArguments { dir, json }) => {
                print!("{}", inspect(&keys::describe(&dir)?, json)?);
                Ok(())
            }
            Self::Encrypt(ShowArguments { keys: KeyArguments { dir, json }, password }) => {
                // Keys that are encrypted already, under this password or another, are not for this command to open.
                let passwords = password.passwords();
                let changed = keys::encrypt(&dir, &Passwords::none(), &passwords.choose()?);
                report(&changed.map_err(already_encrypted)?, json)
            }
            Self::ChangePassword(ChangePasswordArguments { dir, password, new_password_file }) => {
                let new = Passwords::file_or_terminal(new_password_file).choose()?;
                report(&keys::encrypt(&dir, &password.passwords(), &new)?, false)
            }
        }
    }
}

fn already_encrypted(error: KeyError) -> eyre::Report {
    match error {
        KeyError::Locked { path } => eyre!(
            "the key file {} is encrypted already, under another password; `baton key change-password` changes it",
            path.display()
        ),
        other => other.into(),
    }
}

fn print(keys: &PublicKeys, json: bool) -> eyre::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(keys)?);
    } else {
        println!("{}", keys.to_text());
    }
    Ok(())
}

fn report(changed: &[&str], json: bool) -> eyre::Result<()> {
    match (changed, json) {
        (_, true) => println!("{}", json!({ "encrypted": changed })),
        ([], false) => println!("nothing to do: the keys have this password already"),
        (_, false) => println!("encrypted {}", changed.join(" and ")),
    }
    Ok(())
}

fn inspect(files: &[(&'static str, KeyFileSummary)], json: bool) -> eyre::Result<String> {
    if json {
        let map: Map<_, _> = files
            .iter()
            .map(|(name, file)| Ok(((*name).to_owned(), serde_json::to_value(file)?)))
            .collect::<Result<_, serde_json::Error>>()?;
        return Ok(serde_json::to_string_pretty(&map)? + "\n");
    }
    let line = |(name, KeyFileSummary { format, address, bls_public_key }): &(&str, KeyFileSummary)| {
        let claim = match (address, bls_public_key) {
            (Some(address), _) => format!(", of {address}"),
            (None, Some(public)) => format!(", of {}", public.0),
            (None, None) => String::new(),
        };
        format!("{name:<13} {format}{claim}\n")
    };
    Ok(files.iter().map(line).collect())
}
