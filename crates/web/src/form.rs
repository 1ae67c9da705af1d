//! A file in a form, taken piece by piece into the store.

use std::time::Duration;

use axum::body::Body;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use model::Scope;
use model::store::{Store, StoreError, Writing, Written};
use multer::{Constraints, Field, Multipart, SizeLimit};
use whatsapp::outgoing::LARGEST_FILE;

/// The longest text beside the file, in bytes.
const LONGEST_TEXT: u64 = 4096;

/// So many texts stand beside the file at most.
const TEXTS: usize = 16;

/// The longest file name, in characters.
const LONGEST_NAME: usize = 255;

/// A client that says nothing for so long has gone.
const PIECE_WITHIN: Duration = Duration::from_secs(60);

/// What is refused is read to its end for so long, so that its sender hears why.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// A form with one file. Dropped before the file is kept, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Form {
    /// Its bytes.
    pub(crate) file: Written,
    /// As its part names it, without a path.
    pub(crate) filename: Option<String>,
    /// The type that its part names.
    pub(crate) content_type: Option<String>,
    /// The texts beside it, in their order.
    pub(crate) texts: Vec<(String, String)>,
}

/// What to do with texts that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// They are a mistake.
    Refused,
    /// They are for somebody else.
    PassedOver,
}

/// Why there is no form.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The body is none.
    NotMultipart,
    /// It ended early, or is not written as it should be.
    Broken,
    /// It has no part `file`.
    NoFile,
    /// It has two.
    TwoFiles,
    /// A text that is not known here.
    Unknown(String),
    /// The file is larger than anything that Meta takes.
    TooLarge,
    /// The store failed.
    Store(StoreError),
}

impl Form {
    /// Reads a form whose texts have these names; what has another name is for [`Others`] to say.
    pub(crate) async fn read(
        store: &Store,
        scope: &Scope,
        (headers, body): (&HeaderMap, Body),
        known: &[&str],
        others: Others,
    ) -> Result<Self, Unread> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok()).ok_or(Unread::NotMultipart)?;
        let limits = known.iter().fold(SizeLimit::new(), |limits, name| limits.for_field(*name, LONGEST_TEXT));
        let constraints = Constraints::new().size_limit(limits);
        let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
        let (mut found, mut texts) = (None, Vec::new());
        while let Some(field) = patient(form.next_field()).await? {
            match field.name().unwrap_or_default() {
                "file" if found.is_some() => return Err(Unread::TwoFiles),
                "file" => {
                    let name = field.file_name().and_then(plain);
                    let content_type = field.content_type().map(ToString::to_string);
                    found = Some((take(store.writer(scope.organization_id()), field).await?, name, content_type));
                }
                name if known.contains(&name) && texts.len() < TEXTS => {
                    texts.push((name.to_owned(), patient(field.text()).await?));
                }
                _ if others == Others::PassedOver => {}
                name => return Err(Unread::Unknown(name.chars().take(80).collect())),
            }
        }
        let (file, filename, content_type) = found.ok_or(Unread::NoFile)?;
        let file = file.finish().await.map_err(Unread::Store)?;
        Ok(Self { file, filename, content_type, texts })
    }

    /// The text of this name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}

async fn take(mut writing: Writing, mut field: Field<'_>) -> Result<Writing, Unread> {
    while let Some(piece) = patient(field.chunk()).await? {
        if writing.size() + piece.len() as u64 > LARGEST_FILE {
            drop(writing);
            let rest = async { while let Ok(Some(_)) = field.chunk().await {} };
            let _ = tokio::time::timeout(HEARD_WITHIN, rest).await;
            return Err(Unread::TooLarge);
        }
        writing.push(piece).await.map_err(Unread::Store)?;
    }
    Ok(writing)
}

async fn patient<T>(read: impl Future<Output = multer::Result<T>>) -> Result<T, Unread> {
    match tokio::time::timeout(PIECE_WITHIN, read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(_)) | Err(_) => Err(Unread::Broken),
    }
}

/// A name without the way to it, and without what breaks lines or orders.
fn plain(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = |char: &char| !char.is_control() && !matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let name: String = name.chars().filter(shown).take(LONGEST_NAME).collect();
    let name = name.trim();
    (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_name_leads_nowhere() {
        for (given, name) in [
            ("factura 12.pdf", Some("factura 12.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\fotos\\año.png", Some("año.png")),
            ("a\r\nb\0.pdf", Some("ab.pdf")),
            ("invoice\u{202e}fdp.exe", Some("invoicefdp.exe")),
            ("..", None),
            ("a/", None),
            (" ", None),
            ("", None),
        ] {
            assert_eq!(plain(given).as_deref(), name, "{given:?}");
        }
        assert_eq!(plain(&"ñ".repeat(300)).map(|name| name.chars().count()), Some(255));
    }
}
