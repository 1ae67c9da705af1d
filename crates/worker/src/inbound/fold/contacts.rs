//! What is known of contacts beside what they write.

use jiff::Timestamp;
use model::event::Kind;
use serde_json::json;
use uuid::Uuid;
use whatsapp::webhook::ContactSync;

use super::super::people::Regrouped;
use super::super::route::Routed;
use super::{Fold, time};

impl Fold<'_> {
    pub(super) fn contact_sync(&mut self, routed: &Routed, sync: &ContactSync) {
        let organization_id = routed.route.organization_id;
        let at = time(sync.timestamp, &routed.change, routed.received_at);
        let Some(contact) = self.people.of(organization_id, &sync.party, at).filter(|_| !sync.party.is_empty()) else {
            return;
        };
        if self.people.renamed_by_book(contact) {
            self.contact_event(organization_id, contact, at);
        } else {
            self.written.outcome.duplicates += 1;
        }
    }

    /// Tells of contacts that were found to be one, or several.
    pub(super) fn tell_regrouped(&mut self, at: Timestamp) {
        for (organization_id, what) in self.people.regrouped().to_vec() {
            match what {
                Regrouped::Merged { survivor, vanished, conversations } => {
                    let data = json!({ "id": survivor, "merged_id": vanished });
                    self.record(organization_id, Kind::ContactMerged, at, Some(survivor), Some(&data), None);
                    for one in conversations {
                        let data = json!({ "id": one.survivor, "merged_id": one.vanished, "contact_id": survivor });
                        self.record(
                            organization_id,
                            Kind::ConversationMerged,
                            at,
                            Some(one.survivor),
                            Some(&data),
                            None,
                        );
                    }
                }
                Regrouped::Separated { from, to } => {
                    let data = json!({ "id": from, "separated_id": to });
                    self.record(organization_id, Kind::ContactSeparated, at, Some(from), Some(&data), None);
                }
            }
        }
    }

    pub(super) fn contact_event(&mut self, organization_id: Uuid, contact_id: Uuid, at: Timestamp) {
        let Some(contact) = self.people.get(contact_id) else {
            return;
        };
        self.told.insert(contact_id);
        let data = json!({
            "id": contact.id, "profile_name": contact.profile_name, "wa_id": contact.wa_id, "user_id": contact.user_id,
            "parent_user_id": contact.parent_user_id, "username": contact.username,
        });
        self.record(organization_id, Kind::ContactUpdated, at, Some(contact_id), Some(&data), None);
    }
}
