//! Templates for one-time codes: the words are Meta's, the business chooses a few of them (§9.1).

use serde_json::{Map, Value};

use super::check::{capitals, only};
use super::refusal::{lacks, plain, too_long, unexpected};
use crate::error::GraphError;

/// Minutes that a code may be good for, as the footer says.
const MINUTES: std::ops::RangeInclusive<i64> = 1..=90;

/// Apps that one button may open.
const APPS: usize = 5;

const OTP_TYPES: &[&str] = &["COPY_CODE", "ONE_TAP", "ZERO_TAP"];

pub(super) fn body(body: &Map<String, Value>, path: &str) -> Result<(), GraphError> {
    only(body, &["type", "add_security_recommendation"], path)?;
    boolean(body, "add_security_recommendation", path)
}

pub(super) fn footer(footer: &Map<String, Value>, path: &str) -> Result<(), GraphError> {
    only(footer, &["type", "code_expiration_minutes"], path)?;
    let minutes = footer.get("code_expiration_minutes").ok_or_else(|| lacks("FOOTER", "code_expiration_minutes"))?;
    if minutes.as_i64().is_some_and(|minutes| MINUTES.contains(&minutes)) {
        return Ok(());
    }
    let message = format!("(#100) Param {path}['code_expiration_minutes'] must be a number from 1 to 90.");
    Err(GraphError::of(100).message(message))
}

/// An OTP button: its kind, its labels, and the apps that the code goes to.
pub(super) fn otp(button: &mut Map<String, Value>, path: &str) -> Result<(), GraphError> {
    const KEYS: &[&str] = &[
        "type",
        "otp_type",
        "text",
        "autofill_text",
        "package_name",
        "signature_hash",
        "supported_apps",
        "zero_tap_terms_accepted",
    ];
    only(button, KEYS, path)?;
    let kind = capitals(button, "otp_type", OTP_TYPES, path)?;
    for label in ["text", "autofill_text"] {
        let text = button.get(label).and_then(Value::as_str).unwrap_or_default();
        if text.chars().count() > super::buttons::TEXT {
            return Err(too_long("button's text", super::buttons::TEXT));
        }
    }
    if kind == "COPY_CODE" {
        let of_apps = ["autofill_text", "package_name", "signature_hash", "supported_apps", "zero_tap_terms_accepted"];
        return match of_apps.iter().find(|key| button.contains_key(**key)) {
            Some(key) => Err(unexpected(key, path)),
            None => Ok(()),
        };
    }
    boolean(button, "zero_tap_terms_accepted", path)?;
    if kind == "ZERO_TAP" && button.get("zero_tap_terms_accepted") != Some(&Value::Bool(true)) {
        return Err(plain("Zero-tap terms", "A zero-tap button needs zero_tap_terms_accepted to be true."));
    }
    apps(button)
}

/// The apps, in a list, or one by itself as in older requests.
fn apps(button: &Map<String, Value>) -> Result<(), GraphError> {
    let list: Vec<&Map<String, Value>> = match button.get("supported_apps") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).collect(),
        Some(_) => Vec::new(),
        None => vec![button],
    };
    if !(1..=APPS).contains(&list.len()) {
        return Err(plain("Wrong number of apps", "supported_apps has 1 to 5 apps."));
    }
    for app in list {
        let word = |key: &str| app.get(key).and_then(Value::as_str).unwrap_or_default();
        let package = word("package_name");
        if package.is_empty() || word("signature_hash").is_empty() {
            return Err(lacks("BUTTONS", "package_name, signature_hash"));
        }
        if !package.contains('.') || !package.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte))
        {
            return Err(plain("Wrong package name", "package_name is an Android package, as com.example.app."));
        }
        if word("signature_hash").len() != 11 {
            return Err(plain("Wrong signature hash", "signature_hash has exactly 11 characters."));
        }
    }
    Ok(())
}

fn boolean(part: &Map<String, Value>, key: &str, path: &str) -> Result<(), GraphError> {
    match part.get(key) {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => Err(GraphError::of(100).message(format!("(#100) Param {path}['{key}'] must be a boolean."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(button: Value) -> Result<(), GraphError> {
        otp(&mut button.as_object().cloned().expect("an object"), "buttons['0']")
    }

    #[test]
    fn buttons_for_codes() {
        let app = json!({ "package_name": "com.example.luckyshrub", "signature_hash": "K8a/AINcGX7" });
        assert!(check(json!({ "type": "OTP", "otp_type": "copy_code" })).is_ok());
        assert!(check(json!({ "type": "OTP", "otp_type": "copy_code", "supported_apps": [app] })).is_err());
        assert!(check(json!({ "type": "OTP", "otp_type": "one_tap", "supported_apps": [app] })).is_ok());
        assert!(check(json!({ "type": "OTP", "otp_type": "one_tap" })).is_err());
        assert!(check(json!({ "type": "OTP", "otp_type": "zero_tap", "supported_apps": [app] })).is_err());
        let hash = json!({ "package_name": "com.example.luckyshrub", "signature_hash": "short" });
        assert!(check(json!({ "type": "OTP", "otp_type": "one_tap", "supported_apps": [hash] })).is_err());
    }
}
