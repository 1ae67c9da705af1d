//! What is known of contacts beside what they write.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;
use whatsapp::webhook::{ContactSync, Party, SyncAction};

use super::super::route::Routed;
use super::{Fold, time};

impl Fold {
    pub(super) fn contact_sync(&mut self, routed: &Routed, sync: &ContactSync) {
        let organization_id = routed.route.organization_id;
        let Some(contact) = self.people.of(organization_id, &sync.party).filter(|_| !sync.party.is_empty()) else {
            return;
        };
        let before = self.people.get(contact).cloned();
        match sync.action {
            SyncAction::Add => {
                let Party { name, .. } = &sync.party;
                self.people.observe(contact, &Party { name: None, ..sync.party.clone() }, false);
                self.people.book(contact, name.as_deref());
            }
            SyncAction::Remove => {
                self.people.book(contact, None);
                self.written.unused.push((organization_id, contact));
            }
        }
        if before.as_ref() != self.people.get(contact) {
            let at = time(sync.timestamp, &routed.change, routed.received_at);
            self.contact_event(organization_id, contact, at);
        } else {
            self.written.outcome.duplicates += 1;
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
        self.record(organization_id, "contact.updated", at, Some(contact_id), Some(&data), None);
    }
}
