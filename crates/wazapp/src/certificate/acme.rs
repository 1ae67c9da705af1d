//! Certificates that the server gets by itself, as the database has them: every node shows what any node got.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use model::certificate::{self, Kept, Version, Wanted};
use model::secret::Keyring;
use model::{Clock, Database, DatabaseError};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use web::serve::{Certificate, Tls};
use worker::certificate::{Binding, Roots};

use super::Watch;
use crate::config::Acme;

/// The database is looked at this often.
const LOOKED_AT: Duration = Duration::from_secs(2);

/// A sixth of its time left: renewing began when a third was.
const LITTLE_PART: i32 = 6;

/// What is asked for, and of whom.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The domains, the one that people know first.
    pub domains: Vec<String>,
    /// The certificate of these domains.
    pub wanted: Wanted,
    /// Whom the authority writes to.
    pub email: Option<String>,
    /// By what an authority that makes accounts beforehand knows whose a new one is.
    pub binding: Option<Binding>,
    /// By what a private authority proves itself.
    pub roots: Option<Roots>,
}

impl Authority {
    /// Fails where the file that a private authority is known by cannot be used.
    pub fn read(acme: &Acme) -> anyhow::Result<Self> {
        let roots = acme.ca.as_deref().map(roots).transpose()?;
        let wanted = wanted(acme);
        let (email, binding) = (acme.email.clone(), acme.binding.clone());
        Ok(Self { domains: acme.domains.clone(), wanted, email, binding, roots })
    }
}

fn roots(path: &Path) -> anyhow::Result<Roots> {
    let pem = super::read(path, "WAZAPP_ACME_CA")?;
    Roots::from_pem(&pem).with_context(|| format!("{} cannot be used as WAZAPP_ACME_CA", path.display()))
}

/// The certificate that these settings are about.
pub(crate) fn wanted(acme: &Acme) -> Wanted {
    Wanted::new(&acme.directory, &acme.domains)
}

/// The certificate that is shown, followed in the database.
pub(crate) struct Shown {
    database: Database,
    keyring: Keyring,
    clock: Clock,
    wanted: Wanted,
    domain: String,
    version: Option<Version>,
    certificate: Option<Certificate>,
}

impl Shown {
    /// The one that is there now.
    pub(crate) async fn find(database: &Database, keyring: &Keyring, clock: &Clock, authority: &Authority) -> Self {
        let domain = authority.domains.first().cloned().unwrap_or_default();
        let (database, keyring, wanted) = (database.clone(), keyring.clone(), authority.wanted.clone());
        let clock = clock.clone();
        let mut shown = Self { database, keyring, clock, wanted, domain, version: None, certificate: None };
        shown.look().await;
        shown
    }

    /// None: the server has never got one.
    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Takes up what is new; answers whether there is.
    async fn look(&mut self) -> bool {
        match self.newest().await {
            Ok(Some(kept)) => {
                // What cannot be read is not read again.
                self.version = Some(kept.version);
                match Certificate::from_pem(kept.chain.as_bytes(), kept.key.expose_secret().as_bytes()) {
                    Ok(certificate) => {
                        self.certificate = Some(certificate);
                        true
                    }
                    Err(error) => {
                        tracing::warn!("the certificate of HTTPS stays as it was: in the database {error}");
                        false
                    }
                }
            }
            Ok(None) => false,
            Err(error) => {
                tracing::debug!(%error, "it could not be looked whether there is another certificate");
                false
            }
        }
    }

    async fn newest(&self) -> model::database::Result<Option<Kept>> {
        let tx = self.database.operator().await?;
        let newest =
            certificate::newest(&tx, &self.keyring, &self.wanted, &self.domain, self.version, self.clock.now()).await?;
        tx.close();
        Ok(newest)
    }

    /// Shows who connects what any node got, until it is told to stop. Whatever fails, the certificate before goes on.
    pub(crate) async fn keep_current(mut self, tls: Tls, stop: CancellationToken) {
        let mut watch = Watch::default();
        loop {
            if let Some(certificate) = &self.certificate {
                let little = certificate.not_after().duration_since(certificate.not_before()) / LITTLE_PART;
                watch.look(certificate, little, self.clock.now());
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOKED_AT) => {}
            }
            if self.look().await
                && let Some(new) = &self.certificate
            {
                tls.replace(new);
                tracing::info!(until = %new.not_after(), names = ?new.names(), "the certificate of HTTPS was replaced");
            }
        }
    }
}

/// How it stands with a certificate: what there is, what went wrong last, and when it is tried again.
pub(crate) struct Examined {
    /// The error: it is there and cannot be read.
    pub(crate) certificate: Option<Result<Certificate, String>>,
    pub(crate) failed: Option<(Timestamp, certificate::failure::Failure)>,
    pub(crate) again_at: Option<Timestamp>,
}

impl Examined {
    /// What the database has of it.
    pub(crate) async fn read(
        database: &Database,
        keyring: &Keyring,
        acme: &Acme,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let (wanted, domain) = (wanted(acme), acme.domains.first().map_or("", String::as_str));
        let tx = database.operator().await?;
        let kept = match certificate::newest(&tx, keyring, &wanted, domain, None, now).await {
            Ok(kept) => kept.map(Ok),
            Err(DatabaseError::Unfit(why)) => Some(Err(why)),
            Err(error) => return Err(error.into()),
        };
        let standing = certificate::standing(&tx, &wanted).await?;
        tx.close();
        let read = |kept: Kept| Certificate::from_pem(kept.chain.as_bytes(), kept.key.expose_secret().as_bytes());
        let certificate = kept.map(|kept| read(kept?).map_err(|error| error.to_string()));
        let again_at = standing.as_ref().map(|standing| standing.again_at);
        Ok(Self { certificate, failed: standing.and_then(|standing| standing.failed), again_at })
    }
}
