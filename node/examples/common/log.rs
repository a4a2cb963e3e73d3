//! The logs of nodes that write JSON. All clocks are this machine's.

use eyre::WrapErr;
use serde_json::Value;
use std::{fs, path::Path, time::SystemTime};

/// The events of a log with their times, in order. Whatever else is in it is left out.
pub(crate) fn read(path: &Path) -> eyre::Result<Vec<(SystemTime, Value)>> {
    let text = fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let event = |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        let at = humantime::parse_rfc3339(event["timestamp"].as_str()?).ok()?;
        Some((at, event))
    };
    Ok(text.lines().filter_map(event).collect())
}

/// The height that an event names.
pub(crate) fn height(event: &Value) -> Option<u64> {
    let height = &event["height"];
    height.as_u64().or_else(|| height.as_str()?.parse().ok())
}
