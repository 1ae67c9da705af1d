//! A link by which somebody comes to work in an organization: single use, for a week, revocable.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::{Act, Role};
use crate::audit::{Actor, Deed};
use crate::database::{Database, Operator, Result, Tenant};
use crate::mail::{self, Mailed};
use crate::scope::Scope;
use crate::secret::Shown;
use crate::user::{Email, Language};

/// How long an invitation holds.
pub const HOLDS: SignedDuration = SignedDuration::from_hours(7 * 24);

const PREFIX: &str = "wi_";

/// An invitation as the organization sees it. Its link is shown once.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Invitation {
    /// UUIDv7.
    pub id: Uuid,
    /// Who is meant; null: whoever has the link.
    pub email: Option<String>,
    /// As what they will work here.
    pub role: Role,
    /// Who invited, as they were called then.
    pub invited_by_name: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Until when it holds.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What became of its mail; null: none was to be sent.
    pub mail: Option<Mailed>,
}

impl Invitation {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id"),
            email: row.get("email"),
            role: Role::read(row.get("role"), "invitation.role")?,
            invited_by_name: row.get("invited_by_name"),
            created_at: row.get("created_at"),
            expires_at: row.get("expires_at"),
            mail: None,
        })
    }
}

impl Invitation {
    /// That it was sent, as the audit tells it.
    pub fn sent(&self) -> Deed {
        self.deed("invite").changed(None, Some(self.told()))
    }

    /// That it was taken back.
    pub fn taken_back(&self) -> Deed {
        self.deed("revoke").changed(Some(self.told()), None)
    }

    fn deed(&self, what: &'static str) -> Deed {
        Deed::new(Act::ManageMembers, what, self.id, self.email.as_deref().unwrap_or_default())
    }

    fn told(&self) -> Value {
        json!({ "role": self.role, "email": self.email, "expires_at": self.expires_at })
    }
}

/// Somebody to be invited.
#[derive(Clone, Copy, Debug)]
pub struct NewInvitation<'a> {
    /// Who is meant; `None`: whoever has the link.
    pub email: Option<&'a Email>,
    /// As what they will work here.
    pub role: Role,
    /// The language in which they are written to, where they have no account that says another; `None`: no mail is sent here.
    pub mailed: Option<Language>,
}

/// Invites somebody. The text of the link is returned here and never again.
pub async fn create(
    tx: &Tenant,
    now: Timestamp,
    by: &Actor,
    new: NewInvitation<'_>,
) -> Result<(Invitation, SecretString)> {
    let NewInvitation { email, role, mailed } = new;
    let shown = Shown::new(PREFIX, tx.organization_id());
    let row = tx
        .query_opt(
            "INSERT INTO wazapp.invitation
               (organization_id, id, hash, email, role, invited_by, invited_by_name, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *",
            &[
                &tx.organization_id(),
                &Uuid::now_v7(),
                &shown.hash(),
                &email.map(Email::as_str),
                &role.word(),
                &by.id,
                &by.name,
                &now,
                &(now + HOLDS),
            ],
        )
        .await?
        .expect("INSERT … RETURNING answers a row");
    let mut invitation = Invitation::read(&row)?;
    if let (Some(email), Some(language)) = (email, mailed) {
        invitation.mail = mail::invite(tx, now, invitation.id, email, language).await?;
    }
    Ok((invitation, shown.text()))
}

/// Invitations that hold, newest first.
pub async fn list(tx: &Tenant, now: Timestamp) -> Result<Vec<Invitation>> {
    let rows = tx
        .query(
            "SELECT * FROM wazapp.invitation
             WHERE organization_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2
             ORDER BY id DESC LIMIT 500",
            &[&tx.organization_id(), &now],
        )
        .await?;
    let mut invitations = rows.iter().map(Invitation::read).collect::<Result<Vec<_>>>()?;
    let ids: Vec<Uuid> = invitations.iter().map(|invitation| invitation.id).collect();
    for (id, mailed) in mail::of_invitations(tx, &ids).await? {
        let its = invitations.iter_mut().find(|invitation| invitation.id == id);
        its.expect("only of these was asked").mail = Some(mailed);
    }
    Ok(invitations)
}

/// Takes an invitation back. `None`: there is none that holds.
pub async fn revoke(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Invitation>> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.invitation SET revoked_at = $3
             WHERE organization_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL RETURNING *",
            &[&tx.organization_id(), &id, &now],
        )
        .await?;
    row.as_ref().map(Invitation::read).transpose()
}

/// Takes back what somebody sent and, in the role that they have by now, could not send: no link of theirs lets them in again.
pub(crate) async fn take_back_of(tx: &Tenant, now: Timestamp, sender: Uuid, role: Option<Role>) -> Result<()> {
    let sends: Vec<&str> =
        Role::ALL.into_iter().filter(|given| role.is_some_and(|role| role.gives(*given))).map(Role::word).collect();
    tx.query(
        "UPDATE wazapp.invitation SET revoked_at = $3
         WHERE organization_id = $1 AND invited_by = $2 AND accepted_at IS NULL AND revoked_at IS NULL AND role <> ALL ($4)",
        &[&tx.organization_id(), &sender, &now, &sends],
    )
    .await?;
    Ok(())
}

/// What a link says before it is accepted.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The invitation.
    pub invitation: Invitation,
    /// The organization's name.
    pub organization: String,
    /// Which organization it leads into.
    pub organization_id: Uuid,
}

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// Mistyped, or of another server.
    Unknown,
    /// It was accepted already.
    Used,
    /// It was taken back.
    Revoked,
    /// Its week is over.
    Expired,
}

fn void(row: &Row, now: Timestamp) -> Option<Void> {
    if row.get::<_, Option<Timestamp>>("accepted_at").is_some() {
        Some(Void::Used)
    } else if row.get::<_, Option<Timestamp>>("revoked_at").is_some() {
        Some(Void::Revoked)
    } else {
        (row.get::<_, Timestamp>("expires_at") <= now).then_some(Void::Expired)
    }
}

/// Whether a hash is that of the link that was shown, or of one that was mailed.
macro_rules! opened_by {
    ($hash:literal) => {
        concat!(
            "(i.hash = ",
            $hash,
            " OR i.id = (SELECT l.invitation_id FROM wazapp.invitation_link l WHERE l.organization_id = $1 AND l.hash = ",
            $hash,
            "))"
        )
    };
}

/// What an invitation offers, with a further link to it, for a mail. `None`: it does not hold any more.
pub(crate) async fn any_organization_mail(
    tx: &Operator,
    now: Timestamp,
    organization_id: Uuid,
    id: Uuid,
) -> Result<Option<(Offer, SecretString)>> {
    let row = tx
        .query_opt("SELECT * FROM wazapp.invitation WHERE organization_id = $1 AND id = $2", &[&organization_id, &id])
        .await?;
    let Some(row) = row.filter(|row| void(row, now).is_none()) else { return Ok(None) };
    let name = tx.query_opt("SELECT name FROM wazapp.organization WHERE id = $1", &[&organization_id]).await?;
    let Some(organization) = name.map(|row| row.get("name")) else { return Ok(None) };
    let link = Shown::new(PREFIX, organization_id);
    tx.query(
        "INSERT INTO wazapp.invitation_link (organization_id, hash, invitation_id) VALUES ($1, $2, $3)",
        &[&organization_id, &link.hash(), &id],
    )
    .await?;
    Ok(Some((Offer { invitation: Invitation::read(&row)?, organization, organization_id }, link.text())))
}

/// What a link offers.
pub async fn read(database: &Database, now: Timestamp, link: &SecretString) -> Result<Result<Offer, Void>> {
    let Some(shown) = Shown::read(PREFIX, link) else { return Ok(Err(Void::Unknown)) };
    let tx = database.stranger(&Scope::new(shown.owner())).await?;
    let row = tx
        .query_opt(
            concat!(
                "SELECT i.*, o.name AS organization FROM wazapp.invitation i
                 JOIN wazapp.organization o ON o.id = i.organization_id AND o.suspended_at IS NULL
                 WHERE i.organization_id = $1 AND ",
                opened_by!("$2")
            ),
            &[&shown.owner(), &shown.hash()],
        )
        .await?;
    tx.close();
    let Some(row) = row else { return Ok(Err(Void::Unknown)) };
    if let Some(void) = void(&row, now) {
        return Ok(Err(void));
    }
    let (organization, organization_id) = (row.get("organization"), shown.owner());
    Ok(Ok(Offer { invitation: Invitation::read(&row)?, organization, organization_id }))
}

/// An invitation that was accepted in this transaction.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// It.
    pub invitation: Invitation,
    /// The organization it leads into.
    pub scope: Scope,
}

/// Uses a link up; whoever holds it becomes what it says. Of two who use it at once one comes too late.
pub async fn any_organization_accept(
    tx: &Operator,
    now: Timestamp,
    link: &SecretString,
    user_id: Uuid,
) -> Result<Result<Accepted, Void>> {
    let Some(shown) = Shown::read(PREFIX, link) else { return Ok(Err(Void::Unknown)) };
    let row = tx
        .query_opt(
            concat!(
                "SELECT * FROM wazapp.invitation i WHERE i.organization_id = $1 AND ",
                opened_by!("$2"),
                " FOR NO KEY UPDATE"
            ),
            &[&shown.owner(), &shown.hash()],
        )
        .await?;
    let Some(row) = row else { return Ok(Err(Void::Unknown)) };
    if let Some(void) = void(&row, now) {
        return Ok(Err(void));
    }
    let (invitation, scope) = (Invitation::read(&row)?, Scope::new(shown.owner()));
    tx.query(
        "UPDATE wazapp.invitation SET accepted_at = $3 WHERE organization_id = $1 AND id = $2",
        &[&shown.owner(), &invitation.id, &now],
    )
    .await?;
    crate::membership::add(tx, now, &scope, user_id, invitation.role).await?;
    Ok(Ok(Accepted { invitation, scope }))
}
