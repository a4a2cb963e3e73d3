//! What a person sees while the network runs: a table that redraws itself on a terminal, a line now and then elsewhere.

use super::{
    client::Status,
    fleet::Fleet,
    l1::Watch,
    load::{Counts, Ledger},
    observe::Record,
};
use alloy_primitives::Address;
use crossterm::{
    cursor::MoveToPreviousLine,
    queue,
    terminal::{Clear, ClearType},
};
use futures::future::join_all;
use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    time::Duration,
};
use tokio::time::timeout;

/// How long a node may take to tell its status before its row says that it does not answer.
const PATIENCE: Duration = Duration::from_millis(800);

/// The view of a running network.
#[derive(Debug)]
pub(super) struct Table {
    terminal: bool,
    /// How many lines of the screen are ours.
    drawn: u16,
    last_included: usize,
    last_at: Duration,
    frames: u64,
    /// How many notes of the watch over the set were shown.
    notes: usize,
}

struct Row {
    index: usize,
    operator: Option<Address>,
    paused: bool,
    /// None when the node is down or paused.
    answer: Option<Result<Status, ()>>,
}

impl Table {
    /// For wherever standard output leads.
    pub(super) fn new(record: &Record) -> Self {
        let included = record.chronicle().included();
        let terminal = io::stdout().is_terminal();
        Self { terminal, drawn: 0, last_included: included, last_at: record.now(), frames: 0, notes: 0 }
    }

    /// Shows the present; to be called about once a second. Without a terminal every second call shows something.
    pub(super) async fn show(
        &mut self,
        fleet: &Fleet,
        record: &Record,
        ledger: &Ledger,
        set: Option<&Watch>,
        elapsed: Duration,
    ) {
        self.frames += 1;
        if let Some(set) = set {
            self.tell(&set.notes_since(self.notes));
        }
        if !self.terminal && self.frames.is_multiple_of(2) {
            return;
        }
        let rows = rows(fleet).await;
        let (included, at) = (record.chronicle().included(), record.now());
        let span = at.saturating_sub(self.last_at).as_secs_f64().max(0.001);
        let rate = included.saturating_sub(self.last_included) as f64 / span;
        (self.last_included, self.last_at) = (included, at);
        let counts = ledger.counts();
        // A closed pipe is no reason to stop the network.
        let mut text = summary(&rows, elapsed, counts, rate);
        if let Some(set) = set {
            text = format!("{text}\n{:>4}   | {}", "", set.line());
        }
        let _ = match self.terminal {
            true => self.redraw(&rows, &text),
            false => writeln!(io::stdout(), "{text}"),
        };
    }

    /// Leaves what happened above the table.
    fn tell(&mut self, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        self.notes += notes.len();
        let mut screen = io::stdout().lock();
        // A closed pipe is no reason to stop the network.
        if self.drawn > 0 {
            let _ = queue!(screen, MoveToPreviousLine(self.drawn), Clear(ClearType::FromCursorDown));
            self.drawn = 0;
        }
        for note in notes {
            let _ = writeln!(screen, "  *  {note}");
        }
    }

    fn redraw(&mut self, rows: &[Row], summary: &str) -> io::Result<()> {
        let mut screen = io::stdout().lock();
        if self.drawn > 0 {
            queue!(screen, MoveToPreviousLine(self.drawn), Clear(ClearType::FromCursorDown))?;
        }
        let mut text = format!(
            "{:<4} {:<13} {:<9} {:>4} {:>4} {:>6} {:>8} {:>8} {:>9} {:>5} {:>7}\n",
            "node", "sequencer", "role", "era", "term", "epoch", "head", "safe", "finalized", "peers", "pool"
        );
        for row in rows {
            row.write(&mut text);
        }
        text.push_str(summary);
        text.push('\n');
        self.drawn = u16::try_from(text.lines().count()).unwrap_or(u16::MAX);
        screen.write_all(text.as_bytes())?;
        screen.flush()
    }
}

impl Row {
    fn write(&self, text: &mut String) {
        let Self { index, operator, paused, answer } = self;
        let operator = operator.map(short).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = match answer {
            None if *paused => writeln!(text, "{index:<4} {operator:<13} paused"),
            None => writeln!(text, "{index:<4} {operator:<13} down"),
            Some(Err(())) => writeln!(text, "{index:<4} {operator:<13} no answer"),
            Some(Ok(status)) => writeln!(
                text,
                "{index:<4} {operator:<13} {:<9} {:>4} {:>4} {:>6} {:>8} {:>8} {:>9} {:>5} {:>7}",
                status.role,
                status.era,
                status.term,
                status.epoch,
                status.head.number,
                status.safe.number,
                status.finalized.number,
                status.peers,
                status.pool.pending + status.pool.queued
            ),
        };
    }
}

async fn rows(fleet: &Fleet) -> Vec<Row> {
    join_all((0..fleet.len()).map(|index| async move {
        let answer = match fleet.client(index) {
            None => None,
            Some(client) => Some(match timeout(PATIENCE, client.status()).await {
                Ok(Ok(status)) => Ok(status),
                _ => Err(()),
            }),
        };
        Row { index, operator: fleet.operator(index), paused: fleet.is_paused(index), answer }
    }))
    .await
}

/// One line about all nodes; the positions are those of the node that is furthest.
fn summary(rows: &[Row], elapsed: Duration, counts: Counts, rate: f64) -> String {
    let seconds = elapsed.as_secs();
    let up = rows.iter().filter(|row| row.answer.is_some()).count();
    let statuses = || rows.iter().filter_map(|row| row.answer.as_ref().and_then(|answer| answer.as_ref().ok()));
    let Counts { submitted, accepted, voided: _ } = counts;
    let load = format!("{submitted} sent, {accepted} accepted, {rate:.0} tx/s | {up} of {} nodes up", rows.len());
    match statuses().max_by_key(|status| status.head.number) {
        None => format!("{seconds:>4} s | no node answers | {load}"),
        Some(best) => {
            let lowest = statuses().map(|status| status.head.number).min().unwrap_or_default();
            let pool = statuses().map(|status| status.pool.pending + status.pool.queued).max().unwrap_or_default();
            format!(
                "{seconds:>4} s | term {}, epoch {}, head {} (lowest {lowest}), safe {}, finalized {} | pool {pool} | {load}",
                best.term, best.epoch, best.head.number, best.safe.number, best.finalized.number
            )
        }
    }
}

/// The ends of an address.
fn short(address: Address) -> String {
    let text = address.to_string();
    format!("{}…{}", &text[..6], &text[text.len() - 4..])
}
