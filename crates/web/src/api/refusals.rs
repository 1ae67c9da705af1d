//! The problems an operation may answer, for the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

/// What every operation may answer.
pub(super) struct Always;

/// What an operation on one thing may answer besides.
pub(super) struct NotThere;

/// What an operation that takes values from a list, or texts, may answer besides.
pub(super) struct Invalid;

/// What an operation that takes a body may answer besides.
pub(super) struct BadBody;

/// What an operation that takes a file may answer besides.
pub(super) struct BadFile;

/// What an operation may answer besides that not everybody may do.
pub(super) struct Forbidden;

impl IntoResponses for Forbidden {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "403",
            "Whoever asks may not do this: `x-act` says what it takes, `acts` of `GET /me` what they may.",
        )])
    }
}

/// What an operation may answer besides when things are not as it needs them.
pub(super) struct Conflict;

/// What an operation that takes of a quota may answer besides.
pub(super) struct OverQuota;

/// What an operation that keeps a file may answer besides.
pub(super) struct NoRoom;

impl IntoResponses for OverQuota {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "429",
            "Your organization has taken all that it may (`quotas` of `GET /me`); `detail` says whose move it is, and \
             `Retry-After` when to ask again. Nothing was taken.",
        )])
    }
}

impl IntoResponses for NoRoom {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("507", "Your organization's files take all the room that they may (`quotas` of `GET /me`).")])
    }
}

/// What connecting a number may answer besides, in the place of [`Invalid`].
pub(super) struct NumberRefused;

impl IntoResponses for NumberRefused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("403", "`set_webhook` was asked for of an App that is the server's."),
            (
                "422",
                "A value is not accepted (`/docs#invalid`); or the number was refused (`/docs#number-refused`): `connection` \
                 says at which step and why, and can be resumed.",
            ),
        ])
    }
}

/// What an operation that answers a file's bytes may answer besides.
pub(super) struct Unservable;

impl IntoResponses for Unservable {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("409", "The file is not here yet; `detail` says what it waits for."),
            ("410", "The file could not be had, or is past its retention; `detail` says what to do."),
            ("416", "`Range` asks for bytes behind the end; `Content-Range` says how many there are."),
        ])
    }
}

/// What reading the event log may answer besides.
pub(super) struct LogBegins;

impl IntoResponses for LogBegins {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "410",
            "Events behind `after` are past their retention: `oldest` is the first that is there. Or `after` is behind the \
             newest, for a backup was restored. Read what you keep of messages and conversations anew, then go on with the \
             `after` that `detail` names.",
        )])
    }
}

impl IntoResponses for Conflict {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("409", "It does not go with what is there already; `detail` says what.")])
    }
}

impl IntoResponses for Always {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "The request cannot be read; `detail` names the parameter or field."),
            ("401", "The API key is missing or not in force."),
            (
                "429",
                "Your organization has as many requests under way as it may; `Retry-After` says when to come again.",
            ),
            (
                "500",
                "wazapp's own mistake; or it may have been done (`/docs#unknown`): `detail` says where to look before it is repeated.",
            ),
            ("503", "Not now, for instance because the database is away: `Retry-After` says when."),
        ])
    }
}

impl IntoResponses for NotThere {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("404", "Your organization has nothing with this id.")])
    }
}

impl IntoResponses for Invalid {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("422", "A value is well written but not accepted; `detail` names it.")])
    }
}

impl IntoResponses for BadBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("408", "The body arrives too slowly."),
            ("413", "The body is longer than 64 KiB."),
            ("415", "The body is not declared as JSON."),
        ])
    }
}

impl IntoResponses for BadFile {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("408", "The form arrives too slowly."),
            ("413", "The file is larger than WhatsApp takes of its type."),
            ("415", "The body is no form, or WhatsApp takes no such file; `detail` lists the types."),
        ])
    }
}

fn problems(answers: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = |says: &str| {
        ResponseBuilder::new().description(says).content("application/problem+json", problem.clone()).build()
    };
    answers.iter().map(|(status, says)| ((*status).to_owned(), response(says).into())).collect()
}
