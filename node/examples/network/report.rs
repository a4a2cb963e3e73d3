//! The figures as a table and as JSON.

use crate::{
    measure::Measured,
    options::{Form, Options},
    statistics::quantile,
};
use serde_json::{Value, json};

/// All figures.
pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) measured: Vec<Measured>,
}

/// What stands above the rows.
fn head(options: &Options) -> [String; 3] {
    [
        format!("blocks of transactions of 1 kB, one every {:?}", options.block_time),
        format!(
            "{:>5} {:8}{:>7} |{:^23} |{:^15} |{:^25} |{:>6}{:>7}{:>8}",
            "",
            "",
            "block",
            "ms until a node has it",
            "the last node",
            "kB a node sends a block",
            "",
            "nodes",
            "others"
        ),
        format!(
            "{:>5} {:8}{:>7} |{:>7}{:>8}{:>8} |{:>7}{:>8} |{:>12}{:>13} |{:>6}{:>15}",
            "nodes", "", "kB", "p50", "p99", "max", "p50", "p99", "mean", "most", "count", "processors"
        ),
    ]
}

/// One line of the table.
pub(crate) fn row(measured: &Measured) -> String {
    let Measured {
        nodes, form, transactions, blocks, each, last, bytes: (mean, most), processors: (own, other), ..
    } = measured;
    let part = |values: &[f64], part| quantile(values, part).unwrap_or(f64::NAN);
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|of| part(each, of));
    let [last50, last99] = [0.5, 0.99].map(|of| part(last, of));
    let remark = match (measured.missed, measured.others) {
        (0, 0) => String::new(),
        (missed, others) => format!("  {missed} not on the mesh, {others} blocks of another size"),
    };
    format!(
        "{nodes:>5} {:8}{transactions:>7} |{p50:>7.1}{p99:>8.1}{max:>8.1} |{last50:>7.1}{last99:>8.1} |{:>12.1}{:>13.1} |{blocks:>6}{own:>7.2}{other:>8.2}{remark}",
        name(*form),
        mean / 1e3,
        most / 1e3,
    )
}

const fn name(form: Form) -> &'static str {
    match form {
        Form::Compact => "compact",
        Form::Whole => "whole",
    }
}

impl Report<'_> {
    pub(crate) fn table(&self) -> String {
        let lines: Vec<_> = head(self.options).into_iter().chain(self.measured.iter().map(row)).collect();
        lines.join("\n")
    }

    pub(crate) fn to_json(&self) -> Value {
        let Options { nodes, transactions, blocks, block_time, .. } = self.options;
        json!({
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "options": {
                "nodes": nodes, "transactions": transactions, "blocks": blocks,
                "block_time_ms": block_time.as_millis() as u64,
            },
            "measured": self.measured.iter().map(to_json).collect::<Vec<_>>(),
        })
    }
}

fn to_json(measured: &Measured) -> Value {
    let Measured { nodes, form, transactions, blocks, others, each, last, missed, bytes, processors } = measured;
    let parts = |values: &[f64]| json!({ "p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": quantile(values, 1.0) });
    json!({
        "nodes": nodes, "form": name(*form), "transactions": transactions, "blocks": blocks,
        "blocks_of_another_size": others, "node_ms": parts(each), "last_node_ms": parts(last), "missed": missed,
        "bytes_mean": bytes.0, "bytes_most": bytes.1, "processors": processors.0,
        "others_busy_processors": processors.1,
    })
}
