//! A certificate in files, which somebody else renews.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use model::Clock;
use tokio_util::sync::CancellationToken;
use web::serve::{Certificate, Tls};

use super::{LITTLE, Watch};

/// The files are looked at this often.
const LOOKED_AT: Duration = Duration::from_secs(5);

/// What changes when a file does.
pub(super) type Look = Option<[i64; 5]>;

/// What changes when one of the files does.
type Looks = [Look; 2];

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Files {
    cert: PathBuf,
    key: PathBuf,
    /// As they were when they were read.
    looked: Looks,
}

impl Files {
    /// Not read yet.
    pub fn new(cert: &Path, key: &Path) -> Self {
        Self { cert: cert.to_owned(), key: key.to_owned(), looked: Looks::default() }
    }

    /// What they hold now. Fails where they cannot be read, or do not fit each other.
    pub fn read(&mut self) -> anyhow::Result<Certificate> {
        // First: what comes behind this is a change.
        self.looked = self.looks();
        let (cert, key) = (super::read(&self.cert, "WAZAPP_TLS_CERT")?, super::read(&self.key, "WAZAPP_TLS_KEY")?);
        Certificate::from_pem(&cert, &key).with_context(|| {
            format!("{} and {} are no certificate and its key", self.cert.display(), self.key.display())
        })
    }

    fn looks(&self) -> Looks {
        [&self.cert, &self.key].map(|path| look(path))
    }

    /// Shows who connects what the files hold, until it is told to stop. While they hold nothing that can be used, the certificate
    /// before goes on.
    pub async fn keep_current(mut self, tls: Tls, mut certificate: Certificate, clock: Clock, stop: CancellationToken) {
        let (mut watch, mut failed) = (Watch::default(), None);
        loop {
            watch.look(&certificate, LITTLE, clock.now());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOKED_AT) => {}
            }
            // What failed may have done so for a reason that shows in no file: it is tried again.
            if self.looks() == self.looked && failed.is_none() {
                continue;
            }
            match self.read() {
                Ok(new) => {
                    failed = None;
                    tls.replace(&new);
                    tracing::info!(until = %new.not_after(), names = ?new.names(), "the certificate of HTTPS was replaced");
                    certificate = new;
                }
                Err(error) => {
                    let words = format!("the certificate of HTTPS stays as it was: {error:#}");
                    if failed.as_ref() != Some(&words) {
                        tracing::warn!("{words}");
                    }
                    failed = Some(words);
                }
            }
        }
    }
}

pub(super) fn look(path: &Path) -> Look {
    let of = std::fs::metadata(path).ok()?;
    let [length, file] = [of.size(), of.ino()].map(u64::cast_signed);
    Some([of.ctime(), of.ctime_nsec(), of.mtime_nsec(), length, file])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_between_reading_and_looking_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let made = rcgen::generate_simple_self_signed(["wa.example.org".to_owned()]).expect("a certificate");
        let write = || {
            std::fs::write(path("cert"), made.cert.pem()).expect("written");
            std::fs::write(path("key"), made.signing_key.serialize_pem()).expect("written");
        };
        write();
        let mut files = Files::new(&path("cert"), &path("key"));
        files.read().expect("a pair");
        assert_eq!(files.looks(), files.looked);
        // Renewed before anybody looks for a change: while the server starts.
        std::fs::remove_file(path("cert")).expect("removed");
        write();
        assert_ne!(files.looks(), files.looked);
        std::fs::remove_file(path("key")).expect("removed");
        files.read().expect_err("half of it");
        write();
        assert_ne!(files.looks(), files.looked, "it is read again once it is whole");
    }
}
