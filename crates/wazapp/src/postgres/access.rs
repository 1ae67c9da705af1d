//! The way in for admin commands, whether the server runs or not.

use std::path::Path;

use tokio::time::{Instant, sleep};

use super::cluster::{self, Cluster};
use super::error::PostgresError;
use super::lock::{CommandsLock, DirLock, Holder};
use super::{ConnectionParams, Options, PATIENCE, POLL, PrivatePostgres, Progress, absolute_data_dir};

/// A database an admin command can use until it calls `close`.
#[derive(Debug)]
#[must_use = "close it, or a PostgreSQL started for it is pulled away from others"]
pub struct Access {
    params: ConnectionParams,
    commands: CommandsLock,
    started: Option<PrivatePostgres>,
    server: Option<u32>,
}

impl Access {
    /// Uses the PostgreSQL of a running server or another command, or starts
    /// one for this command.
    pub async fn attach_or_start(options: &Options, progress: Progress<'_>) -> Result<Self, PostgresError> {
        let data_dir = absolute_data_dir(&options.data_dir)?;
        let cluster = Cluster::in_data_dir(&data_dir);
        cluster.refuse_other_owner()?;
        let commands = CommandsLock::share(&data_dir).await?;

        let started = Instant::now();
        let mut told = false;
        loop {
            // Whoever held the lock may have failed to start.
            if let Some(lock) = DirLock::for_command(&data_dir)? {
                let started = PrivatePostgres::start(options, lock, progress).await?;
                return Ok(Self {
                    params: started.connection_params(),
                    commands,
                    started: Some(started),
                    server: None,
                });
            }
            if let Some(running) = cluster.running().filter(|running| running.answers()) {
                return Ok(Self {
                    params: ConnectionParams { host: running.socket_dir, dbname: cluster::DATABASE },
                    commands,
                    started: None,
                    server: Holder::of(&data_dir).filter(Holder::serves).map(|holder| holder.pid),
                });
            }
            if started.elapsed() > PATIENCE {
                return Err(no_answer(&data_dir));
            }
            if !told && started.elapsed().as_secs() >= 1 {
                progress("waiting for the PostgreSQL of another wazapp to answer");
                told = true;
            }
            sleep(POLL).await;
        }
    }

    /// The process of the server whose PostgreSQL this is; `None`: no server runs on it.
    pub fn server(&self) -> Option<u32> {
        self.server
    }

    /// How to reach the database.
    pub fn connection_params(&self) -> &ConnectionParams {
        &self.params
    }

    /// Stops a PostgreSQL that was started for this command, as soon as no
    /// other command uses it.
    pub async fn close(self, progress: Progress<'_>) -> Result<(), PostgresError> {
        if let Some(mut started) = self.started {
            self.commands.alone(progress).await?;
            started.stop().await;
        }
        Ok(())
    }
}

fn no_answer(data_dir: &Path) -> PostgresError {
    PostgresError::NoAnswer {
        pid: Holder::of(data_dir).map_or(0, |holder| holder.pid),
        data_dir: data_dir.to_owned(),
        log: data_dir.join("postgres.log"),
    }
}
