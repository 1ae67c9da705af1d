//! What people may say of an endpoint.

use std::collections::HashSet;

use secrecy::ExposeSecret;

use super::{Format, Headers, Wanted};

/// What is not accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {why}")]
pub struct Mistake {
    /// Which member.
    pub field: &'static str,
    /// What is wrong with it, and what would do.
    pub why: String,
}

/// The most kinds, numbers and headers of an endpoint.
const MOST: usize = 50;

/// The most characters of a header's value, and of a description.
const LONGEST_VALUE: usize = 4096;
const LONGEST_DESCRIPTION: usize = 200;

/// Headers that are the call's own.
const OWN: [&str; 10] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "upgrade",
    "user-agent",
    "te",
    "trailer",
];

impl Wanted {
    /// Whether an endpoint of this format may be so.
    ///
    /// # Errors
    ///
    /// What is not accepted first.
    pub(super) fn check(&self, format: Format) -> Result<(), Mistake> {
        let mistake = |field, why: &str| Err(Mistake { field, why: why.to_owned() });
        if let Some(kinds) = &self.kinds {
            if kinds.is_empty() || kinds.len() > MOST {
                return mistake("kinds", "must name 1 to 50 kinds, or be null for all");
            }
            if let Some(kind) = kinds.iter().find(|kind| !format.has_kind(kind)) {
                let such = match format {
                    Format::Wazapp => "types of events such as `message.received` or `message.*`",
                    Format::Meta => "Meta's webhook fields such as `messages`",
                };
                return Err(Mistake { field: "kinds", why: format!("names `{kind}`; {such} are expected") });
            }
        }
        if self.number_ids.as_ref().is_some_and(|ids| ids.is_empty() || ids.len() > MOST) {
            return mistake("number_ids", "must name 1 to 50 numbers, or be null for all");
        }
        if self.description.chars().count() > LONGEST_DESCRIPTION || self.description.contains(char::is_control) {
            return mistake("description", "must be one line of at most 200 characters");
        }
        if self.rate.is_some_and(|rate| !(1..=1000).contains(&rate)) {
            return mistake("rate", "must be 1 to 1000 calls a second, or null");
        }
        if !(1..=64).contains(&self.concurrency) {
            return mistake("concurrency", "must be 1 to 64");
        }
        match self.gather {
            Some(_) if format == Format::Meta => mistake("gather", "goes with format `wazapp` alone"),
            Some(gather) if !(100..=60_000).contains(&gather.quiet_ms) => {
                mistake("gather.quiet_ms", "must be 100 to 60000")
            }
            Some(gather) if !(gather.quiet_ms..=600_000).contains(&gather.most_ms) => {
                mistake("gather.most_ms", "must be at least `quiet_ms`, and at most 600000")
            }
            _ => Ok(()),
        }
    }
}

/// Whether calls may carry these headers.
///
/// # Errors
///
/// What is not accepted first. It never says a value.
pub fn check_headers(headers: &Headers) -> Result<(), Mistake> {
    let mistake = |why: String| Err(Mistake { field: "headers", why });
    if headers.len() > MOST {
        return mistake("may be at most 50".to_owned());
    }
    let mut names = HashSet::new();
    for (name, value) in headers {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > 100 || !name.bytes().all(token) {
            return mistake("holds a name that is no header's; letters, digits and `-` are expected".to_owned());
        }
        let lower = name.to_ascii_lowercase();
        if !names.insert(lower.clone()) {
            return mistake(format!("names `{name}` twice"));
        }
        if OWN.contains(&lower.as_str()) || lower.starts_with("webhook-") || lower.starts_with("x-hub-") {
            return mistake(format!("names `{name}`, which is wazapp's own"));
        }
        let value = value.expose_secret();
        let fits = value.bytes().all(|byte| byte == b'\t' || (b' '..0x7f).contains(&byte));
        if value.len() > LONGEST_VALUE || !fits {
            return mistake(format!(
                "gives `{name}` a value that is none; one line of at most 4096 ASCII characters is expected"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::endpoint::Gathering;

    fn wanted() -> Wanted {
        Wanted {
            url: "https://example.com/".into(),
            kinds: Some(vec!["message.*".into()]),
            number_ids: None,
            description: String::new(),
            rate: None,
            concurrency: 8,
            in_order: false,
            gather: None,
        }
    }

    fn refused(of: Wanted, format: Format) -> &'static str {
        of.check(format).unwrap_err().field
    }

    #[test]
    fn what_is_not_accepted_is_named() {
        assert_eq!(wanted().check(Format::Wazapp), Ok(()));
        let kinds =
            |kinds: &[&str]| Wanted { kinds: Some(kinds.iter().map(|kind| (*kind).to_owned()).collect()), ..wanted() };
        assert_eq!(refused(kinds(&[]), Format::Wazapp), "kinds");
        assert_eq!(refused(kinds(&["mesage.received"]), Format::Wazapp), "kinds");
        assert_eq!(refused(kinds(&["message.received"]), Format::Meta), "kinds");
        assert_eq!(kinds(&["messages", "account_update"]).check(Format::Meta), Ok(()));
        assert_eq!(refused(Wanted { number_ids: Some(vec![]), ..wanted() }, Format::Wazapp), "number_ids");
        assert_eq!(refused(Wanted { description: "a\nb".into(), ..wanted() }, Format::Wazapp), "description");
        assert_eq!(refused(Wanted { rate: Some(0), ..wanted() }, Format::Wazapp), "rate");
        assert_eq!(refused(Wanted { concurrency: 65, ..wanted() }, Format::Wazapp), "concurrency");
        let gathers =
            |quiet_ms, most_ms| Wanted { gather: Some(Gathering { quiet_ms, most_ms }), kinds: None, ..wanted() };
        assert_eq!(refused(gathers(1, 1000), Format::Wazapp), "gather.quiet_ms");
        assert_eq!(refused(gathers(2000, 1000), Format::Wazapp), "gather.most_ms");
        assert_eq!(refused(gathers(2000, 5000), Format::Meta), "gather");
        assert_eq!(gathers(2000, 5000).check(Format::Wazapp), Ok(()));
    }

    #[test]
    fn headers_cannot_break_out_nor_take_the_calls_own_place() {
        let one = |name: &str, value: &str| {
            check_headers(&[(name.to_owned(), SecretString::from(value))].into_iter().collect())
        };
        assert_eq!(one("Authorization", "Bearer abc"), Ok(()));
        for name in [
            "",
            "a b",
            "a\r\nb",
            "é",
            "Host",
            "content-length",
            "Webhook-Id",
            "X-Hub-Signature-256",
            "Transfer-Encoding",
        ] {
            assert!(one(name, "x").is_err(), "{name}");
        }
        for value in ["a\r\nX: y", "é", "\0"] {
            let refused = one("X-Key", value).unwrap_err().to_string();
            assert!(!refused.contains(value), "{refused}");
        }
    }
}
