//! Queueing messages.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::Due;
use super::alternative::{Alternative, Goes};
use super::thread::{Thread, Threads, templates};
use super::window::Window;
use super::write::{New, begin};
use crate::database::{Operator, Result, Tenant};
use crate::event::Line;
use crate::message::{self, Message};
use crate::quota::{self, Exceeded, Quota};
use crate::scope::Scope;
use crate::upload::Attached;

/// Who a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Whoever a conversation is with.
    Conversation(Uuid),
    /// Someone, from one of the organization's numbers.
    Recipient {
        /// Our id of the number.
        number_id: Uuid,
        /// Them.
        recipient: Recipient,
    },
}

/// How someone is named who may not have written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// By phone.
    Phone {
        /// Digits, as they are sent to Meta.
        digits: String,
        /// Other digits that WhatsApp may use for the same phone.
        spellings: Vec<String>,
        /// Their user id, where it is known too: by either they are found.
        user_id: Option<String>,
    },
    /// By business-scoped user id.
    User(String),
}

impl Recipient {
    /// The same person, with the user id that they are known by too.
    #[must_use]
    pub fn known_as(self, also: Option<String>) -> Self {
        match self {
            Self::Phone { digits, spellings, .. } => Self::Phone { digits, spellings, user_id: also },
            Self::User(id) => Self::User(id),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Phone { digits, .. } => digits,
            Self::User(id) => id,
        }
    }

    /// What kind of name it is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Phone { .. } => "wa_id",
            Self::User(_) => "user_id",
        }
    }

    /// All that they may be known by, with its kind; what they were called comes first.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let (spellings, user_id) = match self {
            Self::Phone { spellings, user_id, .. } => (spellings.as_slice(), user_id.as_deref()),
            Self::User(_) => (&[][..], None),
        };
        let spellings = spellings.iter().map(|digits| ("wa_id", digits.as_str()));
        std::iter::once((self.kind(), self.as_str())).chain(spellings).chain(user_id.map(|id| ("user_id", id)))
    }
}

/// What to send.
#[derive(Clone, Debug)]
pub struct Content {
    /// Meta's message type.
    pub kind: String,
    /// Readable.
    pub text: String,
    /// JSON: Meta's object, without its recipient.
    pub body: String,
    /// Meta's id of the message that it answers or reacts to.
    pub reply_to_wamid: Option<String>,
    /// The sender's own word, which comes back with every status.
    pub callback_data: Option<String>,
    /// Whether Meta takes it only while the recipient's service window is open.
    pub needs_window: bool,
    /// Whether it can go to a phone number alone.
    pub needs_phone: bool,
    /// Files of the organization's that it shows; [`upload::find`](crate::upload::find) had them stay.
    pub files: Vec<Attached>,
}

/// What else may be said of a message.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What it will be called; none: what comes next. One that is taken is refused as a key is that was used before.
    pub id: Option<Uuid>,
    /// Which person sends it; none: a program.
    pub sender_id: Option<Uuid>,
    /// The message that it says once more: one alone does.
    pub repeats: Option<Uuid>,
    /// Not before this time.
    pub send_at: Option<Timestamp>,
    /// Given up at this time.
    pub deadline: Option<Timestamp>,
    /// Whether it is sent again when nobody knows whether it was sent.
    pub resend: bool,
    /// Whether it waits behind what people write.
    pub bulk: bool,
    /// Whether it goes to Meta also where the recipient's service window is known to be closed.
    pub force: bool,
    /// Sent in its place where the window is closed when it leaves.
    pub when_window_closed: Option<Content>,
}

/// By what a repeated request is known.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The client's word.
    pub key: String,
    /// Stands for everything else in the request.
    pub fingerprint: Vec<u8>,
}

/// Why a message was not queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The organization has no such conversation or number.
    NotThere(&'static str),
    /// The number is not connected.
    Disconnected,
    /// It is a group, to which nothing can be sent.
    Group,
    /// The contact has neither a phone number nor a user id.
    Nameless,
    /// It can go to a phone number alone, and only a user id is known.
    NeedsPhone,
    /// The recipient's service window is known to be closed.
    WindowClosed {
        /// Since when.
        since: Timestamp,
        /// What may be sent instead.
        templates: Vec<Template>,
    },
    /// The key came with another request before.
    KeyReused,
    /// The organization has too many waiting.
    OverQuota(Exceeded),
}

/// An approved template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Such as `en_US`.
    pub language: String,
}

/// A message that is to be queued.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'w> {
    /// For whom.
    pub to: &'w To,
    /// What.
    pub content: &'w Content,
    /// And what else is said of it.
    pub options: &'w Options,
    /// By what it is known if it comes again.
    pub idempotency: Option<&'w Idempotency>,
}

/// Queues a message. A repeated request is answered with the message that it queued the first time.
pub async fn enqueue(
    line: &Line<'_, Tenant>,
    now: Timestamp,
    wish: Wish<'_>,
) -> Result<(Result<Message, Refusal>, Due)> {
    let (mut answers, due) = enqueue_all(line, now, &[wish]).await?;
    Ok((answers.remove(0), due))
}

/// Queues messages, each as if the ones before it had been queued alone; answers what became of each, in their order, and which
/// numbers have something to send now, once this is committed. Everyone who begins conversations or numbers messages waits in the
/// organization's line, so nobody does the same beside us.
pub async fn enqueue_all(
    line: &Line<'_, Tenant>,
    now: Timestamp,
    wishes: &[Wish<'_>],
) -> Result<(Vec<Result<Message, Refusal>>, Due)> {
    let tx: &Tenant = line;
    let mut due = Due::default();
    let mut answers: Vec<Option<Result<Uuid, Refusal>>> = vec![None; wishes.len()];
    let mut left: Vec<usize> = (0..wishes.len()).collect();
    loop {
        let round = Round::next(wishes, &mut left);
        let (judged, to_write) = round.judge(tx, now).await?;
        for (nth, answer) in judged {
            match answer {
                Some(answer) => answers[nth] = Some(answer),
                // It goes to whom another one of this round goes to: behind that one.
                None => left.push(nth),
            }
        }
        left.sort_unstable();
        let leaves = to_write.iter().filter(|new| due_at(new.options, now) <= now);
        due.turns.extend(leaves.map(|new| new.turn(tx.organization_id())));
        let written = begin(tx, now, to_write).await?;
        if left.is_empty() {
            let answers = answers.into_iter().map(|answer| answer.expect("each was in a round")).collect();
            return Ok((written.read(tx, now, answers).await?, due));
        }
        written.write(tx, now).await?;
    }
}

/// The messages that the answers name.
pub(super) async fn read(tx: &Tenant, answers: Vec<Result<Uuid, Refusal>>) -> Result<Vec<Result<Message, Refusal>>> {
    let ids: Vec<Uuid> = answers.iter().filter_map(|answer| answer.as_ref().ok().copied()).collect();
    let mut known: HashMap<Uuid, Message> = HashMap::new();
    if !ids.is_empty() {
        known.extend(message::by_id(tx, ids).await?.into_iter().map(|message| (message.id, message)));
    }
    // One that came twice is shown twice. What a key named, and is there no more, was another request's.
    let message = |id| known.get(&id).cloned().ok_or(Refusal::KeyReused);
    Ok(answers.into_iter().map(|answer| answer.and_then(message)).collect())
}

/// What became of each wish of a round, by its place; `None`: nothing yet.
type Judged = Vec<(usize, Option<Result<Uuid, Refusal>>)>;

/// Wishes that come one behind the other and have nothing to do with one another: no two of them go to one recipient, or have one key.
struct Round<'w> {
    wishes: Vec<(usize, Wish<'w>)>,
}

impl<'w> Round<'w> {
    /// Takes what is left up to the first that comes again: nobody overtakes it.
    fn next(wishes: &[Wish<'w>], left: &mut Vec<usize>) -> Self {
        let (mut conversations, mut names, mut keys) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut comes_again = |wish: &Wish<'w>| {
            wish.idempotency.is_some_and(|known| !keys.insert(known.key.as_str()))
                || match wish.to {
                    To::Conversation(id) => !conversations.insert(*id),
                    To::Recipient { recipient, .. } => recipient.names().any(|name| !names.insert(name)),
                }
        };
        let end = left.iter().position(|nth| comes_again(&wishes[*nth])).unwrap_or(left.len());
        Self { wishes: left.drain(..end).map(|nth| (nth, wishes[nth])).collect() }
    }

    /// What becomes of each, and what is to be written for that; no answer: it has to wait for the next round.
    async fn judge(self, tx: &Tenant, now: Timestamp) -> Result<(Judged, Vec<New<'w>>)> {
        let threads = Threads::find(tx, self.wishes.iter().map(|(_, wish)| wish.to));
        let room = quota::room(tx, now, Quota::QueuedMessages);
        let ((before, mut room), threads) = tx.both(tx.both(self.repeated(tx), room), threads).await?;
        let mut answers = Vec::with_capacity(self.wishes.len());
        let mut fresh = Vec::with_capacity(self.wishes.len());
        for (nth, wish) in self.wishes {
            match wish.idempotency.and_then(|known| Some((known, before.get(&known.key)?))) {
                Some((known, (_, fingerprint))) if *fingerprint != known.fingerprint => {
                    answers.push((nth, Some(Err(Refusal::KeyReused))));
                }
                Some((_, (id, _))) => answers.push((nth, Some(Ok(*id)))),
                None => fresh.push((nth, wish)),
            }
        }
        let taken = taken(tx, &fresh).await?;
        let (mut to_write, mut met) = (Vec::with_capacity(fresh.len()), HashSet::new());
        for (nth, wish) in fresh {
            let answer = match threads.of(wish.to) {
                Err(refusal) => Some(Err(refusal)),
                Ok(thread) if !met.insert(thread.place()) => None,
                Ok(thread) => match judge(tx, now, &thread, wish, &taken).await? {
                    Err(refusal) => Some(Err(refusal)),
                    Ok(_) if room.left == Some(0) => Some(Err(Refusal::OverQuota(room.exceeded(now)))),
                    Ok((content, alternative)) => {
                        room.left = room.left.map(|left| left - 1);
                        let id = wish.options.id.unwrap_or_else(Uuid::now_v7);
                        to_write.push(New {
                            id,
                            thread,
                            content,
                            alternative,
                            callback_data: wish.content.callback_data.as_deref(),
                            options: wish.options,
                            idempotency: wish.idempotency,
                        });
                        Some(Ok(id))
                    }
                },
            };
            answers.push((nth, answer));
        }
        Ok((answers, to_write))
    }

    /// What came before under the same keys: the message, and what the request said.
    async fn repeated(&self, tx: &Tenant) -> Result<HashMap<String, (Uuid, Vec<u8>)>> {
        let keys = self.wishes.iter().filter_map(|(_, wish)| Some(wish.idempotency?.key.as_str()));
        stored(tx, keys.collect()).await
    }
}

/// What is sent of it as things stand, and what may leave in its place; or why nothing is.
async fn judge<'w>(
    tx: &Tenant,
    now: Timestamp,
    thread: &Thread,
    wish: Wish<'w>,
    taken: &HashSet<Uuid>,
) -> Result<Result<(&'w Content, Option<Alternative>), Refusal>> {
    let Wish { content, options, .. } = wish;
    let window = Window::at(due_at(options, now), thread.window_expires_at, thread.connected_at);
    let asks = content.needs_window && !options.force;
    let goes = Goes::at(window);
    let (content, other) = match (&options.when_window_closed, window) {
        (Some(instead), _) if asks => match goes {
            Goes::Open => (content, Some(instead)),
            Goes::Closed => (instead, Some(content)),
        },
        (None, Window::Closed { since }) if asks => {
            let templates = templates(tx, thread).await?;
            return Ok(Err(Refusal::WindowClosed { since, templates }));
        }
        _ => (content, None),
    };
    if content.needs_phone && !thread.by_phone {
        return Ok(Err(Refusal::NeedsPhone));
    }
    if options.id.is_some_and(|id| taken.contains(&id)) {
        return Ok(Err(Refusal::KeyReused));
    }
    // A reaction stands nowhere of its own, so what it is cannot change any more. What could not go to them is no choice.
    let is_choice = |other: &&Content| {
        content.kind != "reaction" && other.kind != "reaction" && (thread.by_phone || !other.needs_phone)
    };
    Ok(Ok((content, other.filter(is_choice).map(|other| Alternative::of(other, goes.other())))))
}

/// The ids that were chosen and are taken. Also one that whoever sends does not see has its name.
async fn taken(tx: &Tenant, wishes: &[(usize, Wish<'_>)]) -> Result<HashSet<Uuid>> {
    let chosen: Vec<Uuid> = wishes.iter().filter_map(|(_, wish)| wish.options.id).collect();
    if chosen.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = "SELECT id FROM wazapp.message WHERE organization_id = $1 AND id = ANY ($2)";
    let rows = tx.past_limits(tx.query(sql, &[&tx.organization_id(), &chosen])).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}

/// When it is to leave.
pub(super) fn due_at(options: &Options, now: Timestamp) -> Timestamp {
    options.send_at.map_or(now, |at| at.max(now))
}

/// How a request with this key was answered before, if it came before.
pub async fn repeated(tx: &Tenant, idempotency: &Idempotency) -> Result<Option<Result<Message, Refusal>>> {
    let answer = match stored(tx, vec![&idempotency.key]).await?.remove(&idempotency.key) {
        None => return Ok(None),
        Some((_, fingerprint)) if fingerprint != idempotency.fingerprint => Err(Refusal::KeyReused),
        Some((id, _)) => Ok(id),
    };
    Ok(Some(read(tx, vec![answer]).await?.remove(0)))
}

/// What came before under these keys: the message, and what the request said.
async fn stored(tx: &Tenant, keys: Vec<&str>) -> Result<HashMap<String, (Uuid, Vec<u8>)>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let sql =
        "SELECT key, message_id, fingerprint FROM wazapp.idempotency_key WHERE organization_id = $1 AND key = ANY ($2)";
    let rows = tx.query(sql, &[&tx.organization_id(), &keys]).await?;
    Ok(rows.iter().map(|row| (row.get("key"), (row.get("message_id"), row.get("fingerprint")))).collect())
}

/// Forgets a key whose message was provably not sent and will not be, because nobody waited for it any more or its time was
/// over: the same request is a new one then. False: there is no such key, or its message had another end.
pub async fn forget_unsent(tx: &Operator, scope: &Scope, known: &Idempotency) -> Result<bool> {
    let row = tx
        .query_opt(
            "DELETE FROM wazapp.idempotency_key k USING wazapp.message m
             WHERE k.organization_id = $1 AND k.key = $2 AND k.fingerprint = $3 AND m.organization_id = $1 AND m.id = k.message_id
               AND m.status = 'failed' AND m.wamid IS NULL AND m.error ->> 'code' IN ('cancelled', 'deadline')
             RETURNING k.key",
            &[&scope.organization_id(), &known.key, &known.fingerprint.as_slice()],
        )
        .await?;
    Ok(row.is_some())
}
