//! What every page knows of its reader: language, colours, and who they are.

use std::borrow::Borrow;

use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use model::act::Role;
use model::membership::Belonging;
use model::user::{Language, User};

use super::assets;
use super::named::Named;
use super::notice::Notice;
use super::own_path::OwnPath;
use super::words::{Key, Said, say};
use crate::provider::CALLBACK;
use crate::session::LOGIN;
use crate::{cookie, language};

/// The name of an icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Icon(pub(crate) &'static str);

const THEME: &str = "wazapp-theme";

/// Colours that somebody chose; without, the system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// As the cookie has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads a cookie or a form.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }

    /// The one that a browser keeps.
    fn kept(headers: &HeaderMap) -> Self {
        cookie::one(headers, THEME).as_deref().and_then(Self::of).unwrap_or_default()
    }

    /// Has a browser keep it.
    pub(super) fn keep(self, is_https: bool) -> HeaderValue {
        cookie::keep(is_https, THEME, self.word(), cookie::YEAR)
    }

    /// Its name.
    pub(crate) fn key(self) -> Key {
        match self {
            Self::System => Key("theme-system"),
            Self::Light => Key("theme-light"),
            Self::Dark => Key("theme-dark"),
        }
    }
}

/// Whoever is signed in, as the rail shows them.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// The person.
    pub(crate) user: User,
    /// Where they are at work, if anywhere.
    pub(crate) at: Option<Belonging>,
    /// Where else they could be.
    pub(crate) others: Vec<Belonging>,
}

/// What every page knows.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// In which it speaks.
    pub(crate) language: Language,
    /// The colours that were chosen.
    pub(crate) theme: Theme,
    /// Where it is, for whoever comes back to it in another language.
    pub(crate) here: String,
    /// What the page before left to say.
    pub(crate) notice: Option<Notice>,
    /// Whether it comes over HTTPS.
    pub(crate) is_https: bool,
    /// Whoever is signed in.
    pub(crate) reader: Option<Reader>,
}

impl Page {
    /// What a request says of its reader, before it is known who they are.
    pub(super) fn of(state: &crate::State, uri: &Uri, headers: &HeaderMap) -> Self {
        // What the identity provider sends along is read once, and goes into no page.
        let here = if uri.path() == CALLBACK { LOGIN } else { uri.path_and_query().map_or("", |here| here.as_str()) };
        Self {
            language: spoken(headers),
            theme: Theme::kept(headers),
            here: OwnPath::read(here).unwrap_or_else(OwnPath::inbox).to_string(),
            notice: Notice::found(headers),
            is_https: state.public_url.starts_with("https://"),
            reader: None,
        }
    }

    /// The text of this name.
    pub(crate) fn say(&self, key: &'static str) -> Said {
        say(self.language, key)
    }

    /// The text that code chose.
    pub(crate) fn tell(&self, key: impl Into<Key>) -> Said {
        say(self.language, key)
    }

    /// What a role is called.
    pub(crate) fn role_of(&self, role: impl Borrow<Role>) -> Said {
        say(self.language, role.borrow().key())
    }

    /// Where a file of ours is.
    pub(crate) fn asset(&self, name: &str) -> String {
        format!("/assets/{}/{name}", assets::BUILD)
    }

    /// Whether a link leads where the reader is.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let here = self.here.split('?').next().unwrap_or_default();
        here.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// With what goes under the name of a page in the browser's tab.
    pub(crate) fn class(&self) -> &'static str {
        match self.theme {
            Theme::System => "",
            Theme::Light => "theme-light",
            Theme::Dark => "theme-dark",
        }
    }
}

impl FromRequestParts<crate::State> for Page {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &crate::State) -> Result<Self, Self::Rejection> {
        Ok(Self::of(state, &parts.uri, &parts.headers))
    }
}

/// The language of the cookie, else what the browser asks for, else Spanish.
fn spoken(headers: &HeaderMap) -> Language {
    cookie::language(headers).or_else(|| language::asked(headers)).unwrap_or_default()
}

/// A template as an answer. What was left to be said has been said.
pub(crate) fn shown(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
