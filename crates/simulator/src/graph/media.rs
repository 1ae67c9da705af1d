//! Media: uploaded, looked up, deleted, and downloaded from where Meta keeps the bytes (§8.3).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use data_encoding::HEXLOWER;
use http::{HeaderMap, Method, Request, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::call::missing;
use super::{Answer, Call, Needs, Object, Operation, Reply, op};
use crate::engine::Meta;
use crate::error::{Follows, GraphError};
use crate::faults::{Case, Kind};
use crate::server::{Abort, abort};
use crate::world::{KINDS, Media, World, essence, most};

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        Method::POST,
        Object::Number,
        "media",
        Needs::Messaging,
        Follows::Fixture("POST_phone-number-id-media.json"),
        upload,
    ),
    op(Method::GET, Object::Media, "", Needs::Either, Follows::Fixture("GET_media-id.json"), look_up),
    op(Method::DELETE, Object::Media, "", Needs::Either, Follows::Fixture("DELETE_media-id.json"), delete),
];

fn upload(call: &mut Call<'_>) -> Answer {
    call.for_whatsapp()?;
    let named = call.text("type");
    let file = call.body.file.take().ok_or_else(|| missing("file"))?;
    let mime = mime_of(named, file.content_type)?;
    let kind = KINDS.iter().find(|kind| kind.mimes.contains(&essence(&mime).as_str()));
    let kind = kind.ok_or_else(|| wrong_type(&mime))?;
    if file.bytes.is_empty() {
        return Err(GraphError::of(100).message("(#100) Param file must not be empty."));
    }
    let most = most(kind, &file.bytes);
    if file.bytes.len() > most {
        return Err(GraphError::of(131053).details(format!(
            "Media file size {} bytes is larger than {most} bytes, the most for {} files.",
            file.bytes.len(),
            kind.name
        )));
    }
    let id = call.world.keep_media(&call.object, &mime, file.name.as_deref(), file.bytes, false, call.now);
    Ok(Reply::Json(json!({ "id": id })))
}

/// The file's type: the part's own content type, and the parameter `type` only where the part has none. Published clients
/// write the kind of media there, or another type.
fn mime_of(named: Option<String>, of_part: Option<String>) -> Result<String, GraphError> {
    of_part.or(named).ok_or_else(|| wrong_type("application/octet-stream"))
}

/// Meta's answer to a file that it does not take, which names all that it does.
fn wrong_type(mime: &str) -> GraphError {
    let mimes: Vec<&str> = KINDS.iter().flat_map(|kind| kind.mimes).copied().collect();
    GraphError::of(100).message(format!(
        "(#100) Param file must be a file with one of the following types: {}. Received file of type '{mime}'.",
        mimes.join(", ")
    ))
}

/// Refuses a medium that is kept no longer, or that the named number may not use.
fn check(call: &Call<'_>, method: &str) -> Result<(), GraphError> {
    let media = &call.world.media[&call.object];
    let number = call.text("phone_number_id");
    let fits = number.is_none_or(|id| call.world.waba_of(&id).is_some_and(|waba| waba.id == media.waba_id));
    if call.now < media.expires_at && fits { Ok(()) } else { Err(GraphError::no_such_object(method, &call.object)) }
}

fn look_up(call: &mut Call<'_>) -> Answer {
    check(call, "get")?;
    let number = call.world.media[&call.object].phone_number_id.clone();
    if strike(call.world, Kind::MediaExpired, &number) {
        return Err(GraphError { http: 404, ..GraphError::no_such_object("get", &call.object) });
    }
    call.world.lie_about(&call.object, &number);
    let media = &call.world.media[&call.object];
    let whole = Map::from_iter([
        ("messaging_product".to_owned(), Value::from("whatsapp")),
        ("url".to_owned(), media.url(&call.origin, "getMedia", call.now).into()),
        ("mime_type".to_owned(), media.told_mime().into()),
        ("sha256".to_owned(), HEXLOWER.encode(&media.told_sha256()).into()),
        ("file_size".to_owned(), media.bytes.len().into()),
        ("id".to_owned(), media.id.clone().into()),
    ]);
    let all: Vec<&str> = whole.keys().map(String::as_str).collect();
    call.pick(&whole, &all).map(Reply::Json)
}

fn delete(call: &mut Call<'_>) -> Answer {
    check(call, "delete")?;
    call.world.media.remove(&call.object);
    Reply::success()
}

/// Whether a fault of media strikes; such a fault needs no edge.
fn strike(world: &mut World, kind: Kind, number: &str) -> bool {
    let World { faults, chance, .. } = world;
    let case = Case { phone_number_id: Some(number), ..Case::default() };
    faults.strike(kind, case, chance).is_some()
}

/// Answers the bytes behind a download URL: to who shows a token that opens the medium's account (else 401), while the
/// URL is good (else 404). Meta answers some clients with a page that says nothing; here it is those without a name.
pub(crate) async fn download(State(meta): State<Arc<Meta>>, request: Request<Body>) -> Response {
    let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let query: HashMap<String, String> = query.into_owned().collect();
    let now = meta.clock.now();
    let (answer, slow) = {
        let mut world = meta.world();
        let answer = find(&mut world, request.headers(), &query, now);
        let number = answer.as_ref().map(|media| media.phone_number_id.clone()).unwrap_or_default();
        let answer = answer.map(|media| match strike(&mut world, Kind::MediaTruncated, &number) {
            true => abort(Abort::Truncate(served(&media))),
            false => served(&media),
        });
        let World { faults, chance, .. } = &mut *world;
        let mut on_edge = |kind| {
            let case = Case { phone_number_id: Some(&number), edge: Some("media"), ..Case::default() };
            faults.strike(kind, case, chance)
        };
        let answer = if on_edge(Kind::Reset).is_some() { Ok(abort(Abort::Reset)) } else { answer };
        let answer = match on_edge(Kind::Html500) {
            Some(fault) => Err(page(fault.http_status.unwrap_or(500))),
            None => answer,
        };
        (answer, on_edge(Kind::Slow))
    };
    if let Some(fault) = slow {
        tokio::time::sleep(Duration::from_secs_f64(fault.seconds.unwrap_or(5.0))).await;
    }
    answer.unwrap_or_else(|refused| refused)
}

/// The medium that a download may have, or the refusal.
fn find(
    world: &mut World,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
    now: Timestamp,
) -> Result<Media, Response> {
    let word = |name: &str| query.get(name).map_or("", String::as_str);
    if headers.get(header::USER_AGENT).is_none_or(|agent| agent.as_bytes().trim_ascii().is_empty()) {
        return Err(page(400));
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.split_once(' '));
    let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.and_then(|(_, word)| world.tokens.get(word.trim()));
    let Some(token) = token.filter(|token| !token.revoked && token.expires_at.is_none_or(|end| now < end)) else {
        return Err(refusal(&GraphError::of(190).message("Authentication Error")));
    };
    let media = world.media.get(word("mid")).ok_or_else(|| gone("Media not found"))?;
    if !token.wabas.contains(&media.waba_id) {
        return Err(refusal(&GraphError::of(190).message("Authentication Error")));
    }
    if now >= media.expires_at || !media.opens(word("ext"), word("hash"), now) {
        return Err(gone("URL signature expired"));
    }
    let media = media.clone();
    if strike(world, Kind::MediaExpired, &media.phone_number_id) {
        return Err(gone("URL signature expired"));
    }
    Ok(media)
}

/// The bytes, as they are: a lie is in what was told of them.
fn served(media: &Media) -> Response {
    let name = media.filename.clone().unwrap_or_else(|| format!("{}.{}", media.id, ending(&media.mime_type)));
    let plain = |char: char| char.is_ascii_alphanumeric() || "._- ".contains(char);
    let name: String = name.chars().map(|char| if plain(char) { char } else { '_' }).collect();
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&media.bytes);
    let answer = Response::builder()
        .header(header::CONTENT_LENGTH, media.bytes.len())
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .header(header::ETAG, format!("\"{}\"", HEXLOWER.encode(&hash)))
        .header(header::CACHE_CONTROL, "private, max-age=300");
    let answer = match http::HeaderValue::from_str(&media.mime_type) {
        Ok(mime) => answer.header(header::CONTENT_TYPE, mime),
        Err(_) => answer.header(header::CONTENT_TYPE, "application/octet-stream"),
    };
    answer.body(Body::from(media.bytes.clone())).expect("these headers are well-formed")
}

/// What a file's name ends in: the last word of its type, as `jpeg`.
fn ending(mime: &str) -> String {
    let mime = essence(mime);
    mime.rsplit(['/', '.']).next().filter(|word| !word.is_empty()).unwrap_or("bin").to_owned()
}

fn refusal(error: &GraphError) -> Response {
    Response::builder()
        .status(error.http)
        .header(header::CONTENT_TYPE, "application/json; charset=UTF-8")
        .header(header::WWW_AUTHENTICATE, "OAuth \"Facebook Platform\" \"invalid_token\" \"Authentication Error\"")
        .body(Body::from(error.envelope("AmediaDownload").to_string()))
        .expect("these headers are well-formed")
}

fn gone(why: &'static str) -> Response {
    Response::builder()
        .status(404)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Body::from(why))
        .expect("these headers are well-formed")
}

fn page(status: u16) -> Response {
    const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Facebook | Error</title></head><body>\
        <h1>Sorry, something went wrong.</h1></body></html>\n";
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=\"utf-8\"")
        .body(Body::from(PAGE))
        .expect("these headers are well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_the_parts_own() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(mime_of(some("image/png"), None).expect("named"), "image/png");
        assert_eq!(mime_of(None, some("image/png")).expect("in the part"), "image/png");
        assert_eq!(mime_of(some("image"), some("image/png")).expect("both"), "image/png");
        assert_eq!(
            mime_of(some("image/png"), some("application/octet-stream")).expect("both"),
            "application/octet-stream"
        );
        assert!(mime_of(None, None).is_err());
    }

    #[test]
    fn names_end_in_what_the_type_says() {
        assert_eq!(ending("image/jpeg"), "jpeg");
        assert_eq!(ending("audio/ogg; codecs=opus"), "ogg");
        assert_eq!(ending("application/vnd.ms-excel"), "ms-excel");
    }
}
