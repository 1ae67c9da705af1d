//! Connections of one role, kept and lent.

use std::time::Duration;

use deadpool_postgres::{Connect, Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod};
use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::engine::{Engine, Recognized};
use super::{Access, DatabaseError, Result};
use crate::{hosts, tls};

/// How long a request waits for a connection before it is told that the database is busy.
pub(super) const POOL_WAIT: Duration = Duration::from_secs(5);

/// Whether a connection that nobody used for so long still lives is asked before it is lent: what lies between may have
/// forgotten it.
const IDLE: Duration = Duration::from_secs(5);

/// No statement of ours is worth compiling: a plan that is ruled out costs so much on paper that PostgreSQL would compile what reads
/// two rows, for 140 ms, where there is no other plan. Statements are look-ups by key in an index; without statistics the planner
/// guesses otherwise, so other plans are ruled out.
macro_rules! settings {
    () => {
        "SET jit = off; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    };
}

/// One plan serves all parameters, for planning costs several times what a look-up does; what does not bear it says so
/// ([`super::Tx::query_filtered`]). Not on Citus, which needs the parameters to know where the rows lie.
const SETTINGS: &str = concat!(settings!(), " SET plan_cache_mode = force_generic_plan;");
const SETTINGS_ON_CITUS: &str = settings!();

fn settings(engine: Engine) -> &'static str {
    match engine {
        Engine::PostgreSql => SETTINGS,
        Engine::Citus => SETTINGS_ON_CITUS,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Web,
    Worker,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Web => "wazapp_web",
            Self::Worker => "wazapp_worker",
        }
    }
}

/// How the pool opens connections.
struct Opening(Option<MakeRustlsConnect>);

impl Connect for Opening {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        let config = config.clone();
        Box::pin(async move {
            let opened = hosts::open(&config, self.0.as_ref()).await?;
            Ok((opened.client, opened.driven))
        })
    }
}

pub(super) fn pool(
    access: &Access,
    (config, tls): (&Config, tls::Mode),
    role: Role,
    size: usize,
    recognized: &Recognized,
) -> Result<Pool> {
    let mut config = config.clone();
    config
        .keepalives_idle(Duration::from_secs(15))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(20))
        .connect_timeout(Duration::from_secs(5))
        // A standby would show what is old, and take nothing.
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    if access.roles_log_in {
        config.user(role.name());
    }
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(config, Opening(tls.connector()?), manager_config);
    let mut builder = Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(POOL_WAIT))
        .create_timeout(Some(POOL_WAIT))
        // Of few the plans are soon settled, and the rest may sleep.
        .queue_mode(QueueMode::Lifo)
        .runtime(deadpool_postgres::Runtime::Tokio1);
    // A transaction pooler would hand a setting to somebody else.
    let pooled = role == Role::Web && access.transaction_pooler;
    let recognized = recognized.clone();
    builder = builder.post_create(Hook::async_fn(move |client, _| {
        let recognized = recognized.clone();
        Box::pin(async move {
            let engine = recognized.ask(client).await.map_err(HookError::Backend)?;
            if pooled {
                return Ok(());
            }
            client.batch_execute(settings(engine)).await.map_err(HookError::Backend)
        })
    }));
    builder = builder.pre_recycle(Hook::async_fn(|client, metrics| {
        let is_idle = metrics.last_used() > IDLE;
        Box::pin(async move {
            match is_idle {
                true => client.batch_execute("").await.map_err(HookError::Backend),
                false => Ok(()),
            }
        })
    }));
    if !pooled {
        // A cached plan made while a table was small stays bad when it is large, and statistics come a minute late.
        // So plans are made anew: every time while a connection is young, then more and more rarely.
        builder = builder.pre_recycle(Hook::async_fn(|client, metrics| {
            let used = metrics.recycle_count;
            Box::pin(async move {
                if used < 32 || (used < 256 && used % 8 == 0) || used.is_power_of_two() {
                    client.batch_execute("DISCARD PLANS").await.map_err(HookError::Backend)?;
                }
                Ok(())
            })
        }));
    }
    builder.build().map_err(|error| DatabaseError::Unreachable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_session_compiles_its_statements() {
        for engine in [Engine::PostgreSql, Engine::Citus] {
            assert!(settings(engine).contains("SET jit = off;"), "{engine:?}");
        }
    }
}
