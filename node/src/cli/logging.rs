//! The log of `baton node`, on standard error.

use crate::config::{LogConfig, LogFormat};
use eyre::{WrapErr, eyre};
use std::io::{self, IsTerminal};
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging for the rest of the process.
pub(super) fn start(config: &LogConfig) -> eyre::Result<()> {
    let LogConfig { filter, format } = config;
    let filter = EnvFilter::try_new(filter)
        .wrap_err_with(|| format!("log-filter `{filter}` is not a level or target=level, comma separated"))?;
    let log = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    }
    .map_err(|error| eyre!("cannot start the log: {error}"))
}
