//! One contact of an organization that goes on.

use std::time::Instant;

use model::Scope;
use model::audit::{self, Actor};
use model::erasure::{self, Holdings, Sought};
use model::event;
use model::transfer::{self, Person, Table};

use super::prune::What;
use super::{Erased, ErasureError, Result, Source, again, bodies, breathe, find, tell, until};
use crate::backup::Told;
use crate::media::{self, LetGo};

/// So many messages go in a transaction: it is in the organization's line.
const MESSAGES: i64 = 100;

/// So many events are looked at in a transaction.
const EVENTS: i64 = 5000;

/// Erases a contact: what is theirs alone goes, what has to stay for others loses its words.
pub async fn erase(source: Source<'_>, organization: &str, who: &str, told: Told<'_>) -> Result<Erased> {
    let tx = source.database.operator().await?;
    let organization = find(&tx, organization).await?;
    let (scope, tables) = (organization.scope(), transfer::any_organization_tables(&tx).await?);
    let person = transfer::any_organization_find(&tx, &scope, who).await?.ok_or_else(|| {
        ErasureError::Refused(format!(
            "nobody in {} answers to {who:?}: say the contact's id, phone, user id or username",
            organization.slug
        ))
    })?;
    let holdings = erasure::any_organization_holdings(&tx, &scope).await?;
    tx.close();
    let (mut erased, marks) = (Erased::default(), person.marks());

    // First what could be applied again.
    bodies::clear(source, (&scope, &holdings), What::Words(marks), until(source), &mut erased).await?;
    bodies::clear_relayed(source, &scope, marks, &mut erased).await?;
    let events = blank_events(source, &scope, &person, &mut erased).await?;
    redact(source, &scope, (&person, &tables), &mut erased).await?;
    tell(told, &erased, tables.len());
    drop_messages(source, &scope, &person, &mut erased, &|erased| tell(told, erased, tables.len())).await?;
    // While the contact can still be named: a store that is away is asked again by the same command.
    let LetGo { gone, stayed } = media::let_go(source.database, source.store, &scope, source.clock.now()).await?;
    let theirs = erased.gone.get("file").copied().unwrap_or(0);
    if let (1.., Some(why)) = (theirs, stayed.into_iter().next()) {
        return Err(why.into());
    }
    // A server may have been quicker with some, and some wait since a try before.
    erased.files = gone.max(theirs);
    let deeds = erasure::any_organization_blank_audit(source.database, &scope, &person).await?;
    erased.blanked("audit", deeds);

    let rest = again(async || {
        let (tx, now) = (source.database.operator().await?, source.clock.now());
        let rest = erasure::any_organization_finish_person(&tx, &scope, &person, &tables, (events, now)).await?;
        audit::any_organization_record(&tx, &scope, now, &Actor::operator(), &organization.contact_erased()).await?;
        tx.commit_in_job().await.map(|()| rest)
    })
    .await?;
    take(&mut erased, rest);
    // What came in between.
    let LetGo { gone, stayed } = media::let_go(source.database, source.store, &scope, source.clock.now()).await?;
    erased.files += gone;
    erased.found("file", "bytes in the store", stayed.len() as u64);
    let end = until(source);
    bodies::clear(source, (&scope, &holdings), What::Words(marks), end, &mut erased).await?;
    bodies::clear_relayed(source, &scope, marks, &mut erased).await?;
    prove(source, &scope, (&person, &tables), (&holdings, end), &mut erased).await?;
    tell(told, &erased, tables.len());
    Ok(erased)
}

/// Of events and files, rows that lose something and stay are told apart from those that go.
fn take(erased: &mut Erased, counts: erasure::Counts) {
    for (table, rows) in counts {
        match table.as_str() {
            "event" => erased.blanked(&table, rows),
            _ => erased.went(&table, rows),
        }
    }
}

/// Answers up to which event.
async fn blank_events(source: Source<'_>, scope: &Scope, person: &Person, erased: &mut Erased) -> Result<i64> {
    let tx = source.database.operator().await?;
    let last = erasure::any_organization_last_event(&tx, scope).await?;
    tx.close();
    let mut after = 0;
    while after < last {
        let (began, upto) = (Instant::now(), last.min(after + EVENTS));
        let rows = again(async || {
            let tx = source.database.operator().await?;
            let rows = erasure::any_organization_blank_events(&tx, scope, person, (after, upto)).await?;
            tx.commit_in_job().await.map(|()| rows)
        })
        .await?;
        erased.blanked("event", rows);
        after = upto;
        breathe(began).await;
    }
    Ok(last)
}

/// What others wrote of them.
async fn redact(
    source: Source<'_>,
    scope: &Scope,
    (person, tables): (&Person, &[Table]),
    erased: &mut Erased,
) -> Result<()> {
    for table in tables {
        let rows = again(async || {
            let tx = source.database.operator().await?;
            let line = event::line_of(&tx, scope).await?;
            let rows = erasure::any_organization_redact(&line, person, table).await?;
            tx.commit_in_job().await.map(|()| rows)
        })
        .await?;
        erased.blanked(&table.name, rows);
    }
    Ok(())
}

async fn drop_messages(
    source: Source<'_>,
    scope: &Scope,
    person: &Person,
    erased: &mut Erased,
    tell: &(dyn Fn(&Erased) + Sync),
) -> Result<()> {
    loop {
        let began = Instant::now();
        let counts = again(async || {
            let tx = source.database.operator().await?;
            let line = event::line_of(&tx, scope).await?;
            let now = source.clock.now();
            let counts = erasure::any_organization_drop_messages_of(&line, person, now, MESSAGES).await?;
            tx.commit_in_job().await.map(|()| counts)
        })
        .await?;
        if counts.is_empty() {
            return Ok(());
        }
        take(erased, counts);
        tell(erased);
        breathe(began).await;
    }
}

/// Looks for what stands for them, in every column of words, bytes or ids that the organization has, and in what was received for it.
async fn prove(
    source: Source<'_>,
    scope: &Scope,
    (person, tables): (&Person, &[Table]),
    (holdings, end): (&Holdings, jiff::Timestamp),
    erased: &mut Erased,
) -> Result<()> {
    let sought = Sought { marks: person.marks().to_vec(), called: person.called.clone() };
    let tx = source.database.operator().await?;
    for table in tables {
        let (found, called) = erasure::any_organization_found(&tx, scope, table, &sought).await?;
        erased.found.extend(found);
        erased.same_name.extend(called);
        erased.searched.tables += 1;
        erased.searched.columns += table.columns.len() as u64;
    }
    let (inbound, quarantine) =
        erasure::any_organization_raw_left(&tx, (&holdings.words(), &sought.quoted()), end).await?;
    tx.close();
    for (table, rows) in [("inbound", inbound), ("quarantine", quarantine)] {
        let found = erasure::Found { table: table.into(), column: "body".into(), rows };
        erased.same_name.extend((rows > 0).then_some(found));
    }
    for (table, rows) in bodies::left(source, (scope, holdings), &sought.marks, end).await? {
        erased.found(table, "body", rows);
    }
    erased.searched.tables += 2;
    erased.searched.columns += 2;
    Ok(())
}
