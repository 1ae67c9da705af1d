//! What is not kept for ever: secrets of attempts that nobody resumed, sign-ups whose code never came.

use jiff::{SignedDuration, Timestamp};

use crate::database::{Operator, Result};

/// A failed attempt can be resumed without its token for so long.
const SECRETS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A code lives half a minute, so one that did not come within the hour comes no more.
const CODE: SignedDuration = SignedDuration::from_hours(1);

/// Forgets the secrets of what failed a week ago, and lets sign-ups go on to their failure whose code never came. Answers
/// how many of each.
pub async fn any_organization_sweep(tx: &Operator, now: Timestamp) -> Result<(usize, usize)> {
    let wiped = tx
        .query(
            "UPDATE wazapp.connection SET token = NULL, code = NULL, pin = NULL
             WHERE state = 'failed' AND updated_at < $1 AND (token IS NOT NULL OR code IS NOT NULL OR pin IS NOT NULL)
             RETURNING id",
            &[&(now - SECRETS)],
        )
        .await?;
    let abandoned = tx
        .query(
            "UPDATE wazapp.connection SET due_at = $2
             WHERE state = 'running' AND due_at IS NULL AND created_at < $1 RETURNING id",
            &[&(now - CODE), &now],
        )
        .await?;
    Ok((wiped.len(), abandoned.len()))
}
