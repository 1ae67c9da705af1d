//! Where events of numbers and accounts go: to whoever has a number, or had it then.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Basis;
use crate::database::{DatabaseError, Engine, Operator, Param, Pipeline, Result, Rows, column, params};
use crate::event::{self, Lines, head, queue};
use crate::message::Key;
use crate::retention::Since;
use crate::scope::Scope;

/// Where an event of a number, or of its WABA, goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Meta's id.
    pub phone_number_id: String,
    /// Meta's id of its account.
    pub waba_id: String,
    /// The owner.
    pub organization_id: Uuid,
    /// Our id.
    pub number_id: Uuid,
    /// The App whose webhooks may speak for it; `None`: the default App.
    pub app_id: Option<String>,
    /// Digits, where known.
    pub display_phone_number: Option<String>,
    /// Since when the owner has it, or had it.
    pub claimed_at: Timestamp,
    /// What the claim stands on.
    pub basis: Basis,
    /// The account that Meta named for it instead.
    pub other_account: Option<String>,
    /// How far the owner's things have gone.
    pub since: Since,
}

impl Route {
    /// Its owner's.
    pub fn scope(&self) -> Scope {
        Scope::new(self.organization_id)
    }

    fn read(row: &Row) -> Self {
        Self {
            phone_number_id: row.get("phone_number_id"),
            waba_id: row.get("waba_id"),
            organization_id: row.get("organization_id"),
            number_id: row.get("number_id"),
            app_id: row.get("app_id"),
            display_phone_number: row.get("display_phone_number"),
            claimed_at: row.get("claimed_at"),
            basis: Basis::of(row.get("proof")),
            other_account: row.get("other_account"),
            since: Since::read(row),
        }
    }
}

/// The claims `c` of these numbers and accounts, if nobody else had one of them before.
macro_rules! settled_claims {
    () => {
        "(c.phone_number_id = ANY ($1) OR c.waba_id = ANY ($2))
         AND NOT EXISTS (SELECT FROM wazapp.former_claim f JOIN wazapp.number_claim o USING (phone_number_id)
                         WHERE o.phone_number_id = ANY ($1) OR o.waba_id = ANY ($2))"
    };
}

const CLAIMS: &str = concat!(
    "SELECT c.organization_id, c.phone_number_id, c.waba_id, c.number_id, c.app_id, c.claimed_at, c.proof, c.other_account,
            NULL::text AS display_phone_number, NULL::timestamptz AS events_since, NULL::timestamptz AS statuses_since,
            NULL::timestamptz AS messages_since
     FROM wazapp.number_claim c WHERE ",
    settled_claims!(),
    " ORDER BY c.organization_id"
);

/// Who has these numbers, or numbers of these accounts, behind waiting for the owners' lines. Nobody at all: no such number
/// is connected, or one of them was somebody else's before; then [`any_organization_holders`] tells.
pub async fn any_organization_route<'t>(
    tx: &'t Operator,
    phone_number_ids: &[&str],
    waba_ids: &[&str],
) -> Result<(Vec<Route>, Lines<'t>)> {
    if tx.engine() == Engine::Citus {
        return any_organization_route_by_steps(tx, phone_number_ids, waba_ids).await;
    }
    let (rows, lines) = event::any_organization_take(
        tx,
        queue!("wazapp.number_claim c WHERE ", settled_claims!()),
        head!(
            ", c.phone_number_id, c.waba_id, c.number_id, c.app_id, c.claimed_at, c.proof, c.other_account,
               n.display_phone_number, k.events_since, k.statuses_since, k.messages_since",
            "JOIN wazapp.number_claim c ON c.organization_id = s.organization_id
             JOIN wazapp.number n ON n.organization_id = c.organization_id AND n.id = c.number_id
             JOIN wazapp.retention k ON k.organization_id = c.organization_id
             WHERE ",
            settled_claims!()
        ),
        &[&phone_number_ids.to_vec(), &waba_ids.to_vec()],
    )
    .await?;
    Ok((rows.iter().map(Route::read).collect(), lines))
}

/// The same on Citus, where claims stand on one node, and lines and numbers where their organizations are: each is read by
/// itself. What is claimed anew while the lines are waited for is for the next try.
async fn any_organization_route_by_steps<'t>(
    tx: &'t Operator,
    phone_number_ids: &[&str],
    waba_ids: &[&str],
) -> Result<(Vec<Route>, Lines<'t>)> {
    let named: [&dyn Param; 2] = [&phone_number_ids.to_vec(), &waba_ids.to_vec()];
    let scopes = |rows: &[Row]| column(rows, |row| Scope::new(row.get("organization_id")));
    let waited = scopes(&tx.query(CLAIMS, &named).await?);
    let lines = event::any_organization_lines(tx, &waited.iter().collect::<Vec<_>>()).await?;
    let claims = tx.query(CLAIMS, &named).await?;
    if scopes(&claims).iter().any(|scope| !waited.contains(scope)) {
        return Err(DatabaseError::RolledBack);
    }
    let shown = tx
        .query(
            "SELECT n.id, n.display_phone_number, k.events_since, k.statuses_since, k.messages_since FROM wazapp.number n
             JOIN wazapp.retention k ON k.organization_id = n.organization_id
             WHERE n.organization_id = ANY ($1) AND n.id = ANY ($2)",
            &[
                &column(&claims, |row| row.get::<_, Uuid>("organization_id")),
                &column(&claims, |row| row.get::<_, Uuid>("number_id")),
            ],
        )
        .await?;
    let shown: HashMap<Uuid, (Option<String>, Since)> =
        shown.iter().map(|row| (row.get("id"), (row.get("display_phone_number"), Since::read(row)))).collect();
    let routes = claims.iter().map(|claim| {
        let route = Route::read(claim);
        let (display_phone_number, since) = shown.get(&route.number_id).cloned().unwrap_or_default();
        Route { display_phone_number, since, ..route }
    });
    Ok((routes.collect(), lines))
}

/// Everyone who has these numbers, or numbers of these accounts, or had them before: of each number the oldest claim
/// first, the one that holds last. Waits for nobody's turn.
pub async fn any_organization_holders(
    tx: &Operator,
    phone_number_ids: &[&str],
    waba_ids: &[&str],
) -> Result<Vec<Route>> {
    let rows = tx
        .query(
            "WITH named AS (
               SELECT * FROM wazapp.number_claim WHERE phone_number_id = ANY ($1) OR waba_id = ANY ($2)),
             holder AS (
               SELECT phone_number_id, waba_id, organization_id, number_id, app_id, claimed_at, proof, other_account,
                      true AS holds FROM named
               UNION ALL
               SELECT f.phone_number_id, named.waba_id, f.organization_id, f.number_id, f.app_id, f.claimed_at, 'none',
                      NULL, false
               FROM wazapp.former_claim f JOIN named ON named.phone_number_id = f.phone_number_id)
             SELECT h.*, n.display_phone_number, k.events_since, k.statuses_since, k.messages_since FROM holder h
             JOIN wazapp.number n ON n.organization_id = h.organization_id AND n.id = h.number_id
             JOIN wazapp.retention k ON k.organization_id = h.organization_id
             ORDER BY h.phone_number_id, h.holds, h.claimed_at",
            &[&phone_number_ids.to_vec(), &waba_ids.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(Route::read).collect())
}

/// Which of these messages are there. The key's word is Meta's id, or ours.
pub async fn any_organization_known(tx: &Operator, wanted: &[Key]) -> Result<HashSet<Key>> {
    let known = Rows::of(wanted)
        .column("organization_id", |key| key.organization_id)
        .column("number_id", |key| key.number_id)
        .column("word", |key| key.wamid.as_str())
        .column("id", |key| key.wamid.parse::<Uuid>().ok())
        .statement(
            "WITH wanted AS (SELECT * FROM {rows})
             SELECT k.organization_id, k.number_id, k.word FROM wanted k
             JOIN wazapp.message m
               ON m.organization_id = k.organization_id AND m.number_id = k.number_id AND m.wamid = k.word{here m}
             UNION
             SELECT k.organization_id, k.number_id, k.word FROM wanted k
             JOIN wazapp.message m
               ON m.organization_id = k.organization_id AND m.number_id = k.number_id AND m.id = k.id{here m}",
        );
    let rows = tx.run(&known).await?;
    Ok(rows.iter().map(|row| Key { organization_id: row.get(0), number_id: row.get(1), wamid: row.get(2) }).collect())
}

/// Who has numbers in these accounts, as (account, organization).
pub async fn any_organization_in_accounts(tx: &Operator, waba_ids: &[&str]) -> Result<HashSet<(String, Uuid)>> {
    let rows = tx
        .query(
            "SELECT DISTINCT waba_id, organization_id FROM wazapp.number_claim WHERE waba_id = ANY ($1)",
            &[&waba_ids.to_vec()],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Notes that Meta named another account for a number than its claim. It is asked about at the next look.
pub fn any_organization_note_other_account<'a>(pipeline: &mut Pipeline<'a>, route: &'a Route, account: &'a str) {
    pipeline.push(
        "UPDATE wazapp.number_claim SET other_account = $3
         WHERE phone_number_id = $1 AND organization_id = $2 AND other_account IS NULL",
        params![route.phone_number_id.as_str(), route.organization_id, account],
    );
}
