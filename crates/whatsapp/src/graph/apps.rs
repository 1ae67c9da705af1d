//! An App's own subscription to webhooks: `/{app-id}/subscriptions`, with the App's own token.

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::call::{Body, Call, digits};
use super::{Credential, Failure, Graph};
use crate::json::{Read, as_text};
use crate::webhook::OBJECT;

/// Where an App gets its webhooks, for one kind of object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// `whatsapp_business_account`; an App with other products has others.
    pub object: String,
    /// Where they go.
    pub callback_url: Option<String>,
    /// Meta ends a subscription whose callback fails for long.
    pub active: bool,
    /// What it hears of.
    pub fields: Vec<SubscriptionField>,
}

/// A field of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionField {
    /// `messages`, …
    pub name: String,
    /// The version that its payloads are written in.
    pub version: Option<String>,
}

impl Subscription {
    /// Reads a row of Meta's list. `None`: it names no object.
    pub fn read(row: &Value) -> Option<Self> {
        let field = |field: &Value| match field {
            Value::Object(_) => Some(SubscriptionField { name: field.text("name")?, version: field.text("version") }),
            word => Some(SubscriptionField { name: as_text(word)?, version: None }),
        };
        Some(Self {
            object: row.text("object")?,
            callback_url: row.text("callback_url"),
            active: row.flag("active").unwrap_or(true),
            fields: row.list("fields").iter().filter_map(field).collect(),
        })
    }
}

impl Graph {
    /// The App's subscriptions, of every kind of object.
    pub async fn app_subscriptions(
        &self,
        app_id: &str,
        app_secret: &SecretString,
    ) -> Result<Vec<Subscription>, Failure> {
        let path = [digits(app_id)?, "subscriptions"];
        let credential = Credential::of_app(app_id, app_secret);
        let answer = self.ask(Call::new(Method::GET, &path, &credential)).await?;
        Ok(answer.list("data").iter().filter_map(Subscription::read).collect())
    }

    /// Sends the App's WhatsApp webhooks there, and those of these fields alone. Meta asks the callback to prove itself
    /// before it answers.
    pub async fn set_app_subscription(
        &self,
        app_id: &str,
        app_secret: &SecretString,
        callback_url: &str,
        verify_token: &SecretString,
        fields: &[&str],
    ) -> Result<(), Failure> {
        let path = [digits(app_id)?, "subscriptions"];
        let credential = Credential::of_app(app_id, app_secret);
        let verify_token = verify_token.expose_secret();
        let body = json!({
            "object": OBJECT, "callback_url": callback_url, "verify_token": verify_token, "fields": fields.join(","),
        });
        let call = Call::new(Method::POST, &path, &credential);
        self.command(Call { body: Body::Json(&body), hidden: &[verify_token], ..call }).await
    }
}
