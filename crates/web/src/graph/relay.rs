//! Calls that are Meta's to answer: put with the organization's token, answered without it.

use axum::body::Body;
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use uuid::Uuid;
use whatsapp::graph::{Content, Credential, Relayed};

use super::call::Call;
use super::caller::PARAMETER;
use super::error::GraphError;
use super::members::{Members, Part, is_kept_back};

/// Where webhooks go is wazapp's to say: it would no longer hear of what is sent.
const OURS: [&str; 2] = ["webhook_configuration", "override_callback_uri"];

/// What a request carries, as it may go on to Meta.
pub(super) enum Carried {
    Nothing,
    Members(Map<String, Value>),
    Form(Map<String, Value>, Part),
}

impl Carried {
    /// Reads a body, and refuses what would lead webhooks elsewhere.
    pub(super) async fn read(call: &Call, body: Body) -> Result<Self, GraphError> {
        Self::of(call, call.members(body).await?)
    }

    /// The same of what was read.
    pub(super) fn of(call: &Call, members: Members) -> Result<Self, GraphError> {
        let Members { mut all, file } = members;
        // Meta would show what was changed, and what hangs on it.
        all.retain(|name, _| !shows(name));
        let of_query = call.query().into_iter().map(|(name, _)| name.to_owned());
        if all.keys().cloned().chain(of_query).any(|name| is_ours(&name)) {
            return Err(GraphError::not_yours(
                "Where this number's webhooks go is wazapp's to say, which would hear no more of what you send. Read \
                 events from wazapp's API instead.",
            ));
        }
        match file {
            Some(file) if call.place.edge == "assets" => Ok(Self::Form(all, file)),
            Some(_) => Err(GraphError::invalid("No file is taken here.")),
            None if all.is_empty() => Ok(Self::Nothing),
            None => Ok(Self::Members(all)),
        }
    }

    /// A member of the body that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Members(members) | Self::Form(members, _) => members.get(name)?.as_str(),
        }
    }

    /// The names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let members = match self {
            Self::Nothing => None,
            Self::Members(members) | Self::Form(members, _) => Some(members),
        };
        members.into_iter().flat_map(Map::keys).map(String::as_str)
    }

    fn content(&self) -> Option<Content> {
        match self {
            Self::Nothing => None,
            Self::Members(members) => {
                Some(Content::bytes("application/json; charset=utf-8", serde_json::to_vec(members).unwrap_or_default()))
            }
            Self::Form(members, file) => {
                let boundary = Uuid::now_v7().simple().to_string();
                let content_type = format!("multipart/form-data; boundary={boundary}");
                Some(Content::bytes(&content_type, multipart(&boundary, members, file)))
            }
        }
    }
}

/// A form of these members, and this file at its end.
fn multipart(boundary: &str, members: &Map<String, Value>, file: &Part) -> Vec<u8> {
    let plain = |text: &str| text.replace(['"', '\r', '\n', '\\'], "_");
    let mut form = Vec::with_capacity(file.bytes.len() + 1024);
    for (name, value) in members {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", plain(name));
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(value.as_bytes());
        form.extend_from_slice(b"\r\n");
    }
    let (name, filename, content_type) = (plain(&file.name), plain(&file.filename), plain(&file.content_type));
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\nContent-Type: \
         {content_type}\r\n\r\n"
    );
    form.extend_from_slice(head.as_bytes());
    form.extend_from_slice(&file.bytes);
    form.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    form
}

/// Meta's forms also name members as `webhook_configuration[override_callback_uri]`.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OURS.iter().any(|ours| name.starts_with(ours))
}

/// What has Meta answer a change with more than that it was made.
fn shows(name: &str) -> bool {
    ["fields", "redownload"].contains(&name.split('[').next().unwrap_or_default())
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
    let mut query = call.query();
    // Meta reads a body at the others only.
    let content = if method == Method::GET { None } else { carried.content() };
    if method != Method::GET {
        query.retain(|(name, _)| !shows(name));
    }
    let mut relayed = call.state.graph.relay(credential, method, path, &query, content).await?;
    shown_here(&mut relayed, call)?;
    Ok(relayed)
}

/// An answer as ours: pages lead here, and what is said of the token is not said of the caller's key.
pub(super) fn shown_here(relayed: &mut Relayed, call: &Call) -> Result<(), GraphError> {
    shown_at(relayed, &call.base(), call.key_in_query.as_ref())
}

fn shown_at(relayed: &mut Relayed, base: &str, key: Option<&SecretString>) -> Result<(), GraphError> {
    if let Some(code) = relayed.code().filter(|code| GraphError::is_of_token(*code)) {
        let message = relayed.body["error"]["message"].as_str().unwrap_or_default();
        tracing::warn!(code, "Meta refused a token");
        return Err(GraphError::of_our_token(message));
    }
    lead_here(&mut relayed.body, base, key);
    Ok(())
}

/// Leads the pages of every list in a value here, of those inside others too.
fn lead_here(value: &mut Value, base: &str, key: Option<&SecretString>) {
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(|row| lead_here(row, base, key)),
        Value::Object(members) => {
            if let Some(Value::Object(paging)) = members.get_mut("paging") {
                for name in ["next", "previous"] {
                    let Some(Value::String(url)) = paging.get(name) else { continue };
                    match led_here(url, base, key) {
                        Some(url) => _ = paging.insert(name.to_owned(), Value::String(url)),
                        None => _ = paging.shift_remove(name),
                    }
                }
            }
            members.values_mut().for_each(|member| lead_here(member, base, key));
        }
        _ => {}
    }
}

/// The page of Meta's that a URL names, here: with the caller's own key where that came in the query, as Meta has it, for a
/// program that follows the link as it stands.
fn led_here(url: &str, base: &str, key: Option<&SecretString>) -> Option<String> {
    let uri = url.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some())?;
    let mut words: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    if words.first().is_some_and(|word| word.starts_with('v') && word.contains('.')) {
        words.remove(0);
    }
    let kept =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).filter(|(name, _)| !is_kept_back(name));
    let own = key.map(|key| (PARAMETER, key.expose_secret()));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(own).extend_pairs(kept).finish();
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

    const BASE: &str = "https://wa.example.com/v23.0";

    #[test]
    fn pages_lead_here_and_show_no_token() {
        let next = "https://graph.facebook.com/v26.0/1065/message_templates?access_token=EAAB&limit=2&fields=name%2Cid\
                    &appsecret_proof=ab12&after=MTAx";
        let mut relayed =
            Relayed { http: 200, body: json!({ "data": [], "paging": { "next": next, "previous": "//" } }) };
        shown_at(&mut relayed, BASE, None).unwrap();
        let expected = "https://wa.example.com/v23.0/1065/message_templates?limit=2&fields=name%2Cid&after=MTAx";
        assert_eq!(relayed.body, json!({ "data": [], "paging": { "next": expected } }));
        let mut relayed = Relayed { http: 200, body: json!({ "flows": { "data": [], "paging": { "next": next } } }) };
        shown_at(&mut relayed, BASE, Some(&SecretString::from("wz_a"))).unwrap();
        let expected = expected.replace('?', "?access_token=wz_a&");
        assert_eq!(relayed.body["flows"]["paging"]["next"], expected, "a key of the query is the caller's own");
    }

    #[test]
    fn our_token_is_not_the_callers_key() {
        let body = json!({ "error": { "code": 190, "message": "Session has expired" } });
        let error = shown_at(&mut Relayed { http: 401, body }, BASE, None).unwrap_err();
        assert_eq!(error.code(), 131005);
    }

    #[test]
    fn webhooks_are_ours_to_direct() {
        for name in ["webhook_configuration", "webhook_configuration[override_callback_uri]", "Override_Callback_URI"] {
            assert!(is_ours(name), "{name}");
        }
        assert!(!is_ours("new_display_name"));
    }

    #[test]
    fn a_form_goes_on_as_it_was_read() {
        let file = Part {
            name: "file".into(),
            filename: "a\"\r\nb.json".into(),
            content_type: "application/json".into(),
            bytes: axum::body::Bytes::from_static(b"{}"),
        };
        let members = Map::from_iter([("asset_type".to_owned(), json!("FLOW_JSON"))]);
        let form = String::from_utf8(multipart("b", &members, &file)).unwrap();
        assert_eq!(
            form,
            "--b\r\nContent-Disposition: form-data; name=\"asset_type\"\r\n\r\nFLOW_JSON\r\n--b\r\nContent-Disposition: \
             form-data; name=\"file\"; filename=\"a___b.json\"\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--\r\n"
        );
    }
}
