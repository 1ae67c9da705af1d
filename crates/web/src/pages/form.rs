//! What somebody entered into a form, and what is wrong about it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use model::name::{Name, NoName};
use model::user::Language;
use secrecy::SecretString;

use super::failure::Failure;
use super::words::{Key, Said, say};

/// Fields that no page ever shows again.
const SECRET: &[&str] = &["password", "current", "code"];

/// A form as it was sent. What is entered in secret is kept apart, and never shown again.
#[derive(Debug, Default)]
pub(crate) struct Entered {
    texts: Vec<(String, String)>,
    secrets: Vec<(String, SecretString)>,
    faults: Vec<(&'static str, Said)>,
}

impl Entered {
    fn read(body: &[u8]) -> Self {
        let mut entered = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            if SECRET.contains(&&*name) {
                entered.secrets.push((name.into_owned(), value.into_owned().into()));
            } else {
                entered.texts.push((name.into_owned(), plain(&value)));
            }
        }
        entered
    }

    /// With these texts, as if they had been entered.
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts = texts.into_iter().map(|(name, text)| (name.to_owned(), plain(text))).collect();
        Self { texts, ..Self::default() }
    }

    /// From now on this stands in a field.
    pub(crate) fn set(&mut self, name: &str, text: String) {
        self.texts.retain(|(known, _)| known != name);
        self.texts.push((name.to_owned(), text));
    }

    /// What stands in a field; nothing where it was not sent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.texts.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text)
    }

    /// All that was chosen under one name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.texts.iter().filter(move |(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// Whether a choice was made, for templates.
    pub(crate) fn has(&self, name: &str, value: impl AsRef<str>) -> bool {
        self.all(name).any(|chosen| chosen == value.as_ref())
    }

    /// What was entered in secret.
    pub(crate) fn secret(&self, name: &str) -> SecretString {
        self.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret.clone()).unwrap_or_default()
    }

    /// Something is wrong with a field.
    pub(crate) fn fault(&mut self, field: &'static str, said: Said) {
        self.faults.push((field, said));
    }

    /// The text of a field that must have one, of so many characters at most.
    pub(crate) fn needed(&mut self, language: Language, field: &'static str, longest: usize) -> String {
        let text = self.text(field).to_owned();
        let said = match Name::read(&text, longest) {
            Ok(name) => return name.as_str().to_owned(),
            Err(NoName::Empty) => say(language, Key("fault-empty")),
            Err(NoName::TooLong(longest)) => say(language, Key("fault-long")).count("longest", longest),
            Err(NoName::Odd) => say(language, Key("fault-odd")),
        };
        self.fault(field, said);
        text
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// What is wrong with a field, for templates.
    pub(crate) fn wrong(&self, field: &str) -> Option<&Said> {
        self.faults.iter().find(|(known, _)| *known == field).map(|(_, said)| said)
    }
}

/// NUL is no text for PostgreSQL, and other control characters are none for people.
fn plain(text: &str) -> String {
    let shown: String = text.chars().filter(|char| *char == '\n' || !char.is_control()).collect();
    shown.trim().to_owned()
}

impl<S: Send + Sync> FromRequest<S> for Entered {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_form = declared.split(';').next().is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded");
        if !is_form && !declared.is_empty() {
            return Err(Failure::NoForm);
        }
        let body = Bytes::from_request(request, state).await.map_err(|refused| match refused.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLong,
            _ => Failure::NoForm,
        })?;
        Ok(Self::read(&body))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_no_text_of_a_page() {
        let entered = Entered::read(b"email=+a%40b.c+&password=p+w&team=1&team=2&name=a%00b");
        assert_eq!(entered.text("email"), "a@b.c");
        assert_eq!(entered.text("password"), "");
        assert_eq!(entered.secret("password").expose_secret(), "p w");
        assert_eq!(entered.all("team").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(entered.text("name"), "ab");
        assert!(!format!("{entered:?}").contains("p w"));
    }
}
