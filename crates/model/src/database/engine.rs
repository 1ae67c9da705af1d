//! What the database is: some forms of a statement are for one kind of server alone.

use std::sync::{Arc, OnceLock};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::SimpleQueryMessage;

/// The kind of server that statements are made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// One PostgreSQL.
    #[default]
    PostgreSql,
    /// A cluster of them: a row lies where its organization lies.
    Citus,
}

/// What it turned out to be when somebody first connected, or what it was said to be. It stays that until the server is
/// started again.
#[derive(Clone, Debug, Default)]
pub(super) struct Recognized(Arc<OnceLock<Engine>>);

impl Recognized {
    pub(super) fn said(engine: Option<Engine>) -> Self {
        Self(Arc::new(engine.map_or_else(OnceLock::new, OnceLock::from)))
    }

    /// Whoever has a connection knows it.
    pub(super) fn engine(&self) -> Engine {
        self.0.get().copied().unwrap_or_default()
    }

    /// Asks who answers on a fresh connection, unless that is known.
    pub(super) async fn ask(&self, client: &ClientWrapper) -> Result<Engine, tokio_postgres::Error> {
        if let Some(engine) = self.0.get() {
            return Ok(*engine);
        }
        let answers = client.simple_query("SELECT FROM pg_extension WHERE extname = 'citus'").await?;
        let citus = answers.iter().any(|answer| matches!(answer, SimpleQueryMessage::Row(_)));
        Ok(*self.0.get_or_init(|| if citus { Engine::Citus } else { Engine::PostgreSql }))
    }
}
