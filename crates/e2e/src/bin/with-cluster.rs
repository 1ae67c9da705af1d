//! Runs a command with a PostgreSQL for tests beside it: `with-cluster -- cargo nextest run`.
//!
//! The command finds the directory of the socket in WAZAPP_TEST_CLUSTER. However it ends, also by Ctrl-C, the cluster
//! is stopped and its directory removed. The exit code is the command's.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::cluster::{self, Cluster};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// How long a command that was asked to end may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--") {
        arguments.remove(0);
    }
    let Some((program, arguments)) = arguments.split_first() else {
        eprintln!("with-cluster: name the command to run: with-cluster -- COMMAND");
        return ExitCode::from(2);
    };
    let mut command = Command::new(program);
    command.args(arguments);
    match run(command).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("with-cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut command: Command) -> Result<u8> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let cluster = tokio::select! {
        cluster = Cluster::start() => cluster?,
        // Its directory goes when the half-made cluster is dropped.
        _ = interrupt.recv() => return Ok(130),
        _ = terminate.recv() => return Ok(143),
    };
    command.env(cluster::VARIABLE, cluster.socket_dir());
    let code = match command.spawn() {
        Err(error) => Err(error).context("the command does not start"),
        Ok(mut child) => tokio::select! {
            status = child.wait() => status.map(code).context("the command cannot be waited for"),
            // From a terminal the command hears it too.
            _ = interrupt.recv() => Ok(end(child, Signal::INT).await.unwrap_or(130)),
            _ = terminate.recv() => Ok(end(child, Signal::TERM).await.unwrap_or(143)),
        },
    };
    cluster.stop().await;
    code
}

async fn end(mut child: Child, with: Signal) -> Option<u8> {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()))?;
    let _ = kill_process(pid, with);
    if let Ok(status) = tokio::time::timeout(PATIENCE, child.wait()).await {
        return status.ok().map(code);
    }
    let _ = child.kill().await;
    None
}

fn code(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(1));
    u8::try_from(code).unwrap_or(1)
}
