//! Edits and deletions: what a message shows after all that were ever made of it, in whatever order they came.

use model::message::{self, Amendment, NewVersion};
use uuid::Uuid;

/// Has a message show what its amendments make of it. The newest edit shows; a deletion is final. Answers the texts that
/// each of them replaced.
pub(super) fn amend(message: &mut message::Known, organization_id: Uuid, amendments: &[Amendment]) -> Vec<NewVersion> {
    let mut amendments: Vec<&Amendment> = amendments.iter().collect();
    amendments.sort_by_key(|amendment| (amendment.at, amendment.wamid.as_str()));
    let mut text = message.original.clone();
    let mut versions = Vec::new();
    (message.edited_at, message.revoked_at) = (None, None);
    for amendment in amendments {
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
    message.text = if message.revoked_at.is_some() { String::new() } else { text };
    versions
}

/// The file that the newest edit with one brings, unless the message was deleted. An edit without a file says nothing of
/// files.
pub(super) fn edited_file(message: &message::Known, amendments: &[Amendment]) -> Option<model::media::New> {
    let newest = amendments.iter().filter(|one| one.media.is_some()).max_by_key(|one| (one.at, one.wamid.as_str()))?;
    let media = newest.media.clone().filter(|_| message.revoked_at.is_none())?;
    Some(model::media::New { message_id: message.id, ..media })
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
        Amendment { wamid: wamid.into(), text: text.map(str::to_owned), media: None, at }
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
    fn the_newest_edit_shows() {
        let mut message = known();
        amend(&mut message, Uuid::nil(), &[amendment("e2", 20, Some("two")), amendment("e1", 10, Some("one"))]);
        assert_eq!((message.text.as_str(), message.edited_at.map(Timestamp::as_second)), ("two", Some(20)));
    }
}
