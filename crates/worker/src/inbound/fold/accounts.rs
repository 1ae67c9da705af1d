//! News of numbers, templates and accounts.

use jiff::Timestamp;
use model::conversation::Group;
use model::event::Kind;
use model::number::{self, Route};
use model::number_check::Again;
use model::template;
use serde_json::{Value, json};
use whatsapp::webhook::{HistoryProgress, Item, Notice, NumberUpdate, Subject, TemplateUpdate};

use super::super::load::{error_fingerprint, fingerprint, history_fingerprint, key};
use super::super::route::{OtherAccount, Routed};
use super::{Fold, time, without_nul};

/// News of an account after which its numbers may be other than before.
const TOUCHES_NUMBERS: &[&str] =
    &["account_update", "account_alerts", "account_review_update", "business_capability_update"];

impl Fold<'_> {
    pub(super) fn show_number(&mut self, routed: &Routed) {
        let Some(digits) = routed.change.display_phone_number.as_ref().filter(|_| routed.by_number) else {
            return;
        };
        let route = &routed.route;
        if route.display_phone_number.as_ref() != Some(digits) {
            self.written.numbers.push(number::Facts {
                organization_id: route.organization_id,
                number_id: route.number_id,
                at: newest(routed),
                display_phone_number: Some(digits.clone()),
                ..number::Facts::default()
            });
        }
    }

    pub(super) fn history(&mut self, routed: &Routed, progress: &HistoryProgress) {
        let print = history_fingerprint(routed, progress);
        if !self.first_time(routed, &print) {
            return;
        }
        let at = time(None, &routed.change, routed.received_at);
        let data = json!({
            "number_id": routed.route.number_id, "phone_number_id": routed.route.phone_number_id, "phase": progress.phase,
            "chunk_order": progress.chunk_order, "progress": progress.progress, "errors": progress.errors,
        });
        self.written.imports.push(number::Import {
            organization_id: routed.route.organization_id,
            number_id: routed.route.number_id,
            at,
            step: data.to_string(),
        });
        self.record(routed.route.organization_id, Kind::HistoryProgress, at, None, Some(&data), Some(print));
    }

    pub(super) fn error(&mut self, routed: &Routed, error: &Value) {
        let print = error_fingerprint(&routed.change, error);
        if !self.first_time(routed, &print) {
            return;
        }
        let at = time(None, &routed.change, routed.received_at);
        let data = json!({
            "number_id": routed.route.number_id, "phone_number_id": routed.route.phone_number_id,
            "field": routed.change.field, "error": error,
        });
        self.record(routed.route.organization_id, Kind::MetaError, at, None, Some(&data), Some(print));
    }

    pub(super) fn template(&mut self, routed: &Routed, update: &TemplateUpdate) {
        let Some(template_id) = update.template_id.clone() else {
            return;
        };
        self.written.templates.push(template::Facts {
            organization_id: routed.route.organization_id,
            waba_id: routed.route.waba_id.clone(),
            template_id,
            name: update.name.clone(),
            language: update.language.clone(),
            status: update.status.clone(),
            category: update.category.clone(),
            quality: update.quality.clone(),
            reason: update.reason.clone(),
            components: update.components.as_ref().map(Value::to_string),
            at: time(None, &routed.change, routed.received_at),
        });
    }

    pub(super) fn number(&mut self, routed: &Routed, update: &NumberUpdate) {
        self.look_again(&routed.route, !routed.of_number);
        if !routed.of_number {
            // Which number of the account it is about is not said.
            return;
        }
        self.written.numbers.push(number::Facts {
            organization_id: routed.route.organization_id,
            number_id: routed.route.number_id,
            at: time(None, &routed.change, routed.received_at),
            display_phone_number: None,
            verified_name: update.verified_name.clone(),
            username: update.username.clone(),
            quality_event: update.quality_event.clone(),
            messaging_limit: update.messaging_limit.clone(),
            throughput: update.throughput.clone(),
            name_status: update.name_status.clone(),
            settings: update.settings.as_ref().map(Value::to_string),
        });
    }

    /// Meta says that something changed: what else did is seen by looking.
    fn look_again(&mut self, route: &Route, whole_account: bool) {
        let (organization_id, number_id) = (route.organization_id, route.number_id);
        self.written.look_again.insert(Again { organization_id, number_id, whole_account });
    }

    /// A group's subject shows in lists.
    fn group(&mut self, routed: &Routed, notice: &Notice, at: Timestamp) {
        let text = |value: &Value| value.as_str().map(without_nul).filter(|text| !text.trim().is_empty());
        let changed = &notice.data["group_subject"];
        if changed["update_successful"] == false {
            return;
        }
        let named = [&notice.data["subject"], changed, &changed["text"], &changed["subject"]];
        let (Some(group_id), Some(subject)) = (text(&notice.data["group_id"]), named.into_iter().find_map(text)) else {
            return;
        };
        if !notice.kind.starts_with("group_") {
            return;
        }
        let (organization_id, number_id) = (routed.route.organization_id, routed.route.number_id);
        let group = Group { organization_id, number_id, group_id: group_id.clone(), at, subject };
        let known = self.written.groups.entry((organization_id, number_id, group_id)).or_insert_with(|| group.clone());
        if (known.at, &known.subject) < (group.at, &group.subject) {
            *known = group;
        }
    }

    pub(super) fn notice(&mut self, routed: &Routed, notice: &Notice) {
        let print = fingerprint(&notice.key);
        if !self.first_time(routed, &print) {
            return;
        }
        let route = &routed.route;
        if TOUCHES_NUMBERS.contains(&notice.kind.as_str()) {
            self.look_again(route, true);
        }
        let at = time(notice.timestamp, &routed.change, routed.received_at);
        let contact = notice.party.as_ref().and_then(|party| self.people.of(route.organization_id, party, at));
        let mut data =
            json!({ "field": notice.kind, "name": notice.name, "waba_id": route.waba_id, "data": notice.data });
        if routed.of_number {
            data["number_id"] = json!(route.number_id);
            data["phone_number_id"] = json!(route.phone_number_id);
        }
        if let Some(contact) = contact {
            data["contact_id"] = json!(contact);
        }
        if let Some(wamid) = &notice.wamid {
            data["wamid"] = json!(wamid);
            data["message_id"] = json!(self.messages.get(&key(routed, wamid)).map(|seen| seen.known.id));
        }
        self.group(routed, notice, at);
        self.record(route.organization_id, notice_kind(notice), at, None, Some(&data), Some(print));
    }

    /// Meta contradicts a claim: its organization is told, once, and Meta is asked.
    pub(super) fn other_account(&mut self, told: &OtherAccount) {
        let OtherAccount { route, account, received_at } = told;
        let data = json!({
            "field": "account", "name": "other_account", "waba_id": route.waba_id, "number_id": route.number_id,
            "phone_number_id": route.phone_number_id, "data": { "named": account },
        });
        self.record(route.organization_id, Kind::NumberUpdated, *received_at, None, Some(&data), None);
    }
}

/// The newest time that a change names; failing that ours.
fn newest(routed: &Routed) -> Timestamp {
    let named = routed.change.items.iter().filter_map(|item| match item {
        Item::Message(message) => message.timestamp,
        Item::Status(status) => status.timestamp,
        _ => None,
    });
    time(named.max(), &routed.change, routed.received_at)
}

/// The event type of a notice. What it is about says more than the field that Meta sent it under.
fn notice_kind(notice: &Notice) -> Kind {
    match (notice.subject, notice.kind.as_str()) {
        (Subject::Template, _) => Kind::TemplateUpdated,
        (Subject::Number, _) => Kind::NumberUpdated,
        (_, "payment") => Kind::MessagePayment,
        (_, field) if field.starts_with("message_template_") || field.starts_with("template_") => Kind::TemplateUpdated,
        (
            _,
            "phone_number_name_update"
            | "phone_number_quality_update"
            | "phone_number_username_update"
            | "account_settings_update"
            | "business_username_update"
            | "business_username_updates",
        ) => Kind::NumberUpdated,
        (_, field) => Kind::meta(field),
    }
}
