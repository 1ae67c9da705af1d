//! What an authority asks, to see that a domain is the server's. Whoever asks is anybody; what is answered proves nothing to them.

use jiff::Timestamp;
use uuid::Uuid;

use super::Attempt;
use crate::database::{Operator, Result};

/// A challenge that the authority is about to try.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// By which the authority names it.
    pub token: &'a str,
    /// The domain it is about.
    pub domain: &'a str,
    /// What answers it.
    pub key_authorization: &'a str,
}

/// Has every node answer it, until the attempt ends. One that is another node's by now adds nothing.
pub async fn add(tx: &Operator, attempt: &Attempt, challenge: Challenge<'_>, now: Timestamp) -> Result<()> {
    let Challenge { token, domain, key_authorization } = challenge;
    tx.query(
        "INSERT INTO wazapp.acme_challenge (token, order_id, domain, key_authorization, created_at)
         SELECT $1, o.id, $3, $4, $5 FROM wazapp.acme_order o WHERE o.id = $2 AND o.attempt = $6 FOR KEY SHARE
         ON CONFLICT (token) DO UPDATE SET order_id = excluded.order_id, domain = excluded.domain,
           key_authorization = excluded.key_authorization, created_at = excluded.created_at",
        &[&token, &attempt.order, &domain, &key_authorization, &now, &attempt.fence],
    )
    .await?;
    Ok(())
}

/// What answers a challenge by its token (HTTP-01).
pub async fn of_token(tx: &Operator, token: &str) -> Result<Option<String>> {
    let row = tx.query_opt("SELECT key_authorization FROM wazapp.acme_challenge WHERE token = $1", &[&token]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// What answers the newest challenge of a domain (TLS-ALPN-01).
pub async fn of_domain(tx: &Operator, domain: &str) -> Result<Option<String>> {
    let row = tx
        .query_opt(
            "SELECT key_authorization FROM wazapp.acme_challenge WHERE domain = $1 ORDER BY created_at DESC, token LIMIT 1",
            &[&domain],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

pub(super) async fn forget(tx: &Operator, order: Uuid) -> Result<()> {
    tx.query("DELETE FROM wazapp.acme_challenge WHERE order_id = $1", &[&order]).await?;
    Ok(())
}
