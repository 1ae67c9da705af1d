//! What a change as a whole says: its field and whom it concerns.

use serde_json::{Value, json};

use super::envelope::{change_body, is_small};
use super::field;
use super::party::Business;
use crate::json::{Map, Read};
use crate::phone::digits;

/// A change while it is read.
pub(super) struct Scope<'a> {
    pub(super) field: String,
    pub(super) entry: &'a Value,
    pub(super) value: &'a Value,
    pub(super) display_phone_number: Option<String>,
    change: &'a Value,
}

impl<'a> Scope<'a> {
    pub(super) fn read(entry: &'a Value, change: &'a Value) -> Scope<'a> {
        let value = &change["value"];
        Scope {
            field: field::name(entry, change, value),
            entry,
            value,
            display_phone_number: display_phone_number(value),
            change,
        }
    }

    /// The number that the change is about, to tell it from customers.
    pub(super) fn business(&self) -> Business<'_> {
        Business(self.display_phone_number.as_deref())
    }

    pub(super) fn entry_id(&self) -> Option<String> {
        self.entry.id("id")
    }

    pub(super) fn entry_time(&self) -> Option<i64> {
        self.entry.seconds("time")
    }

    pub(super) fn phone_number_id(&self) -> Option<String> {
        ["metadata", "phone_number_settings", "recipient"]
            .iter()
            .find_map(|key| self.value.get(key)?.id("phone_number_id"))
            .or_else(|| self.value.id("phone_number_id"))
            .or_else(|| self.value.id("entity_id").filter(|_| self.is_about("PHONE_NUMBER")))
    }

    /// What an alert is about, in Meta's word.
    fn is_about(&self, entity: &str) -> bool {
        self.value.get("entity_type").is_some_and(|kind| kind == entity)
    }

    /// For partner events the entry is the partner's portfolio, so `waba_info` goes first.
    pub(super) fn waba_ids(&self) -> Vec<String> {
        let mut ids = self.waba_info("waba_id");
        ids.extend(self.entry_id());
        without_repeats(ids)
    }

    pub(super) fn owner_business_ids(&self) -> Vec<String> {
        let mut ids = self.waba_info("owner_business_id");
        let client = self.value.get("partner_client_certification_info");
        ids.extend(client.and_then(|info| info.id("client_business_id")));
        ids.extend(self.value.id("owner_business_id"));
        if self.is_about("BUSINESS") {
            ids.extend(self.value.id("entity_id"));
        }
        without_repeats(ids)
    }

    /// Samples have put `waba_info` on all three levels.
    fn waba_info(&self, key: &str) -> Vec<String> {
        [self.value, self.change, self.entry].iter().filter_map(|holder| holder.get("waba_info")?.id(key)).collect()
    }

    /// A body of this change with nothing in its value but the given members and what
    /// names the number.
    pub(super) fn body_with(&self, members: Map) -> Vec<u8> {
        let mut value = json!({});
        for key in ["messaging_product", "metadata"] {
            if let Some(member) = self.value.get(key).filter(|member| is_small(member)) {
                value[key] = member.clone();
            }
        }
        for (key, member) in members {
            value[key] = member;
        }
        change_body(self.entry, &json!({"field": self.field, "value": value}))
    }

    /// A body of the whole change.
    pub(super) fn body(&self) -> Vec<u8> {
        change_body(self.entry, self.change)
    }
}

fn display_phone_number(value: &Value) -> Option<String> {
    let nested = |key: &str| value.get(key)?.id("display_phone_number");
    [nested("metadata"), value.id("display_phone_number"), nested("recipient"), value.id("phone_number")]
        .into_iter()
        .flatten()
        .map(|number| digits(&number))
        .find(|number| !number.is_empty())
}

/// Keeps the order; there are never more than a handful.
fn without_repeats(ids: Vec<String>) -> Vec<String> {
    let mut kept = Vec::with_capacity(ids.len());
    for id in ids {
        if !kept.contains(&id) {
            kept.push(id);
        }
    }
    kept
}
