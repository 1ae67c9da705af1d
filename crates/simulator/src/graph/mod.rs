//! The Graph API: one table of operations, looked up by the kind of the object that the path names, and its edge.

mod accounts;
mod call;
mod callback;
mod flows;
mod media;
mod messages;
mod numbers;
mod onboarding;
mod serve;
mod templates;
mod uploads;
mod usage;

use http::Method;

pub(crate) use call::{Answer, Call, Reply};
pub(crate) use media::download;
pub(crate) use numbers::display;
pub(crate) use serve::serve;

use crate::error::Follows;

/// What the first word of a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// No object: `/oauth/access_token`, `/debug_token`, `/me`.
    Root,
    App,
    Business,
    Waba,
    Number,
    Template,
    Flow,
    Media,
    Upload,
}

/// What a caller must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: the request carries its own secrets.
    Nothing,
    /// `APP_ID|APP_SECRET`, of the App that the path names, if it names one.
    AppToken,
    /// A token of a user or system user, without a look at its scopes.
    AnyToken,
    /// A token with `whatsapp_business_messaging` for the account of the object.
    Messaging,
    /// A token with `whatsapp_business_management` for the account of the object.
    Management,
    /// Either of the two.
    Either,
}

/// One operation of the Graph API.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) on: Object,
    /// What follows the object in the path; empty: the object itself. A `*` at its end stands for any one word.
    pub(crate) edge: &'static str,
    pub(crate) needs: Needs,
    /// What its shapes are taken from.
    pub(crate) follows: Follows,
    pub(crate) run: fn(&mut Call<'_>) -> Answer,
}

/// Every operation, room by room.
pub(crate) fn operations() -> impl Iterator<Item = &'static Operation> {
    [
        messages::OPERATIONS,
        media::OPERATIONS,
        uploads::OPERATIONS,
        templates::OPERATIONS,
        flows::OPERATIONS,
        numbers::OPERATIONS,
        accounts::OPERATIONS,
        onboarding::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}

/// An operation of the table, in one line.
pub(crate) const fn op(
    method: Method,
    on: Object,
    edge: &'static str,
    needs: Needs,
    follows: Follows,
    run: fn(&mut Call<'_>) -> Answer,
) -> Operation {
    Operation { method, on, edge, needs, follows, run }
}
