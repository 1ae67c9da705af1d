//! What is mailed to people, in their language: plain text, and the same as HTML that loads nothing.

use askama::Template;
use jiff::Timestamp;
use model::mail::{About, Kind, Letter, Written};
use model::user::Language;

use crate::account::{days_left, invitation_link, password_link};
use crate::pages::{Key, Named, Said, say};

/// No name is longer in a mail.
const LONGEST_NAME: usize = 100;

/// Writes what is mailed.
#[derive(Clone, Debug)]
pub struct Letters {
    public_url: String,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html {
    language: Language,
    subject: String,
    lead: String,
    does: String,
    link: String,
    holds: String,
    unasked: String,
    server: String,
}

impl Html {
    fn text(&self) -> String {
        let Self { lead, does, link, holds, unasked, server, .. } = self;
        format!("{lead}\n\n{does}:\n{link}\n\n{holds} {unasked}\n\n-- \nwazapp · {server}\n")
    }
}

impl Letters {
    /// Of the server that others call so.
    pub fn new(public_url: &str) -> Self {
        Self { public_url: public_url.trim_end_matches('/').to_owned() }
    }

    /// Writes one.
    pub fn write(&self, now: Timestamp, letter: &Letter) -> Written {
        let language = letter.language;
        let tell = |key: Key| say(language, key);
        let [lead, holds, does, unasked] = match &letter.about {
            About::Invitation { inviter, organization, role, ends } => {
                let lead = by(tell(Key("invitation-says")), inviter, organization);
                [
                    format!("{lead} {}: {}", tell(role.key()), tell(role.means())),
                    tell(Key("invitation-holds")).count("days", days_left(now, *ends)).to_string(),
                    tell(Key("letter-invitation-does")).to_string(),
                    tell(Key("letter-invitation-unasked")).to_string(),
                ]
            }
            About::Endpoint { name, organization, .. } => {
                let of = |key| tell(key).with("endpoint", unlinked(name)).with("organization", unlinked(organization));
                [
                    of(Key("letter-endpoint-says")).to_string(),
                    tell(Key("letter-endpoint-holds")).to_string(),
                    tell(Key("letter-endpoint-does")).to_string(),
                    of(Key("letter-endpoint-unasked")).to_string(),
                ]
            }
            About::Password { name, kind } => {
                let (lead, holds, unasked) = password_keys(*kind);
                let lead = tell(lead).with("name", unlinked(name)).to_string();
                let does = tell(Key("password-link-title"));
                [lead, tell(holds).to_string(), does.to_string(), tell(unasked).to_string()]
            }
        };
        let (subject, link) = match &letter.about {
            About::Invitation { inviter, organization, .. } => (
                by(tell(Key("letter-invitation-subject")), inviter, organization),
                invitation_link(&self.public_url, &letter.link),
            ),
            About::Endpoint { id, name, organization } => {
                let subject = tell(Key("letter-endpoint-subject")).with("endpoint", unlinked(name));
                let subject = subject.with("organization", unlinked(organization)).to_string();
                (subject, format!("{}/settings/endpoints/{id}", self.public_url))
            }
            About::Password { kind, .. } => {
                (tell(subject_key(*kind)).to_string(), password_link(&self.public_url, &letter.link))
            }
        };
        let server = self.public_url.clone();
        let html = Html { language, subject, lead, does, link, holds, unasked, server };
        let text = html.text();
        let written = html.render().unwrap_or_else(|error| {
            tracing::error!(%error, "a mail could not be written as HTML");
            String::new()
        });
        Written { subject: html.subject, text, html: written }
    }
}

fn subject_key(kind: Kind) -> Key {
    match kind {
        Kind::Account | Kind::Invitation | Kind::Endpoint => Key("letter-account-subject"),
        Kind::Reset | Kind::Forgotten => Key("letter-password-subject"),
    }
}

fn password_keys(kind: Kind) -> (Key, Key, Key) {
    match kind {
        Kind::Account | Kind::Invitation | Kind::Endpoint => {
            (Key("letter-account-says"), Key("letter-holds-week"), Key("letter-account-unasked"))
        }
        Kind::Reset => (Key("letter-reset-says"), Key("letter-holds-week"), Key("letter-account-unasked")),
        Kind::Forgotten => (Key("letter-forgotten-says"), Key("letter-holds-hours"), Key("letter-forgotten-unasked")),
    }
}

/// Who invites into what.
fn by(said: Said, inviter: &str, organization: &str) -> String {
    said.with("inviter", unlinked(inviter)).with("organization", unlinked(organization)).to_string()
}

/// A name as one line from which no program makes a link: what others call themselves sends nobody anywhere.
fn unlinked(name: &str) -> String {
    let mut line = String::new();
    for char in name.chars().map(|char| if char.is_control() { ' ' } else { char }).take(LONGEST_NAME) {
        line.push(char);
        if ".:/@".contains(char) {
            line.push('\u{200b}');
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use model::act::Role;
    use secrecy::SecretString;

    use super::*;

    fn invitation(language: Language, inviter: &str, organization: &str) -> Written {
        let (inviter, organization) = (inviter.to_owned(), organization.to_owned());
        let ends = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(7 * 24);
        let about = About::Invitation { inviter, organization, role: Role::Agent, ends };
        let letter = Letter { language, link: SecretString::from("wi_token"), about };
        Letters::new("https://wa.example.com/").write(Timestamp::UNIX_EPOCH, &letter)
    }

    #[test]
    fn an_invitation_says_who_what_and_until_when() {
        for (language, days) in [(Language::Es, "7 días"), (Language::En, "7 days")] {
            let written = invitation(language, "Marta", "La Espiga");
            for part in [&written.text, &written.html] {
                for wanted in ["Marta", "La Espiga", days, "https://wa.example.com/invitation/wi_token"] {
                    assert!(part.contains(wanted), "{wanted}: {part}");
                }
            }
            assert!(written.subject.contains("La Espiga"), "{}", written.subject);
        }
    }

    #[test]
    fn every_kind_speaks_both_languages() {
        for language in Language::ALL {
            for kind in [Kind::Account, Kind::Reset, Kind::Forgotten] {
                let about = About::Password { name: "Ana".into(), kind };
                let letter = Letter { language, link: SecretString::from("token"), about };
                let written = Letters::new("https://wa.example.com").write(Timestamp::UNIX_EPOCH, &letter);
                assert!(written.text.contains("https://wa.example.com/password/token"), "{}", written.text);
                assert!(!written.text.contains("letter-") && !written.subject.contains("letter-"), "{}", written.text);
            }
        }
    }

    #[test]
    fn hostile_names_are_text_of_one_line() {
        let written = invitation(
            Language::Es,
            "Eva\r\nBcc: all@example.com",
            "<img src=https://evil.example/x> <script>alert(1)</script> \u{202e}evil.example",
        );
        assert!(!written.subject.contains(['\r', '\n', '\u{202e}']), "{:?}", written.subject);
        assert!(!written.html.contains("<img") && !written.html.contains("<script"), "{}", written.html);
        for part in [&written.text, &written.html] {
            assert!(!part.contains("evil.example") && !part.contains("https://evil"), "{part}");
            assert!(part.lines().all(|line| !line.starts_with("Bcc")), "{part}");
        }
        assert!(invitation(Language::En, &"n".repeat(5000), "x").text.len() < 1000);
    }
}
