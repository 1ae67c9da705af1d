//! What a composer sends, as Meta takes it: a text, or a file with what is said about it.

use axum::Json;
use axum::extract::{self, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use model::act::Act;
use model::database::Tenant;
use model::media;
use model::outbox::Content;
use model::upload;
use model::user::Language;
use serde_json::{Value, json};
use uuid::Uuid;
use whatsapp::outgoing::{self, LARGEST_FILE, MediaKind};

use super::file::size;
use super::thread;
use crate::api::shown::{self, Named};
use crate::api::upload::{NotKept, Wrong, keep, known, names_of};
use crate::form::{Form, Others, Unread};
use crate::pages::{Entered, Failure, Key, PathId, Said, Visit, say};
use crate::{State, api, sending};

/// The texts of a composer's form.
const FIELDS: &[&str] =
    &["id", "seen", "owner", "reply", "body", "anyway", "take", "only", "media", "as", "later", "at"];

/// A message that was checked: what its id stands for, and what the queue takes.
pub(super) struct Composed {
    pub(super) body: Value,
    pub(super) content: Content,
}

/// A file that is here, and goes with what is written next.
#[derive(Clone, Debug)]
pub(super) struct Attached {
    pub(super) id: Uuid,
    pub(super) name: Option<String>,
}

/// Which files can be sent, as JSON for scripts: the same table by which they are judged when they come.
pub(super) fn takes() -> String {
    let kind = |kind: MediaKind| {
        let types: Vec<&str> = kind.mime_types().iter().flat_map(|known| names_of(known)).collect();
        json!({ "kind": kind.as_str(), "most": kind.largest(), "caption": kind.has_caption(), "types": types })
    };
    json!(MediaKind::ALL.map(kind)).to_string()
}

/// The types of all of them, for who chooses one.
pub(super) fn accepts() -> String {
    outgoing::mime_types().collect::<Vec<_>>().join(",")
}

/// Reads what a composer sent. A file that comes along is kept first: from then on its id stands for it.
pub(super) async fn read(state: &State, visit: &Visit, id: Uuid, request: Request) -> Result<Entered, Failure> {
    if !is_multipart(request.headers()) {
        return Entered::from_request(request, state).await;
    }
    let form = match form(state, visit, id, request).await? {
        Ok(form) => form,
        Err((not_kept, texts)) => return Ok(refused(entered(&texts), visit, &not_kept)),
    };
    let mut entered = entered(&form.texts);
    // A form without a file has an empty one without a name.
    if form.file.size > 0 || form.filename.is_some() {
        match keep(state, &visit.scope()?, form, visit.page.language.into()).await {
            Ok(media) => entered.set("media", media.id.to_string()),
            Err(not_kept) => return Ok(refused(entered, visit, &not_kept)),
        }
    }
    Ok(entered)
}

fn entered(texts: &[(String, String)]) -> Entered {
    Entered::of(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data"))
}

/// Why a form was not taken, and the texts that came with it.
type NotTaken = (NotKept, Vec<(String, String)>);

/// The form of a file for this conversation. Whose it is is looked at before its first byte is kept: a page that was open
/// while its reader went on to another organization leaves nothing there.
async fn form(state: &State, visit: &Visit, id: Uuid, request: Request) -> Result<Result<Form, NotTaken>, Failure> {
    let tx = visit.begin(Act::Send).await?;
    thread::follow(&tx, id).await?;
    tx.close();
    let (parts, body) = request.into_parts();
    let form = Form::read(&state.store, &visit.scope()?, (&parts.headers, body), FIELDS, Others::PassedOver).await;
    Ok(form.map_err(|not_read| match not_read.why {
        Unread::TooLarge => (NotKept::Wrong(Wrong::TooLarge(LARGEST_FILE)), not_read.texts),
        why => (NotKept::Problem(api::upload::not_read(why, visit.page.language.into())), not_read.texts),
    }))
}

fn refused(mut entered: Entered, visit: &Visit, not_kept: &NotKept) -> Entered {
    let language = visit.page.language;
    entered.fault("body", say(language, Key("send-mistake")).with("why", why(not_kept, language)));
    entered
}

/// Why a file was not kept, and what to do, for whoever chose it.
fn why(not_kept: &NotKept, language: Language) -> String {
    let wrong = match not_kept {
        NotKept::Problem(problem) => return problem.detail().to_owned(),
        NotKept::Wrong(wrong) => wrong,
    };
    let said = match wrong {
        Wrong::Said { .. } => say(language, Key("file-lies")),
        Wrong::NotTaken(mime_type) => say(language, Key("file-of-type")).with("type", mime_type),
        Wrong::Nameless => say(language, Key("file-nameless")),
        Wrong::NotOpus | Wrong::NotMono => say(language, Key("file-sound")),
        Wrong::TooDeep => say(language, Key("file-deep")),
        Wrong::TooLarge(most) => {
            let most = i64::try_from(*most).unwrap_or(i64::MAX);
            say(language, Key("file-too-large")).with("most", size(language, most))
        }
        Wrong::Empty => say(language, Key("file-empty")),
    };
    said.to_string()
}

/// Takes a file before the message that will show it.
pub(super) async fn file(
    extract::State(state): extract::State<State>,
    visit: Visit,
    PathId(id): PathId,
    request: Request,
) -> Result<Response, Failure> {
    let kept = match form(&state, &visit, id, request).await? {
        Ok(form) => keep(&state, &visit.scope()?, form, visit.page.language.into()).await,
        Err((not_kept, _)) => Err(not_kept),
    };
    let not_kept = match kept {
        Ok(media) => return Ok((StatusCode::CREATED, Json(json!({ "id": media.id }))).into_response()),
        Err(not_kept) => not_kept,
    };
    let status = match &not_kept {
        NotKept::Problem(problem) => problem.kind().status,
        NotKept::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok((status, Json(json!({ "why": why(&not_kept, visit.page.language) }))).into_response())
}

/// What was entered.
pub(super) struct Written {
    pub(super) words: String,
    /// The message that it answers.
    pub(super) reply: Option<Uuid>,
    media_id: Option<Uuid>,
    as_document: bool,
}

impl Written {
    pub(super) fn of(entered: &Entered) -> Self {
        let (words, media_id) = (entered.text("body").to_owned(), entered.text("media").parse().ok());
        let reply = entered.text("reply").parse().ok();
        Self { words, reply, media_id, as_document: entered.has("as", "document") }
    }

    /// The file that goes with it.
    pub(super) fn file(&self) -> Option<ShownFile<'_>> {
        let file = |media_id| ShownFile { media_id, as_document: self.as_document, voice: false, words: &self.words };
        self.media_id.map(file)
    }

    /// The file, where the form is shown again.
    pub(super) async fn attached(&self, tx: &Tenant) -> Result<Option<Attached>, Failure> {
        let Some(id) = self.media_id else { return Ok(None) };
        let found = media::get(tx, id).await?;
        Ok(found.map(|media| Attached { id: media.id, name: media.filename }))
    }
}

/// A text, as Meta takes it.
pub(super) fn text(words: &str, reply_to: Option<String>, language: Language) -> Result<Composed, Said> {
    if words.is_empty() {
        return Err(say(language, Key("fault-empty")));
    }
    let mut body = json!({ "type": "text", "text": { "body": words, "preview_url": true } });
    answer(&mut body, reply_to);
    match outgoing::check(&body) {
        Ok(checked) => Ok(Composed { body, content: sending::content(checked) }),
        Err(problems) => Err(said(problems, language)),
    }
}

fn answer(body: &mut Value, reply_to: Option<String>) {
    if let Some(reply_to) = reply_to {
        body["context"] = json!({ "message_id": reply_to });
    }
}

/// A file to show, with words.
pub(super) struct ShownFile<'a> {
    pub(super) media_id: Uuid,
    pub(super) as_document: bool,
    /// Whether it was spoken for whoever hears it.
    pub(super) voice: bool,
    pub(super) words: &'a str,
}

impl ShownFile<'_> {
    /// The message, as Meta takes it. Its file is the organization's own, and one that whoever sends it may see.
    pub(super) async fn message(
        &self,
        tx: &Tenant,
        now: Timestamp,
        reply_to: Option<String>,
        language: Language,
    ) -> Result<Result<Composed, Said>, Failure> {
        let all = upload::find(tx, now, &[self.media_id]).await?;
        let found = all.get(&self.media_id).and_then(|kept| Some((kept, kept.file.as_ref()?)));
        let Some((kept, file)) = found else { return Ok(Err(say(language, Key("file-not-here")))) };
        let mime_type = known(kept.mime_type.as_deref(), file.mime_type.as_deref());
        let kind = MediaKind::of(&mime_type).filter(|_| !self.as_document).unwrap_or(MediaKind::Document);
        let mut shown = json!({ "id": self.media_id });
        if self.voice {
            shown["voice"] = json!(true);
        }
        match (self.words, kind.has_caption()) {
            ("", _) => {}
            (words, true) => shown["caption"] = json!(words),
            (_, false) => return Ok(Err(say(language, Key("caption-not-here")))),
        }
        let mut body = json!({ "type": kind.as_str(), kind.as_str(): shown });
        answer(&mut body, reply_to);
        let mut checked = match outgoing::check(&body) {
            Ok(checked) => checked,
            Err(problems) => return Ok(Err(said(problems, language))),
        };
        let named = Named::of(std::mem::take(&mut checked.media));
        let mut content = sending::content(checked);
        if let Err(problems) = shown::attach(&mut content, &named.own, &all) {
            return Ok(Err(said(problems, language)));
        }
        // The same bytes that were uploaded again are the same message.
        body[kind.as_str()]["id"] = json!(file.sha256);
        Ok(Ok(Composed { body, content }))
    }
}

/// The first of what is wrong, in words.
pub(super) fn said(problems: impl IntoIterator<Item = outgoing::Problem>, language: Language) -> Said {
    let first = problems.into_iter().next().map(|problem| match language {
        Language::Es => problem.es,
        Language::En => problem.en,
    });
    say(language, Key("send-mistake")).with("why", first.unwrap_or_default())
}
