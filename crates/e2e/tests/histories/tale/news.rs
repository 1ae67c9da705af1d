//! What is told of names, calls, numbers and groups.

use e2e::body;
use e2e::random::Random;
use serde_json::json;

use super::{BUSINESS, NAMES, NUMBER, PHONES, Tale, USERNAMES, USERS, pick};

impl Tale {
    pub(super) fn book(&mut self, random: &mut Random) {
        let (phone, at) = (PHONES[random.below(PHONES.len())], self.at(random));
        let removed = random.below(3) == 0;
        let mut contact = json!({ "phone_number": phone });
        if !removed {
            contact["full_name"] = json!(format!("In the book {}", random.below(3)));
        }
        self.bodies.push(body::single(body::change(
            NUMBER,
            "smb_app_state_sync",
            &json!({ "state_sync": [{ "type": "contact", "contact": contact,
                "action": if removed { "remove" } else { "add" }, "metadata": { "timestamp": at.to_string() } }] }),
        )));
    }

    pub(super) fn call(&mut self, random: &mut Random) {
        let (wacid, at, from) = (self.wamid("call"), self.at(random), PHONES[random.below(PHONES.len())]);
        let call = match random.below(3) {
            0 => json!({ "id": wacid, "from": BUSINESS, "to": from, "direction": "BUSINESS_INITIATED" }),
            1 => json!({ "id": wacid, "from": from, "to": BUSINESS, "direction": "USER_INITIATED",
                "from_user_id": USERS[random.below(USERS.len())] }),
            _ => json!({ "id": wacid, "from": from, "to": BUSINESS }),
        };
        let mut begun = call.clone();
        (begun["event"], begun["timestamp"]) = (json!("connect"), json!(at.to_string()));
        let mut ended = call;
        (ended["event"], ended["timestamp"]) = (json!("terminate"), json!((at + 30).to_string()));
        if random.below(2) == 0 {
            ended["status"] = json!("FAILED");
            ended["errors"] = json!([{ "code": 138_021, "title": "Call failed" }]);
        } else {
            (ended["status"], ended["duration"]) = (json!("COMPLETED"), json!(25));
        }
        for call in [begun, ended] {
            self.bodies.push(body::single(body::change(NUMBER, "calls", &json!({ "calls": [call] }))));
        }
    }

    pub(super) fn moved(&mut self, random: &mut Random) {
        let (wamid, at) = (self.wamid("system"), self.at(random));
        let mut system = json!({ "type": "user_changed_number", "body": "changed" });
        let (from, to) = (random.below(PHONES.len()), random.below(PHONES.len()));
        if from == to {
            return;
        }
        system["wa_id"] = json!(PHONES[to]);
        if random.below(2) == 0 {
            let (before, after) = (random.below(USERS.len()), random.below(USERS.len()));
            (system["previous_user_id"], system["user_id"]) = (json!(USERS[before]), json!(USERS[after]));
        }
        let message = Self::message(&json!({ "from": PHONES[from] }), &wamid, at, "system", system);
        self.bodies.push(body::value(NUMBER, &json!({ "messages": [message] })));
    }

    /// Somebody has another user id, in one of the ways in which Meta has said that.
    pub(super) fn renamed(&mut self, random: &mut Random) {
        let (before, after) = (USERS[random.below(USERS.len())], USERS[random.below(USERS.len())]);
        if before == after {
            return;
        }
        let (wamid, at) = (self.wamid("system"), self.at(random));
        let phone = PHONES[random.below(PHONES.len())];
        if random.below(2) == 0 {
            let update = json!({ "id": wamid, "timestamp": at.to_string(), "wa_id": phone,
                "user_id": { "previous": before, "current": after } });
            let members = json!({ "user_id_update": [update] });
            self.bodies.push(body::single(body::change(NUMBER, "user_id_update", &members)));
            return;
        }
        let system = json!({ "type": "user_changed_user_id", "user_id": after, "previous_user_id": before });
        let named = if random.below(2) == 0 { json!({ "from": phone }) } else { json!({}) };
        let message = Self::message(&named, &wamid, at, "system", system);
        self.bodies.push(body::value(NUMBER, &json!({ "messages": [message] })));
    }

    pub(super) fn number(&mut self, random: &mut Random) {
        let at = self.at(random);
        let (field, mut value) = match random.below(6) {
            3 => ("business_username_updates", json!({ "username": pick(random, &USERNAMES), "status": "approved" })),
            4 => ("business_username_updates", json!({ "status": "deleted" })),
            5 => (
                "account_settings_update",
                json!({ "phone_number_settings": { "phone_number_id": NUMBER, "calling": { "status": pick(random, &["ENABLED", "DISABLED"]) } } }),
            ),
            0 => (
                "phone_number_quality_update",
                json!({ "event": "UPGRADE", "current_limit": format!("TIER_{}K", 1 + random.below(3)) }),
            ),
            1 => (
                "phone_number_name_update",
                json!({ "decision": "APPROVED", "requested_verified_name": NAMES[random.below(3)] }),
            ),
            _ => (
                "account_update",
                json!({ "event": "UPGRADE", "current_limit": format!("TIER_{}K", 1 + random.below(3)) }),
            ),
        };
        value["display_phone_number"] = json!(BUSINESS);
        let mut change = body::change(NUMBER, field, &value);
        change["value"]["phone_number_id"] = json!(NUMBER);
        self.bodies.push(body::envelope(&[json!({ "id": "9999", "time": at, "changes": [change] })]));
    }

    pub(super) fn group(&mut self, random: &mut Random) {
        let (wamid, at) = (self.wamid("text"), self.at(random));
        if random.below(2) == 0 {
            let group = json!({ "type": "group_create", "group_id": "group", "subject": NAMES[random.below(3)],
                "timestamp": at.to_string() });
            self.bodies.push(body::single(body::change(
                NUMBER,
                "group_lifecycle_update",
                &json!({ "groups": [group] }),
            )));
            return;
        }
        let (mut named, contact) = Self::person(random);
        named["group_id"] = json!("group");
        let message = Self::message(&named, &wamid, at, "text", json!({ "body": "in the group" }));
        self.wamids.push(wamid);
        self.live(message, &contact);
    }
}
