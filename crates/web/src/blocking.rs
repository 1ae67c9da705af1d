//! Whom a number hears no more: Meta is asked, and what it did is written down.

use std::sync::Arc;

use jiff::Timestamp;
use model::act::Act;
use model::audit::{self, Actor, Deed};
use model::contact::ContactSummary;
use model::conversation::{self, Conversation};
use model::link::{self, By};
use model::{DatabaseError, Scope};
use uuid::Uuid;
use whatsapp::graph::{Blocks, Credential, Failure, Listed, MetaError, User};
use whatsapp::phone;

use crate::{State, behind};

/// Meta's code where somebody did not write within a day: only who did can be blocked.
const NOT_WITHIN_A_DAY: i64 = 131_047;

/// Why Meta did not do it.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// The number is not connected.
    Disconnected,
    /// Nobody knows by what Meta knows the contact.
    Nameless,
    /// The contact did not write within a day.
    NotWithinADay,
    /// Meta said so.
    Refused(Box<MetaError>),
    /// Nobody knows whether it did; asking once more does no harm.
    Unknown,
}

/// Has Meta block a contact on a number, or block them no more.
pub(crate) async fn ask(
    state: &State,
    scope: &Scope,
    number_id: Uuid,
    contact: &ContactSummary,
    blocks: bool,
) -> Result<Result<(), NotDone>, DatabaseError> {
    let tx = state.database.operator_for(scope).await?;
    let link = link::find(&tx, scope, By::Id(number_id)).await?;
    tx.close();
    let opened = link.and_then(|link| Some((link.open(&state.keyring, &state.apps).ok()?, link)));
    let Some((secrets, link)) = opened else { return Ok(Err(NotDone::Disconnected)) };
    let user = match (&contact.wa_id, &contact.user_id) {
        (Some(digits), _) => User::Phone(digits),
        (None, Some(user_id)) => User::UserId(user_id),
        (None, None) => return Ok(Err(NotDone::Nameless)),
    };
    let credential = Credential::from(secrets);
    let asked = match blocks {
        true => state.graph.block_users(&credential, &link.phone_number_id, &[user]).await,
        false => state.graph.unblock_users(&credential, &link.phone_number_id, &[user]).await,
    };
    Ok(came_of(asked))
}

fn came_of(asked: Result<Blocks, Failure>) -> Result<(), NotDone> {
    match asked {
        Ok(blocks) => match blocks.failed.into_iter().next() {
            None if blocks.done.is_empty() => Err(NotDone::Unknown),
            None => Ok(()),
            Some(failed) => Err(failed.errors.into_iter().next().map_or(NotDone::Unknown, refused)),
        },
        Err(Failure::Refused(error)) => Err(refused(*error)),
        Err(Failure::NotSent(_) | Failure::Unknown(_)) => Err(NotDone::Unknown),
    }
}

fn refused(error: MetaError) -> NotDone {
    if error.code == NOT_WITHIN_A_DAY { NotDone::NotWithinADay } else { NotDone::Refused(error.into()) }
}

/// Writes down what Meta did, whether or not whoever asked still waits. `None`: it could not be written yet.
pub(crate) async fn note(
    state: &State,
    scope: &Scope,
    (now, actor): (Timestamp, Actor),
    (id, contact): (Uuid, ContactSummary),
    blocks: bool,
) -> Option<Option<Conversation>> {
    let deed = deed(contact, blocks);
    let (database, scope) = (state.database.clone(), *scope);
    let written = behind::write_down("whom Meta blocks", move || {
        let (database, actor, deed) = (database.clone(), actor.clone(), deed.clone());
        async move {
            let tx = database.tenant(&scope).await?;
            let (shown, changed) = conversation::set_blocked(&tx, now, id, blocks.then_some(now)).await?;
            if changed {
                audit::record(&tx, now, &actor, &deed).await?;
            }
            tx.commit().await?;
            Ok(shown)
        }
    });
    written.await
}

/// The same of whom Meta itself named, who may not be known here.
pub(crate) async fn note_listed(
    state: &State,
    scope: &Scope,
    (now, actor): (Timestamp, Actor),
    (number_id, listed): (Uuid, Vec<Listed>),
    blocks: bool,
) {
    let (mut phones, mut user_ids) = (Vec::new(), Vec::new());
    for user in listed {
        let (named, input) = (user.user_id, user.input.unwrap_or_default());
        let is_user_id = phone::is_user_id(&input);
        user_ids.extend(named.into_iter().chain(is_user_id.then(|| input.clone())));
        for digits in user.wa_id.into_iter().chain((!is_user_id).then(|| phone::digits(&input))) {
            phones.extend(phone::equivalents(&digits));
            phones.push(digits);
        }
    }
    let (database, scope, names) = (state.database.clone(), *scope, Arc::new((phones, user_ids)));
    behind::write_down("whom Meta blocks", move || {
        let (database, actor, names) = (database.clone(), actor.clone(), Arc::clone(&names));
        async move {
            let tx = database.tenant(&scope).await?;
            let (named, since) = ((&names.0[..], &names.1[..]), blocks.then_some(now));
            for contact in conversation::set_blocked_by_name(&tx, now, number_id, named, since).await? {
                audit::record(&tx, now, &actor, &deed(contact, blocks)).await?;
            }
            tx.commit().await
        }
    })
    .await;
}

fn deed(contact: ContactSummary, blocks: bool) -> Deed {
    let name = contact.name.or(contact.wa_id).unwrap_or_default();
    match blocks {
        true => Deed::new(Act::BlockContact, "block", contact.id, name),
        false => Deed::new(Act::BlockContact, "unblock", contact.id, name),
    }
}
