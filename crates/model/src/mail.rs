//! Mail to people: noted with what it tells, in one transaction, and sent by the worker.
//!
//! No link waits to be sent, not even sealed: each try makes one of its own ([`letter`]), which is kept as a hash. So a mail
//! that comes twice, because nobody heard that it was sent, brings two links that work.

mod endpoints;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::Role;
use crate::database::{DatabaseError, Operator, RawJson, Result, Tenant, stored_json};
use crate::trouble::Trouble;
use crate::user::{Email, Language};
use crate::{invitation, restoration, user};

pub use endpoints::any_organization_tell_of_endpoints;

use endpoints::of_endpoint;

/// What is not sent by then is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// A claimed mail whose claimer never came back is sent again: it may arrive twice.
const CLAIM: SignedDuration = SignedDuration::from_mins(5);

/// The first wait; it doubles up to the longest.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(30);

/// How long mail that has ended is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many invitations of an organization are mailed in a day: mail that nobody asked for would cost the whole server its
/// good name.
pub const INVITATIONS_A_DAY: i64 = 200;

/// What a mail tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody is invited.
    Invitation,
    /// A program of an organization is not told any more.
    Endpoint,
    /// Somebody has an account, and sets its password.
    Account,
    /// Somebody's password was taken from them.
    Reset,
    /// Somebody said that they forgot theirs; perhaps there is no such account.
    Forgotten,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Invitation, Self::Endpoint, Self::Account, Self::Reset, Self::Forgotten];

    fn word(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Endpoint => "endpoint",
            Self::Account => "account",
            Self::Reset => "reset",
            Self::Forgotten => "forgotten",
        }
    }

    fn read(word: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == word);
        known.ok_or_else(|| DatabaseError::UnknownWord { column: "mail.kind", word: word.to_owned() })
    }
}

/// How far an invitation's mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MailState)]
pub enum State {
    /// It is to be sent, or tried again.
    Waiting,
    /// The mail server took it.
    Sent,
    /// It was given up.
    Failed,
}

/// What became of an invitation's mail.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Mailed {
    /// How far it is.
    pub state: State,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Why the last try was in vain; null: it was not, or there was none.
    pub error: Option<Trouble>,
}

impl Mailed {
    fn read(row: &Row) -> Result<Self> {
        let at = |name: &str| row.get::<_, Option<Timestamp>>(name);
        let (state, since) = match (at("sent_at"), at("given_up_at")) {
            (Some(at), _) => (State::Sent, at),
            (None, Some(at)) => (State::Failed, at),
            (None, None) => (State::Waiting, row.get("created_at")),
        };
        Ok(Self { state, since, error: stored_json(row, "error", "mail.error")? })
    }

    fn waiting(now: Timestamp) -> Self {
        Self { state: State::Waiting, since: now, error: None }
    }
}

/// Has an invitation mailed. `None`: the organization had as many mailed within a day as may be.
pub(crate) async fn invite(
    tx: &Tenant,
    now: Timestamp,
    invitation_id: Uuid,
    recipient: &Email,
    language: Language,
) -> Result<Option<Mailed>> {
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.mail (organization_id, id, invitation_id, kind, recipient, language, created_at, due_at)
             SELECT $1, $2, $3, $4, $5, $6, $7::timestamptz, $7::timestamptz
             WHERE (SELECT count(*) FROM (SELECT FROM wazapp.mail WHERE organization_id = $1 AND kind = $4 AND created_at > $8
                    LIMIT $9) recent) < $9
             RETURNING id",
            &[
                &tx.organization_id(),
                &Uuid::now_v7(),
                &invitation_id,
                &Kind::Invitation.word(),
                &recipient.as_str(),
                &language.word(),
                &now,
                &(now - SignedDuration::from_hours(24)),
                &INVITATIONS_A_DAY,
            ],
        )
        .await?;
    Ok(row.map(|_| Mailed::waiting(now)))
}

/// What became of the mails of an organization's invitations.
pub(crate) async fn of_invitations(tx: &Tenant, invitation_ids: &[Uuid]) -> Result<Vec<(Uuid, Mailed)>> {
    let rows = tx
        .query(
            "SELECT invitation_id, created_at, error, sent_at, given_up_at FROM wazapp.mail
             WHERE organization_id = $1 AND invitation_id = ANY ($2)",
            &[&tx.organization_id(), &invitation_ids.to_vec()],
        )
        .await?;
    rows.iter().map(|row| Ok((row.get("invitation_id"), Mailed::read(row)?))).collect()
}

/// Has somebody written to about their account. Whether there is one is asked when the mail is sent: who notes it learns
/// nothing of it, nor by how long it takes.
pub async fn write_to(tx: &Operator, now: Timestamp, kind: Kind, recipient: &Email, language: Language) -> Result<()> {
    tx.query(
        "INSERT INTO wazapp.mail (id, kind, recipient, language, created_at, due_at) VALUES ($1, $2, $3, $4, $5, $5)",
        &[&Uuid::now_v7(), &kind.word(), &recipient.as_str(), &language.word(), &now],
    )
    .await?;
    Ok(())
}

/// A mail that is sent now.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The same at each try.
    pub id: Uuid,
    /// To whom.
    pub recipient: Email,
    /// When it was noted.
    pub created_at: Timestamp,
    organization_id: Option<Uuid>,
    invitation_id: Option<Uuid>,
    endpoint: Option<(Uuid, Timestamp)>,
    kind: Kind,
    language: Language,
    tries: i32,
}

impl Claimed {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id"),
            recipient: Email::stored(row.get("recipient")),
            created_at: row.get("created_at"),
            organization_id: row.get("organization_id"),
            invitation_id: row.get("invitation_id"),
            endpoint: row.get::<_, Option<Uuid>>("endpoint_id").zip(row.get("endpoint_since")),
            kind: Kind::read(row.get("kind"))?,
            language: Language::read(row.get("language"))?,
            tries: row.get("tries"),
        })
    }

    /// When it is tried again after this try; `None`: never.
    fn again(&self, now: Timestamp) -> Option<Timestamp> {
        let doubled = self.tries.saturating_sub(1).clamp(0, 16);
        let at = now + (FIRST_WAIT * 2_i32.pow(doubled.unsigned_abs())).min(LONGEST_WAIT);
        (at < self.created_at + PATIENCE).then_some(at)
    }
}

/// Claims mail that is due, what is about accounts first. What a suspended organization wants sent waits.
pub async fn any_organization_claim(tx: &Operator, now: Timestamp, room: i64) -> Result<Vec<Claimed>> {
    if restoration::is_held(tx).await? {
        return Ok(Vec::new());
    }
    let rows = tx
        .query(
            "UPDATE wazapp.mail SET tries = tries + 1, due_at = $2::timestamptz WHERE id IN (
               SELECT m.id FROM wazapp.mail m LEFT JOIN wazapp.organization o ON o.id = m.organization_id
               WHERE m.due_at <= $1 AND m.sent_at IS NULL AND m.given_up_at IS NULL AND o.suspended_at IS NULL
               ORDER BY m.organization_id IS NOT NULL, m.due_at LIMIT $3 FOR NO KEY UPDATE OF m SKIP LOCKED)
             RETURNING id, organization_id, invitation_id, endpoint_id, endpoint_since, kind, recipient, language, created_at, tries",
            &[&now, &(now + CLAIM), &room],
        )
        .await?;
    rows.iter().map(Claimed::read).collect()
}

/// What a mail is about, with the link that it brings.
#[derive(Clone, Debug)]
pub struct Letter {
    /// In which it is written.
    pub language: Language,
    /// Opens what it is about, once; empty where whoever reads it signs in for that.
    pub link: SecretString,
    /// What it is about.
    pub about: About,
}

/// What a mail is about.
#[derive(Clone, Debug)]
pub enum About {
    /// Somebody invites whoever reads it.
    Invitation {
        /// Who.
        inviter: String,
        /// Into what.
        organization: String,
        /// As what.
        role: Role,
        /// Until when.
        ends: Timestamp,
    },
    /// A program that is not told any more.
    Endpoint {
        /// The endpoint.
        id: Uuid,
        /// What people call it, or where it is.
        name: String,
        /// Whose it is.
        organization: String,
    },
    /// The reader's password.
    Password {
        /// The account's name.
        name: String,
        /// Why they set another.
        kind: Kind,
    },
}

/// A letter in words.
#[derive(Clone)]
pub struct Written {
    /// One line.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest holds the link.
        write!(f, "Written({})", self.subject)
    }
}

/// Makes the link of this try, and what is said with it. `None`: it has nothing to say any more, because the invitation was
/// taken back or the account is not there.
pub async fn letter(tx: &Operator, now: Timestamp, mail: &Claimed) -> Result<Option<Letter>> {
    let account = user::by_email(tx, &mail.recipient).await?.map(|(user, _)| user);
    let language = account.as_ref().map_or(mail.language, |user| user.language);
    if let (Some(organization_id), Some(invitation_id)) = (mail.organization_id, mail.invitation_id) {
        let offer = invitation::any_organization_mail(tx, now, organization_id, invitation_id).await?;
        return Ok(offer.map(|(offer, link)| {
            let invitation = offer.invitation;
            let about = About::Invitation {
                inviter: invitation.invited_by_name,
                organization: offer.organization,
                role: invitation.role,
                ends: invitation.expires_at,
            };
            Letter { language, link, about }
        }));
    }
    let Some(user) = account else { return Ok(None) };
    if let (Some(organization_id), Some(endpoint)) = (mail.organization_id, mail.endpoint) {
        let about = of_endpoint(tx, organization_id, endpoint, user.id).await?;
        return Ok(about.map(|about| Letter { language, link: SecretString::default(), about }));
    }
    let holds = if mail.kind == Kind::Forgotten { user::FORGOTTEN_LINK_HOLDS } else { user::LINK_HOLDS };
    let link = user::further_password_link(tx, now, user.id, holds).await?;
    Ok(Some(Letter { language, link, about: About::Password { name: user.name, kind: mail.kind } }))
}

/// What came of a try.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The mail server took it.
    Sent,
    /// It had nothing to say any more.
    Void,
    /// It was not taken, and is tried again, if it is not too late.
    Again(Trouble),
    /// It was refused for good.
    Refused(Trouble),
}

/// Writes down what came of a try, unless another one has begun. Answers whether it was given up.
pub async fn any_organization_settle(tx: &Operator, now: Timestamp, mail: &Claimed, outcome: &Outcome) -> Result<bool> {
    let trouble = |trouble: &Trouble| serde_json::to_string(trouble).expect("a trouble is JSON");
    let (sent_at, again, error) = match outcome {
        Outcome::Void => {
            tx.query("DELETE FROM wazapp.mail WHERE id = $1 AND tries = $2", &[&mail.id, &mail.tries]).await?;
            return Ok(false);
        }
        Outcome::Sent => (Some(now), None, None),
        Outcome::Again(why) => (None, mail.again(now), Some(trouble(why))),
        Outcome::Refused(why) => (None, None, Some(trouble(why))),
    };
    let given_up_at = (sent_at.is_none() && again.is_none()).then_some(now);
    tx.query(
        "UPDATE wazapp.mail SET sent_at = $3, given_up_at = $4, due_at = coalesce($5, due_at), error = $6
         WHERE id = $1 AND tries = $2",
        &[&mail.id, &mail.tries, &sent_at, &given_up_at, &again, &error.as_deref().map(RawJson)],
    )
    .await?;
    Ok(given_up_at.is_some())
}

/// What waits, for whoever runs the server.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// How many mails wait.
    pub waiting: i64,
    /// Since when the oldest does.
    pub oldest: Option<Timestamp>,
    /// How many were given up in the last seven days.
    pub given_up: i64,
    /// Why the last try of one that waits was in vain.
    pub error: Option<Trouble>,
}

/// What waits.
pub async fn any_organization_backlog(tx: &Operator, now: Timestamp) -> Result<Backlog> {
    let row = tx
        .query_opt(
            "SELECT count(*) FILTER (WHERE sent_at IS NULL AND given_up_at IS NULL) AS waiting,
               min(created_at) FILTER (WHERE sent_at IS NULL AND given_up_at IS NULL) AS oldest,
               count(*) FILTER (WHERE given_up_at > $1) AS given_up,
               (SELECT error FROM wazapp.mail WHERE sent_at IS NULL AND given_up_at IS NULL AND error IS NOT NULL
                ORDER BY due_at DESC LIMIT 1) AS error
             FROM wazapp.mail",
            &[&(now - SignedDuration::from_hours(7 * 24))],
        )
        .await?
        .expect("an aggregate answers a row");
    Ok(Backlog {
        waiting: row.get("waiting"),
        oldest: row.get("oldest"),
        given_up: row.get("given_up"),
        error: stored_json(&row, "error", "mail.error")?,
    })
}

/// Forgets mail that ended long ago.
pub async fn any_organization_let_go(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query("DELETE FROM wazapp.mail WHERE coalesce(sent_at, given_up_at) < $1", &[&(now - KEPT)]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_a_day() {
        let start = Timestamp::UNIX_EPOCH;
        let mut mail = Claimed {
            id: Uuid::nil(),
            recipient: "ana@example.com".parse().unwrap(),
            created_at: start,
            organization_id: None,
            invitation_id: None,
            endpoint: None,
            kind: Kind::Reset,
            language: Language::Es,
            tries: 1,
        };
        let (mut now, mut waits) = (start, Vec::new());
        while let Some(next) = mail.again(now) {
            waits.push(next.duration_since(now).as_secs());
            (now, mail.tries) = (next, mail.tries + 1);
        }
        assert_eq!(waits[..8], [30, 60, 120, 240, 480, 960, 1800, 1800]);
        assert!(now.duration_since(start) > SignedDuration::from_hours(23) && now < start + PATIENCE, "{now}");
        mail.tries = i32::MAX;
        assert!(mail.again(start).is_some());
    }
}
