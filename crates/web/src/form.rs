//! A file in a form, taken piece by piece into the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use model::Scope;
use model::store::{Store, StoreError, Writing, Written};
use multer::{Constraints, Field, Multipart, SizeLimit};
use whatsapp::outgoing::LARGEST_FILE;

use crate::serve::is_too_slow;

/// The longest text beside the file, in bytes: the longest that a message can have, in any script.
const LONGEST_TEXT: u64 = 4 * 4096;

/// So many texts stand beside the file at most.
const TEXTS: usize = 16;

/// The longest file name, in characters.
const LONGEST_NAME: usize = 255;

/// So much may arrive before a part's head, a text or the form ends: the reader of forms holds all of it.
const LONGEST_WAIT: usize = 256 << 10;

/// All of the form.
const LONGEST: u64 = LARGEST_FILE + (1 << 20);

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
    /// It trickles in.
    TooSlow,
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
        let limits = known
            .iter()
            .fold(SizeLimit::new().whole_stream(LONGEST), |limits, name| limits.for_field(*name, LONGEST_TEXT));
        let constraints = Constraints::new().size_limit(limits);
        let leash = Arc::new(AtomicUsize::new(0));
        let mut form = Multipart::with_constraints(leashed(body, leash.clone()), boundary, constraints);
        let (mut found, mut texts) = (None, Vec::new());
        while let Some(mut field) = form.next_field().await? {
            leash.store(0, Ordering::Relaxed);
            match field.name().unwrap_or_default() {
                "file" if found.is_some() => return Err(Unread::TwoFiles),
                "file" => {
                    let name = field.file_name().and_then(plain);
                    let content_type = field.content_type().map(ToString::to_string);
                    found =
                        Some((take(store.writer(scope.organization_id()), field, &leash).await?, name, content_type));
                }
                name if known.contains(&name) && texts.len() < TEXTS => {
                    texts.push((name.to_owned(), field.text().await?));
                }
                _ if others == Others::PassedOver => {
                    while field.chunk().await?.is_some() {
                        leash.store(0, Ordering::Relaxed);
                    }
                }
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

async fn take(mut writing: Writing, mut field: Field<'_>, leash: &AtomicUsize) -> Result<Writing, Unread> {
    while let Some(piece) = field.chunk().await? {
        leash.store(0, Ordering::Relaxed);
        if writing.size() + piece.len() as u64 > LARGEST_FILE {
            drop(writing);
            let rest = async {
                while let Ok(Some(_)) = field.chunk().await {
                    leash.store(0, Ordering::Relaxed);
                }
            };
            let _ = tokio::time::timeout(HEARD_WITHIN, rest).await;
            return Err(Unread::TooLarge);
        }
        writing.push(piece).await.map_err(Unread::Store)?;
    }
    Ok(writing)
}

/// What the reader of the form would hold without end: a preamble, or a part's head.
#[derive(Debug, thiserror::Error)]
#[error("too much of the form comes before the end of a part's head")]
struct Endless;

/// The body's pieces, as long as not too many come before whoever reads the form makes something of them, and takes the
/// count back.
fn leashed(body: Body, leash: Arc<AtomicUsize>) -> impl Stream<Item = Result<Bytes, axum::BoxError>> + Send {
    body.into_data_stream().map(move |piece| {
        let piece = piece?;
        let waits = leash.fetch_add(piece.len(), Ordering::Relaxed) + piece.len();
        if waits > LONGEST_WAIT { Err(Endless.into()) } else { Ok(piece) }
    })
}

impl From<multer::Error> for Unread {
    fn from(error: multer::Error) -> Self {
        match error {
            multer::Error::StreamSizeExceeded { .. } => Self::TooLarge,
            error if is_too_slow(&error) => Self::TooSlow,
            _ => Self::Broken,
        }
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
