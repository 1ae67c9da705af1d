//! The authorities of webhooks' callers, in files that whoever runs the server changes when the caller's authority does.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use web::serve::{Callers, Tls};

use super::files::{Look, look};

/// The files are looked at this often.
const LOOKED_AT: Duration = Duration::from_secs(2);

/// The files of the authorities, and the name that a certificate of theirs must be of.
#[derive(Clone, Debug)]
pub struct CallerFiles {
    files: Vec<PathBuf>,
    name: String,
    /// As they were when they were read.
    looked: Vec<Look>,
}

impl CallerFiles {
    /// Not read yet.
    pub fn new(files: &[PathBuf], name: &str) -> Self {
        Self { files: files.to_vec(), name: name.to_owned(), looked: Vec::new() }
    }

    /// What they hold now. Fails where one cannot be read, or holds no authority's certificate.
    pub fn read(&mut self) -> anyhow::Result<Callers> {
        // First: what comes behind this is a change.
        self.looked = self.looks();
        let mut pem = Vec::new();
        for path in &self.files {
            let read = super::read(path, "WAZAPP_WEBHOOK_CLIENT_CA")?;
            Callers::from_pem(std::slice::from_ref(&read), &self.name)
                .with_context(|| format!("{} cannot be used as WAZAPP_WEBHOOK_CLIENT_CA", path.display()))?;
            pem.push(read);
        }
        Callers::from_pem(&pem, &self.name).context("WAZAPP_WEBHOOK_CLIENT_CA cannot be used")
    }

    fn looks(&self) -> Vec<Look> {
        self.files.iter().map(|path| look(path)).collect()
    }

    /// Takes up what the files hold, until it is told to stop. While they hold nothing that can be used, those of before are taken.
    pub async fn keep_current(mut self, tls: Tls, stop: CancellationToken) {
        let mut failed = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOKED_AT) => {}
            }
            if self.looks() == self.looked && failed.is_none() {
                continue;
            }
            match self.read() {
                Ok(callers) => {
                    failed = None;
                    let authorities: Vec<&str> = callers.authorities().iter().map(|one| one.name.as_str()).collect();
                    tracing::info!(?authorities, "the authorities of webhooks' callers were replaced");
                    tls.ask(callers);
                }
                Err(error) => {
                    let words = format!("the authorities of webhooks' callers stay as they were: {error:#}");
                    if failed.as_ref() != Some(&words) {
                        tracing::warn!("{words}");
                    }
                    failed = Some(words);
                }
            }
        }
    }
}
