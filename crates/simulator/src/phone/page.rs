//! The page's own files, in the program.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// What the page may load: its own files, and media that it made itself.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:";

/// A file of the page: name, type, content.
type File = (&'static str, &'static str, &'static str);

macro_rules! files {
    ($($name:literal $mime:literal),* $(,)?) => {
        &[$(($name, $mime, include_str!(concat!("page/", $name)))),*]
    };
}

/// Every file.
const FILES: &[File] = files! {
    "index.html" "text/html; charset=utf-8",
    "icon.svg" "image/svg+xml",
    "es.json" "application/json",
    "en.json" "application/json",
    "style.css" "text/css; charset=utf-8",
    "frame.css" "text/css; charset=utf-8",
    "start.css" "text/css; charset=utf-8",
    "chat.css" "text/css; charset=utf-8",
    "bubble.css" "text/css; charset=utf-8",
    "sheet.css" "text/css; charset=utf-8",
    "main.js" "text/javascript; charset=utf-8",
    "api.js" "text/javascript; charset=utf-8",
    "attach.js" "text/javascript; charset=utf-8",
    "bubble.js" "text/javascript; charset=utf-8",
    "cards.js" "text/javascript; charset=utf-8",
    "chat.js" "text/javascript; charset=utf-8",
    "chats.js" "text/javascript; charset=utf-8",
    "composer.js" "text/javascript; charset=utf-8",
    "dom.js" "text/javascript; charset=utf-8",
    "icons.js" "text/javascript; charset=utf-8",
    "media.js" "text/javascript; charset=utf-8",
    "menu.js" "text/javascript; charset=utf-8",
    "owner.js" "text/javascript; charset=utf-8",
    "people.js" "text/javascript; charset=utf-8",
    "preview.js" "text/javascript; charset=utf-8",
    "sheet.js" "text/javascript; charset=utf-8",
    "start.js" "text/javascript; charset=utf-8",
    "text.js" "text/javascript; charset=utf-8",
    "voice.js" "text/javascript; charset=utf-8",
    "words.js" "text/javascript; charset=utf-8",
};

/// The page.
pub(super) async fn index() -> Response {
    answer("index.html")
}

/// A file of the page.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    answer(&name)
}

fn answer(name: &str) -> Response {
    match FILES.iter().find(|(known, _, _)| *known == name) {
        None => StatusCode::NOT_FOUND.into_response(),
        Some((_, mime, content)) => {
            let headers = [
                (header::CONTENT_TYPE, *mime),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::REFERRER_POLICY, "no-referrer"),
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, *content).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn content(name: &str) -> &'static str {
        FILES.iter().find(|(known, _, _)| *known == name).map(|(_, _, content)| *content).expect("a file")
    }

    fn words(name: &str) -> BTreeMap<String, String> {
        serde_json::from_str(content(name)).expect("words")
    }

    #[test]
    fn both_languages_say_the_same_things() {
        let (spanish, english) = (words("es.json"), words("en.json"));
        assert!(spanish.keys().eq(english.keys()), "a key is missing in one of the languages");
        for (key, text) in spanish.iter().chain(&english) {
            assert!(!text.trim().is_empty(), "{key} is empty");
        }
        for (key, text) in &spanish {
            let gaps = |text: &str| text.matches('{').count();
            assert_eq!(gaps(text), gaps(&english[key]), "{key} has other gaps in English");
        }
    }

    #[test]
    fn the_page_has_nothing_that_its_policy_forbids() {
        let page = content("index.html");
        assert!(!page.contains("<style") && !page.contains(" style="));
        assert!(page.matches("<script").count() == page.matches("<script type=\"module\" src=").count());
        for (name, _, content) in FILES.iter().filter(|(name, _, _)| name.ends_with(".js")) {
            for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!content.contains(forbidden), "{name} has {forbidden}");
            }
        }
    }
}
