//! The program `panoptikon`.

use std::process::ExitCode;

fn main() -> ExitCode {
    panoptikon::cli::main()
}
