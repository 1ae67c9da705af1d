//! What a page says when there is no page: whose move it is, and what to do.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::{CommitError, DatabaseError};
use tower_http::csrf::ProtectionError;

use super::notice::Notice;
use super::page::{Page, shown};
use super::words::Key;
use crate::problem::Problem;

/// Why there is no page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// Nothing is here, or it is somebody else's.
    NotThere,
    /// They work in no organization that is open to them.
    Nowhere,
    /// Their organization asks for a second factor, which they have not.
    LacksSecondFactor,
    /// It is for another role to do.
    NotYours,
    /// The body is no form.
    NoForm,
    /// The form is longer than any that we ask for.
    TooLong,
    /// It was sent from another place than our own pages.
    Elsewhere,
    /// The path does not take this method.
    NoSuchMethod,
    /// Too much is under way.
    Busy,
    /// The database was lost at the last moment.
    InDoubt,
    /// Not now.
    Unavailable,
    /// Our mistake.
    Internal,
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotThere => StatusCode::NOT_FOUND,
            Self::NotYours | Self::Elsewhere | Self::Nowhere | Self::LacksSecondFactor => StatusCode::FORBIDDEN,
            Self::NoForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::InDoubt | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(&self) -> (Key, Key) {
        match self {
            Self::NotThere => (Key("not-there-title"), Key("not-there")),
            Self::NotYours => (Key("not-yours-title"), Key("not-yours")),
            Self::Nowhere => (Key("nowhere-title"), Key("nowhere")),
            Self::LacksSecondFactor => (Key("second-factor-title"), Key("second-factor-lacks")),
            Self::NoForm => (Key("no-form-title"), Key("no-form")),
            Self::TooLong => (Key("no-form-title"), Key("form-too-long")),
            Self::Elsewhere => (Key("elsewhere-title"), Key("elsewhere")),
            Self::NoSuchMethod => (Key("no-form-title"), Key("no-such-method")),
            Self::Busy => (Key("unavailable-title"), Key("busy")),
            Self::InDoubt => (Key("in-doubt-title"), Key("in-doubt")),
            Self::Unavailable => (Key("unavailable-title"), Key("unavailable")),
            Self::Internal => (Key("internal-title"), Key("internal")),
        }
    }
}

/// It is put into words by [`explain`], which knows the reader's language.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        match Problem::from(error).kind().status {
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::TOO_MANY_REQUESTS => Self::Busy,
            _ => Self::Internal,
        }
    }
}

/// Done or not: a page cannot know, so its reader looks first.
impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::NotDone(error) => error.into(),
            CommitError::InDoubt(_) => Self::InDoubt,
        }
    }
}

/// The page of a failure.
#[derive(askama::Template)]
#[template(path = "failure.html")]
struct FailurePage {
    page: Page,
    title: Key,
    text: Key,
    /// Where there is something to do about it.
    leads_to_profile: bool,
}

/// Puts a failure into the words of whoever reads it, and sees to it that what was left to be said is said once.
pub(super) async fn explain(State(state): State<crate::State>, request: Request, next: Next) -> Response {
    let page = Page::of(&state, request.uri(), request.headers());
    let (was_noticed, is_https) = (page.notice.is_some(), page.is_https);
    let mut response = next.run(request).await;
    if was_noticed && response.status() == StatusCode::OK {
        let (name, value) = Notice::forget(is_https);
        response.headers_mut().append(name, value);
    }
    let failure = response.extensions_mut().remove::<Failure>();
    let failure = failure.or_else(|| response.extensions().get::<ProtectionError>().map(|_| Failure::Elsewhere));
    let failure =
        failure.or_else(|| (response.status() == StatusCode::METHOD_NOT_ALLOWED).then_some(Failure::NoSuchMethod));
    let Some(failure) = failure else { return response };
    let (title, text) = failure.words();
    let leads_to_profile = matches!(failure, Failure::Nowhere | Failure::LacksSecondFactor);
    let mut explained = shown(failure.status(), &FailurePage { page, title, text, leads_to_profile });
    for name in [http::header::ALLOW, http::header::RETRY_AFTER] {
        if let Some(value) = response.headers_mut().remove(&name) {
            explained.headers_mut().insert(name, value);
        }
    }
    explained
}
