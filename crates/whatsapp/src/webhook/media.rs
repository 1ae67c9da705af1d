//! The file that comes with a message.

use serde_json::Value;

use super::form;
use crate::json::Read;

/// A file to fetch; ids from webhooks live seven days (Meta's page "Media").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Media {
    /// The media id to ask Graph for.
    pub id: Option<String>,
    /// Where the file is, if the event says so.
    pub url: Option<String>,
    /// The type the sender claims.
    pub mime_type: Option<String>,
    /// The hash, base64 as a rule, hex in some history events.
    pub sha256: Option<String>,
    /// The sender's file name, as given: not safe as a path.
    pub filename: Option<String>,
    /// Whether it is a voice note.
    pub voice: bool,
    /// Whether it is a moving sticker.
    pub animated: bool,
}

/// The message types whose object is a file.
pub(super) const KINDS: [&str; 6] = ["image", "video", "audio", "voice", "document", "sticker"];

impl Media {
    /// The file of a message: under the name of its type, else under any other.
    pub(super) fn of(message: &Value, kind: &str) -> Option<Media> {
        Media::own(message, kind).or_else(|| Media::nested(message))
    }

    /// Whether there is a way to get it.
    pub(super) fn can_be_had(&self) -> bool {
        self.id.is_some() || self.url.is_some()
    }

    fn own(message: &Value, kind: &str) -> Option<Media> {
        let kind =
            std::iter::once(kind).chain(KINDS).find(|kind| KINDS.contains(kind) && message.object(kind).is_some())?;
        Some(Media::read(message.object(kind)?, kind))
    }

    /// The first file within interactive content: sent with a form, or shown above the buttons.
    fn nested(message: &Value) -> Option<Media> {
        let interactive = message.object("interactive")?;
        if let Some(answers) = form::answers(interactive) {
            return form::files(&answers).into_iter().next().map(|file| Media::read(&file, "document"));
        }
        let header = interactive.object("header")?;
        KINDS.iter().find_map(|kind| Some(Media::read(header.object(kind)?, kind))).filter(Media::can_be_had)
    }

    fn read(file: &Value, kind: &str) -> Media {
        let flag = |key| file.get(key).and_then(Value::as_bool).unwrap_or(false);
        Media {
            id: file.id("id"),
            url: url(file),
            mime_type: file.text("mime_type"),
            sha256: file.text("sha256"),
            filename: file.text("filename").or_else(|| file.text("file_name")),
            voice: kind == "voice" || flag("voice"),
            animated: flag("animated"),
        }
    }
}

/// `file` is a path on Meta's disk in old payloads, a web address in few.
fn url(file: &Value) -> Option<String> {
    let web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    file.text("url").or_else(|| file.text("link")).or_else(|| file.text("file").filter(web))
}
