//! Business phone numbers: looked at, registered, closed.

use http::Method;
use serde_json::{Value, json};

use super::call::{Body, Call, digits};
use super::{Credential, Failure, Graph, Override};
use crate::json::Read;

/// More numbers than an account may have.
const MOST_NUMBERS: usize = 10_000;

/// A number as Meta shows it. Only fields that were asked for, and that are not empty, are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// `phone_number_id`.
    pub id: String,
    /// As people read it: `+1 631-555-5555`; in webhooks the same is digits alone.
    pub display_phone_number: Option<String>,
    /// The name that customers see.
    pub verified_name: Option<String>,
    /// What Meta decided of that name: `APPROVED`, `DECLINED`, `PENDING_REVIEW`, …
    pub name_status: Option<String>,
    /// `CONNECTED`, `PENDING`, `DISCONNECTED`, …
    pub status: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality_rating: Option<String>,
    /// `VERIFIED`, `NOT_VERIFIED`, `EXPIRED`.
    pub code_verification_status: Option<String>,
    /// `CLOUD_API`, `ON_PREMISE`, `NOT_APPLICABLE`.
    pub platform_type: Option<String>,
    /// `STANDARD` (80 messages a second) or `HIGH` (1,000).
    pub throughput: Option<String>,
    /// `LIVE` or `SANDBOX`.
    pub account_mode: Option<String>,
    /// How many customers may be written to first in a day: `TIER_250`, `TIER_2K`, …; of the whole portfolio.
    pub messaging_limit: Option<String>,
    /// Whether the number is also in the WhatsApp Business app. Such a number is not registered nor deregistered.
    pub is_on_biz_app: Option<bool>,
    /// Meta's object, unchanged: whatever else was asked for.
    pub whole: Value,
}

impl Number {
    /// Reads Meta's object. `None`: it has no id.
    pub fn read(object: &Value) -> Option<Self> {
        let throughput = object.get("throughput").and_then(|throughput| throughput.text("level"));
        let limit = object.text("whatsapp_business_manager_messaging_limit");
        Some(Self {
            id: object.text("id")?,
            display_phone_number: object.text("display_phone_number"),
            verified_name: object.text("verified_name"),
            name_status: object.text("name_status"),
            status: object.text("status"),
            quality_rating: object.text("quality_rating"),
            code_verification_status: object.text("code_verification_status"),
            platform_type: object.text("platform_type"),
            throughput,
            account_mode: object.text("account_mode"),
            messaging_limit: limit.or_else(|| object.text("messaging_limit_tier")),
            is_on_biz_app: object.flag("is_on_biz_app"),
            whole: object.clone(),
        })
    }
}

impl Graph {
    /// A number, with these fields; without any, with Meta's default ones.
    pub async fn number(
        &self,
        credential: &Credential,
        phone_number_id: &str,
        fields: &[&str],
    ) -> Result<Number, Failure> {
        let path = [digits(phone_number_id)?];
        let fields = fields.join(",");
        let query: &[(&str, &str)] = if fields.is_empty() { &[] } else { &[("fields", &fields)] };
        self.bring(Call { query, ..Call::new(Method::GET, &path, credential) }, Number::read, "it names no number")
            .await
    }

    /// The numbers of an account, with these fields; without any, with Meta's default ones.
    pub async fn numbers_of(
        &self,
        credential: &Credential,
        waba_id: &str,
        fields: &[&str],
    ) -> Result<Vec<Number>, Failure> {
        let path = [digits(waba_id)?, "phone_numbers"];
        let fields = fields.join(",");
        let mut query = vec![("limit", "100")];
        query.extend((!fields.is_empty()).then_some(("fields", fields.as_str())));
        self.rows(&path, &query, credential, MOST_NUMBERS, Number::read).await
    }

    /// Registers a number with the Cloud API, under a PIN of six digits: the one it has, or a new one.
    pub async fn register(&self, credential: &Credential, phone_number_id: &str, pin: &str) -> Result<(), Failure> {
        let path = [digits(phone_number_id)?, "register"];
        let body = json!({ "messaging_product": "whatsapp", "pin": six_digits(pin)? });
        self.command(Call { hidden: &[pin], body: Body::Json(&body), ..Call::new(Method::POST, &path, credential) })
            .await
    }

    /// Takes a number off the Cloud API.
    pub async fn deregister(&self, credential: &Credential, phone_number_id: &str) -> Result<(), Failure> {
        let path = [digits(phone_number_id)?, "deregister"];
        self.command(Call::new(Method::POST, &path, credential)).await
    }

    /// Has a number's webhooks go there alone, whatever its account's and its App's callbacks are, once the callback proved
    /// itself; `None`: they go where those say.
    pub async fn override_number(
        &self,
        credential: &Credential,
        phone_number_id: &str,
        instead: Option<Override<'_>>,
    ) -> Result<(), Failure> {
        let path = [digits(phone_number_id)?];
        let to = match instead {
            Some(to) => json!({ "override_callback_uri": to.url, "verify_token": to.verify_token }),
            None => json!({ "override_callback_uri": "" }),
        };
        let body = json!({ "webhook_configuration": to });
        self.command(Call { body: Body::Json(&body), ..Call::new(Method::POST, &path, credential) }).await
    }

    /// Sets the PIN of a number's two-step verification.
    pub async fn set_pin(&self, credential: &Credential, phone_number_id: &str, pin: &str) -> Result<(), Failure> {
        let path = [digits(phone_number_id)?];
        let body = json!({ "pin": six_digits(pin)? });
        self.command(Call { hidden: &[pin], body: Body::Json(&body), ..Call::new(Method::POST, &path, credential) })
            .await
    }
}

fn six_digits(pin: &str) -> Result<&str, Failure> {
    if pin.len() == 6 { digits(pin) } else { Err(Failure::malformed("a PIN is six digits")) }
}
