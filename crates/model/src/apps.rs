//! What Apps are known by: the default one's secrets from the configuration, the others' from the database. Webhooks are
//! checked with them, and calls to Meta prove themselves with them.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::{self, Credentials};
use crate::database::{Database, DatabaseError};
use crate::inbound::Lanes;
use crate::scope::Scope;
use crate::secret::Keyring;

/// How soon an App added or rotated by a command counts here.
const EVERY: Duration = Duration::from_secs(5);

/// A wrong signature may mean that a secret was just rotated; looking again is limited to this often.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// The default App.
#[derive(Clone, Debug, Default)]
pub struct DefaultApp {
    /// Meta's id, if configured: its webhooks may come on `/webhook/{id}` too.
    pub id: Option<String>,
    /// All secrets in force.
    pub secrets: Vec<SecretString>,
    /// Answers Meta's handshake.
    pub verify_token: Option<SecretString>,
}

/// Every App's credentials, kept current.
#[derive(Clone, Debug)]
pub struct Apps {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    default: Arc<Credentials>,
    default_id: Option<String>,
    others: RwLock<HashMap<String, (Lanes, Arc<Credentials>)>>,
    looked: Mutex<Option<Instant>>,
    database: Database,
    keyring: Keyring,
}

impl Apps {
    /// Knows the default App; the others after [`Apps::refresh`].
    pub fn new(default: DefaultApp, database: Database, keyring: Keyring) -> Self {
        let DefaultApp { id, secrets, verify_token } = default;
        let credentials = Credentials {
            id: id.clone().unwrap_or_default(),
            secrets,
            verify_tokens: verify_token.into_iter().collect(),
            organization_id: None,
            nth: 0,
        };
        let inner = Inner {
            default: Arc::new(credentials),
            default_id: id,
            others: RwLock::default(),
            looked: Mutex::new(None),
            database,
            keyring,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The App of a URL path, and its id as rows carry it: none for the default App.
    pub fn of_path(&self, app_id: Option<&str>) -> Option<(Option<String>, Arc<Credentials>)> {
        match app_id {
            None => Some((None, self.inner.default.clone())),
            Some(id) if self.inner.default_id.as_deref() == Some(id) => Some((None, self.inner.default.clone())),
            Some(id) => {
                let others = self.inner.others.read().unwrap_or_else(std::sync::PoisonError::into_inner);
                others.get(id).map(|(_, app)| (Some(id.to_owned()), app.clone()))
            }
        }
    }

    /// The lanes of an App's bodies; its id is as rows carry it.
    pub fn lanes(&self, app_id: Option<&str>) -> Lanes {
        let others = self.inner.others.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        match app_id.map(|id| others.get(id)) {
            None => Lanes::Shared,
            Some(known) => known.map_or(Lanes::OfApp(0), |(lanes, _)| *lanes),
        }
    }

    /// The id of the default App, where it is configured.
    pub fn default_id(&self) -> Option<&str> {
        self.inner.default_id.as_deref()
    }

    /// The newest secret of an App of this id, be it the default one. `None`: it is not known here.
    pub fn secret(&self, id: &str) -> Option<SecretString> {
        let (_, app) = self.of_path(Some(id))?;
        app.secrets.first().cloned()
    }

    /// Whether an App of this id is known, be it the default one, or one that a command added a moment ago.
    pub async fn knows(&self, id: &str) -> bool {
        self.knows_as(id, |_| true).await
    }

    async fn knows_as(&self, id: &str, fits: impl Fn(&Credentials) -> bool) -> bool {
        let known = || self.of_path(Some(id)).is_some_and(|(_, app)| fits(&app));
        if !known() && !self.refresh().await {
            // It was looked a moment ago, perhaps a moment too early.
            tokio::time::sleep(AT_MOST_EVERY).await;
            self.refresh().await;
        }
        known()
    }

    /// Whether an organization may name an App of this id: the default one, and its own. Another's, and those that the server
    /// keeps for its operators, are as good as unknown.
    pub async fn offers(&self, scope: &Scope, id: &str) -> bool {
        self.default_id() == Some(id)
            || self.knows_as(id, |app| app.organization_id == Some(scope.organization_id())).await
    }

    /// Whether an App is this organization's alone; `None`: the default App, which is the server's. What an App shares with
    /// others, only operators change.
    pub fn is_own(&self, scope: &Scope, id: Option<&str>) -> bool {
        self.of_path(id).is_some_and(|(_, app)| app.organization_id == Some(scope.organization_id()))
    }

    /// Reads the database's Apps anew, unless that was done a moment ago. Answers whether it was done now.
    pub async fn refresh(&self) -> bool {
        let mut looked = self.inner.looked.lock().await;
        if looked.is_some_and(|at| at.elapsed() < AT_MOST_EVERY) {
            return false;
        }
        *looked = Some(Instant::now());
        let loaded = async {
            let tx = self.inner.database.operator().await?;
            let loaded = app::credentials(&tx, &self.inner.keyring).await?;
            tx.close();
            Ok::<_, DatabaseError>(loaded)
        };
        match loaded.await {
            Ok((apps, unopenable)) => {
                for id in unopenable {
                    tracing::warn!(
                        app = id,
                        "an App's secret does not open with this master key: its webhooks are refused"
                    );
                }
                // Each keeps its lanes: an App that is added or removed moves no other's bodies.
                let apps = apps.into_iter();
                let apps = apps.map(|app| (app.id.clone(), (Lanes::OfApp(app.nth), Arc::new(app)))).collect();
                *self.inner.others.write().unwrap_or_else(std::sync::PoisonError::into_inner) = apps;
                true
            }
            Err(error) => {
                tracing::debug!(%error, "Apps could not be read: those known stay in force");
                false
            }
        }
    }

    /// Keeps them current until the token is cancelled.
    pub async fn keep_current(self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = rounds.tick() => { self.refresh().await; }
            }
        }
    }
}

/// Whether a handshake's token is one of the App's, in constant time.
pub fn answers_handshake(app: &Credentials, presented: &str) -> bool {
    app.verify_tokens.iter().fold(false, |answers, token| answers | token_matches(token, presented))
}

fn token_matches(expected: &SecretString, presented: &str) -> bool {
    let (expected, presented) = (expected.expose_secret().as_bytes(), presented.as_bytes());
    let difference = expected.iter().zip(presented).fold(0, |difference, (a, b)| difference | (a ^ b));
    !expected.is_empty() && expected.len() == presented.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_matches() {
        let token = SecretString::from("let-me-in");
        assert!(token_matches(&token, "let-me-in"));
        for wrong in ["", "let-me-i", "let-me-in ", "LET-ME-IN"] {
            assert!(!token_matches(&token, wrong));
        }
        assert!(!token_matches(&SecretString::from(""), ""));
    }
}
