//! Raw bodies: those that were received, those in quarantine, and those for endpoints in Meta's format.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::Scope;
use model::database::Operator;
use model::erasure::{self, Holdings, Place, Raw};
use serde_json::Value;

use super::prune::{Left, What, holds, items, number, prune, wamids};
use super::{Erased, Result, Source};

/// Takes what is to go out of everything that was received until a time.
pub(super) async fn clear(
    source: Source<'_>,
    (scope, holdings): (&Scope, &Holdings),
    what: What<'_>,
    until: Timestamp,
    erased: &mut Erased,
) -> Result<()> {
    let numbers = holdings.words();
    let words = match what {
        What::Changes => numbers.clone(),
        What::Words(words) => words.to_vec(),
    };
    let walk = source.database.operator().await?;
    erasure::any_organization_open_raw(&walk, (&numbers, &words), until).await?;
    loop {
        let found = erasure::any_organization_next_raw(&walk).await?;
        if found.is_empty() {
            break;
        }
        let having = having(&walk, (scope, holdings), &found).await?;
        let left = found.into_iter().filter_map(|raw| rest(raw, holdings, &having, what)).collect();
        put(source, scope, left, erased).await?;
    }
    walk.close();
    Ok(())
}

/// Of numbers that others had too, a message that the organization has is its own, whenever it came.
async fn having(walk: &Operator, (scope, holdings): (&Scope, &Holdings), found: &[Raw]) -> Result<BTreeSet<String>> {
    let wamids: Vec<String> = match holdings.numbers.keys().any(|number| holdings.is_shared(number)) {
        true => found.iter().flat_map(|raw| wamids(&raw.body)).collect(),
        false => Vec::new(),
    };
    Ok(erasure::any_organization_having(walk, scope, &wamids).await?)
}

/// How many bodies that were received until a time, or are kept for endpoints, still say something of what is to go: of either
/// kind.
pub(super) async fn left(
    source: Source<'_>,
    (scope, holdings): (&Scope, &Holdings),
    words: &[String],
    until: Timestamp,
) -> Result<[(&'static str, u64); 3]> {
    let (walk, what) = (source.database.operator().await?, What::Words(words));
    erasure::any_organization_open_raw(&walk, (&holdings.words(), words), until).await?;
    let (mut inbound, mut quarantine, mut relay) = (0, 0, 0);
    loop {
        let found = erasure::any_organization_next_raw(&walk).await?;
        if found.is_empty() {
            break;
        }
        let having = having(&walk, (scope, holdings), &found).await?;
        for (raw, _) in found.into_iter().filter_map(|raw| rest(raw, holdings, &having, what)) {
            match raw.place {
                Place::Quarantine(_) => quarantine += 1,
                Place::Inbound { .. } | Place::Relay(_) => inbound += 1,
            }
        }
    }
    walk.close();
    let mut after = -1;
    while let Some(found) = relayed(source, scope, words, &mut after).await? {
        relay += found.iter().filter(|raw| holds(&raw.body, words)).count() as u64;
    }
    Ok([("inbound", inbound), ("quarantine", quarantine), ("relay", relay)])
}

/// The same of what is kept for endpoints in Meta's format, which is the organization's own.
pub(super) async fn clear_relayed(
    source: Source<'_>,
    scope: &Scope,
    words: &[String],
    erased: &mut Erased,
) -> Result<()> {
    let mut after = -1;
    while let Some(found) = relayed(source, scope, words, &mut after).await? {
        let left = found.into_iter().filter(|raw| holds(&raw.body, words)).map(|raw| {
            let left = match prune(&raw.body, |_, _| true, What::Words(words), true) {
                Left::Some(body) if !holds(&body, words) => Some(body),
                // Where the words stand outside of changes, it goes as a whole.
                Left::Some(_) | Left::All | Left::Nothing => None,
            };
            (raw, left)
        });
        put(source, scope, left.collect(), erased).await?;
    }
    Ok(())
}

/// The next bodies for endpoints that may hold one of these words; none: there are no more.
async fn relayed(source: Source<'_>, scope: &Scope, words: &[String], after: &mut i64) -> Result<Option<Vec<Raw>>> {
    let tx = source.database.operator().await?;
    let found = erasure::any_organization_relayed(&tx, scope, words, *after).await?;
    tx.close();
    let Some(Raw { place: Place::Relay(last), .. }) = found.last() else { return Ok(None) };
    *after = *last;
    Ok(Some(found))
}

/// `None`: nothing of it goes.
fn rest(raw: Raw, holdings: &Holdings, having: &BTreeSet<String>, what: What<'_>) -> Option<(Raw, Option<Vec<u8>>)> {
    let whose = |account: &str, change: &Value| match number(change) {
        Some(number) if holdings.is_shared(number) => {
            // As they were told apart when they were applied: by what they are about, else by Meta's time.
            let (mut ids, mut times) = (items(change), items(change));
            let time = times.find_map(|(_, time)| Timestamp::from_second(time?).ok());
            ids.any(|(id, _)| id.is_some_and(|id| having.contains(id)))
                || holdings.has(number, time.unwrap_or(raw.received_at).min(raw.received_at))
        }
        Some(number) => holdings.numbers.contains_key(number),
        None => holdings.accounts.contains(account),
    };
    let left = match prune(&raw.body, whose, what, false) {
        Left::All => return None,
        Left::Some(body) => Some(body),
        Left::Nothing => None,
    };
    Some((raw, left))
}

async fn put(source: Source<'_>, scope: &Scope, left: Vec<(Raw, Option<Vec<u8>>)>, erased: &mut Erased) -> Result<()> {
    erasure::any_organization_rewrite(source.database, scope, &left).await?;
    for (raw, left) in &left {
        let table = match raw.place {
            Place::Inbound { .. } => "inbound",
            Place::Quarantine(_) => "quarantine",
            Place::Relay(_) => "relay",
        };
        match left {
            Some(_) => erased.blanked(table, 1),
            None => erased.went(table, 1),
        }
    }
    Ok(())
}
