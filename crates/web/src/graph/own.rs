//! What of an answer is the organization's. Meta shows a token all that it opens: an account's other numbers, which another
//! organization may have connected here, accounts beside it, and what stands in those.

use std::collections::HashSet;

use http::Method;
use model::at_meta::{self, Made};
use model::link::{self, Link, OwnNumber};
use serde_json::{Map, Value};
use whatsapp::phone;

use super::call::Call;
use super::error::GraphError;
use super::fields;
use super::table::{Object, allows};

/// What is an organization's, as far as answers about one of its accounts take it.
#[derive(Debug, Default)]
pub(super) struct Own {
    numbers: Vec<OwnNumber>,
    /// Whether the account has a number that another organization connected.
    shared: bool,
    /// Of a shared account: the forms that were made here.
    flows: HashSet<String>,
    /// The App that the token belongs to.
    app: Option<String>,
}

impl Own {
    /// What is the caller's of this account.
    pub(super) async fn of(call: &Call, link: &Link) -> Result<Self, GraphError> {
        let tx = call.operator().await?;
        let numbers = link::own_numbers(&tx, &call.scope).await?;
        let shared = link::any_organization_shares(&tx, &call.scope, &link.waba_id).await?;
        tx.close();
        let flows = if shared {
            let tx = call.begin().await?;
            let flows = at_meta::all(&tx, Made::Flow).await?;
            tx.close();
            flows
        } else {
            HashSet::new()
        };
        let app = link.token_app(&call.state.apps).map(str::to_owned);
        Ok(Self { numbers, shared, flows, app })
    }

    /// Whether what is the whole account's is nobody's alone.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// The digits of the organization's numbers in an account.
    fn digits(&self, waba_id: &str) -> Vec<String> {
        let of_account = self.numbers.iter().filter(|number| number.waba_id == waba_id);
        of_account.filter_map(|number| number.display_phone_number.as_deref()).map(phone::digits).collect()
    }

    /// Takes out of an answer what is not the organization's.
    pub(super) fn keep(&self, answer: &mut Value, object: Object, edge: &str) {
        let Value::Object(members) = answer else { return };
        if edge.is_empty() {
            self.keep_members(members, Some(object));
        } else if let Some(Value::Array(_)) = members.get("data") {
            self.keep_rows(members, object, edge);
        } else {
            self.keep_members(members, Some(object));
        }
    }

    fn keep_members(&self, members: &mut Map<String, Value>, object: Option<Object>) {
        members.retain(|name, value| {
            let Value::Object(inner) = value else {
                self.keep_within(value);
                return true;
            };
            let is_list = inner.get("data").is_some_and(Value::is_array);
            match object.filter(|object| allows(*object, name, &Method::GET)) {
                Some(object) if is_list => self.keep_rows(inner, object, name),
                _ if is_list => return false,
                _ => self.keep_members(inner, None),
            }
            true
        });
    }

    fn keep_within(&self, value: &mut Value) {
        match value {
            Value::Array(rows) => rows.iter_mut().for_each(|row| self.keep_within(row)),
            Value::Object(members) => self.keep_members(members, None),
            _ => {}
        }
    }

    fn keep_rows(&self, list: &mut Map<String, Value>, object: Object, edge: &str) {
        let rows_are = match (object, edge) {
            (Object::Account, "phone_numbers") => Some(Object::Number),
            (Object::Account, "message_templates") => Some(Object::Template),
            (Object::Account, "flows") => Some(Object::Flow),
            (Object::Portfolio, _) => Some(Object::Account),
            _ => None,
        };
        let Some(Value::Array(rows)) = list.get_mut("data") else { return };
        let before = rows.len();
        rows.retain(|row| self.is_own(row, object, edge));
        let fewer = rows.len() < before;
        for row in rows {
            if let Value::Object(members) = row {
                self.keep_members(members, rows_are);
            }
        }
        if fewer {
            list.shift_remove("summary");
        }
    }

    fn is_own(&self, row: &Value, object: Object, edge: &str) -> bool {
        let id = row["id"].as_str();
        match (object, edge) {
            (Object::Account, "phone_numbers") => {
                self.numbers.iter().any(|number| id == Some(number.phone_number_id.as_str()))
            }
            (Object::Account, "flows") if self.shared => id.is_some_and(|id| self.flows.contains(id)),
            (Object::Account, "subscribed_apps") if self.shared => {
                self.app.is_some() && row["whatsapp_business_api_data"]["id"].as_str() == self.app.as_deref()
            }
            (Object::Portfolio, _) => self.numbers.iter().any(|number| id == Some(number.waba_id.as_str())),
            _ => true,
        }
    }

    /// Has the statistics of an account be those of the organization's numbers, whatever way they are asked for.
    pub(super) fn count_own(&self, call: &mut Call, object: Object, waba_id: &str) -> Result<(), GraphError> {
        let edge = call.place.edge.clone();
        if fields::COUNTED.contains(&edge.as_str()) {
            let wanted = call.text("phone_numbers").map(str::to_owned);
            let numbers = self.counted(waba_id, wanted.as_deref())?;
            call.set("phone_numbers", numbers);
        }
        let asks_of_templates = |text: &str| fields::top(text).iter().any(|(name, _)| *name == fields::OF_TEMPLATES);
        let asked = call.text("fields").unwrap_or_default().to_owned();
        if self.shared && (edge == fields::OF_TEMPLATES || asks_of_templates(&asked)) {
            return Err(GraphError::not_yours(
                "Another organization sends templates of this account too, and Meta counts them together.",
            ));
        }
        if !asked.is_empty() {
            let asked = self.asked(&asked, object == Object::Account && edge.is_empty(), waba_id)?;
            call.set("fields", asked);
        }
        Ok(())
    }

    /// The same within `fields`.
    fn asked(&self, text: &str, of_account: bool, waba_id: &str) -> Result<String, GraphError> {
        if fields::renames(text) {
            return Err(GraphError::invalid("Fields keep their names here: leave out `.as(…)`."));
        }
        let mut all = Vec::new();
        for (name, whole) in fields::top(text) {
            let is_counted = fields::COUNTED.contains(&name);
            let inner = whole.get(name.len()..).unwrap_or_default();
            if fields::counts(inner) || fields::counts(name) && !of_account {
                return Err(GraphError::invalid("Ask for statistics at the account itself."));
            }
            let given = fields::told(whole, "phone_numbers");
            if !is_counted {
                all.push(whole.to_owned());
                continue;
            }
            let numbers = self.counted(waba_id, given)?;
            all.push(match given {
                Some(given) => {
                    whole.replace(&format!(".phone_numbers({given})"), &format!(".phone_numbers({numbers})"))
                }
                None => format!("{name}.phone_numbers({numbers}){inner}"),
            });
        }
        Ok(all.join(","))
    }

    /// The numbers that are counted, as Meta takes them: those asked for, or all of the organization's.
    fn counted(&self, waba_id: &str, wanted: Option<&str>) -> Result<String, GraphError> {
        let own = self.digits(waba_id);
        let wanted: Vec<Value> = match wanted.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => serde_json::from_str(text)
                .map_err(|_| GraphError::invalid("Param phone_numbers must be a list of phone numbers."))?,
            None => Vec::new(),
        };
        let digits =
            |value: &Value| value.as_str().map(phone::digits).or_else(|| value.as_u64().map(|n| n.to_string()));
        let wanted: Vec<String> = wanted.iter().map(|value| digits(value).unwrap_or_default()).collect();
        if let Some(other) = wanted.iter().find(|wanted| !own.contains(wanted)) {
            return Err(GraphError::invalid(format!("Param phone_numbers: {other:.32} is no number of yours.")));
        }
        let counted = if wanted.is_empty() { own } else { wanted };
        if counted.is_empty() {
            return Err(GraphError::unavailable(
                "wazapp does not know this number's digits yet. Ask again in a minute.",
            ));
        }
        Ok(Value::from(counted).to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own() -> Own {
        let number = |id: &str, shown: &str| OwnNumber {
            phone_number_id: id.into(),
            waba_id: "7".into(),
            display_phone_number: Some(shown.into()),
        };
        let flows = HashSet::from(["51".to_owned()]);
        Own { numbers: vec![number("1", "+1 631-555-1001")], shared: true, flows, app: Some("9".into()) }
    }

    fn kept(object: Object, edge: &str, mut answer: Value) -> Value {
        own().keep(&mut answer, object, edge);
        answer
    }

    #[test]
    fn other_numbers_and_accounts_are_not_there() {
        let listed = json!({ "data": [{ "id": "1" }, { "id": "2" }], "summary": { "total_count": 2 } });
        assert_eq!(kept(Object::Account, "phone_numbers", listed.clone()), json!({ "data": [{ "id": "1" }] }));
        let expanded = json!({ "id": "7", "phone_numbers": listed, "assigned_users": { "data": [{ "id": "3" }] },
            "owner_business": { "id": "8", "owned_whatsapp_business_accounts": { "data": [{ "id": "6" }] } } });
        let expected =
            json!({ "id": "7", "phone_numbers": { "data": [{ "id": "1" }] }, "owner_business": { "id": "8" } });
        assert_eq!(kept(Object::Account, "", expanded.clone()), expected);
        let accounts = json!({ "data": [expanded, { "id": "6", "phone_numbers": listed }] });
        assert_eq!(
            kept(Object::Portfolio, "owned_whatsapp_business_accounts", accounts),
            json!({ "data": [expected] })
        );
        let linked = json!({ "id": "1", "whatsapp_business_account": { "id": "7", "phone_numbers": listed } });
        let expected = json!({ "id": "1", "whatsapp_business_account": { "id": "7" } });
        assert_eq!(kept(Object::Number, "", linked), expected);
    }

    #[test]
    fn of_a_shared_account_forms_and_apps_are_those_of_here() {
        let flows = json!({ "data": [{ "id": "51" }, { "id": "52" }] });
        assert_eq!(kept(Object::Account, "flows", flows), json!({ "data": [{ "id": "51" }] }));
        let app = |id: &str| json!({ "whatsapp_business_api_data": { "id": id } });
        let apps = json!({ "data": [app("9"), app("10")] });
        assert_eq!(kept(Object::Account, "subscribed_apps", apps), json!({ "data": [app("9")] }));
        let profile = json!({ "data": [{ "about": "a", "messaging_product": "whatsapp" }] });
        assert_eq!(kept(Object::Number, "whatsapp_business_profile", profile.clone()), profile);
    }

    #[test]
    fn statistics_are_of_ones_own_numbers() {
        let asked = |text: &str| own().asked(text, true, "7").map_err(|error| error.code());
        let own_digits = r#"["16315551001"]"#;
        assert_eq!(asked("id,analytics.start(1)"), Ok(format!("id,analytics.phone_numbers({own_digits}).start(1)")));
        let empty = asked("conversation_analytics.phone_numbers([]).start(1)");
        assert_eq!(empty, Ok(format!("conversation_analytics.phone_numbers({own_digits}).start(1)")));
        assert_eq!(asked("analytics.phone_numbers([\"+1 631 555 1002\"])"), Err(100));
        assert_eq!(asked("owner_business{owned_whatsapp_business_accounts{analytics}}"), Err(100));
        assert_eq!(asked("phone_numbers.as(message_templates)"), Err(100));
        assert_eq!(own().asked("analytics", false, "7").map_err(|error| error.code()), Err(100));
        assert!(own().counted("6", None).is_err(), "no number of that account");
    }
}
