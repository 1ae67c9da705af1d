//! Raw bodies: those that were received, those in quarantine, and those for endpoints in Meta's format.

use jiff::Timestamp;
use model::Scope;
use model::erasure::{self, Holdings, Place, Raw};

use super::prune::{Left, What, prune};
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
        let left = found.into_iter().filter_map(|raw| rest(raw, holdings, what)).collect();
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
fn rest(raw: Raw, holdings: &Holdings, what: What<'_>) -> Option<(Raw, Option<Vec<u8>>)> {
    let whose = |account: &str, number: Option<&str>| match number {
        Some(number) => holdings.has(number, raw.received_at),
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
