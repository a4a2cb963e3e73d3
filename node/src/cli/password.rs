//! The password of encrypted keys as a flag.

use crate::keys::Passwords;
use clap::Args;
use std::path::PathBuf;

/// Where the password of encrypted keys is.
#[derive(Clone, Debug, Args)]
pub(super) struct PasswordArguments {
    /// A file whose first line is the password of the keys; without it, BATON_PASSWORD is, or you are asked.
    #[arg(long, env = "BATON_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordArguments {
    pub(super) fn passwords(self) -> Passwords {
        Passwords::new(self.password_file)
    }
}
