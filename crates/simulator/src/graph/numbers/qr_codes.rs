//! Codes that open a chat with a text begun.

use serde_json::{Map, Value, json};

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;
use crate::world::QrCode;

/// Characters of the text, from memory.
const PREFILLED: usize = 140;

/// Codes of a number, from memory.
const MOST: usize = 2000;

const SHOWN: &[&str] = &["code", "prefilled_message", "deep_link_url"];

/// `GET /{phone-number-id}/message_qrdls`, newest first; `code=` asks for one.
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let wanted = call.text("code");
    picture_those(call, wanted.as_deref());
    let number = number_of(call);
    let codes = number.qr_codes.iter().rev();
    let wanted: Vec<_> = codes.filter(|(code, _)| wanted.as_ref().is_none_or(|wanted| wanted == *code)).collect();
    let whole: Vec<_> = wanted.into_iter().map(|(code, qr)| row(code, qr)).collect();
    let rows: Result<Vec<Value>, GraphError> = whole.iter().map(|row| call.pick(row, SHOWN)).collect();
    call.page(rows?, "message_qrdls").map(Reply::Json)
}

/// `GET /{phone-number-id}/message_qrdls/{code}`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let code = call.rest.clone();
    picture_those(call, Some(&code));
    let qr = number_of(call).qr_codes.get(&code).ok_or_else(unknown)?.clone();
    Ok(Reply::Json(json!({ "data": [call.pick(&row(&code, &qr), SHOWN)?] })))
}

/// `POST /{phone-number-id}/message_qrdls`: a new one, or with `code`, here or in the path, another text for one.
pub(super) fn save(call: &mut Call<'_>) -> Answer {
    let prefilled_message = call.required("prefilled_message")?;
    if !(1..=PREFILLED).contains(&prefilled_message.chars().count()) {
        return Err(GraphError::of(100).message("(#100) Param prefilled_message must be 1 to 140 characters long"));
    }
    let image = match call.text("generate_qr_image").map(|kind| kind.to_ascii_uppercase()).as_deref() {
        None => None,
        Some("SVG" | "PNG") => Some(picture(call)),
        Some(_) => return Err(GraphError::of(100).message("(#100) Param generate_qr_image must be one of {PNG, SVG}")),
    };
    let named = Some(call.rest.clone()).filter(|code| !code.is_empty());
    let (code, now) = (named.or_else(|| call.text("code")), call.now);
    let fresh = format!("{}1", call.world.chance.alphanumeric(13).to_ascii_uppercase());
    let number = number_of(call);
    let code = match code {
        Some(code) => {
            let qr = number.qr_codes.get_mut(&code).ok_or_else(unknown)?;
            qr.prefilled_message = prefilled_message;
            qr.image = image.or(qr.image.take());
            code
        }
        None if number.qr_codes.len() >= MOST => {
            return Err(GraphError::invalid("The number has 2000 QR codes already. Delete some first."));
        }
        None => {
            number.qr_codes.insert(fresh.clone(), QrCode { prefilled_message, created_at: now, image });
            fresh
        }
    };
    let mut answer = row(&code, &number.qr_codes[&code]);
    answer.retain(|name, value| name != "creation_time" && !value.is_null());
    Ok(Reply::Json(answer.into()))
}

/// `DELETE /{phone-number-id}/message_qrdls/{code}`.
pub(super) fn remove(call: &mut Call<'_>) -> Answer {
    let code = call.rest.clone();
    number_of(call).qr_codes.shift_remove(&code).ok_or_else(|| {
        unknown()
            .user("QR Code Not Found", "The QR code you're trying to delete doesn't exist or has already been deleted")
    })?;
    Reply::success()
}

fn row(code: &str, qr: &QrCode) -> Map<String, Value> {
    let all = json!({
        "code": code, "prefilled_message": qr.prefilled_message, "deep_link_url": format!("https://wa.me/message/{code}"),
        "qr_image_url": qr.image, "creation_time": qr.created_at.as_second(),
    });
    let Value::Object(all) = all else { unreachable!("an object was written") };
    all
}

/// Makes the pictures that a reader asks for.
fn picture_those(call: &mut Call<'_>, code: Option<&str>) {
    if !call.fields().is_some_and(|names| names.iter().any(|name| name == "qr_image_url")) {
        return;
    }
    let image = picture(call);
    for (known, qr) in &mut number_of(call).qr_codes {
        if code.is_none_or(|code| code == known) {
            qr.image.get_or_insert_with(|| format!("{image}&code={known}"));
        }
    }
}

fn picture(call: &mut Call<'_>) -> String {
    format!("https://scontent.xx.fbcdn.net/m1/v/t6/{}?ccb=10-5", call.world.chance.opaque(48))
}

fn unknown() -> GraphError {
    GraphError { kind: "GraphMethodException", ..GraphError::of(803) }.message("QR code not found")
}
