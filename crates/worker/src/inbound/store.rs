//! Writes a folded batch in one round trip.

use model::contact;
use model::conversation::{self, Group};
use model::cost;
use model::database::Pipeline;
use model::event::{self, Lines};
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

/// What is written in other shapes than it was folded in.
pub(super) struct Derived {
    groups: Vec<Group>,
    versions: Vec<NewVersion>,
    unused: Vec<(Uuid, Vec<Uuid>)>,
}

impl Derived {
    pub(super) fn of(written: &Written) -> Self {
        Self {
            groups: written.groups.values().cloned().collect(),
            versions: written.versions.values().cloned().collect(),
            unused: written.unused.iter().map(|(of, contacts)| (*of, contacts.iter().copied().collect())).collect(),
        }
    }
}

/// In an order that the foreign keys accept.
pub(super) fn store<'a>(
    pipeline: &mut Pipeline<'a>,
    lines: &Lines<'_>,
    written: &'a mut Written,
    derived: &'a Derived,
) {
    contact::any_organization_save(pipeline, &mut written.contacts);
    names(pipeline, &mut written.names);
    conversation::any_organization_save(
        pipeline,
        lines,
        &mut written.conversations_new,
        &mut written.conversations_changed,
    );
    message::any_organization_insert(pipeline, &mut written.messages);
    message::any_organization_update(pipeline, &mut written.updates);
    message::any_organization_keep_versions(pipeline, &derived.versions);
    message::any_organization_react(pipeline, &mut written.reactions);
    media::any_organization_insert(pipeline, &written.media.values().collect::<Vec<_>>());
    status::any_organization_insert(pipeline, &mut written.statuses);
    cost::any_organization_count(pipeline, &written.costs);
    for (organization_id, left) in &written.left {
        conversation::any_organization_hand_on(pipeline, &lines.of(*organization_id), left);
    }
    for (organization_id, conversations) in &written.recounted {
        let conversations = conversations.iter().copied().collect();
        conversation::any_organization_recount(pipeline, &lines.of(*organization_id), conversations);
    }
    conversation::any_organization_learn_groups(pipeline, &derived.groups);
    for (organization_id, contacts) in &derived.unused {
        contact::any_organization_forget_unused(pipeline, *organization_id, contacts);
    }
    for facts in &written.numbers {
        number::any_organization_learn(pipeline, facts);
    }
    for import in &written.imports {
        number::any_organization_import(pipeline, import);
    }
    number_check::any_organization_look_again(pipeline, &written.look_again);
    outbox::any_organization_rest_bulk(pipeline, &written.failing);
    for facts in &written.templates {
        template::any_organization_learn(pipeline, facts);
    }
    event::any_organization_record(pipeline, &written.events);
}

/// What the batch brought beside.
pub(super) fn store_aside<'a>(
    pipeline: &mut Pipeline<'a>,
    quarantined: &'a [quarantine::New],
    other_accounts: &'a [OtherAccount],
) {
    for told in other_accounts {
        number::any_organization_note_other_account(pipeline, &told.route, &told.account);
    }
    quarantine::keep(pipeline, quarantined);
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
