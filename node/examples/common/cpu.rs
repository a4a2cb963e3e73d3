//! Processor time, of a process and of the machine.

use eyre::{WrapErr, eyre};
use std::fs;

/// Ticks a second in `/proc`: the same on all of Linux.
const TICKS: f64 = 100.0;

/// The processor time of a process, user and system, in seconds (proc(5): fields 14 and 15).
pub(crate) fn cpu_of(process: u32) -> eyre::Result<f64> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).wrap_err_with(|| format!("cannot read {path}"))?;
    // The second field, a name in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(|| eyre!("{path} is malformed"))?;
    let ticks: Option<Vec<f64>> = fields.split_whitespace().skip(11).take(2).map(|text| text.parse().ok()).collect();
    let ticks = ticks.ok_or_else(|| eyre!("{path} is malformed"))?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// The time that all processors together were busy since the start of the machine, in seconds (proc(5): `/proc/stat`).
pub(crate) fn busy() -> eyre::Result<f64> {
    let stat = fs::read_to_string("/proc/stat").wrap_err("cannot read /proc/stat")?;
    let first = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let fields: Vec<f64> = first.filter_map(|text| text.parse().ok()).collect();
    // user, nice, system; idle and waiting left out; interrupts. What guests take is in user and nice.
    match fields.as_slice() {
        [user, nice, system, _, _, interrupts, soft, ..] => Ok((user + nice + system + interrupts + soft) / TICKS),
        _ => Err(eyre!("/proc/stat is malformed")),
    }
}
