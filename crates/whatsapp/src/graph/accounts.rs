//! WhatsApp Business Accounts, and which Apps hear of them.

use http::Method;
use serde_json::{Value, json};

use super::call::{Body, Call, digits};
use super::{Credential, Failure, Graph};
use crate::json::Read;

/// An account as Meta shows it. Only fields that were asked for, and that are not empty, are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Waba {
    /// Its id.
    pub id: String,
    /// Its name, which customers do not see.
    pub name: Option<String>,
    /// What it is charged in.
    pub currency: Option<String>,
    /// Where it is.
    pub country: Option<String>,
    /// `APPROVED`, `PENDING`, `REJECTED`.
    pub account_review_status: Option<String>,
    /// Of the business behind it: `verified`, `not_verified`, …, in varying case.
    pub business_verification_status: Option<String>,
    /// `SELF_OWNED`, `CLIENT_OWNED`, …
    pub ownership_type: Option<String>,
    /// Meta's object, unchanged: whatever else was asked for.
    pub whole: Value,
}

impl Waba {
    /// Reads Meta's object. `None`: it has no id.
    pub fn read(object: &Value) -> Option<Self> {
        Some(Self {
            id: object.text("id")?,
            name: object.text("name"),
            currency: object.text("currency"),
            country: object.text("country"),
            account_review_status: object.text("account_review_status"),
            business_verification_status: object.text("business_verification_status"),
            ownership_type: object.text("ownership_type"),
            whole: object.clone(),
        })
    }
}

/// An App that gets an account's webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribedApp {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Where this account's webhooks go instead of the App's own callback.
    pub override_callback_uri: Option<String>,
}

impl SubscribedApp {
    /// Reads a row of Meta's list. `None`: it has no id.
    pub fn read(row: &Value) -> Option<Self> {
        let app = row.get("whatsapp_business_api_data")?;
        let override_callback_uri = row.text("override_callback_uri");
        Some(Self { id: app.text("id")?, name: app.text("name"), override_callback_uri })
    }
}

/// A callback for one account alone, which Meta asks to prove itself first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override<'a> {
    /// HTTPS, 200 characters at most.
    pub url: &'a str,
    /// The word that it proves itself by.
    pub verify_token: &'a str,
}

impl Graph {
    /// An account, with these fields; without any, with Meta's default ones.
    pub async fn waba(&self, credential: &Credential, waba_id: &str, fields: &[&str]) -> Result<Waba, Failure> {
        let path = [digits(waba_id)?];
        let fields = fields.join(",");
        let query: &[(&str, &str)] = if fields.is_empty() { &[] } else { &[("fields", &fields)] };
        self.bring(Call { query, ..Call::new(Method::GET, &path, credential) }, Waba::read, "it names no account").await
    }

    /// Lets the token's App hear of an account; without this no webhook comes. Without an override, one that was set
    /// before is gone.
    pub async fn subscribe_app(
        &self,
        credential: &Credential,
        waba_id: &str,
        instead: Option<Override<'_>>,
    ) -> Result<(), Failure> {
        let path = [digits(waba_id)?, "subscribed_apps"];
        let body = instead.map(|to| json!({ "override_callback_uri": to.url, "verify_token": to.verify_token }));
        let body = body.as_ref().map_or(Body::Nothing, Body::Json);
        self.command(Call { body, ..Call::new(Method::POST, &path, credential) }).await
    }

    /// The Apps that hear of an account.
    pub async fn subscribed_apps(&self, credential: &Credential, waba_id: &str) -> Result<Vec<SubscribedApp>, Failure> {
        let path = [digits(waba_id)?, "subscribed_apps"];
        let answer = self.ask(Call::new(Method::GET, &path, credential)).await?;
        Ok(answer.list("data").iter().filter_map(SubscribedApp::read).collect())
    }

    /// The token's App hears of an account no more.
    pub async fn unsubscribe_app(&self, credential: &Credential, waba_id: &str) -> Result<(), Failure> {
        let path = [digits(waba_id)?, "subscribed_apps"];
        self.command(Call::new(Method::DELETE, &path, credential)).await
    }
}
