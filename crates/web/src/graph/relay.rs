//! Calls that are Meta's to answer: put with the organization's token, answered without it.

use axum::body::{Body, Bytes};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde_json::{Map, Value};
use whatsapp::graph::{Content, Credential, Relayed};

use super::call::{Call, KEPT_BACK, is_kept_back, members, whole, whole_of};
use super::error::GraphError;

/// The longest form with a file: a flow's screens.
const FORM_LIMIT: usize = 10 << 20;

/// Where webhooks go is wazapp's to say: it would no longer hear of what is sent.
const OURS: [&str; 2] = ["webhook_configuration", "override_callback_uri"];

/// What a request carries, as it may go on to Meta.
pub(super) enum Carried {
    Nothing,
    Members(Map<String, Value>),
    Form(String, Bytes),
}

impl Carried {
    /// Reads a body, and refuses what would lead webhooks elsewhere.
    pub(super) async fn read(call: &Call, body: Body) -> Result<Self, GraphError> {
        let content_type = call.content_type();
        let carried = match content_type.as_deref() {
            Some("multipart/form-data") => Self::form(call, body).await?,
            other => {
                let members = members(other, &whole(body).await?)?;
                if members.is_empty() { Self::Nothing } else { Self::Members(members) }
            }
        };
        let of_query = call.query().into_iter().map(|(name, _)| name.to_owned());
        if carried.names().into_iter().chain(of_query).any(|name| is_ours(&name)) {
            return Err(GraphError::not_yours(
                "Where this number's webhooks go is wazapp's to say, which would hear no more of what you send. Read \
                 events from wazapp's API instead.",
            ));
        }
        Ok(carried)
    }

    /// A form with a file goes on as it is, so it is taken only where one is needed.
    async fn form(call: &Call, body: Body) -> Result<Self, GraphError> {
        if call.place.edge != "assets" {
            return Err(GraphError::invalid("Send JSON here: a form with files is not taken."));
        }
        let content_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bytes = whole_of(body, FORM_LIMIT).await?;
        if KEPT_BACK.iter().any(|name| find(&bytes, format!("name=\"{name}\"").as_bytes())) {
            return Err(GraphError::invalid("Send the key as a bearer token, not in the form."));
        }
        Ok(Self::Form(content_type.to_owned(), bytes))
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Members(members) => members.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    fn content(&self) -> Option<Content> {
        match self {
            Self::Nothing => None,
            Self::Members(members) => {
                Some(Content::bytes("application/json; charset=utf-8", serde_json::to_vec(members).unwrap_or_default()))
            }
            Self::Form(content_type, bytes) => Some(Content::bytes(content_type, bytes.clone())),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Meta's forms also name members as `webhook_configuration[override_callback_uri]`.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OURS.iter().any(|ours| name.starts_with(ours))
}

/// Puts the call to Meta, and shows its answer as if it were given here.
pub(super) async fn relay(call: &Call, credential: &Credential, carried: &Carried) -> Result<Relayed, GraphError> {
    relay_to(call, credential, &call.place.words(), carried).await
}

/// The same with another path.
pub(super) async fn relay_to(
    call: &Call,
    credential: &Credential,
    path: &[&str],
    carried: &Carried,
) -> Result<Relayed, GraphError> {
    let method = call.method.clone();
    // Meta reads a body at these only.
    let content = if method == Method::GET { None } else { carried.content() };
    let mut relayed = call.state.graph.relay(credential, method, path, &call.query(), content).await?;
    shown_here(&mut relayed, &call.base())?;
    Ok(relayed)
}

/// An answer as ours: pages lead here, and what is said of the token is not said of the caller's key.
pub(super) fn shown_here(relayed: &mut Relayed, base: &str) -> Result<(), GraphError> {
    if let Some(code) = relayed.code().filter(|code| GraphError::is_of_token(*code)) {
        let message = relayed.body["error"]["message"].as_str().unwrap_or_default();
        tracing::warn!(code, "Meta refused a token");
        return Err(GraphError::of_our_token(message));
    }
    lead_here(&mut relayed.body, base);
    Ok(())
}

/// Leads the pages of every list in a value here, of those inside others too.
fn lead_here(value: &mut Value, base: &str) {
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(|row| lead_here(row, base)),
        Value::Object(members) => {
            if let Some(Value::Object(paging)) = members.get_mut("paging") {
                for name in ["next", "previous"] {
                    let Some(Value::String(url)) = paging.get(name) else { continue };
                    match led_here(url, base) {
                        Some(url) => _ = paging.insert(name.to_owned(), Value::String(url)),
                        None => _ = paging.shift_remove(name),
                    }
                }
            }
            members.values_mut().for_each(|member| lead_here(member, base));
        }
        _ => {}
    }
}

/// The page of Meta's that a URL names, here, without a token.
fn led_here(url: &str, base: &str) -> Option<String> {
    let uri = url.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some())?;
    let mut words: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    if words.first().is_some_and(|word| word.starts_with('v') && word.contains('.')) {
        words.remove(0);
    }
    let kept =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).filter(|(name, _)| !is_kept_back(name));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    Some(format!("{base}/{}?{query}", words.join("/")))
}

/// The status of Meta's answer.
pub(super) fn status(relayed: &Relayed) -> StatusCode {
    StatusCode::from_u16(relayed.http).unwrap_or(StatusCode::BAD_GATEWAY)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_lead_here_and_show_no_token() {
        let next = "https://graph.facebook.com/v26.0/1065/message_templates?access_token=EAAB&limit=2&fields=name%2Cid\
                    &appsecret_proof=ab12&after=MTAx";
        let mut relayed =
            Relayed { http: 200, body: json!({ "data": [], "paging": { "next": next, "previous": "//" } }) };
        shown_here(&mut relayed, "https://wa.example.com/v23.0").unwrap();
        let expected = "https://wa.example.com/v23.0/1065/message_templates?limit=2&fields=name%2Cid&after=MTAx";
        assert_eq!(relayed.body, json!({ "data": [], "paging": { "next": expected } }));
        let mut relayed = Relayed { http: 200, body: json!({ "flows": { "data": [], "paging": { "next": next } } }) };
        shown_here(&mut relayed, "https://wa.example.com/v23.0").unwrap();
        assert_eq!(relayed.body["flows"]["paging"]["next"], expected);
    }

    #[test]
    fn our_token_is_not_the_callers_key() {
        let body = json!({ "error": { "code": 190, "message": "Session has expired" } });
        let error = shown_here(&mut Relayed { http: 401, body }, "https://wa.example.com/v23.0").unwrap_err();
        assert_eq!(error.code(), 131005);
    }

    #[test]
    fn webhooks_are_ours_to_direct() {
        for name in ["webhook_configuration", "webhook_configuration[override_callback_uri]", "Override_Callback_URI"] {
            assert!(is_ours(name), "{name}");
        }
        assert!(!is_ours("new_display_name"));
    }
}
