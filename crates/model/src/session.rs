//! What a signed-in browser holds: 256 random bits, kept as a hash, that name their person themselves.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::act::{Act, Role};
use crate::database::{Database, Operator, Result, Tx};
use crate::scope::Scope;
use crate::secret::Shown;
use crate::user::{COLUMNS, User};

/// A session that is not used for so long has ended.
pub const IDLE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// However it is used, it ends after this.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A password was right; the second factor must follow within this.
pub const HALF: SignedDuration = SignedDuration::from_mins(10);

/// A session as its person sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Session {
    /// UUIDv7.
    pub id: Uuid,
    /// What the browser said it is.
    pub device: String,
    /// From where it was begun; of IPv6, the network.
    pub address: String,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = String, format = DateTime)]
    pub last_used_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl Session {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            device: row.get("device"),
            address: row.get("address"),
            created_at: row.get("created_at"),
            last_used_at: row.get("last_used_at"),
            expires_at: row.get("expires_at"),
        }
    }
}

/// A session to begin.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Whose.
    pub user_id: Uuid,
    /// False: the second factor is still due, and until then it opens nothing.
    pub proven: bool,
    /// What the browser says it is.
    pub device: &'a str,
    /// Where it is.
    pub address: &'a str,
}

/// Begins a session. The text is returned here and never again.
pub async fn begin(tx: &Operator, now: Timestamp, new: &NewSession<'_>) -> Result<(Uuid, SecretString)> {
    let (id, shown) = (Uuid::now_v7(), Shown::new("", new.user_id));
    let device: String = new.device.chars().filter(|character| !character.is_control()).take(200).collect();
    let holds = if new.proven { LONGEST } else { HALF };
    tx.query(
        "INSERT INTO wazapp.session
           (user_id, id, hash, organization_id, proven, device, address, created_at, last_used_at, expires_at)
         SELECT $1, $2, $3, (SELECT m.organization_id FROM wazapp.membership m
                             JOIN wazapp.organization o ON o.id = m.organization_id AND o.suspended_at IS NULL
                             WHERE m.user_id = $1 ORDER BY m.last_seen_at DESC NULLS LAST, m.organization_id LIMIT 1), $4, $5, $6, $7, $7, $8",
        &[&new.user_id, &id, &shown.hash(), &new.proven, &device, &new.address, &now, &(now + holds)],
    )
    .await?;
    Ok((id, shown.text()))
}

/// Where somebody is at work.
#[derive(Clone, Copy, Debug)]
pub struct AtWork {
    /// Whose rows.
    pub scope: Scope,
    /// As what.
    pub role: Role,
    /// The organization asks for a second factor, and the person has none: until they have, nothing is open.
    pub lacks_second_factor: bool,
}

impl AtWork {
    /// Whether they may do it there.
    pub fn may(&self, act: Act) -> bool {
        self.role.may(act) && act.is_within(&self.scope) && !self.lacks_second_factor
    }
}

/// Who a session stands for.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person.
    pub user: User,
    /// The session.
    pub session_id: Uuid,
    /// False: the second factor is still due.
    pub proven: bool,
    /// Where they are at work; `None`: they belong to no organization, or to another one than they chose.
    pub at_work: Option<AtWork>,
}

/// Who a presented session stands for, if it is in force: with an API key, the only way from a request to a [`Scope`].
pub async fn authenticate(database: &Database, now: Timestamp, presented: &SecretString) -> Result<Option<SignedIn>> {
    let Some(shown) = Shown::read("", presented) else { return Ok(None) };
    let (user_id, hash) = (shown.owner(), shown.hash());
    let tx = database.person(user_id, database.met().knows(&hash)).await?;
    let sql = format!(
        "SELECT s.id AS session_id, s.proven, s.organization_id,
                s.last_used_at < $4::timestamptz - interval '1 minute' AS stale, {COLUMNS}
         FROM wazapp.session s JOIN wazapp.\"user\" u ON u.id = s.user_id
         WHERE s.user_id = $1 AND s.hash = $2 AND s.expires_at > $4 AND s.last_used_at > $3"
    );
    let Some(row) = tx.query_opt(&sql, &[&user_id, &hash, &(now - IDLE), &now]).await? else {
        database.met().forget(&hash);
        return Ok(None);
    };
    let (user, session_id): (User, Uuid) = (User::read(&row)?, row.get("session_id"));
    let at_work = match row.get("organization_id") {
        Some(organization_id) => at_work(&tx, now, &user, organization_id).await?,
        None => None,
    };
    let signed_in = SignedIn { user, session_id, proven: row.get("proven"), at_work };
    if row.get("stale") {
        note_use(tx, now, &signed_in).await?;
    }
    database.met().remember(hash);
    Ok(Some(signed_in))
}

/// As what the person of this transaction works in an organization; from here on it is one of that organization's.
async fn at_work(tx: &Tx, now: Timestamp, user: &User, organization_id: Uuid) -> Result<Option<AtWork>> {
    tx.execute(&format!("SET LOCAL app.organization_id = '{organization_id}'")).await?;
    let row = tx
        .query_opt(
            "SELECT coalesce(m.role, 'viewer') AS role, o.second_factor, s.viewer_id FROM wazapp.organization o
             LEFT JOIN wazapp.membership m ON m.organization_id = $1 AND m.user_id = $2
             LEFT JOIN wazapp.entry e ON e.organization_id = $1 AND e.user_id = $2 AND e.ends_at > $3
             LEFT JOIN wazapp.sight s ON s.organization_id = $1 AND s.viewer_id = m.user_id AND m.role <> 'owner'
             WHERE o.id = $1 AND o.suspended_at IS NULL AND (m.user_id IS NOT NULL OR e.user_id IS NOT NULL)",
            &[&organization_id, &user.id, &now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(AtWork {
        scope: Scope::new(organization_id).seen_by(row.get("viewer_id")),
        role: Role::read(row.get("role"), "membership.role")?,
        lacks_second_factor: row.get("second_factor") && !user.second_factor,
    }))
}

/// Notes that it was used. It is in force whether or not this is kept.
async fn note_use(tx: Tx, now: Timestamp, signed_in: &SignedIn) -> Result<()> {
    tx.query(
        "UPDATE wazapp.session SET last_used_at = $3 WHERE user_id = $1 AND id = $2",
        &[&signed_in.user.id, &signed_in.session_id, &now],
    )
    .await?;
    if let Some(at_work) = signed_in.at_work {
        tx.query(
            "UPDATE wazapp.membership SET last_seen_at = $3 WHERE organization_id = $1 AND user_id = $2",
            &[&at_work.scope.organization_id(), &signed_in.user.id, &now],
        )
        .await?;
    }
    if let Err(error) = tx.commit().await {
        tracing::debug!(%error, "the use of a session was not noted");
    }
    Ok(())
}

/// Goes to work in another organization. False: it is not open to the person.
pub async fn choose(tx: &Operator, user_id: Uuid, session_id: Uuid, organization_id: Uuid) -> Result<bool> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.session SET organization_id = $3 WHERE user_id = $1 AND id = $2
               AND (EXISTS (SELECT FROM wazapp.membership m WHERE m.organization_id = $3 AND m.user_id = $1)
                    OR EXISTS (SELECT FROM wazapp.entry e WHERE e.organization_id = $3 AND e.user_id = $1)) RETURNING id",
            &[&user_id, &session_id, &organization_id],
        )
        .await?;
    Ok(row.is_some())
}

/// Those of these sessions, each with its person, that still open an organization, with the limits that hold by now.
pub async fn in_force(
    tx: &Operator,
    now: Timestamp,
    scope: &Scope,
    sessions: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, Scope)>> {
    let (people, ids): (Vec<Uuid>, Vec<Uuid>) = sessions.iter().copied().unzip();
    let rows = tx
        .query(
            "SELECT s.id, l.viewer_id FROM unnest($2::uuid[], $3::uuid[]) AS asked (user_id, id)
             JOIN wazapp.session s ON s.user_id = asked.user_id AND s.id = asked.id AND s.proven AND s.expires_at > $4
             JOIN wazapp.\"user\" u ON u.id = s.user_id
             JOIN wazapp.organization o ON o.id = $1 AND o.suspended_at IS NULL AND (u.second_factor OR NOT o.second_factor)
             LEFT JOIN wazapp.membership m ON m.organization_id = $1 AND m.user_id = u.id
             LEFT JOIN wazapp.entry e ON e.organization_id = $1 AND e.user_id = u.id AND e.ends_at > $4
             LEFT JOIN wazapp.sight l ON l.organization_id = $1 AND l.viewer_id = m.user_id AND m.role <> 'owner'
             WHERE m.user_id IS NOT NULL OR e.user_id IS NOT NULL",
            &[&scope.organization_id(), &people, &ids, &now],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("id"), scope.seen_by(row.get("viewer_id")))).collect())
}

/// A person's sessions that are in force, the last used first.
pub async fn list(tx: &Operator, now: Timestamp, user_id: Uuid) -> Result<Vec<Session>> {
    let rows = tx
        .query(
            "SELECT * FROM wazapp.session WHERE user_id = $1 AND proven AND expires_at > $2 AND last_used_at > $3
             ORDER BY last_used_at DESC, id DESC LIMIT 200",
            &[&user_id, &now, &(now - IDLE)],
        )
        .await?;
    Ok(rows.iter().map(Session::read).collect())
}

/// When one of a person's sessions began.
pub async fn began(tx: &Operator, user_id: Uuid, id: Uuid) -> Result<Option<Timestamp>> {
    let sql = "SELECT created_at FROM wazapp.session WHERE user_id = $1 AND id = $2";
    Ok(tx.query_opt(sql, &[&user_id, &id]).await?.map(|row| row.get("created_at")))
}

/// Ends one session of a person. False: there is none.
pub async fn end(tx: &Operator, user_id: Uuid, id: Uuid) -> Result<bool> {
    let row = tx
        .query_opt("DELETE FROM wazapp.session WHERE user_id = $1 AND id = $2 RETURNING id", &[&user_id, &id])
        .await?;
    Ok(row.is_some())
}

/// Ends a session that a browser shows, whosever it is.
pub async fn end_presented(tx: &Operator, presented: &SecretString) -> Result<()> {
    let Some(shown) = Shown::read("", presented) else { return Ok(()) };
    tx.query("DELETE FROM wazapp.session WHERE user_id = $1 AND hash = $2", &[&shown.owner(), &shown.hash()]).await?;
    Ok(())
}

/// Ends all sessions of a person, but for one that they may keep.
pub async fn end_all(tx: &Operator, user_id: Uuid, but: Option<Uuid>) -> Result<()> {
    tx.query("DELETE FROM wazapp.session WHERE user_id = $1 AND ($2::uuid IS NULL OR id <> $2)", &[&user_id, &but])
        .await?;
    Ok(())
}

/// Lets go of sessions and links that have ended, and of tries that are forgiven.
pub async fn any_person_let_go(tx: &Operator, now: Timestamp) -> Result<()> {
    tx.query("DELETE FROM wazapp.session WHERE expires_at < $1 OR last_used_at < $2", &[&now, &(now - IDLE)]).await?;
    tx.query("DELETE FROM wazapp.password_link WHERE expires_at < $1", &[&now]).await?;
    Ok(())
}
