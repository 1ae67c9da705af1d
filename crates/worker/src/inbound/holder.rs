//! Whose a piece of news is, of a number that several organizations have had one after the other.
//!
//! A message that one of them has is theirs, and so is what is said of it later: repeats, statuses, edits, reactions. All
//! else goes by Meta's time: what is older than a claim is whoever's had the number before it.

use std::collections::HashSet;

use jiff::Timestamp;
use model::message::Key;
use model::number::Route;
use whatsapp::webhook::{Change, Item};

use super::load::target;

/// The messages that holders are known to have.
#[derive(Debug, Default)]
pub(super) struct Having(HashSet<Key>);

impl From<HashSet<Key>> for Having {
    fn from(known: HashSet<Key>) -> Self {
        Self(known)
    }
}

/// What must be known to tell the holders of a change's items apart.
pub(super) fn wanted(change: &Change, holders: &[Route]) -> Vec<Key> {
    let words = change.items.iter().flat_map(|item| own(item).into_iter().chain(about(item)));
    words.flat_map(|word| holders.iter().map(move |holder| key(holder, word))).collect()
}

/// The items of a change for each of the number's holders that has some. `holders`: the oldest claim first, the one that
/// holds last. Without any item the change is the last one's.
pub(super) fn share<'a>(
    change: &mut Change,
    received_at: Timestamp,
    holders: &'a [Route],
    having: &mut Having,
) -> Vec<(&'a Route, Vec<Item>)> {
    let items = std::mem::take(&mut change.items);
    if holders.len() == 1 || items.is_empty() {
        return holders.last().map(|holder| (holder, items)).into_iter().collect();
    }
    let mut timeless = Vec::new();
    let mut shares: Vec<Vec<Item>> = holders.iter().map(|_| Vec::new()).collect();
    for item in items {
        let Some(nth) = holder(&item, change, received_at, holders, having) else {
            timeless.push(item);
            continue;
        };
        having.0.extend(own(&item).map(|wamid| key(&holders[nth], wamid)));
        shares[nth].push(item);
    }
    // What has no time of its own belongs to what stands beside it.
    let beside = shares.iter().rposition(|share| !share.is_empty());
    shares[beside.unwrap_or_else(|| then(received_at.as_second(), received_at, holders))].append(&mut timeless);
    holders.iter().zip(shares).filter(|(_, share)| !share.is_empty()).collect()
}

/// Whose an item is. `None`: it says neither when it was nor what it is about.
fn holder(item: &Item, change: &Change, received_at: Timestamp, holders: &[Route], having: &Having) -> Option<usize> {
    let by_time = time(item).or(change.entry_time).map(|second| then(second, received_at, holders));
    let have = |word: &str| -> Vec<usize> {
        (0..holders.len()).filter(|nth| having.0.contains(&key(&holders[*nth], word))).collect()
    };
    let mut those = own(item).map(have).unwrap_or_default();
    if those.is_empty() {
        those = about(item).map(have).unwrap_or_default();
    }
    match (those.last(), by_time) {
        (Some(_), Some(by_time)) if those.contains(&by_time) => Some(by_time),
        (Some(last), _) => Some(*last),
        (None, by_time) => by_time,
    }
}

/// Who had the number at Meta's second, as far as it was received by then. What is older than every claim is the first's.
pub(super) fn then(second: i64, received_at: Timestamp, holders: &[Route]) -> usize {
    let had = |holder: &Route| holder.claimed_at.as_second() <= second && holder.claimed_at <= received_at;
    holders.iter().rposition(had).unwrap_or(0)
}

fn time(item: &Item) -> Option<i64> {
    match item {
        Item::Message(message) => message.timestamp,
        Item::Status(status) => status.timestamp,
        Item::ContactSync(sync) => sync.timestamp,
        Item::Notice(notice) => notice.timestamp,
        Item::History(_) | Item::Error(_) | Item::Template(_) | Item::Number(_) | Item::Bad(_) => None,
    }
}

/// The message that an item is, or tells the progress of.
fn own(item: &Item) -> Option<&str> {
    match item {
        Item::Message(message) => Some(&message.wamid),
        Item::Status(status) => Some(&status.wamid),
        _ => None,
    }
}

/// The message that it is about: by Meta's id, or by ours that a send carried.
fn about(item: &Item) -> Option<&str> {
    match item {
        Item::Message(message) => target(&message.effect),
        Item::Status(status) => status.callback_data.as_deref(),
        _ => None,
    }
}

fn key(holder: &Route, word: &str) -> Key {
    Key { organization_id: holder.organization_id, number_id: holder.number_id, wamid: word.to_owned() }
}
