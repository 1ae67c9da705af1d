//! The customer of an event: who is named, under which identities.

use std::collections::HashMap;

use serde_json::Value;

use crate::json::Read;
use crate::phone::{digits, is_user_id, may_be_same};

/// A WhatsApp user as one event names them; every part may be missing.
///
/// See Meta's page "Business-scoped user IDs": since 2026 a user may hide the phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// The phone, digits only, as WhatsApp spells it.
    pub wa_id: Option<String>,
    /// The business-scoped user id, such as `US.1349…`.
    pub user_id: Option<String>,
    /// The same for a group of portfolios, such as `US.ENT.1181…`.
    pub parent_user_id: Option<String>,
    /// The username, without `@`.
    pub username: Option<String>,
    /// The name the user gave themself.
    pub name: Option<String>,
}

impl Party {
    /// Whether nothing identifies the user; a name alone does not.
    pub fn is_empty(&self) -> bool {
        self.wa_id.is_none() && self.user_id.is_none() && self.parent_user_id.is_none() && self.username.is_none()
    }

    /// The first of the ids that is there, by kind of id.
    pub(super) fn new(phone: Option<String>, user_id: Option<String>, parent_user_id: Option<String>) -> Party {
        let mut party = Party { user_id, parent_user_id, ..Party::default() };
        match phone {
            // Some senders put a user id where a phone belongs.
            Some(id) if is_user_id(&id) => party.user_id = party.user_id.or(Some(id)),
            Some(phone) => party.wa_id = clean_phone(phone),
            None => {}
        }
        party
    }

    /// An object with `wa_id`, `user_id` and so on, as contacts and participants have them.
    pub(super) fn read(object: &Value) -> Party {
        let phone = object.id("wa_id").or_else(|| object.id("phone_number"));
        let mut party = Party::new(phone, object.id("user_id"), object.id("parent_user_id"));
        party.username = username(object);
        party
    }

    fn contact(object: &Value) -> Party {
        let mut party = Party::read(object);
        let profile = object.get("profile").unwrap_or(&Value::Null);
        party.username = party.username.or_else(|| username(profile));
        party.name = profile.text("name").or_else(|| object.text("name"));
        party
    }

    /// Takes from another description of the user what is missing in this one: a name at any rate, identities only
    /// where none of those that both name differ.
    pub(super) fn fill(&mut self, other: &Party) {
        fn fill(own: &mut Option<String>, other: &Option<String>) {
            if own.is_none() {
                own.clone_from(other);
            }
        }
        if !self.contradicts(other) {
            fill(&mut self.wa_id, &other.wa_id);
            fill(&mut self.user_id, &other.user_id);
            fill(&mut self.parent_user_id, &other.parent_user_id);
            fill(&mut self.username, &other.username);
        }
        fill(&mut self.name, &other.name);
    }

    /// Whether the two name different phones or different user ids, and so, perhaps, different people.
    fn contradicts(&self, other: &Party) -> bool {
        fn differ(one: &Option<String>, other: &Option<String>, same: impl Fn(&str, &str) -> bool) -> bool {
            matches!((one, other), (Some(one), Some(other)) if one != other && !same(one, other))
        }
        differ(&self.wa_id, &other.wa_id, may_be_same)
            || differ(&self.user_id, &other.user_id, |_, _| false)
            || differ(&self.parent_user_id, &other.parent_user_id, |_, _| false)
    }
}

/// The business's own number: never a customer's, in whatever place and spelling it comes.
#[derive(Clone, Copy, Default)]
pub(super) struct Business<'a>(pub(super) Option<&'a str>);

impl Business<'_> {
    /// Whether this is the business's own number.
    pub(super) fn is(self, id: &str) -> bool {
        !is_user_id(id) && self.0.is_some_and(|number| may_be_same(id, number))
    }

    /// Whether an event says that the business wrote it.
    pub(super) fn sent(self, event: &Value) -> bool {
        event.id("from").is_some_and(|from| self.is(&from))
    }
}

fn username(object: &Value) -> Option<String> {
    // An id like the others: one that is longer than any could not be looked up.
    let name = object.id("username")?;
    let bare = name.trim_start_matches('@');
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// A phone as digits; anything that is not written like a phone stays as it is.
fn clean_phone(phone: String) -> Option<String> {
    let written_as_phone = phone.chars().all(|c| c.is_ascii_digit() || "+-(). ".contains(c));
    if written_as_phone { Some(digits(&phone)).filter(|d| !d.is_empty()) } else { Some(phone) }
}

/// The `contacts` of a value, matched by identity: Meta promises neither order nor length.
#[derive(Default)]
pub(super) struct Contacts {
    list: Vec<Party>,
    /// Position by `wa_id` and by `user_id`; empty while the list is short enough to scan.
    index: HashMap<String, usize>,
}

const SHORT: usize = 8;

impl Contacts {
    /// The contacts of a value, without the business itself, which some echoes list.
    pub(super) fn read(holder: &Value, business: Business<'_>) -> Contacts {
        let is_business = |party: &Party| party.wa_id.as_deref().is_some_and(|id| business.is(id));
        let list: Vec<Party> =
            holder.list("contacts").iter().map(Party::contact).filter(|party| !is_business(party)).collect();
        let mut index = HashMap::new();
        if list.len() > SHORT {
            for (at, party) in list.iter().enumerate() {
                for id in [&party.wa_id, &party.user_id].into_iter().flatten() {
                    index.entry(id.clone()).or_insert(at);
                }
            }
        }
        Contacts { list, index }
    }

    /// Fills in what the contacts know of a party.
    ///
    /// `alone` says that the party's event is the only one in its list. Then a single
    /// contact describes it even if the ids differ, as they do in Meta's own samples; it lends its name then.
    pub(super) fn complete(&self, party: &mut Party, alone: bool) {
        let by_phone = party.wa_id.as_deref().and_then(|id| self.find(id));
        let by_user = party.user_id.as_deref().and_then(|id| self.find(id));
        for contact in [by_phone, by_user].into_iter().flatten() {
            party.fill(contact);
        }
        if let [only] = self.list.as_slice()
            && (party.is_empty() || (alone && by_phone.is_none() && by_user.is_none()))
        {
            party.fill(only);
        }
    }

    fn find(&self, id: &str) -> Option<&Party> {
        if self.list.len() > SHORT {
            return self.index.get(id).map(|at| &self.list[*at]);
        }
        self.list.iter().find(|p| p.wa_id.as_deref() == Some(id) || p.user_id.as_deref() == Some(id))
    }
}

/// Which end of an event the customer should be on.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    From,
    To,
}

/// The customer of an event with two ends, `from…` and `to…`.
///
/// Samples of Meta swap the phones of the two ends, so the business's own number
/// is never taken for the customer's.
pub(super) fn customer(event: &Value, end: End, business: Business<'_>) -> Party {
    let (near, far) = match end {
        End::From => ("from", "to"),
        End::To => ("to", "from"),
    };
    let is_business = |id: &String| business.is(id);
    let phone = match event.id(near) {
        Some(id) if is_business(&id) => event.id(far).filter(|id| !is_business(id)),
        Some(id) => Some(id),
        None if end == End::To => event.id("recipient"),
        None => None,
    };
    let ids = |end: &str, what: &str| event.id(&format!("{end}_{what}"));
    let user_id = ids(near, "user_id").or_else(|| ids(far, "user_id"));
    let parent = ids(near, "parent_user_id").or_else(|| ids(far, "parent_user_id"));
    Party::new(phone, user_id, parent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contacts(list: Value) -> Contacts {
        Contacts::read(&json!({ "contacts": list }), Business(Some("99")))
    }

    fn phone(wa_id: &str) -> Party {
        Party::new(Some(wa_id.into()), None, None)
    }

    #[test]
    fn a_user_id_in_the_place_of_a_phone_is_a_user_id() {
        let party = Party::new(Some("US.123".into()), None, None);
        assert_eq!((party.wa_id, party.user_id.as_deref()), (None, Some("US.123")));
        assert_eq!(phone("+1 650-555").wa_id.as_deref(), Some("1650555"));
        assert_eq!(phone("+").wa_id, None);
        assert_eq!(phone("PHONE").wa_id.as_deref(), Some("PHONE"));
    }

    #[test]
    fn contacts_are_joined_by_identity_not_by_position() {
        let known = contacts(json!([
            {"wa_id": "2", "profile": {"name": "Two"}},
            {"user_id": "US.1", "wa_id": "1", "profile": {"name": "One", "username": "@one"}},
        ]));
        let mut one = phone("1");
        known.complete(&mut one, true);
        assert_eq!(one.name.as_deref(), Some("One"));
        assert_eq!(one.user_id.as_deref(), Some("US.1"));
        assert_eq!(one.username.as_deref(), Some("one"));
        let mut stranger = phone("3");
        known.complete(&mut stranger, true);
        assert_eq!(stranger, phone("3"));
    }

    #[test]
    fn a_single_contact_describes_a_single_message_but_lends_no_phone() {
        let known = contacts(json!([{"wa_id": "2", "user_id": "US.2", "profile": {"name": "Two"}}]));
        let mut party = phone("1");
        known.complete(&mut party, false);
        assert_eq!(party, phone("1"));
        known.complete(&mut party, true);
        assert_eq!(party.wa_id.as_deref(), Some("1"));
        assert_eq!(party.name.as_deref(), Some("Two"));
        assert_eq!(party.user_id, None, "who has another phone lends no identity");
        let mut nobody = Party::default();
        known.complete(&mut nobody, false);
        assert_eq!(nobody.wa_id.as_deref(), Some("2"));
    }

    #[test]
    fn the_business_is_nobodys_contact() {
        let known = contacts(json!([{"wa_id": "99", "user_id": "US.9", "profile": {"name": "The shop"}}]));
        let mut party = phone("1");
        known.complete(&mut party, true);
        assert_eq!(party, phone("1"));
    }

    #[test]
    fn long_lists_are_found_the_same_way() {
        let list: Vec<Value> =
            (0..50).map(|n| json!({"wa_id": n.to_string(), "profile": {"name": format!("N{n}")}})).collect();
        let mut party = phone("37");
        contacts(Value::Array(list)).complete(&mut party, false);
        assert_eq!(party.name.as_deref(), Some("N37"));
    }

    #[test]
    fn the_business_is_never_its_own_customer() {
        let call = json!({"from": "222", "to": "111", "to_user_id": "US.2"});
        for end in [End::From, End::To] {
            let party = customer(&call, end, Business(Some("111")));
            assert_eq!(party.wa_id.as_deref(), Some("222"));
            assert_eq!(party.user_id.as_deref(), Some("US.2"));
        }
        assert_eq!(customer(&json!({"to": "US.9"}), End::To, Business(None)).user_id.as_deref(), Some("US.9"));
    }
}
