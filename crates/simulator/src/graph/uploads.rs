//! Resumable uploads: files for template headers and profile pictures (§8.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use http::Method;
use jiff::SignedDuration;
use serde_json::json;

use super::{Answer, Call, Needs, Object, Operation, Reply, op};
use crate::error::{Follows, GraphError};
use crate::world::{Upload, essence};

const FOLLOWS: Follows = Follows::Fixture("resumable-upload.json");

pub(super) const OPERATIONS: &[Operation] = &[
    op(Method::POST, Object::App, "uploads", Needs::AnyToken, FOLLOWS, open),
    op(Method::POST, Object::Upload, "", Needs::AnyToken, FOLLOWS, receive),
    op(Method::GET, Object::Upload, "", Needs::AnyToken, FOLLOWS, progress),
];

/// Types that may be uploaded; Meta's list, from memory.
const MIMES: [&str; 6] = ["application/pdf", "image/jpeg", "image/jpg", "image/png", "video/mp4", "video/3gpp"];

/// The largest file, in bytes.
const MOST: usize = 100 << 20;

/// How long a handle says that it is good.
const HANDLE_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

fn open(call: &mut Call<'_>) -> Answer {
    if call.object != "app" && call.object != call.app_id {
        return Err(GraphError::no_such_object("post", &call.object));
    }
    let length = call.required("file_length")?;
    let mime_type = call.required("file_type")?;
    let length = length.parse::<usize>().ok().filter(|length| (1..=MOST).contains(length)).ok_or_else(|| {
        GraphError::of(100).message(format!("(#100) Param file_length must be a number of bytes, from 1 to {MOST}"))
    })?;
    if !MIMES.contains(&essence(&mime_type).as_str()) {
        let list = MIMES.join(", ");
        return Err(GraphError::of(100).message(format!("(#100) Param file_type must be one of {{{list}}}")));
    }
    let (opaque, sig) = (call.world.chance.opaque(60), call.world.chance.opaque(24));
    let key = format!("upload:MTph{opaque}");
    let upload = Upload { app_id: call.app_id.clone(), mime_type, length, bytes: Vec::new(), sig, handle: None };
    let id = format!("{key}?sig={}", upload.sig);
    call.world.uploads.insert(key, upload);
    Ok(Reply::Json(json!({ "id": id })))
}

/// The upload's key, for a caller of the same App whose `sig`, where it came along, is right.
fn key(call: &Call<'_>, method: &str) -> Result<String, GraphError> {
    let path = call.object.replace("%3F", "?").replace("%3f", "?").replace("%3D", "=").replace("%3d", "=");
    let (key, in_path) = path.split_once("?sig=").map_or((path.as_str(), None), |(key, sig)| (key, Some(sig)));
    let in_query = call.query.get("sig").and_then(serde_json::Value::as_str);
    let upload = call.world.uploads.get(key);
    let upload = upload.filter(|upload| upload.app_id == call.app_id);
    let upload = upload.filter(|upload| in_path.or(in_query).is_none_or(|sig| sig == upload.sig));
    upload.map(|_| key.to_owned()).ok_or_else(|| GraphError::no_such_object(method, key))
}

/// A chunk: it begins where the last one ended. The last one brings the handle; before it, the answer says how far the
/// upload is. Nobody published that answer.
fn receive(call: &mut Call<'_>) -> Answer {
    let key = key(call, "post")?;
    // A client in production leaves it out.
    let offset = call.headers.get("file_offset").and_then(|value| value.to_str().ok()).unwrap_or("0");
    let user = call.token.as_ref().map_or("0", |token| token.user_id.as_str());
    let end = (call.now + HANDLE_LIFE).as_second();
    let (first, last) = (call.world.chance.opaque(48), call.world.chance.opaque(12));
    let upload = call.world.uploads.get_mut(&key).ok_or_else(|| GraphError::no_such_object("post", &key))?;
    if offset.trim() != upload.bytes.len().to_string() {
        let here = upload.bytes.len();
        let why = format!("(#100) The file offset {offset} does not match: the upload continues at {here}");
        return Err(GraphError::of(100).message(why));
    }
    if upload.bytes.len() + call.body.bytes.len() > upload.length {
        let why = format!("(#100) More bytes came than file_length said: {}", upload.length);
        return Err(GraphError::of(100).message(why));
    }
    if call.body.bytes.is_empty() && upload.bytes.len() < upload.length {
        return Err(GraphError::of(100).message("(#100) The request has no bytes"));
    }
    upload.bytes.extend_from_slice(&call.body.bytes);
    if upload.bytes.len() < upload.length {
        return Ok(Reply::Json(json!({ "id": key, "file_offset": upload.bytes.len() })));
    }
    let mime = BASE64.encode(&upload.mime_type);
    let made = format!("4::{mime}:AR{first}:e:{end}:{}:{user}:AR{last}", upload.app_id);
    let handle = upload.handle.get_or_insert(made);
    Ok(Reply::Json(json!({ "h": handle })))
}

fn progress(call: &mut Call<'_>) -> Answer {
    let key = key(call, "get")?;
    Ok(Reply::Json(json!({ "id": key, "file_offset": call.world.uploads[&key].bytes.len() })))
}
