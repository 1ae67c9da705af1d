//! Writes a folded batch in one round trip, and commits.

use model::contact;
use model::conversation::{self, Group};
use model::cost;
use model::database::{CommitError, Operator, Pipeline, Result};
use model::event;
use model::media;
use model::message::{self, NewVersion};
use model::number;
use model::number_check;
use model::outbox;
use model::quarantine;
use model::status;
use model::template;
use uuid::Uuid;

use super::fold::Written;
use super::people::Names;
use super::route::OtherAccount;

/// In an order that the foreign keys accept.
pub(super) async fn store(
    tx: Operator,
    written: &mut Written,
    quarantined: &[quarantine::New],
    other_accounts: &[OtherAccount],
    finish: impl FnOnce(&mut Pipeline<'_>),
) -> Result<()> {
    let groups: Vec<Group> = written.groups.values().cloned().collect();
    let recounted: Vec<(Uuid, Vec<Uuid>)> =
        written.recounted.iter().map(|(organization, ids)| (*organization, ids.iter().copied().collect())).collect();
    let unused: Vec<(Uuid, Vec<Uuid>)> =
        written.unused.iter().map(|(organization, ids)| (*organization, ids.iter().copied().collect())).collect();
    let versions: Vec<NewVersion> = written.versions.values().cloned().collect();
    let mut pipeline = Pipeline::new();
    contact::any_organization_save(&mut pipeline, &mut written.contacts);
    names(&mut pipeline, &mut written.names);
    conversation::any_organization_save(
        &mut pipeline,
        &mut written.conversations_new,
        &mut written.conversations_changed,
    );
    message::any_organization_insert(&mut pipeline, &mut written.messages);
    message::any_organization_update(&mut pipeline, &mut written.updates);
    message::any_organization_keep_versions(&mut pipeline, &versions);
    message::any_organization_react(&mut pipeline, &mut written.reactions);
    media::any_organization_insert(&mut pipeline, &written.media.values().collect::<Vec<_>>());
    status::any_organization_insert(&mut pipeline, &mut written.statuses);
    cost::any_organization_count(&mut pipeline, &written.costs);
    for (organization_id, conversations) in &recounted {
        conversation::any_organization_recount(&mut pipeline, *organization_id, conversations);
    }
    conversation::any_organization_learn_groups(&mut pipeline, &groups);
    for (organization_id, contacts) in &unused {
        contact::any_organization_forget_unused(&mut pipeline, *organization_id, contacts);
    }
    for facts in &written.numbers {
        number::any_organization_learn(&mut pipeline, facts);
    }
    for told in other_accounts {
        number::any_organization_note_other_account(&mut pipeline, &told.route, &told.account);
    }
    for import in &written.imports {
        number::any_organization_import(&mut pipeline, import);
    }
    number_check::any_organization_look_again(&mut pipeline, &written.look_again);
    outbox::any_organization_rest_bulk(&mut pipeline, &written.failing);
    for facts in &written.templates {
        template::any_organization_learn(&mut pipeline, facts);
    }
    event::any_organization_record(&mut pipeline, &written.events);
    quarantine::keep(&mut pipeline, quarantined);
    finish(&mut pipeline);
    tx.finish(pipeline).await.map_err(CommitError::in_job)
}

/// Contacts are there by now. Those that vanish go last, when nothing leads to them any more.
fn names<'a>(pipeline: &mut Pipeline<'a>, names: &'a mut Names) {
    contact::any_organization_identify(pipeline, &mut names.identified);
    contact::any_organization_unname(pipeline, &names.unnamed);
    contact::any_organization_remember(pipeline, &names.remembered, &names.past);
    contact::any_organization_spell(pipeline, &names.spellings);
    contact::any_organization_say(pipeline, &names.links, &names.moves);
    contact::any_organization_note(pipeline, &names.book);
    contact::any_organization_vanish(pipeline, &names.vanished);
}
