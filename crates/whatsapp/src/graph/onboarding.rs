//! Embedded Signup: a code becomes a token, and a token is looked at before it is believed.

use std::time::Duration;

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::call::{Body, Call, digits};
use super::{Credential, Failure, Graph, MetaError};
use crate::json::Read;

/// A token that a code was exchanged for.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The token.
    pub token: SecretString,
    /// How long it lives; `None`: until it is revoked.
    pub expires_in: Option<Duration>,
}

impl Granted {
    /// Reads Meta's answer. `None`: it has no token.
    pub fn read(answer: &Value) -> Option<Self> {
        let seconds = answer.int("expires_in").and_then(|seconds| u64::try_from(seconds).ok());
        let expires_in = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Some(Self { token: answer.text("access_token")?.into(), expires_in })
    }
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenInfo {
    /// The App it belongs to.
    pub app_id: Option<String>,
    /// Whether it opens anything.
    pub is_valid: bool,
    /// `USER`, `SYSTEM_USER`, `APP`, …
    pub kind: Option<String>,
    /// Whose it is.
    pub user_id: Option<String>,
    /// When it ends, in Unix seconds; `None`: never, until it is revoked.
    pub expires_at: Option<i64>,
    /// When its view of people's data ends, in Unix seconds; `None`: never.
    pub data_access_expires_at: Option<i64>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// What it may do to what.
    pub granular_scopes: Vec<GranularScope>,
    /// Why it is worth nothing.
    pub error: Option<MetaError>,
}

/// A scope that is bound to accounts or businesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GranularScope {
    /// `whatsapp_business_management`, …
    pub scope: String,
    /// What it is bound to, the newest first; empty: everything of the business.
    pub target_ids: Vec<String>,
}

impl TokenInfo {
    /// Reads Meta's answer. `None`: it has no `data`.
    pub fn read(answer: &Value) -> Option<Self> {
        let data = answer.get("data").filter(|data| data.is_object())?;
        let scope =
            |scope: &Value| Some(GranularScope { scope: scope.text("scope")?, target_ids: scope.words("target_ids") });
        let moment = |key| data.int(key).filter(|seconds| *seconds > 0);
        Some(Self {
            app_id: data.text("app_id"),
            is_valid: data.flag("is_valid").unwrap_or(false),
            kind: data.text("type"),
            user_id: data.text("user_id"),
            expires_at: moment("expires_at"),
            data_access_expires_at: moment("data_access_expires_at"),
            scopes: data.words("scopes"),
            granular_scopes: data.list("granular_scopes").iter().filter_map(scope).collect(),
            error: data.get("error").and_then(|error| MetaError::of(200, error, &[])),
        })
    }

    /// Whether it may do this to that: what a browser says of an account is believed only then.
    pub fn may(&self, scope: &str, target_id: &str) -> bool {
        let bound: Vec<&GranularScope> = self.granular_scopes.iter().filter(|has| has.scope == scope).collect();
        if bound.is_empty() {
            return self.is_valid && self.scopes.iter().any(|has| has == scope);
        }
        let reaches =
            |has: &GranularScope| has.target_ids.is_empty() || has.target_ids.iter().any(|id| id == target_id);
        self.is_valid && bound.into_iter().any(reaches)
    }
}

impl Graph {
    /// Exchanges the code that Embedded Signup hands to the browser: it lives 30 seconds and is good once, so what ends
    /// in [`Failure::Unknown`] needs a new sign-up. The code and the App's secret are in the body: OAuth (RFC 6749,
    /// §4.1.3) has them there, and Meta, which shows them in the URL, takes them there.
    pub async fn exchange_code(
        &self,
        app_id: &str,
        app_secret: &SecretString,
        code: &SecretString,
    ) -> Result<Granted, Failure> {
        let (secret, code) = (app_secret.expose_secret(), code.expose_secret());
        let form = [("client_id", digits(app_id)?), ("client_secret", secret), ("code", code)];
        let call = Call {
            method: Method::POST,
            path: &["oauth", "access_token"],
            query: &[],
            body: Body::Form(&form),
            credential: None,
            hidden: &[secret, code],
        };
        self.bring(call, Granted::read, "it has no token").await
    }

    /// What a token is good for, asked with the App's own token.
    ///
    /// The one call with a token in its URL: Meta takes `input_token` nowhere else. The URL is shown in no log and no
    /// error.
    pub async fn debug_token(
        &self,
        app_id: &str,
        app_secret: &SecretString,
        input_token: &SecretString,
    ) -> Result<TokenInfo, Failure> {
        let input = input_token.expose_secret();
        let credential = Credential::of_app(digits(app_id)?, app_secret);
        let call = Call::new(Method::GET, &["debug_token"], &credential);
        self.bring(
            Call { query: &[("input_token", input)], hidden: &[input], ..call },
            TokenInfo::read,
            "it says nothing of the token",
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_are_read_in_every_spelling() {
        let read = |data: Value| TokenInfo::read(&json!({ "data": data })).expect("data");
        let whole = read(json!({
            "is_valid": true, "expires_at": 0, "scopes": "whatsapp_business_management, public_profile",
            "granular_scopes": [
                { "scope": "whatsapp_business_management", "target_ids": ["1", 2] },
                { "scope": "business_management" },
                { "target_ids": ["3"] },
            ],
        }));
        assert_eq!(whole.expires_at, None);
        assert_eq!(whole.scopes, ["whatsapp_business_management", "public_profile"]);
        assert_eq!(whole.granular_scopes.len(), 2);
        assert!(whole.may("whatsapp_business_management", "2"));
        assert!(!whole.may("whatsapp_business_management", "3"));
        assert!(whole.may("business_management", "3"));
        assert!(whole.may("public_profile", "3"));
        assert!(!whole.may("whatsapp_business_messaging", "1"));

        let dead = read(
            json!({ "is_valid": false, "scopes": ["a"], "error": { "code": 190, "subcode": 460, "message": "x" } }),
        );
        assert!(!dead.may("a", "1"));
        assert_eq!(dead.error.map(|error| (error.code, error.subcode)), Some((190, Some(460))));
        assert!(!read(json!({})).is_valid);
        assert_eq!(TokenInfo::read(&json!({ "data": [] })), None);
    }
}
