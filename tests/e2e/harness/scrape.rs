//! What Prometheus would read of a node.

use eyre::{OptionExt, WrapErr, ensure};
use reqwest::Client;
use std::{collections::BTreeMap, net::SocketAddr};

/// The samples of one scrape by their series, as they are written.
#[derive(Debug)]
pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Reads what a node serves at `/metrics`.
    pub(crate) async fn read(client: &Client, address: SocketAddr) -> eyre::Result<Self> {
        let response = client.get(format!("http://{address}/metrics")).send().await?.error_for_status()?;
        let text = response.text().await?;
        ensure!(text.ends_with("# EOF\n"), "cut off: {text}");
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').ok_or_eyre("a line without a value")?;
            Ok((series.to_owned(), value.parse().wrap_err_with(|| format!("{series} is no number: {value}"))?))
        });
        Ok(Self(samples.collect::<eyre::Result<_>>()?))
    }

    /// The sample of a series, labels included.
    pub(crate) fn value(&self, series: &str) -> eyre::Result<f64> {
        self.0.get(series).copied().ok_or_else(|| eyre::eyre!("no {series} in {self:?}"))
    }
}
