//! What a machine may refuse to tests, such as a container that makes no namespaces.

use std::process::Command;

/// Whether this machine refuses what a command does, in which `{root}` stands for what makes a user root there: `test` is then
/// skipped, by its name and with the reason. Where `CI` is set nothing is skipped.
///
/// # Panics
/// Where it is refused, and `CI` is set.
pub fn refused(test: &str, command: &str) -> bool {
    let become_root = if rustix::process::geteuid().is_root() { "" } else { "--user --map-root-user" };
    let output = Command::new("sh").args(["-c", &command.replace("{root}", become_root)]).output().expect("sh runs");
    if output.status.success() {
        return false;
    }
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(std::env::var_os("CI").is_none(), "{test} cannot run: this machine refuses `{command}`: {why}");
    eprintln!("SKIPPED {test}: this machine refuses `{command}`: {why}");
    true
}
