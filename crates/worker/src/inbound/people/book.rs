//! What the address book of a phone calls people. Of each name the newest entry counts, and it names whoever had the name
//! then: so what a contact is called follows from the entries and from who had which name when, whatever came first.

use std::collections::{BTreeMap, BTreeSet};

use model::contact::{self, BookEntry, Identity, Name};
use model::database::{Operator, Result};
use model::{Latest, Moment};
use uuid::Uuid;
use whatsapp::webhook::{Item, SyncAction};

use super::super::fold::time;
use super::super::route::Batch;
use super::People;
use super::sighting::{identities, name, spellings};

type Entries = BTreeMap<(Uuid, Name), BookEntry>;

/// The newest entry of each name in a batch.
fn said(batch: &Batch) -> Entries {
    let mut entries = Entries::new();
    for routed in &batch.changes {
        for item in &routed.change.items {
            let Item::ContactSync(sync) = item else { continue };
            if sync.party.is_empty() {
                continue;
            }
            let called =
                sync.party.name.clone().filter(|name| sync.action == SyncAction::Add && model::name::shows(name));
            for identity in identities(routed.route.organization_id, &sync.party) {
                learn(
                    &mut entries,
                    BookEntry {
                        identity: (identity.organization_id, name(&identity)),
                        name: called.clone(),
                        at: time(sync.timestamp, &routed.change, routed.received_at),
                    },
                );
            }
        }
    }
    entries
}

/// Keeps an entry, unless a newer one is known. Answers whether it was kept.
fn learn(entries: &mut Entries, entry: BookEntry) -> bool {
    let newer = entries.get(&entry.identity).is_none_or(|known| known.moment() < entry.moment());
    if newer {
        entries.insert(entry.identity.clone(), entry);
    }
    newer
}

fn by_name(entries: Vec<BookEntry>) -> Entries {
    entries.into_iter().map(|entry| (entry.identity.clone(), entry)).collect()
}

impl People {
    /// Reads the book, adds what a batch says, and has everyone whom that concerns called accordingly.
    pub(super) async fn open_book(&mut self, tx: &Operator, batch: &Batch) -> Result<()> {
        let said = said(batch);
        let names: Vec<(Uuid, Name)> = said.keys().cloned().collect();
        let mut entries = by_name(contact::any_organization_book(tx, &names).await?);
        let mut concerned = std::mem::take(&mut self.met);
        for (key, entry) in said {
            let before = entries.get(&key).and_then(|before| self.entitled(before));
            let now = self.entitled(&entry);
            if learn(&mut entries, entry.clone()) {
                concerned.extend(before.into_iter().chain(now));
                self.names.book.push(entry);
            }
        }
        concerned.retain(|id| self.contacts.contains_key(id));
        if concerned.is_empty() {
            return Ok(());
        }
        let others = self.names_of(tx, &concerned).await?;
        let others: Vec<(Uuid, Name)> = others.into_iter().filter(|name| !entries.contains_key(name)).collect();
        entries.extend(by_name(contact::any_organization_book(tx, &others).await?));
        self.place(tx, &others).await?;
        self.call_by_book(&entries, &concerned);
        Ok(())
    }

    /// Whoever had the name of an entry when it was made.
    fn entitled(&self, entry: &BookEntry) -> Option<Uuid> {
        self.holder(entry.identity.0, &entry.identity.1, entry.at.as_second())
    }

    /// Every name that these contacts have or had: as stored, and as is known by now.
    async fn names_of(&self, tx: &Operator, contacts: &BTreeSet<Uuid>) -> Result<BTreeSet<(Uuid, Name)>> {
        let wanted: Vec<(Uuid, Uuid)> = contacts.iter().map(|id| (self.contacts[id].organization_id, *id)).collect();
        let stored = contact::any_organization_names(tx, &wanted).await?;
        let mut names: BTreeSet<(Uuid, Name)> =
            stored.iter().map(|identity| (identity.organization_id, name(identity))).collect();
        let now = self.current.iter().filter(|(_, id)| contacts.contains(id)).map(|(name, _)| name);
        let had = |tenures: &[contact::Tenure]| {
            tenures.iter().any(|tenure| tenure.contact_id.is_some_and(|id| contacts.contains(&id)))
        };
        let before = self.past.iter().filter(|(_, tenures)| had(tenures)).map(|(name, _)| name);
        names.extend(now.chain(before).cloned());
        Ok(names)
    }

    /// Reads whose names are and were that the batch does not speak of.
    async fn place(&mut self, tx: &Operator, names: &[(Uuid, Name)]) -> Result<()> {
        let is_placed = |name: &&(Uuid, Name)| self.current.contains_key(*name) || self.past.contains_key(*name);
        let names: Vec<(Uuid, Name)> = names.iter().filter(|name| !is_placed(name)).cloned().collect();
        let spelled: Vec<Identity> =
            names.iter().flat_map(|(organization_id, name)| spellings(*organization_id, name)).collect();
        let (found, said) = futures::try_join!(
            contact::any_organization_find(tx, &spelled),
            contact::any_organization_said(tx, &names)
        )?;
        for (identity, known) in found {
            self.current.insert((identity.organization_id, name(&identity)), known.id);
        }
        for (organization_id, tenure) in said.past {
            self.past.entry((organization_id, tenure.name.clone())).or_default().push(tenure);
        }
        Ok(())
    }

    fn call_by_book(&mut self, entries: &Entries, concerned: &BTreeSet<Uuid>) {
        let mut called: BTreeMap<Uuid, Latest<Option<String>>> =
            concerned.iter().map(|id| (*id, Latest::begin(None))).collect();
        for entry in entries.values() {
            if let Some(latest) = self.entitled(entry).and_then(|id| called.get_mut(&id)) {
                latest.learn(entry.name.clone(), entry.moment());
            }
        }
        for (id, latest) in called {
            let Some(contact) = self.contacts.get_mut(&id) else { continue };
            if latest.value.is_none() {
                self.doubtful.insert((contact.organization_id, id));
            }
            // What is from before the book was kept stays, until the book says something.
            let of_old = contact.book.moment == contact.book.value.as_deref().map(Moment::of_old);
            if contact.book != latest && !(of_old && latest.moment.is_none()) {
                contact.book = latest;
                self.changed.insert(id);
                self.noted.insert(id);
            }
        }
    }

    /// Whether the book calls this contact otherwise since this batch. Answers so once.
    pub(in super::super) fn renamed_by_book(&mut self, id: Uuid) -> bool {
        self.noted.remove(&id)
    }
}
