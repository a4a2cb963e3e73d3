//! The ceilings of the machine, as the examples whose names end in `_ceilings` print them.

use eyre::WrapErr;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// Each ceiling by name, with its unit.
pub(crate) type Ceilings = BTreeMap<String, (f64, String)>;

/// Reads JSON lines; others are skipped.
pub(crate) fn read(path: &Path) -> eyre::Result<Ceilings> {
    let text = fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.filter_map(|line| ceiling(&line)).collect())
}

fn ceiling(line: &Value) -> Option<(String, (f64, String))> {
    if let Some(name) = line["ceiling"].as_str() {
        return Some((name.to_owned(), (line["per_second"].as_f64()?, "1/s".to_owned())));
    }
    let unit = line["unit"].as_str()?.to_owned();
    Some((line["name"].as_str()?.to_owned(), (line["value"].as_f64()?, unit)))
}
