//! One call: what is said, how it is signed, and what was heard.

use bytes::Bytes;
use data_encoding::BASE64;
use guard::{Answer, Failing, Target};
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use model::delivery::{Call, Caller, Content, Heard, TEST, Told};
use model::endpoint::{self, Format};
use model::event::Event;
use model::relay::Part;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use sha2::Sha256;
use tracing::Instrument;
use whatsapp::{signature, webhook};

use super::Settings;

const AGENT: &str = concat!("wazapp/", env!("CARGO_PKG_VERSION"));

/// The headers of Standard Webhooks.
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Makes a call, and hears what comes of it.
pub(super) async fn call(settings: &Settings, caller: &Caller, call: &Call) -> Heard {
    let at = settings.clock.now();
    let mut heard = Heard {
        scope: caller.scope,
        endpoint_id: caller.endpoint_id,
        revision: caller.revision,
        deliveries: call.deliveries.iter().map(|one| Told { id: one.id, tries: one.tries, step: one.step }).collect(),
        at,
        took: std::time::Duration::ZERO,
        status: None,
        error: None,
        answer: Vec::new(),
        retry_after: None,
        past: false,
        was_well: caller.is_well,
    };
    let Some(said) = Said::of(caller, call, at) else {
        heard.past = true;
        return heard;
    };
    let span =
        tracing::info_span!("deliver", organization = %caller.scope.organization_id(), endpoint = %caller.endpoint_id);
    match try_call(settings, caller, call, said, at).instrument(span).await {
        Ok(answer) => {
            heard.took = answer.took;
            heard.status = Some(answer.status.as_u16());
            heard.retry_after = retry_after(&answer.headers, at);
            heard.answer = answer.body.to_vec();
            heard.error = answer.broke_off.map(|why| why.to_string());
        }
        Err(why) => {
            heard.took = settings.clock.now().duration_since(at).unsigned_abs();
            heard.error = Some(why);
        }
    }
    heard
}

async fn try_call(
    settings: &Settings,
    caller: &Caller,
    call: &Call,
    said: Said,
    at: Timestamp,
) -> Result<Answer, String> {
    let target = Target::read(&caller.url, settings.guard.allowed()).map_err(|why| format!("the URL {why}"))?;
    let secrets = caller.secrets(&settings.keyring).map_err(|error| error.to_string())?;
    let mut headers = further(settings, caller)?;
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in said.signed(caller, call, &secrets, at) {
        let value = HeaderValue::from_str(&value).expect("ids, numbers and base64 are fit for a header");
        headers.insert(name, value);
    }
    settings.guard.call(Method::POST, &target, headers, said.body).await.map_err(|failing: Failing| failing.to_string())
}

/// The headers that people chose.
fn further(settings: &Settings, caller: &Caller) -> Result<HeaderMap, String> {
    let chosen = caller.headers(&settings.keyring).map_err(|error| error.to_string())?;
    let read = |(name, value): (&String, &SecretString)| {
        let value = HeaderValue::from_str(value.expose_secret()).ok();
        let value = value.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value?))
    };
    Ok(chosen.iter().filter_map(read).collect())
}

/// What is said.
struct Said {
    /// The same at each try.
    id: String,
    body: Bytes,
}

/// Events of a conversation that are told together.
#[derive(Serialize)]
struct Together<'a> {
    r#type: &'static str,
    conversation_id: Option<uuid::Uuid>,
    events: &'a [Event],
}

impl Said {
    /// `None`: there is nothing to tell, or not any more.
    fn of(caller: &Caller, call: &Call, at: Timestamp) -> Option<Self> {
        let first = call.deliveries.first()?.id;
        let (id, body) = match &call.content {
            Content::Event(event) => (event.id, json(event)),
            Content::Together(id, events) => {
                let conversation_id = events.first().and_then(|event| event.conversation_id);
                (*id, json(&Together { r#type: "events", conversation_id, events }))
            }
            Content::Body { bytes, parts } => (first, asked_for(caller, bytes, parts)?.into()),
            Content::Test => (first, test(caller.format, first, at)),
            Content::Past => return None,
        };
        Some(Self { id: id.to_string(), body })
    }

    fn signed(
        &self,
        caller: &Caller,
        call: &Call,
        secrets: &[SecretString],
        at: Timestamp,
    ) -> Vec<(HeaderName, String)> {
        if caller.format == Format::Meta {
            // Meta's header holds one signature: while two secrets hold, every other try is signed with the one before.
            let tries = usize::try_from(call.deliveries.first().map_or(1, |one| one.tries)).unwrap_or(1);
            let secret = &secrets[tries.saturating_sub(1) % secrets.len()];
            let signed = signature::sign(secret.expose_secret(), &self.body);
            return vec![(HeaderName::from_static(signature::HEADER), signed)];
        }
        standard(&self.id, at, &self.body, secrets)
    }
}

/// The headers of Standard Webhooks, signed with each of the secrets.
pub(super) fn standard(id: &str, at: Timestamp, body: &[u8], secrets: &[SecretString]) -> Vec<(HeaderName, String)> {
    let timestamp = at.as_second().to_string();
    let signed: Vec<String> = secrets.iter().map(|secret| sign(secret, id, &timestamp, body)).collect();
    vec![(ID, id.to_owned()), (TIMESTAMP, timestamp), (SIGNATURE, signed.join(" "))]
}

fn sign(secret: &SecretString, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = endpoint::signing_key(secret);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

fn json(what: &impl Serialize) -> Bytes {
    serde_json::to_vec(what).expect("our own shapes are JSON").into()
}

/// Of a body, what the endpoint asks for; `None`: nothing in it.
fn asked_for(caller: &Caller, bytes: &[u8], parts: &[Part]) -> Option<Vec<u8>> {
    let wanted = |part: &&Part| {
        let field = caller.kinds.as_ref().is_none_or(|kinds| kinds.contains(&part.field));
        let number = caller.number_ids.as_ref().is_none_or(|ids| part.number_id.is_some_and(|id| ids.contains(&id)));
        field && number
    };
    let places: Vec<_> = parts.iter().filter(wanted).map(|part| part.at).collect();
    if places.len() == parts.len() {
        return Some(bytes.to_vec());
    }
    webhook::cut(bytes, |at| places.contains(&at)).filter(|cut| !cut.is_empty).map(|cut| cut.bytes)
}

/// Something that never happened.
fn test(format: Format, id: uuid::Uuid, at: Timestamp) -> Bytes {
    match format {
        Format::Wazapp => json(&json!({
            "id": id, "sequence": null, "type": TEST, "timestamp": at, "conversation_id": null, "number_id": null,
            "data": { "text": "A test. Nothing happened." },
        })),
        // As Meta's own test button has it: of account 0, and of a number that is nobody's.
        Format::Meta => json(&json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "0", "changes": [{ "field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": { "display_phone_number": "16505551111", "phone_number_id": "123456123" },
                "contacts": [{ "profile": { "name": "test user name" }, "wa_id": "16315551181" }],
                "messages": [{ "from": "16315551181", "id": "ABGGFlA5Fpa", "timestamp": at.as_second().to_string(),
                               "type": "text", "text": { "body": "this is a text message" } }],
            }}]}],
        })),
    }
}

/// How much later the endpoint wants to be called: seconds, or a time in any of the forms that HTTP ever had, or as mail has it.
/// <https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats>
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(SignedDuration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok().and_then(|at| Timestamp::try_from(at).ok());
    let at = at.or_else(|| rfc2822::parse(text).ok().map(|at| at.timestamp()))?;
    Some(at.duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        // The example of the specification's libraries.
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_endpoint_says_when_it_wants_to_be_called() {
        let now: Timestamp = "2026-11-29T10:00:00Z".parse().unwrap();
        let after =
            |text: &str| retry_after(&[(RETRY_AFTER, HeaderValue::from_str(text).unwrap())].into_iter().collect(), now);
        assert_eq!(after("120"), Some(SignedDuration::from_secs(120)));
        for at in [
            "Sun, 29 Nov 2026 10:01:00 GMT",
            "Sunday, 29-Nov-26 10:01:00 GMT",
            "Sun Nov 29 10:01:00 2026",
            "Sun, 29 Nov 2026 12:01:00 +0200",
        ] {
            assert_eq!(after(at), Some(SignedDuration::from_secs(60)), "{at}");
        }
        assert_eq!(after("soon"), None);
    }
}
