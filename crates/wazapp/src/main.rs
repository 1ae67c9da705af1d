//! See `wazapp --help`.

use std::process::ExitCode;

/// A webhook is many small allocations on one thread, freed on another: what glibc's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wazapp::cli::main()
}
