//! Raw bodies: those that were received, those in quarantine, and those for endpoints in Meta's format.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::Scope;
use model::erasure::{self, Holdings, Place, Raw};
use serde_json::Value;

use super::prune::{Left, What, items, number, prune, wamids};
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
        // Of numbers that others had too, a message that the organization has is its own, whenever it came.
        let wamids = match holdings.numbers.keys().any(|number| holdings.is_shared(number)) {
            true => found.iter().flat_map(|raw| wamids(&raw.body)).collect(),
            false => Vec::new(),
        };
        let having = erasure::any_organization_having(&walk, scope, &wamids).await?;
        let left = found.into_iter().filter_map(|raw| rest(raw, holdings, &having, what)).collect();
        put(source, scope, left, erased).await?;
    }
    walk.close();
    Ok(())
}

/// The same of what is kept for endpoints in Meta's format, which is the organization's own.
pub(super) async fn clear_relayed(
    source: Source<'_>,
    scope: &Scope,
    words: &[String],
    erased: &mut Erased,
) -> Result<()> {
    loop {
        let tx = source.database.operator().await?;
        let found = erasure::any_organization_relayed(&tx, scope, words).await?;
        tx.close();
        if found.is_empty() {
            return Ok(());
        }
        let left = found.into_iter().map(|raw| {
            let left = match prune(&raw.body, |_, _| true, What::Words(words), true) {
                Left::Some(body) if !holds(&body, words) => Some(body),
                // Where the words stand outside of changes, it goes as a whole.
                Left::Some(_) | Left::All | Left::Nothing => None,
            };
            (raw, left)
        });
        put(source, scope, left.collect(), erased).await?;
    }
}

fn holds(body: &[u8], words: &[String]) -> bool {
    words.iter().any(|word| body.windows(word.len()).any(|window| window == word.as_bytes()))
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
