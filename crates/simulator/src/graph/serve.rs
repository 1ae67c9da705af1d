//! From an HTTP request to an operation and back, with the faults on the way.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};

use super::call::{Body, Call, File, Reply};
use super::{Needs, Object, Operation, operations, usage};
use crate::engine::Meta;
use crate::error::GraphError;
use crate::faults::{Case, Fault, Kind};
use crate::server::{Abort, abort};
use crate::webhook;
use crate::world::{Token, World};

/// The largest document is 100 MB (§8.3).
const LIMIT: usize = 110 << 20;

/// Answers a request to `/v{NN}.{N}/…`, or to the same path without a version.
pub(crate) async fn serve(State(meta): State<Arc<Meta>>, request: Request<HttpBody>) -> Response {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return refused(&meta, &GraphError::of(100).message("(#100) The request is too large")),
    };
    let place = match Place::of(parts.uri.path()) {
        Ok(place) => place,
        Err(error) => return refused(&meta, &error),
    };
    let (number, edge) = struck(&meta.world(), &place);
    let case = |accepted| Case { phone_number_id: Some(&number), edge: Some(&edge), accepted, status: None };
    let strike = |kind, accepted| {
        let mut world = meta.world();
        let World { faults, chance, .. } = &mut *world;
        faults.strike(kind, case(accepted), chance)
    };
    if strike(Kind::Reset, false).is_some() {
        return abort(Abort::Reset);
    }
    if let Some(fault) = strike(Kind::Error, false) {
        tokio::time::sleep(Duration::from_secs_f64(fault.seconds.unwrap_or(0.0))).await;
        return refused(&meta, &error_of(&fault));
    }
    if let Some(fault) = strike(Kind::Html500, false) {
        return html(&fault);
    }
    if strike(Kind::Hang, false).is_some() {
        std::future::pending::<()>().await;
    }
    let answer = run(&meta, &place, &parts.method, parts.uri.query().unwrap_or(""), &parts.headers, body).await;
    let (mut response, wamid, usage) = match answer {
        Ok((status, value, wamid, usage)) => (json(&meta, status, &value), wamid, usage),
        Err(error) => return refused(&meta, &error),
    };
    if let Some(usage) = usage.and_then(|usage| usage.parse().ok()) {
        response.headers_mut().insert("x-business-use-case-usage", usage);
    }
    if let Some(wamid) = &wamid
        && strike(Kind::EarlyStatus, true).is_some()
    {
        {
            let now = meta.clock.now();
            meta.world().step(wamid, "sent", now);
        }
        meta.told(wamid).await;
    }
    if let Some(fault) = strike(Kind::Slow, true) {
        tokio::time::sleep(Duration::from_secs_f64(fault.seconds.unwrap_or(5.0))).await;
    }
    if strike(Kind::ResetAfterAccept, true).is_some() {
        return abort(Abort::Reset);
    }
    if strike(Kind::TruncateAnswer, true).is_some() {
        return abort(Abort::Truncate(response));
    }
    if let Some(fault) = strike(Kind::Html500, true) {
        return html(&fault);
    }
    if strike(Kind::Hang, true).is_some() {
        std::future::pending::<()>().await;
    }
    response
}

/// The number and the edge that a fault may name for a call; a medium is on the edge `media` of its number.
fn struck(world: &World, place: &Place) -> (String, String) {
    match world.media.get(&place.object) {
        Some(media) => (media.phone_number_id.clone(), "media".into()),
        None => (place.object.clone(), place.edge.clone()),
    }
}

/// What a path names.
struct Place {
    /// `/v26.0`, or nothing.
    version: String,
    object: String,
    edge: String,
}

impl Place {
    /// `/v26.0/{object}/{edge}`; the version may be missing.
    fn of(path: &str) -> Result<Self, GraphError> {
        let mut words = path.trim_matches('/').splitn(2, '/');
        let (mut rest, mut prefix) = (path.trim_matches('/'), String::new());
        if let Some(first) = words.next()
            && let Some(version) =
                first.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            check_version(version)?;
            prefix = format!("/v{version}");
            rest = words.next().unwrap_or("");
        }
        let (object, edge) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self { version: prefix, object: object.to_owned(), edge: edge.trim_end_matches('/').to_owned() })
    }
}

/// Any version: an expired one is served by the oldest that lives (§1), and newer ones come.
fn check_version(version: &str) -> Result<(), GraphError> {
    let digits = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    match version.split_once('.') {
        Some((major, minor)) if digits(major) && digits(minor) => Ok(()),
        _ => Err(GraphError::of(100).message("Invalid version format. Use format like 'v23.0'")),
    }
}

/// Runs the operation; answers status, body, the wamid of an accepted message, and how much of its calls an account has
/// used up.
async fn run(
    meta: &Arc<Meta>,
    place: &Place,
    method: &Method,
    query: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<(u16, Value, Option<String>, Option<String>), GraphError> {
    let query: Map<String, Value> =
        form_urlencoded::parse(query.as_bytes()).map(|(key, value)| (key.into_owned(), value.into())).collect();
    // A chunk of a resumable upload is raw, whatever its content type says (§8.4).
    let body = match place.object.starts_with("upload:") {
        true => Body { bytes: body, ..Body::default() },
        false => read_body(headers, body).await?,
    };
    let now = meta.clock.now();
    let (reply, usage) = {
        let mut world = meta.world();
        let word = access_token(headers, &query, &body);
        let bearer = Bearer::of(&world, word.as_deref(), now)?;
        let kind = kind_of(&world, &place.object, &place.edge);
        let found = kind.and_then(|(kind, edge)| {
            let mut fitting = operations().filter(|op| op.on == kind && op.method == *method);
            fitting.find_map(|op| Some((op, rest_of(op.edge, &edge)?)))
        });
        let Some((operation, rest)) = found else {
            // A stranger is asked for a token first.
            if matches!(bearer, Bearer::Nobody) {
                return Err(no_token());
            }
            return Err(GraphError::no_such_object(method.as_str(), &place.object));
        };
        let token = authorize(&world, operation, &bearer, &place.object, method, &query, word.as_deref())?;
        let app_id = match &bearer {
            Bearer::App(id) => id.clone(),
            Bearer::Token(token) => token.app_id.clone(),
            Bearer::Nobody => String::new(),
        };
        let object = if operation.on == Object::Root { String::new() } else { place.object.clone() };
        let origin = origin(headers);
        world.origin.clone_from(&origin);
        let usage = usage::count(&mut world, operation, &object, &app_id, now)?;
        let (version, word) = (place.version.clone(), word.unwrap_or_default());
        let mut call =
            Call { world: &mut world, now, object, rest, query, headers, body, token, app_id, origin, version, word };
        ((operation.run)(&mut call)?, usage)
    };
    match reply {
        Reply::Json(value) => Ok((200, value, None, usage)),
        Reply::Status(status, value) => Ok((status, value, None, usage)),
        Reply::Accepted { wamid, answer } => Ok((200, answer, Some(wamid), usage)),
        Reply::AfterHandshake { url, verify_token, then } => {
            let challenge = meta.world().chance.between(1_000_000_000, 2_000_000_000).to_string();
            webhook::handshake(&meta.client, &url, &verify_token, &challenge).await?;
            Ok((200, then(&mut meta.world()), None, usage))
        }
    }
}

/// What a path's edge has in the place of the `*` at the end of an operation's; empty where that has none. `None`: the
/// edge is another.
fn rest_of(wanted: &str, edge: &str) -> Option<String> {
    match wanted.strip_suffix('*') {
        Some(before) => edge.strip_prefix(before).filter(|rest| !rest.is_empty() && !rest.contains('/')),
        None => (wanted == edge).then_some(""),
    }
    .map(str::to_owned)
}

/// What an id names; of the root, the whole path is the edge.
fn kind_of<'a>(world: &World, object: &'a str, edge: &'a str) -> Option<(Object, std::borrow::Cow<'a, str>)> {
    let kind = if world.numbers.contains_key(object) {
        Object::Number
    } else if world.wabas.contains_key(object) {
        Object::Waba
    } else if world.apps.contains_key(object) || object == "app" {
        Object::App
    } else if world.businesses.contains_key(object) || world.apps.values().any(|app| app.business_id == object) {
        Object::Business
    } else if world.templates.contains_key(object) {
        Object::Template
    } else if world.flows.contains_key(object) {
        Object::Flow
    } else if world.media.contains_key(object) {
        Object::Media
    } else if object.starts_with("upload:") {
        Object::Upload
    } else {
        let path = if edge.is_empty() { object.to_owned() } else { format!("{object}/{edge}") };
        return Some((Object::Root, path.into()));
    };
    Some((kind, edge.into()))
}

/// Who calls.
enum Bearer {
    Nobody,
    App(String),
    Token(Token),
}

impl Bearer {
    fn of(world: &World, word: Option<&str>, now: jiff::Timestamp) -> Result<Self, GraphError> {
        let Some(word) = word else { return Ok(Self::Nobody) };
        if let Some((id, secret)) = word.split_once('|') {
            return match world.apps.get(id) {
                Some(app) if app.secret == secret => Ok(Self::App(id.to_owned())),
                _ => {
                    Err(GraphError::of(190).message("Error validating application. Invalid application ID or secret."))
                }
            };
        }
        let Some(token) = world.tokens.get(word) else {
            return Err(GraphError::of(190).message("Invalid OAuth access token - Cannot parse access token"));
        };
        if token.revoked {
            return Err(GraphError::of(190).subcode(460).message(
                "Error validating access token: The session has been invalidated because the user changed their \
                 password or Facebook has changed the session for security reasons.",
            ));
        }
        if token.expires_at.is_some_and(|end| end <= now) {
            return Err(GraphError::of(190).subcode(463).message("Error validating access token: Session has expired"));
        }
        Ok(Self::Token(token.clone()))
    }
}

pub(super) fn access_token(headers: &HeaderMap, query: &Map<String, Value>, body: &Body) -> Option<String> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| {
        let (scheme, word) = value.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| word.trim().to_owned())
    });
    let named = query.get("access_token").or_else(|| body.fields.get("access_token"));
    // A client whose every call has the header names the App's token in the query, and means that one.
    named.and_then(Value::as_str).map(str::to_owned).or(bearer).filter(|word| !word.is_empty())
}

fn no_token() -> GraphError {
    GraphError::of(104).message("An access token is required to request this resource.")
}

/// Whether this caller may; answers the token that opens it.
fn authorize(
    world: &World,
    operation: &Operation,
    bearer: &Bearer,
    object: &str,
    method: &Method,
    query: &Map<String, Value>,
    word: Option<&str>,
) -> Result<Option<Token>, GraphError> {
    let app_id = match bearer {
        _ if operation.needs == Needs::Nothing => return Ok(None),
        Bearer::Nobody => return Err(no_token()),
        Bearer::App(id) => id,
        Bearer::Token(token) => &token.app_id,
    };
    check_proof(world, app_id, query, word)?;
    let token = match (bearer, operation.needs) {
        (Bearer::App(id), Needs::AppToken | Needs::AnyToken) => {
            let names_another = operation.on == Object::App && object != "app" && object != id;
            return if names_another { Err(GraphError::no_such_object(method.as_str(), object)) } else { Ok(None) };
        }
        (Bearer::App(_), _) => {
            return Err(
                GraphError::of(200).message("(#200) This call needs the access token of a user or system user.")
            );
        }
        (_, Needs::AppToken) => {
            return Err(GraphError::of(15).message("(#15) This method must be called with an app access_token."));
        }
        (Bearer::Token(token), _) => token,
        (Bearer::Nobody, _) => return Err(no_token()),
    };
    let wanted: &[&str] = match operation.needs {
        Needs::Messaging => &["whatsapp_business_messaging"],
        // Embedded Signup's tokens carry the second in the place of the first since June 2026, and open the same.
        Needs::Management => &["whatsapp_business_management", "whatsapp_business_manage_events"],
        Needs::Either => {
            &["whatsapp_business_messaging", "whatsapp_business_management", "whatsapp_business_manage_events"]
        }
        _ => return Ok(Some(token.clone())),
    };
    let waba = match operation.on {
        Object::Waba => Some(object),
        Object::Number => world.numbers.get(object).map(|number| number.waba_id.as_str()),
        Object::Template => world.templates.get(object).map(|template| template.waba_id.as_str()),
        Object::Flow => world.flows.get(object).map(|flow| flow.waba_id.as_str()),
        Object::Media => world.media.get(object).map(|media| media.waba_id.as_str()),
        _ => None,
    };
    if waba.is_some_and(|waba| !token.wabas.iter().any(|open| open == waba)) {
        return Err(GraphError::no_such_object(method.as_str(), object));
    }
    if !wanted.iter().any(|scope| token.scopes.iter().any(|has| has == scope)) {
        let message = format!("(#200) Requires {} permission", wanted.join(" or "));
        return Err(GraphError::of(200).message(message));
    }
    Ok(Some(token.clone()))
}

/// `appsecret_proof`: checked where given, needed where the App says so (§8).
fn check_proof(world: &World, app_id: &str, query: &Map<String, Value>, word: Option<&str>) -> Result<(), GraphError> {
    let Some(app) = world.apps.get(app_id) else { return Ok(()) };
    match (query.get("appsecret_proof").and_then(Value::as_str), word) {
        (Some(proof), Some(word)) if proof == webhook::hmac_hex(&app.secret, word.as_bytes()) => Ok(()),
        (Some(_), _) => Err(GraphError { kind: "GraphMethodException", ..GraphError::of(100) }
            .message("Invalid appsecret_proof provided in the API argument")),
        (None, _) if app.needs_proof => Err(GraphError { kind: "GraphMethodException", ..GraphError::of(100) }
            .message("API calls from the server require an appsecret_proof argument")),
        (None, _) => Ok(()),
    }
}

/// Reads JSON, forms and multipart forms.
async fn read_body(headers: &HeaderMap, bytes: Bytes) -> Result<Body, GraphError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    if bytes.is_empty() {
        return Ok(Body::default());
    }
    let mime = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match mime.as_str() {
        "multipart/form-data" => read_form(&kind, bytes).await,
        "application/x-www-form-urlencoded" => Ok(Body { fields: form(&bytes), ..Body::default() }),
        "application/json" => match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Body { fields, file: None, bytes }),
            // A client in production calls its form JSON, and is understood.
            Err(_) if is_form(&bytes) => Ok(Body { fields: form(&bytes), ..Body::default() }),
            _ => Err(GraphError::of(100).message("(#100) Error parsing request body: it must be a JSON object")),
        },
        _ => Ok(Body { bytes, ..Body::default() }),
    }
}

fn form(bytes: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(bytes).map(|(key, value)| (key.into_owned(), value.into())).collect()
}

/// `name=value`, which no JSON begins with.
fn is_form(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'));
    end.is_some_and(|end| end > 0 && bytes[end] == b'=')
}

async fn read_form(kind: &str, bytes: Bytes) -> Result<Body, GraphError> {
    let broken = |_| GraphError::of(100).message("(#100) The multipart form can't be read");
    let boundary = multer::parse_boundary(kind).map_err(broken)?;
    let whole = futures::stream::once(async { Ok::<_, std::io::Error>(bytes) });
    let mut form = multer::Multipart::new(whole, boundary);
    let mut body = Body::default();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let filename = field.file_name().map(str::to_owned);
        let content_type = field.content_type().map(ToString::to_string);
        let is_file = filename.is_some() || name == "file";
        let bytes = field.bytes().await.map_err(broken)?;
        if is_file {
            body.file = Some(File { name: filename, content_type, bytes });
        } else {
            body.fields.insert(name, String::from_utf8_lossy(&bytes).into_owned().into());
        }
    }
    Ok(body)
}

/// `http://host`, or what a proxy in front says.
pub(super) fn origin(headers: &HeaderMap) -> String {
    let word = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = word("x-forwarded-proto").unwrap_or("http");
    let host = word("x-forwarded-host").or_else(|| word("host")).unwrap_or("127.0.0.1");
    format!("{scheme}://{host}")
}

fn error_of(fault: &Fault) -> GraphError {
    let code = fault.code.unwrap_or(131000);
    let known = crate::error::TABLE.iter().find(|known| known.code == code);
    let mut error = match known {
        Some(known) => GraphError::any(known.http, code, known.title),
        None => GraphError::any(400, code, "An error of this code"),
    };
    error.http = fault.http_status.unwrap_or(error.http);
    error.subcode = fault.subcode;
    if code >= 130_000 {
        error.details = Some(error.title.clone());
    }
    error
}

fn refused(meta: &Meta, error: &GraphError) -> Response {
    let trace = meta.world().chance.alphanumeric(23);
    json(meta, error.http, &error.envelope(&format!("A{trace}")))
}

fn json(meta: &Meta, status: u16, value: &Value) -> Response {
    let trace = meta.world().chance.alphanumeric(11);
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, "application/json; charset=UTF-8")
        .header("facebook-api-version", "v26.0")
        .header("x-fb-trace-id", trace)
        .header(header::CACHE_CONTROL, "private, no-cache, no-store, must-revalidate")
        .body(HttpBody::from(value.to_string()))
        .expect("these headers are well-formed")
}

fn html(fault: &Fault) -> Response {
    const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\" id=\"facebook\"><head><title>Error</title></head><body>\
        <div id=\"core\"><h1>Sorry, something went wrong.</h1><p>We're working on getting this fixed as soon as we \
        can.</p></div></body></html>\n";
    Response::builder()
        .status(fault.http_status.unwrap_or(500))
        .header(header::CONTENT_TYPE, "text/html; charset=\"utf-8\"")
        .body(HttpBody::from(PAGE))
        .expect("these headers are well-formed")
}
