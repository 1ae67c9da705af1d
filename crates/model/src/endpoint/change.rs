//! What people change in an endpoint, and what turns it off and on.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Endpoint, Format, Headers, MOST, OVERLAP, State, Unfit, Wanted, columns, get, list, new_secret, written};
use crate::database::{Operator, RawJson, Result, Tenant};
use crate::event;
use crate::scope::Scope;
use crate::secret::Keyring;
use crate::secret::sealed::{ENDPOINT_HEADERS, ENDPOINT_SECRET};
use crate::sight;
use crate::trouble::Trouble;

/// Makes an endpoint, which hears what happens from now on. Its secret is returned here and never again.
pub async fn create(
    tx: &Tenant,
    now: Timestamp,
    keyring: &Keyring,
    format: Format,
    wanted: &Wanted,
    headers: &Headers,
) -> Result<Result<(Endpoint, SecretString), Unfit>> {
    // What comes behind its cursor is all of it: nobody writes into the log meanwhile.
    event::line(tx).await?;
    if list(tx).await?.len() >= MOST {
        return Ok(Err(Unfit::TooMany));
    }
    if let Some(unfit) = unfit(tx, format, wanted).await? {
        return Ok(Err(unfit));
    }
    let (organization_id, id, secret) = (tx.organization_id(), Uuid::now_v7(), new_secret());
    let (sealer, row) = (keyring.request_sealer(), id.to_string());
    let sealed = sealer.seal(ENDPOINT_SECRET.place(organization_id, &row), &secret);
    let more =
        (!headers.is_empty()).then(|| sealer.seal(ENDPOINT_HEADERS.place(organization_id, &row), &written(headers)));
    if format == Format::Meta {
        tx.query(
            "UPDATE wazapp.organization_sequence SET relays = true WHERE organization_id = $1",
            &[&organization_id],
        )
        .await?;
    }
    tx.query(
        "INSERT INTO wazapp.endpoint (organization_id, id, url, format, kinds, number_ids, description, rate, concurrency,
           in_order, quiet_ms, most_ms, header_names, headers, secret, state, state_at, cursor, next_at, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'on', $16::timestamptz,
           CASE WHEN $4 = 'meta' THEN s.relayed ELSE s.last END, $16::timestamptz, $16::timestamptz
         FROM wazapp.organization_sequence s WHERE s.organization_id = $1",
        &[
            &organization_id,
            &id,
            &wanted.url,
            &format.word(),
            &wanted.kinds,
            &wanted.number_ids,
            &wanted.description,
            &wanted.rate,
            &wanted.concurrency,
            &wanted.in_order,
            &wanted.gather.map(|gather| gather.quiet_ms),
            &wanted.gather.map(|gather| gather.most_ms),
            &headers.keys().cloned().collect::<Vec<String>>(),
            &more,
            &sealed,
            &now,
        ],
    )
    .await?;
    let made = get(tx, id).await?.expect("it was written in this transaction");
    Ok(Ok((made, secret)))
}

async fn unfit(tx: &Tenant, format: Format, wanted: &Wanted) -> Result<Option<Unfit>> {
    if let Err(mistake) = wanted.check(format) {
        return Ok(Some(Unfit::Wrong(mistake)));
    }
    let numbers = wanted.number_ids.as_deref().unwrap_or_default();
    let foreign = sight::foreign_numbers(tx, numbers).await?;
    Ok(foreign.first().copied().map(Unfit::NoNumber))
}

/// What becomes of what an endpoint did not hear while it was off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resume {
    /// It is told now.
    #[default]
    Gap,
    /// It is told what happens from now on.
    Now,
}

/// Whether it is to be called, and what becomes of its gap.
pub type Turn = Option<(State, Resume)>;

/// Changes an endpoint from what it is once it is its turn, so that two who change it at once undo nothing of each other's;
/// what it is told with, where `headers` are given. The answer is the endpoint before and after; `None`: there is none.
pub async fn change(
    tx: &Tenant,
    now: Timestamp,
    keyring: &Keyring,
    id: Uuid,
    edit: impl FnOnce(Wanted) -> Wanted,
    headers: Option<&Headers>,
    turn: Turn,
) -> Result<Option<Result<(Endpoint, Endpoint), Unfit>>> {
    let line = event::line(tx).await?;
    let Some(before) = get(tx, id).await? else { return Ok(None) };
    let wanted = edit(Wanted::from(&before));
    if let Some(unfit) = unfit(tx, before.format, &wanted).await? {
        return Ok(Some(Err(unfit)));
    }
    let organization_id = tx.organization_id();
    // Another URL begins anew: how the one before did says nothing of it.
    tx.query(
        "UPDATE wazapp.endpoint SET url = $3, kinds = $4, number_ids = $5, description = $6, rate = $7, concurrency = $8,
           in_order = $9, quiet_ms = $10, most_ms = $11, revision = revision + (url <> $3)::int,
           failures = CASE WHEN url = $3 THEN failures ELSE 0 END, failing_since = CASE WHEN url = $3 OR state <> 'on' THEN failing_since END,
           rests_until = NULL, due_at = $12
         WHERE organization_id = $1 AND id = $2",
        &[
            &organization_id,
            &id,
            &wanted.url,
            &wanted.kinds,
            &wanted.number_ids,
            &wanted.description,
            &wanted.rate,
            &wanted.concurrency,
            &wanted.in_order,
            &wanted.gather.map(|gather| gather.quiet_ms),
            &wanted.gather.map(|gather| gather.most_ms),
            &now,
        ],
    )
    .await?;
    if let Some(headers) = headers {
        let place = id.to_string();
        let place = ENDPOINT_HEADERS.place(organization_id, &place);
        let sealed = (!headers.is_empty()).then(|| keyring.request_sealer().seal(place, &written(headers)));
        tx.query(
            "UPDATE wazapp.endpoint SET header_names = $3, headers = $4 WHERE organization_id = $1 AND id = $2",
            &[&organization_id, &id, &headers.keys().cloned().collect::<Vec<String>>(), &sealed],
        )
        .await?;
    }
    let turned = match turn {
        Some((State::On, resume)) => turn_on(tx, now, &before, resume).await?,
        Some((state, _)) => turn_off(tx, now, id, state).await?,
        None => false,
    };
    let after = get(tx, id).await?.expect("it was there in this transaction");
    if turned {
        line.record(after.turned(now)).await?;
    }
    Ok(Some(Ok((before, after))))
}

/// Since when it is not called stays as it was: its gap begins there.
async fn turn_off(tx: &Tenant, now: Timestamp, id: Uuid, state: State) -> Result<bool> {
    let row = tx
        .query_opt(
            "UPDATE wazapp.endpoint SET state = $3, trouble = NULL, state_at = CASE WHEN state = 'on' THEN $4 ELSE state_at END
             WHERE organization_id = $1 AND id = $2 AND state <> $3 RETURNING id",
            &[&tx.organization_id(), &id, &state.word(), &now],
        )
        .await?;
    Ok(row.is_some())
}

/// It goes on where it stood; what waits is due at once. Or what waits is skipped, and it goes on from now.
async fn turn_on(tx: &Tenant, now: Timestamp, before: &Endpoint, resume: Resume) -> Result<bool> {
    if before.state == State::On {
        return Ok(false);
    }
    let organization_id = tx.organization_id();
    match resume {
        Resume::Gap => {
            tx.query(
                "UPDATE wazapp.delivery SET state = 'waiting', step = 0, due_at = $3, ended_at = NULL,
                   batch_id = CASE WHEN state = 'waiting' THEN batch_id END
                 WHERE organization_id = $1 AND endpoint_id = $2
                   AND (state = 'waiting' OR state = 'failed' AND ended_at >= $4)",
                &[&organization_id, &before.id, &now, &before.failing_since.unwrap_or(before.state_at)],
            )
            .await?;
        }
        Resume::Now => {
            tx.query(
                "UPDATE wazapp.delivery SET state = 'skipped', ended_at = $3
                 WHERE organization_id = $1 AND endpoint_id = $2
                   AND (state = 'waiting' OR state = 'calling' AND due_at <= $3)",
                &[&organization_id, &before.id, &now],
            )
            .await?;
            tx.query(
                "UPDATE wazapp.endpoint e SET cursor = CASE WHEN e.format = 'meta' THEN s.relayed ELSE s.last END
                 FROM wazapp.organization_sequence s
                 WHERE e.organization_id = $1 AND e.id = $2 AND s.organization_id = $1",
                &[&organization_id, &before.id],
            )
            .await?;
        }
    }
    tx.query(
        "UPDATE wazapp.endpoint SET state = 'on', state_at = $3, trouble = NULL, failing_since = NULL, failures = 0,
           spread_at = NULL, rests_until = NULL, due_at = $3 WHERE organization_id = $1 AND id = $2",
        &[&organization_id, &before.id, &now],
    )
    .await?;
    Ok(true)
}

/// Ends an endpoint, and all that waits for it. `None`: there is none.
pub async fn delete(tx: &Tenant, id: Uuid) -> Result<Option<Endpoint>> {
    event::line(tx).await?;
    let Some(before) = get(tx, id).await? else { return Ok(None) };
    let organization_id = tx.organization_id();
    tx.query("DELETE FROM wazapp.endpoint WHERE organization_id = $1 AND id = $2", &[&organization_id, &id]).await?;
    tx.query(
        "UPDATE wazapp.organization_sequence SET relays = false WHERE organization_id = $1 AND relays
         AND NOT EXISTS (SELECT FROM wazapp.endpoint e WHERE e.organization_id = $1 AND e.format = 'meta')",
        &[&organization_id],
    )
    .await?;
    Ok(Some(before))
}

/// Makes another secret; the one before signs too for [`OVERLAP`]. `None`: there is no such endpoint.
pub async fn any_organization_rotate(
    tx: &Operator,
    now: Timestamp,
    keyring: &Keyring,
    scope: &Scope,
    id: Uuid,
) -> Result<Option<(Endpoint, SecretString)>> {
    let (organization_id, row, secret) = (scope.organization_id(), id.to_string(), new_secret());
    let sealed = keyring.sealer(tx).await?.seal(ENDPOINT_SECRET.place(organization_id, &row), &secret);
    let row = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.endpoint SET former_secret = secret, former_until = $3, secret = $4
                 WHERE organization_id = $1 AND id = $2 RETURNING ",
                columns!()
            ),
            &[&organization_id, &id, &(now + OVERLAP), &sealed],
        )
        .await?;
    row.as_ref().map(|row| Ok((Endpoint::read(row)?, secret))).transpose()
}

/// Turns an endpoint off for what one of its URLs answered, and tells the organization, once. False: it was off already, or has
/// another URL by now. In a transaction that has touched nothing yet: it takes the organization's line.
pub async fn any_organization_turn_off(
    tx: &Operator,
    now: Timestamp,
    scope: &Scope,
    (id, revision): (Uuid, i32),
    (state, why): (State, &Trouble),
) -> Result<bool> {
    let line = event::line_of(tx, scope).await?;
    let trouble = serde_json::to_string(why).expect("a trouble is JSON");
    let row = tx
        .query_opt(
            concat!(
                "UPDATE wazapp.endpoint SET state = $3, state_at = $4, trouble = $5
                 WHERE organization_id = $1 AND id = $2 AND revision = $6 AND state = 'on' RETURNING ",
                columns!()
            ),
            &[&scope.organization_id(), &id, &state.word(), &now, &Some(RawJson(&trouble)), &revision],
        )
        .await?;
    let Some(endpoint) = row.as_ref().map(Endpoint::read).transpose()? else { return Ok(false) };
    line.record(endpoint.turned(now)).await?;
    Ok(true)
}
