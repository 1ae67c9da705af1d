//! Why a message did not come, in words for whoever sent it, and what they can do.

use model::message::Message;
use model::trouble::{Code, Words};
use model::user::Language;
use serde::Deserialize;

use crate::pages::{Key, Said, say};

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Send a template in its place.
    Template,
    /// Take its words elsewhere.
    Copy,
    /// Send it again.
    Again,
    /// Send it again, though it may come twice.
    Perhaps,
}

/// Why a message did not come, or may not have.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// What happened.
    pub(super) said: Said,
    /// Whose move it is, as the catalogue has it.
    pub(super) advice: Option<String>,
    /// What to do about it here.
    pub(super) remedy: Remedy,
}

/// Meta's code where 24 hours have passed, and where there is no WhatsApp.
const WINDOW: i64 = 131_047;
const UNREACHABLE: i64 = 131_026;

impl Fault {
    /// Of a message that failed, or of which nobody knows.
    pub(super) fn of(message: &Message, contact: &str, language: Language) -> Option<Self> {
        match message.status.as_deref() {
            Some("failed") => Some(Self::failed(message, contact, language)),
            Some("unknown") => {
                let said = say(language, Key("fault-unknown"));
                Some(Self { said, advice: None, remedy: Remedy::Perhaps })
            }
            _ => None,
        }
    }

    fn failed(message: &Message, contact: &str, language: Language) -> Self {
        let told = message.error.as_ref().and_then(|error| Told::of(error.0.get())).unwrap_or_default();
        let code = told.code.and_then(Code::of_meta);
        match code {
            Some(WINDOW) => {
                let said = say(language, Key("fault-window")).with("name", contact);
                return Self { said, advice: None, remedy: Remedy::Template };
            }
            Some(UNREACHABLE) => {
                return Self { said: say(language, Key("fault-unreachable")), advice: None, remedy: Remedy::Copy };
            }
            _ => {}
        }
        let reason = told.title.or(told.message).unwrap_or_else(|| "…".into());
        let said = match code {
            Some(code) => say(language, Key("fault-refused")).with("reason", reason).with("code", code),
            None => say(language, Key("fault-not-sent")).with("reason", reason),
        };
        let advice = told.advice.map(|words| match language {
            Language::Es => words.es,
            Language::En => words.en,
        });
        Self { said, advice, remedy: Remedy::Again }
    }
}

/// What is stored of why a message failed, as far as a page tells it: what Meta said, or wazapp.
#[derive(Debug, Default, Deserialize)]
struct Told {
    code: Option<Code>,
    title: Option<String>,
    message: Option<String>,
    advice: Option<Words>,
}

impl Told {
    /// Webhooks tell of several; the first is the one that counts.
    fn of(stored: &str) -> Option<Self> {
        let first = || serde_json::from_str::<Vec<Self>>(stored).ok().and_then(|all| all.into_iter().next());
        serde_json::from_str(stored).ok().or_else(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_and_several_are_read() {
        let code = |stored: &str| Told::of(stored).and_then(|told| told.code.and_then(|code| code.of_meta()));
        assert_eq!(code(r#"{"code":131047,"message":"m","advice":{"en":"a","es":"b"}}"#), Some(WINDOW));
        assert_eq!(code(r#"[{"code":131026,"title":"t","error_data":{"details":"d"}}]"#), Some(UNREACHABLE));
        assert_eq!(code(r#"{"code":"deadline","message":"m"}"#), None);
        assert!(Told::of("[]").is_none());
    }
}
