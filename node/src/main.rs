//! The `baton` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    baton_node::cli::main()
}
