//! The certificate of HTTPS: in files that somebody else renews, or in the database, where the server puts what it got by itself.

pub mod acme;
mod callers;
mod files;

use std::path::Path;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use metrics::gauge;
use web::serve::Certificate;

pub use callers::CallerFiles;
pub use files::Files;

/// Who renews certificates in files does so a month before their end: with less left, that has failed.
pub(crate) const LITTLE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Tells monitors until when a certificate holds, and the log when it ends soon: each day once.
#[derive(Debug, Default)]
struct Watch {
    warned: Option<i64>,
}

impl Watch {
    /// `little`: with less left, renewing has failed.
    fn look(&mut self, certificate: &Certificate, little: SignedDuration, now: Timestamp) {
        gauge!("wazapp_certificate_expires_timestamp").set(certificate.not_after().as_second() as f64);
        let left = certificate.not_after().duration_since(now);
        let day = left.as_hours() / 24;
        if left < little && self.warned != Some(day) {
            self.warned = Some(day);
            tracing::warn!(until = %certificate.not_after(), "the certificate of HTTPS ends soon, and was not renewed");
        }
    }
}

/// A file that a setting names.
fn read(path: &Path, setting: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| {
        format!("{} cannot be read: see that it is there and open to this user, or set {setting}", path.display())
    })
}
