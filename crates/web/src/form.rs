//! A file in a form, taken piece by piece into the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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

/// A form that was not read.
#[derive(Debug)]
pub(crate) struct NotRead {
    /// Why.
    pub(crate) why: Unread,
    /// The texts that had come, in their order: whoever wrote them does not lose them with the file.
    pub(crate) texts: Vec<(String, String)>,
}

impl Form {
    /// Reads a form whose texts have these names; what has another name is for [`Others`] to say.
    pub(crate) async fn read(
        store: &Store,
        scope: &Scope,
        (headers, body): (&HeaderMap, Body),
        known: &[&str],
        others: Others,
    ) -> Result<Self, NotRead> {
        let mut texts = Vec::new();
        let writing = store.writer(scope.organization_id());
        match Self::fill(&mut texts, writing, (headers, body), known, others).await {
            Ok((file, filename, content_type)) => Ok(Self { file, filename, content_type, texts }),
            Err(why) => Err(NotRead { why, texts }),
        }
    }

    async fn fill(
        texts: &mut Vec<(String, String)>,
        writing: Writing,
        (headers, body): (&HeaderMap, Body),
        known: &[&str],
        others: Others,
    ) -> Result<(Written, Option<String>, Option<String>), Unread> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok()).ok_or(Unread::NotMultipart)?;
        let limits = known.iter().fold(SizeLimit::new(), |limits, name| limits.for_field(*name, LONGEST_TEXT));
        let constraints = Constraints::new().size_limit(limits);
        let leash = Arc::new(Leash::default());
        let mut form = Multipart::with_constraints(leashed(body, leash.clone()), boundary, constraints);
        let (mut writing, mut found) = (Some(writing), None);
        while let Some(mut field) = form.next_field().await? {
            leash.loosen();
            match field.name().unwrap_or_default() {
                "file" => {
                    let name = field.file_name().and_then(plain);
                    let content_type = field.content_type().map(ToString::to_string);
                    match take(writing.take().ok_or(Unread::TwoFiles)?, &mut field, &leash).await {
                        Ok(file) => found = Some((file, name, content_type)),
                        Err(Unread::TooLarge) => {
                            let rest = hear_out(&mut form, field, texts, known, &leash);
                            let _ = tokio::time::timeout(HEARD_WITHIN, rest).await;
                            return Err(Unread::TooLarge);
                        }
                        Err(error) => return Err(error),
                    }
                }
                name if known.contains(&name) && texts.len() < TEXTS => {
                    texts.push((name.to_owned(), field.text().await?));
                }
                _ if others == Others::PassedOver => pass_over(&mut field, &leash).await?,
                name => return Err(Unread::Unknown(name.chars().take(80).collect())),
            }
        }
        let (file, filename, content_type) = found.ok_or(Unread::NoFile)?;
        let file = file.finish().await.map_err(Unread::Store)?;
        Ok((file, filename, content_type))
    }

    /// The text of this name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}

async fn take(mut writing: Writing, field: &mut Field<'_>, leash: &Leash) -> Result<Writing, Unread> {
    while let Some(piece) = field.chunk().await? {
        leash.loosen();
        if writing.size() + piece.len() as u64 > LARGEST_FILE {
            return Err(Unread::TooLarge);
        }
        writing.push(piece).await.map_err(Unread::Store)?;
    }
    Ok(writing)
}

async fn pass_over(field: &mut Field<'_>, leash: &Leash) -> Result<(), multer::Error> {
    while field.chunk().await?.is_some() {
        leash.loosen();
    }
    Ok(())
}

/// Reads a form on whose file is too large: its sender hears why, and keeps the texts behind it.
async fn hear_out(
    form: &mut Multipart<'_>,
    mut file: Field<'_>,
    texts: &mut Vec<(String, String)>,
    known: &[&str],
    leash: &Leash,
) -> Result<(), multer::Error> {
    leash.hears_out.store(true, Ordering::Relaxed);
    pass_over(&mut file, leash).await?;
    drop(file);
    while let Some(mut field) = form.next_field().await? {
        leash.loosen();
        match field.name().unwrap_or_default() {
            name if known.contains(&name) && texts.len() < TEXTS => texts.push((name.to_owned(), field.text().await?)),
            _ => pass_over(&mut field, leash).await?,
        }
    }
    Ok(())
}

/// How much of a body may come.
#[derive(Debug, Default)]
struct Leash {
    /// So much came since whoever reads the form made something of it: a preamble, or a part's head, would have no end.
    waits: AtomicUsize,
    /// So much came.
    all: AtomicU64,
    /// It is refused already, and read for so long as [`HEARD_WITHIN`] says.
    hears_out: AtomicBool,
}

/// Why no more of a body is taken.
#[derive(Debug, thiserror::Error)]
enum TooMuch {
    /// What the reader of the form would hold without end.
    #[error("too much of the form comes before the end of a part's head")]
    Endless,
    /// All of it.
    #[error("the form is longer than any that holds a file")]
    Whole,
}

impl Leash {
    fn loosen(&self) {
        self.waits.store(0, Ordering::Relaxed);
    }

    fn pull(&self, length: usize) -> Result<(), TooMuch> {
        if self.waits.fetch_add(length, Ordering::Relaxed) + length > LONGEST_WAIT {
            return Err(TooMuch::Endless);
        }
        let all = self.all.fetch_add(length as u64, Ordering::Relaxed) + length as u64;
        if all > LONGEST && !self.hears_out.load(Ordering::Relaxed) {
            return Err(TooMuch::Whole);
        }
        Ok(())
    }
}

/// The body's pieces, as long as not too many come before whoever reads the form makes something of them, and loosens the
/// leash.
fn leashed(body: Body, leash: Arc<Leash>) -> impl Stream<Item = Result<Bytes, axum::BoxError>> + Send {
    body.into_data_stream().map(move |piece| {
        let piece = piece?;
        leash.pull(piece.len())?;
        Ok(piece)
    })
}

impl From<multer::Error> for Unread {
    fn from(error: multer::Error) -> Self {
        match error {
            multer::Error::StreamReadFailed(error) if matches!(error.downcast_ref(), Some(TooMuch::Whole)) => {
                Self::TooLarge
            }
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
