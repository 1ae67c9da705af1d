//! What opens Meta's doors.

use secrecy::{ExposeSecret, SecretString};

use crate::signature;

/// An access token, and the secret of the App that it belongs to, where that is known. `Debug` shows neither.
#[derive(Clone, Debug)]
pub struct Credential {
    pub(super) token: SecretString,
    pub(super) app_secret: Option<SecretString>,
}

impl Credential {
    /// A token of a user, a system user or a business.
    pub fn new(token: SecretString) -> Self {
        Self { token, app_secret: None }
    }

    /// With the App's secret each call also carries `appsecret_proof`, which Meta demands of Apps that are set to
    /// "Require App Secret".
    #[must_use]
    pub fn with_app_secret(self, app_secret: SecretString) -> Self {
        Self { app_secret: Some(app_secret), ..self }
    }

    /// The App's own token, `APP_ID|APP_SECRET`.
    pub fn of_app(app_id: &str, app_secret: &SecretString) -> Self {
        let token = SecretString::from(format!("{app_id}|{}", app_secret.expose_secret()));
        Self { token, app_secret: Some(app_secret.clone()) }
    }

    /// `appsecret_proof`: HMAC-SHA256 of the token under the App's secret, in hexadecimal. See Meta's page "Securing
    /// Graph API requests".
    pub(super) fn proof(&self) -> Option<String> {
        let secret = self.app_secret.as_ref()?.expose_secret();
        Some(signature::hex(secret, self.token.expose_secret().as_bytes()))
    }

    /// What no text may show.
    pub(super) fn hidden(&self) -> impl Iterator<Item = &str> {
        [Some(&self.token), self.app_secret.as_ref()].into_iter().flatten().map(ExposeSecret::expose_secret)
    }
}

/// A token, with its App's secret where that is known.
impl From<(SecretString, Option<SecretString>)> for Credential {
    fn from((token, app_secret): (SecretString, Option<SecretString>)) -> Self {
        Self { token, app_secret }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    /// The vector of the protocol notes, §2.2.
    #[test]
    fn the_proof_is_the_token_under_the_secret() {
        let credential = Credential::new(secret("EAAtesttoken"));
        assert_eq!(credential.proof(), None);
        let proof = credential.with_app_secret(secret("test_app_secret")).proof();
        assert_eq!(proof.as_deref(), Some("2f6c99f265a9e1644d725e8f9c96e439fcbf40a73357d1d98ba8b98fbfe445e4"));
    }

    #[test]
    fn nothing_shows() {
        let shown = format!("{:?}", Credential::of_app("1234", &secret("hush")));
        assert!(!shown.contains("hush") && !shown.contains("1234"), "{shown}");
    }
}
