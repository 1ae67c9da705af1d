//! The part of a conversation that is sent at once. Whatever its length, that costs the same.

use model::conversation::Conversation;
use model::database::Tenant;
use model::message::{self, Message};
use model::page::Cursor;
use model::{DatabaseError, page};
use uuid::Uuid;

use super::view::Part;

/// So many messages are sent at once.
const MESSAGES: i64 = 40;

/// So many of them stand before what a page opens at.
const BEFORE: i64 = 15;

/// A part of a conversation.
#[derive(Debug)]
pub(super) struct Pane {
    /// Oldest first.
    pub(super) messages: Vec<Message>,
    /// The message before which it goes on.
    pub(super) older: Option<Uuid>,
    /// The message behind which it goes on.
    pub(super) newer: Option<Uuid>,
    /// Where what is unread begins.
    pub(super) unread_from: Option<Uuid>,
    /// The message that it opens at.
    pub(super) around: Option<Uuid>,
}

impl Pane {
    /// Reads it.
    pub(super) async fn read(tx: &Tenant, one: &Conversation, part: Part) -> Result<Self, DatabaseError> {
        let unread = match one.unread_count {
            0 => None,
            unread => message::first_unread(tx, one.id, unread).await?,
        };
        let mut pane = match (part, unread) {
            (Part::Unread, Some(first)) => Self::around(tx, one.id, first).await?,
            (Part::Unread, None) | (Part::Latest, _) => Self::before(tx, one.id, None).await?,
            (Part::Around(id), _) => match message::place(tx, one.id, id).await? {
                Some(place) => Self { around: Some(id), ..Self::around(tx, one.id, place).await? },
                None => Self::before(tx, one.id, None).await?,
            },
            (Part::Before(id), _) => {
                let place = message::place(tx, one.id, id).await?;
                Self { newer: Some(id), ..Self::before(tx, one.id, place).await? }
            }
            (Part::Behind(id), _) => match message::place(tx, one.id, id).await? {
                Some(place) => Self { older: Some(id), ..Self::behind(tx, one.id, place, MESSAGES).await? },
                None => Self::before(tx, one.id, None).await?,
            },
        };
        let is_first = |message: &&Message| unread == Some(place_of(message));
        pane.unread_from = pane.messages.iter().find(is_first).map(|message| message.id);
        Ok(pane)
    }

    fn of(messages: Vec<Message>, is_more_before: bool, is_more_behind: bool) -> Self {
        let (first, last) = (messages.first().map(|one| one.id), messages.last().map(|one| one.id));
        Self {
            older: first.filter(|_| is_more_before),
            newer: last.filter(|_| is_more_behind),
            unread_from: None,
            around: None,
            messages,
        }
    }

    async fn before(tx: &Tenant, id: Uuid, place: Option<Cursor>) -> Result<Self, DatabaseError> {
        let mut page = message::list(tx, id, place, MESSAGES).await?;
        page.data.reverse();
        Ok(Self::of(page.data, page.next_cursor.is_some(), false))
    }

    async fn behind(tx: &Tenant, id: Uuid, place: Cursor, limit: i64) -> Result<Self, DatabaseError> {
        let page = message::behind(tx, id, place, limit).await?;
        Ok(Self::of(page.data, false, page.next_cursor.is_some()))
    }

    async fn around(tx: &Tenant, id: Uuid, place: Cursor) -> Result<Self, DatabaseError> {
        let page::Page { mut data, next_cursor: before } = message::list(tx, id, Some(place), BEFORE).await?;
        data.reverse();
        let here = Cursor::at_sequence(place.timestamp(), place.sequence() - 1);
        let behind = message::behind(tx, id, here, MESSAGES).await?;
        data.extend(behind.data);
        Ok(Self::of(data, before.is_some(), behind.next_cursor.is_some()))
    }
}

fn place_of(message: &Message) -> Cursor {
    Cursor::at_sequence(message.timestamp, message.sequence)
}
