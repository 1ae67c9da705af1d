//! See `wazapp --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wazapp::cli::main()
}
