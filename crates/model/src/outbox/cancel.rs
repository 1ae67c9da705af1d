//! Taking back what has not left.

use jiff::Timestamp;
use uuid::Uuid;

use super::plan::{self, Undone};
use crate::database::{Result, Tenant};
use crate::event::{self, Kind, New};
use crate::message::{self, Message};
use crate::trouble::Trouble;

/// What became of a wish to take a message back.
#[derive(Debug)]
pub enum Cancelled {
    /// It will not be sent.
    Done(Box<Message>),
    /// It was sent, or may have been.
    TooLate(Box<Message>),
}

/// Takes a message back that is still queued, or whose files are still on their way to Meta.
pub async fn cancel(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<Option<Cancelled>> {
    let line = event::line(tx).await?;
    let organization_id = tx.organization_id();
    // A message whose fate is unknown may wait to be sent again: it cannot be taken back any more.
    let taken = tx
        .query_opt(
            "UPDATE wazapp.outbox q SET state = 'cancelled' FROM wazapp.message m
             WHERE q.organization_id = $1 AND q.message_id = $2 AND (q.state = 'queued' OR q.state = 'sending' AND q.preparing)
               AND m.organization_id = $1 AND m.id = $2 AND m.status IN ('queued', 'sending')
             RETURNING m.callback_data, m.conversation_id, m.sequence, q.turned_from",
            &[&organization_id, &id],
        )
        .await?;
    if let Some(taken) = &taken {
        let error = Trouble::cancelled();
        tx.query(
            "UPDATE wazapp.message SET status = 'failed', error = $3::text::json WHERE organization_id = $1 AND id = $2",
            &[&organization_id, &id, &error.json()],
        )
        .await?;
        let undone = Undone::of(organization_id, taken);
        if let Some(undone) = &undone {
            tx.run(&plan::undo(std::slice::from_ref(undone), now)).await?;
        }
        let told = super::settle::told(id, taken.get("callback_data"), "failed", now, Some(&error));
        line.record(New::of(Kind::MessageStatus, now, Some(id), &told)).await?;
    }
    let Some(message) = message::get(tx, id).await?.map(Box::new) else {
        return Ok(None);
    };
    Ok(Some(if taken.is_some() { Cancelled::Done(message) } else { Cancelled::TooLate(message) }))
}

/// Has a message that is at Meta now tried no more: where Meta refuses it, whatever for, it fails.
pub async fn try_no_more(tx: &Tenant, now: Timestamp, id: Uuid) -> Result<()> {
    // No answer is written while we look, so what is at Meta is so until we are done.
    event::line(tx).await?;
    tx.query(
        "UPDATE wazapp.outbox SET deadline = least(deadline, $3)
         WHERE organization_id = $1 AND message_id = $2 AND state = 'sending'",
        &[&tx.organization_id(), &id, &now],
    )
    .await?;
    Ok(())
}
