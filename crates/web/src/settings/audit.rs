//! `/settings/audit`: who did what.

use axum::extract::Query;
use axum::response::Response;
use http::StatusCode;
use model::act::{Act, Role};
use model::audit::{self, ActorKind, Entry, Filter};
use model::membership::{self, Member};
use model::page::Cursor;
use model::user::Language;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::pages::{Failure, Key, Moment, Named, Page, Times, Visit, say, shown};

/// Entries a page.
const PART: i64 = 50;

/// What is said of each deed: a sentence that begins with who did it and ends with what it was done to.
const DEEDS: &[(&str, Key)] = &[
    ("members.manage/add", Key("deed-member-add")),
    ("members.manage/invite", Key("deed-member-invite")),
    ("members.manage/join", Key("deed-member-join")),
    ("members.manage/join_by_rule", Key("deed-member-join-by-rule")),
    ("members.manage/remove", Key("deed-member-remove")),
    ("members.manage/revoke", Key("deed-invitation-revoke")),
    ("contacts.block/block", Key("deed-contact-block")),
    ("contacts.block/unblock", Key("deed-contact-unblock")),
    ("numbers.manage/author_line", Key("deed-number-author-line")),
    ("teams.manage/create", Key("deed-team-create")),
    ("teams.manage/change", Key("deed-team-change")),
    ("keys.manage/create", Key("deed-key-create")),
    ("keys.manage/revoke", Key("deed-key-revoke")),
    ("endpoints.manage/create", Key("deed-endpoint-create")),
    ("endpoints.manage/change", Key("deed-endpoint-change")),
    ("endpoints.manage/delete", Key("deed-endpoint-delete")),
    ("endpoints.manage/rotate", Key("deed-endpoint-rotate")),
    ("endpoints.manage/replay", Key("deed-endpoint-replay")),
    ("organization.manage/suspend", Key("deed-organization-suspend")),
    ("organization.manage/resume", Key("deed-organization-resume")),
    ("teams.manage/delete", Key("deed-team-remove")),
    ("members.manage/change", Key("deed-member-change")),
    ("numbers.manage/token", Key("deed-number-connect")),
    ("numbers.manage/disconnection", Key("deed-number-disconnect")),
    ("numbers.manage/rotation", Key("deed-number-token")),
    ("numbers.manage/signup", Key("deed-number-signup")),
    ("numbers.manage/join", Key("deed-number-join")),
    ("numbers.manage/retry", Key("deed-number-retry")),
    ("numbers.manage/resume", Key("deed-number-resume")),
    ("numbers.manage/clear_callback", Key("deed-number-callback")),
    ("prices.set/set", Key("deed-prices-set")),
    ("merges.undo/undo", Key("deed-merge-undo")),
    ("templates.manage/create", Key("deed-template-create")),
    ("templates.manage/change", Key("deed-template-change")),
    ("templates.manage/delete", Key("deed-template-delete")),
    ("templates.manage/sync", Key("deed-template-sync")),
    ("organization.manage/create", Key("deed-organization-create")),
    ("organization.manage/import", Key("deed-organization-import")),
    ("organization.manage/export", Key("deed-organization-export")),
    ("organization.manage/export_contact", Key("deed-organization-export-contact")),
    ("organization.manage/erase_contact", Key("deed-organization-erase-contact")),
    ("organization.manage/entry", Key("deed-organization-entry")),
    ("organization.manage/second_factor", Key("deed-organization-factor")),
    ("account/profile", Key("deed-account-profile")),
    ("account/password", Key("deed-account-password")),
    ("account/reset", Key("deed-account-reset")),
    ("account/session", Key("deed-account-session")),
    ("account/sessions", Key("deed-account-sessions")),
    ("account/app_on", Key("deed-account-app-on")),
    ("account/app_off", Key("deed-account-app-off")),
    ("account/recovery_codes", Key("deed-account-codes")),
    ("account/passkey_added", Key("deed-account-passkey-add")),
    ("account/passkey_renamed", Key("deed-account-passkey-rename")),
    ("account/passkey_removed", Key("deed-account-passkey-remove")),
    ("numbers.manage/connect", Key("deed-number-believed")),
    ("numbers.manage/hand_over", Key("deed-number-hand-over")),
    ("numbers.manage/take_over", Key("deed-number-take-over")),
    ("numbers.manage/app_add", Key("deed-app-add")),
    ("numbers.manage/app_rotate", Key("deed-app-rotate")),
    ("numbers.manage/app_remove", Key("deed-app-remove")),
    ("organization.manage/retention", Key("deed-organization-retention")),
    ("organization.manage/limit", Key("deed-organization-limit")),
    ("send/mcp", Key("deed-message-mcp")),
];

/// What an audited act is about.
fn about(act: Act) -> Key {
    match act {
        Act::BlockContact => Key("act-block"),
        Act::SetPrices => Key("act-prices"),
        Act::UndoMerge => Key("act-merges"),
        Act::ManageTemplates => Key("act-templates"),
        Act::ManageNumbers => Key("numbers"),
        Act::ManageMembers => Key("members"),
        Act::ManageTeams => Key("teams"),
        Act::ManageEndpoints => Key("endpoints"),
        Act::ManageKeys => Key("keys"),
        Act::ManageOrganization => Key("organization"),
        // No more than that it happened: these are not audited.
        _ => Key("act-other"),
    }
}

/// What a list is narrowed to.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    act: Option<String>,
    actor: Option<String>,
    cursor: Option<String>,
}

/// An entry as a list shows it.
#[derive(Clone, Debug)]
struct EntryRow {
    actor: String,
    deed: String,
    subject: Option<String>,
    at: Moment,
    address: Option<String>,
    changes: Vec<(String, String)>,
}

impl EntryRow {
    fn of(entry: Entry, language: Language, times: &Times) -> Self {
        let is_server = entry.actor.kind == ActorKind::Operator && entry.actor.id.is_none();
        let actor = if is_server { say(language, Key("audit-server")).to_string() } else { entry.actor.name };
        let by_graph = entry.act.ends_with("/graph").then_some(Key("deed-graph"));
        let known = DEEDS.iter().find(|(act, _)| *act == entry.act).map(|(_, key)| *key).or(by_graph);
        let about = entry.act.split('/').next().and_then(Act::of).map_or(Key("act-other"), about);
        let members = |json: Option<&str>| json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let before: Map<String, Value> = members(entry.before.as_ref().map(|json| json.0.get()));
        let after: Map<String, Value> = members(entry.after.as_ref().map(|json| json.0.get()));
        Self {
            actor,
            deed: say(language, known.unwrap_or(about)).to_string(),
            subject: entry.subject_name.filter(|name| !name.is_empty()),
            at: times.moment(entry.at),
            address: entry.actor.address,
            changes: changes(language, &before, &after),
        }
    }
}

/// What is different now, by member.
fn changes(language: Language, before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<(String, String)> {
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    let change = |name: &String| {
        let (was, is) = (before.get(name), after.get(name));
        if was == is {
            return None;
        }
        let [was, is] =
            [was, is].map(|value| value.filter(|value| !value.is_null()).map(|value| plain(language, value)));
        let said = match (was, is) {
            (Some(was), Some(is)) => {
                say(language, Key("change-from-to")).with("before", was).with("after", is).to_string()
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return None,
        };
        Some((member_name(language, name), said))
    };
    names.filter_map(change).collect()
}

/// A member of our own rows, as people call it.
fn member_name(language: Language, name: &str) -> String {
    let key = match name {
        "role" => Key("role"),
        "name" => Key("name"),
        "email" => Key("email"),
        "members" => Key("team-members"),
        "scopes" => Key("key-scopes"),
        "number_ids" => Key("key-numbers"),
        "expires_at" => Key("key-end"),
        other => return other.to_owned(),
    };
    say(language, key).to_string()
}

fn plain(language: Language, value: &Value) -> String {
    match value {
        Value::String(word) => {
            Role::of(word).map_or_else(|| word.clone(), |role| say(language, role.key()).to_string())
        }
        Value::Array(values) => values.iter().map(|value| plain(language, value)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[derive(askama::Template)]
#[template(path = "settings/audit.html")]
struct AuditPage {
    page: Page,
    /// Word and name.
    acts: Vec<(&'static str, Key)>,
    members: Vec<Member>,
    chosen_act: &'static str,
    chosen_actor: String,
    entries: Vec<EntryRow>,
    older: Option<String>,
}

/// What was done, newest first.
pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let tx = visit.begin(Act::ReadAudit).await?;
    let act = asked.act.as_deref().and_then(Act::of);
    let actor: Option<Uuid> = asked.actor.as_deref().and_then(|id| id.parse().ok());
    // With what stands behind an act's word, so that one whose word begins another's is told apart.
    let filter = Filter { actor_id: actor, act: act.map(|act| format!("{}/", act.word())), subject_id: None };
    let cursor = asked.cursor.as_deref().and_then(Cursor::decode);
    let part = audit::list(&tx, &filter, cursor, PART).await?;
    let members = membership::list(&tx).await?;
    tx.close();
    let (chosen_act, chosen_actor) = (act.map_or("", Act::word), actor.map_or_else(String::new, |id| id.to_string()));
    let older =
        part.next_cursor.map(|cursor| format!("/settings/audit?act={chosen_act}&actor={chosen_actor}&cursor={cursor}"));
    let (language, times) = (visit.page.language, visit.times());
    let entries = part.data.into_iter().map(|entry| EntryRow::of(entry, language, &times)).collect();
    let acts = Act::ALL.iter().filter(|act| act.is_audited()).map(|act| (act.word(), about(*act))).collect();
    Ok(shown(StatusCode::OK, &AuditPage { page: visit.page, acts, members, chosen_act, chosen_actor, entries, older }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::tests::rust_of;

    /// Whoever has something new written down says in words what it is.
    #[test]
    fn every_deed_has_words() {
        let sources = ["model", "web", "wazapp", "worker"].into_iter().flat_map(rust_of);
        for (path, text) in sources.filter(|(path, _)| !path.ends_with("settings/audit.rs")) {
            for what in text.split("Deed::of_account(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let deed = format!("account/{what}");
                assert!(DEEDS.iter().any(|(known, _)| *known == deed), "{path} writes down {deed}");
            }
            for call in text.split("Deed::new(").skip(1) {
                let Some((act, rest)) = call.split_once(',') else { continue };
                // What is chosen from several stands there as words of its own.
                let Some(what) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                    continue;
                };
                let Some((_, act)) = act.rsplit_once("Act::") else { continue };
                let act = Act::ALL.iter().find(|known| format!("{known:?}") == act).expect("an act of the table");
                let deed = format!("{}/{what}", act.word());
                assert!(
                    DEEDS.iter().any(|(known, _)| *known == deed),
                    "{path} writes down {deed}: it is to have words here"
                );
            }
        }
    }

    #[test]
    fn only_what_changed_is_said() {
        let of = |json: Value| json.as_object().cloned().unwrap();
        let (before, after) = (
            of(serde_json::json!({ "role": "agent", "email": "a@b.c" })),
            of(serde_json::json!({ "role": "admin", "email": "a@b.c" })),
        );
        assert_eq!(changes(Language::Es, &before, &after), [("Papel".to_owned(), "Agente → Administrador".to_owned())]);
    }
}
