//! Connections of one role, kept and lent.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::{Config, NoTls};

use super::{Access, DatabaseError, Result};
use crate::tls;

/// How long a request waits for a connection before it is told that the database is busy.
pub(super) const POOL_WAIT: Duration = Duration::from_secs(5);

/// The worker's statements are index look-ups by key. Without statistics the planner guesses otherwise, so its sessions
/// rule other plans out.
const WORKER_SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan;";

/// Requests' statements carry optional filters, which only a plan made for the values at hand can leave out.
const WEB_SETTINGS: &str = "SET plan_cache_mode = force_custom_plan;";

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

pub(super) fn pool(access: &Access, (config, tls): (&Config, tls::Mode), role: Role, size: usize) -> Result<Pool> {
    let mut config = config.clone();
    config
        .keepalives_idle(Duration::from_secs(15))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(20))
        .connect_timeout(Duration::from_secs(5));
    if access.roles_log_in {
        config.user(role.name());
    }
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match tls.connector()? {
        None => Manager::from_config(config, NoTls, manager_config),
        Some(connector) => Manager::from_config(config, connector, manager_config),
    };
    let mut builder = Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(POOL_WAIT))
        .create_timeout(Some(POOL_WAIT))
        .runtime(deadpool_postgres::Runtime::Tokio1);
    let settings = match role {
        Role::Worker => Some(WORKER_SETTINGS),
        // A transaction pooler would hand the setting to somebody else.
        Role::Web => (!access.transaction_pooler).then_some(WEB_SETTINGS),
    };
    if let Some(settings) = settings {
        builder = builder.post_create(Hook::async_fn(move |client, _| {
            Box::pin(async move { client.batch_execute(settings).await.map_err(HookError::Backend) })
        }));
    }
    if role == Role::Worker {
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
