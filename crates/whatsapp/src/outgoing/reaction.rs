//! An emoji on somebody's message (page "Reaction messages").

use super::reader::Fields;

/// No emoji takes an earlier reaction away, so it may be empty but not absent.
pub(super) fn check(fields: &mut Fields) {
    fields.within("reaction", |reaction| {
        reaction.id("message_id");
        reaction.text_or_nothing("emoji");
    });
    let en = "does not go with a reaction, which names its message in `message_id`: remove it.";
    let es = "no va con una reacción, que nombra su mensaje en `message_id`: quítalo.";
    fields.forbid("context", en, es);
}
