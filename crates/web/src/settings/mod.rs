//! Settings: one file a section.

mod audit;
pub(crate) mod author_line;
mod device;
mod endpoints;
mod keys;
mod members;
mod numbers;
mod organization;
mod passkeys;
mod profile;
mod prove;
mod provider;
mod second_factor;
mod sections;
mod teams;

use axum::Router;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::StatusCode;

use crate::State;
use crate::pages::{Failure, Page, Said, Visit, shown};

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/settings", get(index))
        .route("/settings/profile", get(profile::show).post(profile::change))
        .route("/settings/profile/shortcuts", post(profile::choose_shortcuts))
        .route("/settings/profile/password", post(profile::change_password))
        .route("/settings/profile/sessions/end", post(profile::end_all))
        .route("/settings/profile/sessions/{id}/end", post(profile::end))
        .route("/settings/profile/provider/unlink", get(provider::ask_unlink).post(provider::unlink))
        .route("/settings/second-factor", get(second_factor::show))
        .route("/settings/second-factor/app", get(second_factor::ask_app).post(second_factor::begin_app))
        .route("/settings/second-factor/app/confirm", post(second_factor::confirm_app))
        .route("/settings/second-factor/app/remove", get(second_factor::ask_remove).post(second_factor::remove_app))
        .route("/settings/second-factor/codes", get(second_factor::ask_codes).post(second_factor::give_codes))
        .route("/settings/passkeys/new", get(passkeys::form))
        .route("/settings/passkeys/ask", post(passkeys::ask))
        .route("/settings/passkeys", post(passkeys::keep))
        .route("/settings/passkeys/{id}", get(passkeys::show).post(passkeys::rename))
        .route("/settings/passkeys/{id}/remove", get(passkeys::ask_remove).post(passkeys::remove))
        .route("/settings/members", get(members::show))
        .route("/settings/members/invite", get(members::invite::form).post(members::invite::send))
        .route("/settings/members/{id}/role", post(members::change_role))
        .route("/settings/members/{id}/remove", get(members::ask_remove).post(members::remove))
        .route("/settings/invitations/{id}/revoke", post(members::invite::revoke))
        .route("/settings/teams", get(teams::show).post(teams::create))
        .route("/settings/teams/{id}", get(teams::form).post(teams::change))
        .route("/settings/teams/{id}/remove", get(teams::ask_remove).post(teams::remove))
        .route("/settings/numbers", get(numbers::show))
        .route("/settings/numbers/{id}/author-line", post(author_line::choose))
        .route("/settings/keys", get(keys::show))
        .route("/settings/keys/new", get(keys::form).post(keys::create))
        .route("/settings/keys/{id}/revoke", get(keys::ask_revoke).post(keys::revoke))
        .route("/settings/endpoints", get(endpoints::show))
        .route("/settings/endpoints/new", get(endpoints::form).post(endpoints::create))
        .route("/settings/endpoints/{id}", get(endpoints::one))
        .route("/settings/endpoints/{id}/turn", post(endpoints::turn))
        .route("/settings/endpoints/{id}/test", post(endpoints::test))
        .route("/settings/endpoints/{id}/secret", get(endpoints::ask_secret).post(endpoints::rotate))
        .route("/settings/endpoints/{id}/delete", get(endpoints::ask_delete).post(endpoints::delete))
        .route("/settings/endpoints/{id}/deliveries/{delivery}/retry", post(endpoints::retry))
        .route("/settings/audit", get(audit::show))
        .route("/settings/organization", get(organization::show).post(organization::change))
        .route("/settings/{*else}", any(async || Failure::NotThere))
        .route("/organization", post(organization::choose))
}

#[derive(askama::Template)]
#[template(path = "settings/index.html")]
struct Index {
    page: Page,
}

/// What there is to set.
async fn index(visit: Visit) -> Response {
    shown(StatusCode::OK, &Index { page: visit.page })
}

/// Asks before something is done that cannot be undone.
#[derive(askama::Template)]
#[template(path = "settings/confirm.html")]
struct Confirm {
    page: Page,
    title: Said,
    means: Vec<Said>,
    does: Said,
    back: &'static str,
}
