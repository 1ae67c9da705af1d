//! Who has a number: claiming it, letting it go, handing it over.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Basis, Number, Opens, Proof};
use crate::database::{Operator, Result};
use crate::event::{self, Kind, Line, New};
use crate::link::{self, By, NoToken, token_place};
use crate::outbox;
use crate::scope::Scope;
use crate::secret::Keyring;

/// Why a number could not be connected.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is connected to another organization, which is not named.
    Taken,
    /// The App is not known.
    UnknownApp,
}

/// Connects a number: claims it and attaches to what history there is. Answers our id of it.
pub async fn connect(tx: &Line<'_>, keyring: &Keyring, proof: &Proof, now: Timestamp) -> Result<Result<Uuid, Refusal>> {
    assert_eq!(tx.organization_id(), proof.opens.scope.organization_id(), "the line of another organization");
    let Proof { opens: Opens { scope, phone_number_id, token, .. }, waba_id, app_id, basis } = proof;
    if let Some(app_id) = app_id {
        // Whoever has an App can sign webhooks for every number that comes through it: another organization's never.
        let known = tx
            .query_opt(
                "SELECT id FROM wazapp.app WHERE id = $1 AND (organization_id IS NULL OR organization_id = $2)
                 FOR KEY SHARE",
                &[app_id, &scope.organization_id()],
            )
            .await?;
        if known.is_none() {
            return Ok(Err(Refusal::UnknownApp));
        }
    }
    let organization_id = scope.organization_id();
    let known = tx
        .query_opt(
            "SELECT id FROM wazapp.number WHERE organization_id = $1 AND phone_number_id = $2 FOR NO KEY UPDATE",
            &[&organization_id, phone_number_id],
        )
        .await?;
    let id = known.map_or_else(Uuid::now_v7, |row| row.get(0));
    let claimed = tx
        .query_opt(
            "INSERT INTO wazapp.number_claim (phone_number_id, organization_id, number_id, app_id, waba_id, proof, claimed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (phone_number_id) DO UPDATE SET app_id = excluded.app_id, waba_id = excluded.waba_id,
               proof = excluded.proof, other_account = NULL
               WHERE number_claim.organization_id = excluded.organization_id
             RETURNING phone_number_id",
            &[phone_number_id, &organization_id, &id, app_id, waba_id, &basis.word(), &now],
        )
        .await?;
    if claimed.is_none() {
        return Ok(Err(Refusal::Taken));
    }
    tx.query(
            "INSERT INTO wazapp.number (organization_id, id, phone_number_id, waba_id, app_id, status, token, connected_at)
             VALUES ($1, $2, $3, $4, $5, 'connected', $6, $7)
             ON CONFLICT (organization_id, phone_number_id) DO UPDATE SET
               waba_id = excluded.waba_id, app_id = excluded.app_id, token = excluded.token, updated_at = $7,
               -- Of the token before.
               token_app_id = NULL, token_expires_at = NULL, token_checked_at = NULL, problem = NULL, check_at = 'epoch',
               hears = number.status <> 'connected' OR number.hears,
               connected_at = CASE WHEN number.status = 'connected' THEN number.connected_at ELSE $7 END,
               status = 'connected', disconnected_at = NULL",
            &[
                &organization_id,
                &id,
                phone_number_id,
                waba_id,
                app_id,
                &keyring.sealer(tx).await?.seal(token_place(organization_id, &id.to_string()), token),
                &now,
            ],
        )
        .await?;
    outbox::begin_anew(tx, scope, id).await?;
    Ok(Ok(id))
}

/// Ends the claim, which is remembered, and forgets the token, also in what attempts of this organization have kept of it:
/// they speak for the number no more. History stays. Answers our id of it; `None`: this organization has no such connected
/// number.
pub async fn disconnect(tx: &Line<'_>, phone_number_id: &str, now: Timestamp) -> Result<Option<Uuid>> {
    let organization_id = tx.organization_id();
    let row = tx
        .query_opt(
            "UPDATE wazapp.number SET status = 'disconnected', disconnected_at = $3, updated_at = $3, token = NULL,
               token_app_id = NULL, token_expires_at = NULL, token_checked_at = NULL
             WHERE organization_id = $1 AND phone_number_id = $2 AND status = 'connected' RETURNING id",
            &[&organization_id, &phone_number_id, &now],
        )
        .await?;
    end(tx, phone_number_id, now).await?;
    Ok(row.map(|row| row.get("id")))
}

/// Ends a claim, which is remembered, and what attempts of it were under way.
pub(super) async fn end(tx: &Line<'_>, phone_number_id: &str, now: Timestamp) -> Result<()> {
    let organization_id = tx.organization_id();
    let ended = tx
        .query_opt(
            "DELETE FROM wazapp.number_claim WHERE phone_number_id = $1 AND organization_id = $2
             RETURNING number_id, app_id, claimed_at",
            &[&phone_number_id, &organization_id],
        )
        .await?;
    if let Some(ended) = ended {
        let claimed_at: Timestamp = ended.get("claimed_at");
        tx.query(
            "INSERT INTO wazapp.former_claim (organization_id, number_id, phone_number_id, app_id, claimed_at, ended_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (organization_id, number_id, claimed_at) DO UPDATE SET ended_at = excluded.ended_at",
            &[
                &organization_id,
                &ended.get::<_, Uuid>("number_id"),
                &phone_number_id,
                &ended.get::<_, Option<String>>("app_id"),
                &claimed_at,
                &claimed_at.max(now),
            ],
        )
        .await?;
    }
    stop_attempts(tx, organization_id, phone_number_id, now).await
}

/// Attempts that had the number lose their secrets. One that is under way is taken from whoever works on it, and stops at
/// its next step; only a disconnection goes on.
async fn stop_attempts(tx: &Operator, organization_id: Uuid, phone_number_id: &str, now: Timestamp) -> Result<()> {
    tx.query(
        "UPDATE wazapp.connection SET token = NULL, code = NULL, pin = NULL
         WHERE organization_id = $1 AND phone_number_id = $2 AND state = 'failed'
           AND (token IS NOT NULL OR code IS NOT NULL OR pin IS NOT NULL)",
        &[&organization_id, &phone_number_id],
    )
    .await?;
    tx.query(
        "UPDATE wazapp.connection SET token = NULL, code = NULL, pin = NULL, fence = fence + 1, lease_until = NULL, due_at = $3
         WHERE organization_id = $1 AND phone_number_id = $2 AND number_id IS NOT NULL AND state = 'running'
           AND how <> 'disconnection'",
        &[&organization_id, &phone_number_id, &now],
    )
    .await?;
    Ok(())
}

/// Whether anybody has the number now.
pub async fn any_organization_is_claimed(tx: &Operator, phone_number_id: &str) -> Result<bool> {
    let row = tx.query_opt("SELECT FROM wazapp.number_claim WHERE phone_number_id = $1", &[&phone_number_id]).await?;
    Ok(row.is_some())
}

/// How many numbers of an account are connected through an App, whoever has them: for each of them Meta must go on to
/// tell the App of the account.
pub async fn any_organization_claimed_of(tx: &Operator, waba_id: &str, app_id: Option<&str>) -> Result<i64> {
    let row = tx
        .query_opt(
            "SELECT count(*) FROM wazapp.number_claim WHERE waba_id = $1 AND app_id IS NOT DISTINCT FROM $2",
            &[&waba_id, &app_id],
        )
        .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// Gives a connected number to another organization, with its token. The history stays where it is; what comes from now
/// on goes to the other. Answers the number as it was left, and as it came. `None`: `from` has no such connected number.
pub async fn hand_over(
    tx: &Operator,
    keyring: &Keyring,
    (from, to): (&Scope, &Scope),
    phone_number_id: &str,
    now: Timestamp,
) -> Result<Option<Result<(Number, Number), NoToken>>> {
    let lines = event::any_organization_lines(tx, &[from, to]).await?;
    let (leaves, comes) = (lines.of(from.organization_id()), lines.of(to.organization_id()));
    let Some(link) = link::find(tx, from, By::PhoneNumberId(phone_number_id)).await? else { return Ok(None) };
    let token = match link.token(keyring) {
        Some(Ok(token)) => token,
        Some(Err(unopenable)) => return Ok(Some(Err(unopenable.into()))),
        None => return Ok(Some(Err(NoToken::None))),
    };
    let facts = tx
        .query_opt(
            "SELECT token_expires_at, token_checked_at FROM wazapp.number
             WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            &[&link.organization_id, &link.number_id],
        )
        .await?;
    let claim = tx
        .query_opt(
            "SELECT proof FROM wazapp.number_claim WHERE organization_id = $1 AND number_id = $2 FOR NO KEY UPDATE",
            &[&link.organization_id, &link.number_id],
        )
        .await?;
    let (Some(facts), Some(claim)) = (facts, claim) else { return Ok(None) };
    let Some(left) = disconnect(&leaves, phone_number_id, now).await? else { return Ok(None) };
    let opens = Opens { scope: *from, phone_number_id: phone_number_id.to_owned(), beside: Vec::new(), token };
    let standing = Proof {
        opens,
        waba_id: link.waba_id.clone(),
        app_id: link.app_id.clone(),
        basis: Basis::of(claim.get("proof")),
    };
    let Ok(came) = connect(&comes, keyring, &standing.handed_to(to), now).await? else { return Ok(None) };
    tx.query(
        "UPDATE wazapp.number n SET
               token_app_id = $3, token_expires_at = $4, token_checked_at = $5,
               display_phone_number = f.display_phone_number, verified_name = f.verified_name, username = f.username,
               quality_event = f.quality_event, quality_rating = f.quality_rating, messaging_limit = f.messaging_limit,
               throughput = f.throughput, platform_type = f.platform_type, is_on_biz_app = f.is_on_biz_app,
               name_status = f.name_status, settings = f.settings, facts_at = f.facts_at, fact_times = f.fact_times
             FROM wazapp.number f
             WHERE n.organization_id = $1 AND n.id = $2 AND f.organization_id = $6 AND f.id = $7",
        &[
            &to.organization_id(),
            &came,
            &link.token_app_id,
            &facts.get::<_, Option<Timestamp>>("token_expires_at"),
            &facts.get::<_, Option<Timestamp>>("token_checked_at"),
            &link.organization_id,
            &link.number_id,
        ],
    )
    .await?;
    let (left, came) = (super::find(tx, from, left, now).await?, super::find(tx, to, came, now).await?);
    let (Some(left), Some(came)) = (left, came) else { return Ok(None) };
    leaves.record(New::of(Kind::NumberUpdated, now, Some(left.id), &left)).await?;
    comes.record(New::of(Kind::NumberUpdated, now, Some(came.id), &came)).await?;
    Ok(Some(Ok((left, came))))
}
