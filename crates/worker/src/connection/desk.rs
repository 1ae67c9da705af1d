//! What a step has at hand.

use jiff::Timestamp;
use model::connection::Job;
use model::trouble::{Trouble, Words};
use secrecy::SecretString;
use whatsapp::graph::{Credential, Failure};

use super::{Settings, trouble};

/// How Meta's window ends where the number stays in the WhatsApp Business app.
pub(super) const SHARED_WITH_PHONE: &str = "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING";

/// What came of a step.
#[derive(Clone, Debug)]
pub(super) enum Came {
    /// It is done.
    Done(Words),
    /// It is done, and something should be looked at.
    Warned(Words, Box<Trouble>),
    /// There was no need, or no way.
    Skipped(Words),
    /// No, and asking again would not help.
    Refused(Box<Trouble>),
    /// Nobody answered, or not now.
    NoAnswer(Box<Trouble>),
    /// It goes on then.
    Waits(Timestamp),
}

impl Came {
    pub(super) fn done(en: impl Into<String>, es: impl Into<String>) -> Self {
        Self::Done(Words::new(en, es))
    }

    pub(super) fn skipped(en: impl Into<String>, es: impl Into<String>) -> Self {
        Self::Skipped(Words::new(en, es))
    }
}

impl From<Failure> for Came {
    fn from(failure: Failure) -> Self {
        let why = Box::new(trouble::of(&failure));
        if trouble::may_pass(&failure) { Self::NoAnswer(why) } else { Self::Refused(why) }
    }
}

impl From<Trouble> for Came {
    fn from(why: Trouble) -> Self {
        Self::Refused(why.into())
    }
}

impl From<Box<Trouble>> for Came {
    fn from(why: Box<Trouble>) -> Self {
        Self::Refused(why)
    }
}

/// An App whose secret is known here.
pub(super) struct KnownApp {
    pub(super) id: String,
    pub(super) secret: SecretString,
}

/// An attempt, and what its steps work with.
pub(super) struct Desk<'a> {
    pub(super) settings: &'a Settings,
    pub(super) job: &'a mut Job,
}

impl Desk<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.settings.to_meta.clock.now()
    }

    /// The App that the number comes through, where its id and its secret are known.
    pub(super) async fn app(&self) -> Option<KnownApp> {
        let apps = &self.settings.to_meta.apps;
        let id = self.job.connection.app_id.as_deref().or_else(|| apps.default_id())?;
        if !apps.knows(id).await {
            return None;
        }
        Some(KnownApp { id: id.to_owned(), secret: apps.secret(id)? })
    }

    /// The word by which our callback knows Meta, for that App.
    pub(super) fn verify_token(&self) -> Option<SecretString> {
        let (_, app) = self.settings.to_meta.apps.of_path(self.job.connection.app_id.as_deref())?;
        app.verify_tokens.first().cloned()
    }

    /// Where that App's webhooks are to come.
    pub(super) fn callback_url(&self) -> String {
        let base = self.settings.public_url.trim_end_matches('/');
        match &self.job.connection.app_id {
            None => format!("{base}/webhook"),
            Some(app_id) => format!("{base}/webhook/{app_id}"),
        }
    }

    pub(super) fn token(&self) -> Result<SecretString, Box<Trouble>> {
        match self.job.token(&self.settings.to_meta.keyring) {
            Ok(Some(token)) => Ok(token),
            Ok(None) => Err(trouble::no_token().into()),
            Err(unopenable) => Err(trouble::unopenable(&unopenable.to_string()).into()),
        }
    }

    /// The token, with the secret that proves it, where Meta said whose it is.
    pub(super) fn credential(&self) -> Result<Credential, Box<Trouble>> {
        let secret = self.job.learned.token_app_id.as_deref().and_then(|app| self.settings.to_meta.apps.secret(app));
        Ok(Credential::from((self.token()?, secret)))
    }

    /// Meta's id of the number, which a step before this one made sure of.
    pub(super) fn phone_number_id(&self) -> Result<&str, Box<Trouble>> {
        self.job.connection.phone_number_id.as_deref().ok_or_else(|| trouble::no_number().into())
    }

    /// Meta's id of the account, likewise.
    pub(super) fn waba_id(&self) -> Result<&str, Box<Trouble>> {
        self.job.connection.waba_id.as_deref().ok_or_else(|| trouble::no_account().into())
    }

    /// Whether the number stays in the WhatsApp Business app: it is never registered here, nor deregistered.
    pub(super) fn is_shared_with_phone(&self) -> bool {
        self.job.learned.is_on_biz_app == Some(true) || self.job.session_event.as_deref() == Some(SHARED_WITH_PHONE)
    }
}
