//! Who may come to work where without an invitation, because the provider knows them.

use std::str::FromStr;

use model::act::Role;
use model::user::Email;
use serde_json::{Map, Number, Value};

/// Whoever fits works in an organization from their first sign-in on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRule {
    whom: Whom,
    /// The organization's short name.
    pub(crate) organization: String,
    /// As what.
    pub(crate) role: Role,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    /// Of this domain, by an e-mail address that the provider verified.
    Domain(String),
    /// Of whom the provider says this, alone or in a list.
    Claim { name: String, value: String },
}

/// A rule is written otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoRule(String);

impl JoinRule {
    /// Whether it lets somebody in of whom the provider says this.
    pub(crate) fn fits(&self, verified: Option<&Email>, claims: &Map<String, Value>) -> bool {
        match &self.whom {
            Whom::Domain(domain) => {
                verified.is_some_and(|email| email.key().rsplit_once('@').is_some_and(|(_, of)| of == domain))
            }
            Whom::Claim { name, value } => claims.get(name).is_some_and(|claim| says(claim, value)),
        }
    }

    /// The claim that it looks at.
    pub(crate) fn claim(&self) -> Option<&str> {
        match &self.whom {
            Whom::Domain(_) => None,
            Whom::Claim { name, .. } => Some(name),
        }
    }
}

fn says(claim: &Value, value: &str) -> bool {
    match claim {
        Value::String(text) => text == value,
        Value::Bool(is) => value == if *is { "true" } else { "false" },
        Value::Number(number) => value.parse().is_ok_and(|wanted: Number| wanted == *number),
        Value::Array(all) => all.iter().any(|one| !one.is_array() && says(one, value)),
        Value::Null | Value::Object(_) => false,
    }
}

impl FromStr for JoinRule {
    type Err = NoRule;

    /// `example.com=acme:agent`, or `groups:support=acme:agent`.
    fn from_str(text: &str) -> Result<Self, NoRule> {
        let wrong = || {
            NoRule(format!(
                "\"{text}\" is no rule: write DOMAIN=ORGANIZATION:ROLE or CLAIM:VALUE=ORGANIZATION:ROLE, \
                 like example.com=acme:agent"
            ))
        };
        let (whom, place) = text.trim().rsplit_once('=').ok_or_else(wrong)?;
        let (organization, role) = place.rsplit_once(':').ok_or_else(wrong)?;
        let role = Role::of(role.trim()).ok_or_else(wrong)?;
        if role == Role::Owner {
            return Err(NoRule(format!("\"{text}\" would make owners: only an owner does, so write admin or less")));
        }
        let (whom, organization) = (whom.trim(), organization.trim());
        let is_domain = |domain: &str| format!("somebody@{domain}").parse::<Email>().is_ok();
        let whom = match whom.rsplit_once(':') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Whom::Claim { name: name.to_owned(), value: value.to_owned() }
            }
            None if is_domain(whom) => Whom::Domain(whom.to_lowercase()),
            _ => return Err(wrong()),
        };
        if organization.is_empty() {
            return Err(wrong());
        }
        Ok(Self { whom, organization: organization.to_owned(), role })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(rule: &str, email: Option<&str>, claims: &Value) -> bool {
        let rule: JoinRule = rule.parse().unwrap();
        let email: Option<Email> = email.map(|email| email.parse().unwrap());
        rule.fits(email.as_ref(), claims.as_object().unwrap())
    }

    #[test]
    fn a_domain_is_the_whole_of_what_follows_the_at() {
        let rule = "Example.com=acme:agent";
        assert!(fits(rule, Some("ana@EXAMPLE.com"), &json!({})));
        for other in ["ana@example.com.evil.mx", "ana@notexample.com", "ana@mail.example.com"] {
            assert!(!fits(rule, Some(other), &json!({})), "{other}");
        }
        assert!(!fits(rule, None, &json!({ "email": "ana@example.com", "hd": "example.com" })));
    }

    #[test]
    fn a_claim_says_it_alone_or_in_a_list() {
        let rule = "groups:support=acme:viewer";
        assert!(fits(rule, None, &json!({ "groups": "support" })));
        assert!(fits(rule, None, &json!({ "groups": ["sales", "support"] })));
        for other in [
            json!({}),
            json!({ "groups": "supporters" }),
            json!({ "groups": [["support"]] }),
            json!({ "group": "support" }),
        ] {
            assert!(!fits(rule, None, &other), "{other}");
        }
        assert!(fits("https://example.com/staff:true=acme:admin", None, &json!({ "https://example.com/staff": true })));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for wrong in [
            "",
            "example.com",
            "example.com=acme",
            "example=acme:agent",
            "example.com=:agent",
            "a@example.com=acme:agent",
            "example.com=acme:boss",
            ":support=acme:agent",
            "groups:=acme:agent",
            "=acme:agent",
        ] {
            assert!(wrong.parse::<JoinRule>().is_err(), "{wrong}");
        }
        assert!("example.com=acme:owner".parse::<JoinRule>().unwrap_err().to_string().contains("owner"));
    }
}
