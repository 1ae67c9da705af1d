//! The other content of a message that has two: one goes where the service window is open, one where it is not. Both wait in the
//! queue, for the window may change until the message leaves.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use super::claim::Claimed;
use super::enqueue::Content;
use super::window::Window;
use crate::database::{Operator, RawJson, Result, Rows, column};
use crate::upload::{self, Attached};

/// When a content is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Goes {
    /// The window is open.
    Open,
    /// It is closed, or nobody here knows.
    Closed,
}

impl Goes {
    pub(super) fn at(window: Window) -> Self {
        match window {
            Window::Open => Self::Open,
            Window::Closed { .. } | Window::Unknown => Self::Closed,
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Open => Self::Closed,
            Self::Closed => Self::Open,
        }
    }
}

/// A content that is not shown, as the queue keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Alternative {
    goes: Goes,
    r#type: String,
    text: String,
    body: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to_wamid: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<Attached>,
}

impl Alternative {
    pub(super) fn of(content: &Content, goes: Goes) -> Self {
        Self {
            goes,
            r#type: content.kind.clone(),
            // What PostgreSQL could not hold would hold up all that is claimed with it.
            text: content.text.replace('\0', ""),
            body: raw(content.body.clone()),
            reply_to_wamid: content.reply_to_wamid.clone(),
            files: content.files.clone(),
        }
    }

    pub(super) fn read(stored: &str) -> Self {
        serde_json::from_str(stored).expect("we wrote it ourselves")
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("our own shapes are JSON")
    }

    fn files(&self) -> Option<String> {
        (!self.files.is_empty()).then(|| serde_json::to_string(&self.files).expect("our own shapes are JSON"))
    }
}

fn raw(body: String) -> Box<RawValue> {
    RawValue::from_string(body).expect("Meta's object is JSON")
}

/// A message whose two contents change places.
struct Exchange {
    organization_id: Uuid,
    message_id: Uuid,
    shown: Alternative,
    /// JSON: what waits from now on.
    kept: String,
    /// JSON: what is shown from the store.
    files: Option<String>,
    /// Whether it shows files, or showed some.
    of_files: bool,
}

impl Exchange {
    fn of(message: &mut Claimed, shown: Alternative, row: &Row) -> Self {
        let kept = Alternative {
            goes: shown.goes.other(),
            r#type: row.get("type"),
            text: row.get("text"),
            body: raw(std::mem::replace(&mut message.body, shown.body.get().to_owned())),
            reply_to_wamid: row.get("reply_to_wamid"),
            files: std::mem::replace(&mut message.files, shown.files.clone()),
        };
        Self {
            organization_id: message.organization_id,
            message_id: message.message_id,
            kept: kept.json(),
            files: shown.files(),
            of_files: !(kept.files.is_empty() && shown.files.is_empty()),
            shown,
        }
    }
}

/// Has messages of one organization that are being claimed leave with what their windows let through, and whose files are there. What
/// may have been sent before is sent again as it was. A claim holds no line, so nothing is told here: what leaves is told of as it left.
pub(super) async fn any_organization_choose(
    tx: &Operator,
    now: Timestamp,
    claimed: Vec<(&mut Claimed, Alternative)>,
) -> Result<()> {
    let Some((first, _)) = claimed.first() else { return Ok(()) };
    let rows = tx
        .query(
            "SELECT q.message_id, m.type, m.text, m.reply_to_wamid, v.window_expires_at, n.connected_at
             FROM wazapp.outbox q
             JOIN wazapp.message m ON m.organization_id = q.organization_id AND m.id = q.message_id
             JOIN wazapp.conversation v ON v.organization_id = q.organization_id AND v.id = q.conversation_id
             JOIN wazapp.number n ON n.organization_id = q.organization_id AND n.id = q.number_id
             WHERE q.organization_id = $1 AND q.message_id = ANY ($2) AND m.status IN ('queued', 'sending')",
            &[&first.organization_id, &column(&claimed, |(message, _)| message.message_id)],
        )
        .await?;
    let organization_id = first.organization_id;
    let rows: HashMap<Uuid, &Row> = rows.iter().map(|row| (row.get("message_id"), row)).collect();
    let mut wanted = Vec::new();
    for (message, alternative) in claimed {
        if let Some(row) = rows.get(&message.message_id)
            && alternative.goes == Goes::at(Window::at(now, row.get("window_expires_at"), row.get("connected_at")))
        {
            wanted.push((message, alternative, row));
        }
    }
    let files = wanted.iter().flat_map(|(_, alternative, _)| &alternative.files).map(|one| one.file.clone()).collect();
    let held = upload::any_organization_hold(tx, now, organization_id, files).await?;
    // While it waits, nothing holds a file: where one is gone, what is shown leaves after all.
    wanted.retain(|(_, alternative, _)| alternative.files.iter().all(|one| held.contains(&one.file)));
    let all: Vec<Exchange> =
        wanted.into_iter().map(|(message, alternative, row)| Exchange::of(message, alternative, row)).collect();
    if !all.is_empty() {
        any_organization_exchange(tx, now, &all).await?;
    }
    Ok(())
}

async fn any_organization_exchange(tx: &Operator, now: Timestamp, all: &[Exchange]) -> Result<()> {
    let named =
        |id| Rows::of(all).key("organization_id", |one: &Exchange| one.organization_id).key(id, |one| one.message_id);
    let queued = named("message_id")
        .column("body", |one| RawJson(one.shown.body.get()))
        .column("files", |one| one.files.as_deref().map(RawJson))
        .column("alternative", |one| RawJson(&one.kept));
    tx.run(&queued.update("wazapp.outbox", "")).await?;
    let shown = named("id")
        .column("type", |one| one.shown.r#type.as_str())
        .column("text", |one| one.shown.text.as_str())
        .column("payload", |one| RawJson(one.shown.body.get()))
        .column("reply_to_wamid", |one| one.shown.reply_to_wamid.clone());
    tx.run(&shown.update("wazapp.message", "")).await?;
    for one in all.iter().filter(|one| one.of_files) {
        upload::any_organization_show(tx, now, (one.organization_id, one.message_id), one.shown.files.first()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(kind: &str, text: &str) -> Content {
        let file = Attached {
            place: "/image".into(),
            file: "0f".into(),
            mime_type: "image/png".into(),
            filename: None,
            size: 7,
        };
        Content {
            kind: kind.into(),
            text: text.into(),
            body: r#"{"type": "image",  "image": {"id": "1"}}"#.into(),
            reply_to_wamid: Some("wamid.1".into()),
            callback_data: None,
            needs_window: true,
            needs_phone: false,
            files: vec![file],
        }
    }

    #[test]
    fn what_waits_comes_back_as_it_was() {
        let kept = Alternative::of(&content("image", "a \"b\"\0"), Goes::Open).json();
        let read = Alternative::read(&kept);
        assert_eq!((read.goes, read.r#type.as_str(), read.text.as_str()), (Goes::Open, "image", "a \"b\""));
        assert_eq!(read.body.get(), content("", "").body, "to the letter");
        assert_eq!((read.reply_to_wamid.as_deref(), &read.files), (Some("wamid.1"), &content("", "").files));
        assert_eq!(read.json(), kept);
    }

    #[test]
    fn where_nobody_knows_what_is_safe_goes() {
        assert_eq!(Goes::at(Window::Open), Goes::Open);
        assert_eq!(Goes::at(Window::Unknown), Goes::Closed);
        assert_eq!(Goes::at(Window::Closed { since: Timestamp::UNIX_EPOCH }), Goes::Closed);
    }
}
