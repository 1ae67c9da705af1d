//! Templates for one-time passwords: the words are Meta's (pages "… authentication templates").

use std::ops::RangeInclusive;

use super::super::super::limits::ANY;
use super::super::super::problem::{Problem, Rule};
use super::super::super::reader::Fields;
use super::button::LABEL;

/// Minutes that a code may be good for: page "Copy code button authentication templates".
const MINUTES: RangeInclusive<i64> = 1..=90;
/// Apps that one button may open: page "One-tap autofill button authentication templates".
const APPS: RangeInclusive<usize> = 1..=5;
/// Characters of an app's signature: the same page.
const SIGNATURE: usize = 11;

const KINDS: [&str; 3] = ["COPY_CODE", "ONE_TAP", "ZERO_TAP"];

const OF_APPS: [&str; 5] =
    ["autofill_text", "package_name", "signature_hash", "supported_apps", "zero_tap_terms_accepted"];

pub(super) fn body(body: &mut Fields) {
    let en = "is written by Meta in a template of category `AUTHENTICATION`: remove it.";
    body.forbid("text", en, "lo escribe Meta en una plantilla de categoría `AUTHENTICATION`: quítalo.");
    body.flag_if_given("add_security_recommendation");
}

pub(super) fn footer(footer: &mut Fields) {
    let en = "is written by Meta in a template of category `AUTHENTICATION`: give `code_expiration_minutes`.";
    let es = "lo escribe Meta en una plantilla de categoría `AUTHENTICATION`: da `code_expiration_minutes`.";
    footer.forbid("text", en, es);
    footer.whole("code_expiration_minutes", &MINUTES);
}

/// The button that copies the code, or hands it to an app.
pub(super) fn otp(button: &mut Fields) {
    button.text_if_given("text", LABEL);
    let kind = button.word_in_any_case("otp_type", &KINDS);
    match kind {
        None => {
            button.leave_open();
            return;
        }
        Some("COPY_CODE") => {
            for key in OF_APPS {
                let en = "belongs to the buttons `ONE_TAP` and `ZERO_TAP`: remove it.";
                button.forbid(key, en, "es de los botones `ONE_TAP` y `ZERO_TAP`: quítalo.");
            }
            return;
        }
        Some(_) => {}
    }
    button.text_if_given("autofill_text", LABEL);
    if button.flag_if_given("zero_tap_terms_accepted") != Some(true) && kind == Some("ZERO_TAP") {
        let en = "must be `true`: Meta wants its terms for zero-tap accepted.";
        let es = "tiene que ser `true`: Meta pide aceptar sus condiciones de zero-tap.";
        button.add(Problem::at(&button.at("zero_tap_terms_accepted"), Rule::Missing, en, es));
    }
    // One app by itself, as older requests have it, or a list.
    if button.has("package_name") || button.has("signature_hash") {
        button.peek("supported_apps");
        app(button);
    } else {
        button.peek("package_name");
        button.peek("signature_hash");
        button.each("supported_apps", &APPS, app);
    }
}

fn app(app: &mut Fields) {
    if let Some(package) = app.text("package_name", ANY)
        && !(package.contains('.') && package.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b)))
    {
        let en = "must be the name of an Android package, as `com.example.app`.";
        let es = "tiene que ser el nombre de un paquete de Android, como `com.example.app`.";
        app.add(Problem::format(&app.at("package_name"), en, es));
    }
    if let Some(signature) = app.text("signature_hash", ANY) {
        // One of Meta's own examples writes `/` as `%2F`.
        let have = signature.replace("%2F", "/").replace("%2B", "+").chars().count();
        if have != SIGNATURE {
            let en = format!("must have exactly {SIGNATURE} characters and has {have}.");
            let es = format!("tiene que tener exactamente {SIGNATURE} caracteres y tiene {have}.");
            app.add(Problem::format(&app.at("signature_hash"), en, es));
        }
    }
}
