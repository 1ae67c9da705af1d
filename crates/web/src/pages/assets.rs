//! `/assets/{build}/{file}`: what pages bring along, built into the program by `build.rs`.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, StatusCode};
use rust_embed::Embed;

/// Says which assets these are: a hash of all of them.
pub(crate) const BUILD: &str = env!("ASSETS_BUILD");

/// The files themselves, and each of them compressed.
#[derive(Embed)]
#[folder = "$OUT_DIR/assets"]
struct Files;

/// A path with a build in it never changes what it says.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Answers a file in the form that the browser takes.
pub(super) async fn get(Path((build, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some((_, content_type)) = TYPES.iter().find(|(ending, _)| name.ends_with(ending)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(plain) = Files::get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // While nodes are replaced one by one, a page of another one's build asks here: it gets ours, and keeps it not.
    let keep = if build == BUILD { FOR_EVER } else { "no-store" };
    let head = [(CONTENT_TYPE, *content_type), (CACHE_CONTROL, keep), (VARY, "Accept-Encoding")];
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    for (encoding, ending) in [("br", "br"), ("gzip", "gz")] {
        if takes(accepted, encoding)
            && let Some(file) = Files::get(&format!("{name}.{ending}"))
        {
            return (head, [(CONTENT_ENCODING, encoding)], file.data).into_response();
        }
    }
    (head, plain.data).into_response()
}

/// What is served at all, by how its name ends.
const TYPES: &[(&str, &str)] = &[
    (".css", "text/css; charset=utf-8"),
    (".js", "text/javascript; charset=utf-8"),
    (".svg", "image/svg+xml; charset=utf-8"),
];

/// Whether `Accept-Encoding` names this one, with a weight that is not zero.
fn takes(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = |part: &str| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0_f64));
        named && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use sha2::{Digest, Sha256};

    use super::*;

    fn text(name: &str) -> String {
        String::from_utf8(Files::get(name).unwrap().data.into_owned()).unwrap()
    }

    #[test]
    fn only_what_a_browser_takes_is_sent() {
        assert!(takes("gzip, deflate, br", "br") && takes("BR;q=0.5", "br"));
        assert!(!takes("gzip, br;q=0", "br") && !takes("brotli", "br") && !takes("", "gzip"));
    }

    /// Turbo's progress bar has a `<style>` of its own, which the policy lets through by its hash.
    #[test]
    fn the_policy_knows_the_style_of_this_turbo() {
        let turbo = text("turbo.js");
        let (_, rest) = turbo.split_once("get defaultCSS(){").expect("Turbo's progress bar has a style");
        let (_, rest) = rest.split_once('`').unwrap();
        let (template, _) = rest.split_once('`').unwrap();
        let duration = turbo.split_once("static animationDuration=").unwrap().1;
        let duration: u32 = duration.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
        let style = ["ProgressBar.animationDuration/2", "ProgressBar.animationDuration"];
        let style = style.iter().zip([duration / 2, duration]).fold(template.to_owned(), |style, (name, time)| {
            style.replace(&format!("${{{name}}}ms"), &format!("{time}ms"))
        });
        // `unindent` joins the lines without their indentation.
        let style = unindent(&style);
        let hash = BASE64.encode(&Sha256::digest(style));
        assert!(
            super::super::headers::POLICY.contains(&format!("'sha256-{hash}'")),
            "the policy is to name sha256-{hash}"
        );
    }

    fn unindent(text: &str) -> String {
        let lines: Vec<&str> = text.strip_prefix('\n').unwrap_or(text).split('\n').collect();
        let indent = lines[0].len() - lines[0].trim_start().len();
        lines.iter().map(|line| line.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }

    /// What the design allows for: of scripts, all that the first screen of the inbox brings along.
    #[test]
    fn all_of_it_is_small() {
        let size = |name: &str| Files::get(&format!("{name}.br")).unwrap().data.len();
        let scripts: usize = Files::iter().filter(|name| name.ends_with(".js")).map(|name| size(&name)).sum();
        assert!(scripts <= 50 << 10, "{scripts}");
        assert!(size("app.css") <= 16 << 10, "{}", size("app.css"));
        assert!(size("icons.svg") <= 8 << 10, "{}", size("icons.svg"));
    }

    /// Whose work a script is stays in it; other remarks do not.
    #[test]
    fn scripts_say_whose_they_are() {
        assert!(text("turbo.js").contains("Copyright"));
        assert!(!text("app.js").contains("// "));
    }

    #[test]
    fn an_icon_is_laid_ready_if_it_is_shown() {
        let (sprite, templates) = (text("icons.svg"), super::super::tests::templates());
        let all: String = templates.iter().map(|(_, text)| text.as_str()).collect();
        let sources: String = super::super::tests::sources().into_iter().map(|(_, text)| text).collect();
        for name in include_str!("../../assets/icons.txt").lines() {
            assert!(sprite.contains(&format!("<symbol id=\"{name}\"")), "{name}");
            let shown = [format!("icon(page, \"{name}\")"), format!("Icon(\"{name}\")")];
            assert!(all.contains(&shown[0]) || sources.contains(&shown[1]), "nothing shows the icon {name}");
        }
        for (path, text) in templates {
            for shown in text.split("icon(page, \"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert!(
                    sprite.contains(&format!("<symbol id=\"{shown}\"")),
                    "{path} shows {shown}, which is not in icons.txt"
                );
            }
        }
    }
}
