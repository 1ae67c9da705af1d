//! The certificate of HTTPS, in files that somebody else renews.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use metrics::gauge;
use model::Clock;
use tokio_util::sync::CancellationToken;
use web::serve::{Certificate, Tls};

use crate::config::Https;

/// The files are looked at this often.
const LOOKED_AT: Duration = Duration::from_secs(5);

/// Who renews certificates does so a month before their end: with less left, that has failed.
pub(crate) const LITTLE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl From<&Https> for Files {
    fn from(https: &Https) -> Self {
        Self { cert: https.cert.clone(), key: https.key.clone() }
    }
}

impl Files {
    /// What they hold now. Fails where they cannot be read, or do not fit each other.
    pub fn read(&self) -> anyhow::Result<Certificate> {
        let read = |path: &Path, setting: &str| {
            let words = || {
                format!(
                    "{} cannot be read: see that it is there and open to this user, or set {setting}",
                    path.display()
                )
            };
            std::fs::read(path).with_context(words)
        };
        let (cert, key) = (read(&self.cert, "WAZAPP_TLS_CERT")?, read(&self.key, "WAZAPP_TLS_KEY")?);
        Certificate::from_pem(&cert, &key).with_context(|| {
            format!("{} and {} are no certificate and its key", self.cert.display(), self.key.display())
        })
    }

    /// What changes when one of them does.
    fn looks(&self) -> [Option<[i64; 5]>; 2] {
        [&self.cert, &self.key].map(|path| {
            let of = std::fs::metadata(path).ok()?;
            let [length, file] = [of.size(), of.ino()].map(u64::cast_signed);
            Some([of.ctime(), of.ctime_nsec(), of.mtime_nsec(), length, file])
        })
    }

    /// Shows who connects what the files hold, until it is told to stop. While they hold nothing that can be used, the certificate
    /// before goes on.
    pub async fn keep_current(self, tls: Tls, mut certificate: Certificate, clock: Clock, stop: CancellationToken) {
        let mut looks = self.looks();
        let mut warned = None;
        loop {
            gauge!("wazapp_certificate_expires_timestamp").set(certificate.not_after().as_second() as f64);
            let left = certificate.not_after().duration_since(clock.now());
            if left < LITTLE && warned != Some(left.as_hours() / 24) {
                warned = Some(left.as_hours() / 24);
                tracing::warn!(until = %certificate.not_after(), "the certificate of HTTPS ends soon, and was not renewed");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOKED_AT) => {}
            }
            let now = self.looks();
            if now == looks {
                continue;
            }
            looks = now;
            match self.read() {
                Ok(new) => {
                    tls.replace(&new);
                    tracing::info!(until = %new.not_after(), names = ?new.names(), "the certificate of HTTPS was replaced");
                    certificate = new;
                }
                Err(error) => tracing::warn!("the certificate of HTTPS stays as it was: {error:#}"),
            }
        }
    }
}
