//! Mail to those who look after endpoints that were turned off.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{About, Kind};
use crate::act::Role;
use crate::database::{Operator, Result, column};

/// What happened longer ago is mailed to nobody any more.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// How many mails about endpoints an organization's people get in a day: whoever may turn one on may have it lost again.
const ENDPOINTS_A_DAY: i64 = 20;

/// Has owners written to whose organizations have an endpoint that is not called any more, though nobody there turned it off:
/// each of them once. Answers whether there was anybody to write to.
pub async fn any_organization_tell_of_endpoints(tx: &Operator, now: Timestamp) -> Result<bool> {
    let lost = tx
        .query(
            "SELECT organization_id, id, state_at FROM wazapp.endpoint
             WHERE state <> 'on' AND trouble IS NOT NULL AND state_at > $1",
            &[&(now - NEWS)],
        )
        .await?;
    if lost.is_empty() {
        return Ok(false);
    }
    let lost: Vec<(Uuid, Uuid, Timestamp)> = lost.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let (organizations, ids) = (column(&lost, |one| one.0), column(&lost, |one| one.1));
    let told = "SELECT DISTINCT endpoint_id, endpoint_since FROM wazapp.mail
                WHERE organization_id = ANY ($1) AND endpoint_id = ANY ($2)";
    let told: HashSet<(Uuid, Timestamp)> =
        tx.query(told, &[&organizations, &ids]).await?.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut any = false;
    for (organization_id, id, since) in lost.into_iter().filter(|one| !told.contains(&(one.1, one.2))) {
        let owners = "SELECT user_id FROM wazapp.membership WHERE organization_id = $1 AND role = $2";
        let owners = tx.query(owners, &[&organization_id, &Role::Owner.word()]).await?;
        let owners = column(&owners, |row| row.get::<_, Uuid>(0));
        let noted = tx
            .query(
                "INSERT INTO wazapp.mail
                   (id, organization_id, endpoint_id, endpoint_since, kind, recipient, language, created_at, due_at)
                 SELECT gen_random_uuid(), $1, $2, $3, $4, u.email, u.language, $5::timestamptz, $5
                 FROM wazapp.\"user\" u
                 WHERE u.id = ANY ($6) AND (SELECT count(*) FROM wazapp.mail
                   WHERE organization_id = $1 AND kind = $4 AND created_at > $7) < $8
                 ON CONFLICT DO NOTHING RETURNING 1",
                &[
                    &organization_id,
                    &id,
                    &since,
                    &Kind::Endpoint.word(),
                    &now,
                    &owners,
                    &(now - NEWS),
                    &ENDPOINTS_A_DAY,
                ],
            )
            .await?;
        any |= !noted.is_empty();
    }
    Ok(any)
}

/// What a mail tells of an endpoint. `None`: it is called again, or was turned off by people, or the reader does not own its
/// organization any more.
pub(super) async fn of_endpoint(
    tx: &Operator,
    organization_id: Uuid,
    (id, since): (Uuid, Timestamp),
    reader: Uuid,
) -> Result<Option<About>> {
    let row = tx
        .query_opt(
            "SELECT o.name, e.url, e.description FROM wazapp.endpoint e JOIN wazapp.organization o ON o.id = e.organization_id
             WHERE e.organization_id = $1 AND e.id = $2 AND e.state <> 'on' AND e.trouble IS NOT NULL AND e.state_at = $3
               AND EXISTS (SELECT FROM wazapp.membership m
                           WHERE m.organization_id = $1 AND m.user_id = $4 AND m.role = $5)",
            &[&organization_id, &id, &since, &reader, &Role::Owner.word()],
        )
        .await?;
    Ok(row.map(|row| {
        let described: String = row.get("description");
        let name = if described.is_empty() { host(row.get("url")) } else { described };
        About::Endpoint { id, name, organization: row.get("name") }
    }))
}

/// Where it is, without what its path or query may tell.
fn host(url: &str) -> String {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    behind.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_tells_nothing_of_its_path() {
        assert_eq!(host("https://example.com:8443/hook/secret?key=1"), "example.com:8443");
        assert_eq!(host("https://example.com?key=1"), "example.com");
    }
}
