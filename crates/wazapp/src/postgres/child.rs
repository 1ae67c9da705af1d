//! The postmaster as a child of this process.

use std::io;
use std::process::{Command, ExitStatus};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{oneshot, watch};

/// A child process, held by a thread of its own: the parent death signal is
/// sent when the thread that spawned it ends, so that thread must live as long
/// as the child, and a thread of the runtime may not.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    status: watch::Receiver<Option<ExitStatus>>,
}

impl Child {
    pub(super) async fn spawn(mut command: Command) -> io::Result<Self> {
        let (told, pid) = oneshot::channel();
        let (end, status) = watch::channel(None);
        thread::Builder::new().name("postgres".to_owned()).spawn(move || match command.spawn() {
            Ok(mut child) => {
                // Nobody hears it if the start was given up meanwhile.
                let given_up = told.send(Ok(Pid::from_child(&child))).is_err();
                if given_up {
                    let _ = kill_process(Pid::from_child(&child), Signal::INT);
                }
                end.send_replace(child.wait().ok().or(Some(ExitStatus::default())));
            }
            Err(error) => {
                let _ = told.send(Err(error));
            }
        })?;
        let pid = pid.await.map_err(io::Error::other)??;
        Ok(Self { pid, status })
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        *self.status.borrow()
    }

    /// Resolves when it has ended.
    pub(super) async fn exited(&self) -> ExitStatus {
        let mut status = self.status.clone();
        let ended = status.wait_for(Option::is_some).await;
        ended.ok().and_then(|status| *status).unwrap_or_default()
    }

    /// Signals it, unless it has ended and its id may be another's.
    pub(super) fn signal(&self, signal: Signal) {
        if self.ended().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::INT);
    }
}
