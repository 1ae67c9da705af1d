//! Message templates: created, listed, edited and deleted (§9.1).

mod authentication;
mod buttons;
mod change;
mod check;
mod create;
mod languages;
mod refusal;
mod show;
mod variables;

use http::Method;

use super::{Needs, Object, Operation, op};
use crate::error::Follows;

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        Method::POST,
        Object::Waba,
        "message_templates",
        Needs::Management,
        Follows::Fixture("POST_waba-id-message-templates.json"),
        create::create,
    ),
    op(
        Method::POST,
        Object::Waba,
        "upsert_message_templates",
        Needs::Management,
        Follows::Fixture("doc_bulk-management.json"),
        create::upsert,
    ),
    op(
        Method::GET,
        Object::Waba,
        "message_templates",
        Needs::Management,
        Follows::Fixture("GET_waba-id-message-templates.json"),
        show::list,
    ),
    op(
        Method::GET,
        Object::Waba,
        "message_template_previews",
        Needs::Management,
        Follows::Fixture("doc_template-preview.json"),
        show::previews,
    ),
    op(
        Method::DELETE,
        Object::Waba,
        "message_templates",
        Needs::Management,
        Follows::Fixture("DELETE_waba-id-message-templates.json"),
        change::delete,
    ),
    op(Method::GET, Object::Template, "", Needs::Management, Follows::Fixture("GET_template-id.json"), show::one),
    op(Method::POST, Object::Template, "", Needs::Management, Follows::Fixture("POST_template-id.json"), change::edit),
    op(
        Method::GET,
        Object::Template,
        "compare",
        Needs::Management,
        Follows::Fixture("doc_template-comparison.json"),
        show::compare,
    ),
    op(
        Method::POST,
        Object::Template,
        "unpause",
        Needs::Management,
        Follows::Invented("success, or the reason against it, as clients read it: Meta's answer is not published"),
        change::unpause,
    ),
];
