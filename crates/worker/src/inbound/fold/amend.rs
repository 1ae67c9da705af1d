//! Edits and deletions: what a message shows after all that were ever made of it, in whatever order they came.

use model::Moment;
use model::media::{self, same_bytes};
use model::message::{self, Amendment, NewVersion};
use model::moment::{by_second, standing};
use uuid::Uuid;

fn moment(amendment: &&Amendment) -> Moment {
    Moment::new(amendment.at, amendment.wamid.as_str())
}

/// Those that count: the business changes its own words and nobody else's, and nobody changes those of the business.
fn own<'a>(message: &message::Known, amendments: &'a [Amendment]) -> Vec<&'a Amendment> {
    amendments.iter().filter(|amendment| amendment.outbound == message.outbound).collect()
}

/// Has a message show what its amendments make of it. The newest edit shows, and of one second, one that changes the text;
/// a deletion is final. Answers the texts that each of them replaced.
pub(super) fn amend(message: &mut message::Known, organization_id: Uuid, amendments: &[Amendment]) -> Vec<NewVersion> {
    let mut amendments = own(message, amendments);
    let mut text = message.original.clone();
    let mut versions = Vec::new();
    (message.edited_at, message.revoked_at) = (None, None);
    for second in by_second(&mut amendments, moment) {
        second.sort_by_key(|amendment| amendment.text.as_deref() != Some(text.as_str()));
        for amendment in second.iter() {
            versions.push(NewVersion {
                organization_id,
                message_id: message.id,
                replaced_by: amendment.wamid.clone(),
                replaced_at: amendment.at,
                text: text.clone(),
            });
            match &amendment.text {
                Some(edited) => {
                    text.clone_from(edited);
                    message.edited_at = Some(amendment.at);
                }
                // The first of several deletions counts; each keeps the text, as whichever came first did.
                None => _ = message.revoked_at.get_or_insert(amendment.at),
            }
        }
    }
    message.text = if message.revoked_at.is_some() { String::new() } else { text };
    versions
}

/// The file that stands after all edits that bring one, if any does. An edit without a file says nothing of files, nor does
/// a deletion: it takes the words away, and what stood with them stays for who has it.
pub(super) fn edited_file(message: &message::Known, amendments: &[Amendment]) -> Option<media::New> {
    let before = message.sha256.as_deref();
    let hash = |edit: &Amendment| edit.media.as_ref().and_then(|media| media.sha256.clone());
    let repeats = |edit: &&Amendment, last: Option<&&Amendment>| {
        same_bytes(hash(edit).as_deref(), last.map_or(before.map(str::to_owned), |last| hash(last)).as_deref())
    };
    let mut edits = own(message, amendments);
    edits.retain(|one| one.media.is_some());
    let media = standing(&mut edits, moment, repeats)?.media.clone()?;
    Some(media::New { message_id: message.id, own_sha256: Some(before.unwrap_or_default().to_owned()), ..media })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::message::Rank;

    use super::*;

    fn known() -> message::Known {
        message::Known {
            id: Uuid::nil(),
            conversation_id: Uuid::nil(),
            kind: "text".into(),
            outbound: false,
            text: "original".into(),
            original: "original".into(),
            rank: Rank { rendition: 25, digest: Vec::new() },
            sha256: None,
            retold: None,
            party: None,
            sequence: None,
            counts: true,
            at: Timestamp::UNIX_EPOCH,
            status: None,
            error: None,
            callback_data: None,
            edited_at: None,
            revoked_at: None,
        }
    }

    fn amendment(wamid: &str, second: i64, text: Option<&str>) -> Amendment {
        let at = Timestamp::from_second(second).unwrap();
        Amendment { wamid: wamid.into(), outbound: false, text: text.map(str::to_owned), media: None, at }
    }

    #[test]
    fn what_shows_does_not_depend_on_the_order() {
        let all = [
            amendment("e1", 10, Some("one")),
            amendment("e2", 20, Some("two")),
            amendment("e3", 20, Some("three")),
            amendment("r", 15, None),
        ];
        let mut ends = Vec::new();
        for start in 0..all.len() {
            let order: Vec<Amendment> = (0..all.len()).map(|step| all[(start + step) % all.len()].clone()).collect();
            let mut message = known();
            let versions = amend(&mut message, Uuid::nil(), &order);
            ends.push((message, versions));
        }
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]));
        let (message, versions) = &ends[0];
        assert_eq!(message.text, "", "deleted is deleted");
        let texts: Vec<&str> = versions.iter().map(|version| version.text.as_str()).collect();
        assert_eq!(texts, ["original", "one", "one", "two"]);
    }

    #[test]
    fn nobody_changes_what_the_other_side_wrote() {
        let theirs = [amendment("e", 10, Some("one")), amendment("r", 20, None)];
        let ours = theirs.clone().map(|amendment| Amendment { outbound: true, ..amendment });
        for (outbound, strange, own) in [(true, &theirs, &ours), (false, &ours, &theirs)] {
            let mut message = message::Known { outbound, ..known() };
            assert_eq!(amend(&mut message, Uuid::nil(), strange), []);
            assert_eq!((message.text.as_str(), message.edited_at, message.revoked_at), ("original", None, None));
            assert_eq!(amend(&mut message, Uuid::nil(), &[strange.as_slice(), own].concat()).len(), 2);
            assert!(message.revoked_at.is_some());
        }
    }

    #[test]
    fn the_newest_edit_shows() {
        let mut message = known();
        amend(&mut message, Uuid::nil(), &[amendment("e2", 20, Some("two")), amendment("e1", 10, Some("one"))]);
        assert_eq!((message.text.as_str(), message.edited_at.map(Timestamp::as_second)), ("two", Some(20)));
    }

    #[test]
    fn of_one_second_an_edit_that_changes_something_shows() {
        let (own, other) = ("0".repeat(64), "1".repeat(64));
        let with = |wamid: &str, text: &str, sha256: &str| {
            let media =
                media::New { sha256: Some(sha256.to_owned()), meta_id: Some(wamid.into()), ..Default::default() };
            Amendment { media: Some(media), ..amendment(wamid, 10, Some(text)) }
        };
        // One changes the words, the other the picture.
        for (words, picture) in [("a", "b"), ("b", "a")] {
            let mut message = message::Known { sha256: Some(own.clone()), ..known() };
            let edits = [with(words, "words", &own), with(picture, "original", &other)];
            amend(&mut message, Uuid::nil(), &edits);
            let file = edited_file(&message, &edits).expect("a file");
            assert_eq!((message.text.as_str(), file.meta_id.as_deref()), ("words", Some(picture)));
            assert_eq!(file.own_sha256, Some(own.clone()));
        }
    }
}
