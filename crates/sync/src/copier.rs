//! The copier: the log first, then what it gave reason to read, then a page of everything where everything is being read.
//!
//! Whatever is read is written before the next thing is read, by one copier alone. So what stands in a copy is as the source
//! had it, and of each change that was told since, the row is read again: whatever is lost in between, it ends equal.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::bell::Bell;
use crate::change::Change;
use crate::error::{Result, SyncError, Trouble};
use crate::lease::{LEASE, SIGN};
use crate::news::News;
use crate::record::Record;
use crate::source::Source;
use crate::state::{Stage, State, Task, Walk};
use crate::target::{Part, Target};
use crate::{Connect, Options, Stop, Tell, schema};

/// What passes is tried again after this long, then longer.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Who copies once does not wait for ever.
const ONCE: Duration = Duration::from_secs(60);

/// How far the copy is, is read again this often: it says when everything is due to be read.
const LOOK: Duration = Duration::from_secs(60);

/// Where no stream tells of news, the log is asked this often.
const ASK: Duration = Duration::from_secs(5);

/// Copies until the copy is level with the log (`once`), until `stop`, or until somebody has to do something.
pub async fn run(options: &Options, connect: Connect, stop: &Stop, tell: &dyn Tell) -> Result<(), SyncError> {
    let source = Source::new(&options.api, options.key.clone()).map_err(words)?;
    let mut patience = Patience::new(options.once);
    let mut copier = loop {
        match open(options, &source, &connect, tell).await {
            Ok(copier) => break copier,
            Err(trouble) => patience.after(trouble, stop, tell).await?,
        }
        if stop.is_cancelled() {
            return Ok(());
        }
    };
    if options.prepare_only {
        return Ok(());
    }
    let ended = copier.copy(options, stop, &mut patience).await;
    // If the database is away, the lease ends by itself.
    let _ = copier.target.let_go().await;
    ended
}

fn words(trouble: Trouble) -> SyncError {
    SyncError(match trouble {
        Trouble::Passing(words, _) | Trouble::Final(words) => words,
        Trouble::Place | Trouble::Moved => {
            "wazapp refuses what it is asked: name the address of a wazapp of this version or newer".into()
        }
        Trouble::LogBegan => "wazapp's log begins later than it says".into(),
    })
}

/// How long what passes was borne with.
struct Patience {
    once: bool,
    pause: Duration,
    since: Option<Instant>,
}

impl Patience {
    fn new(once: bool) -> Self {
        Self { once, pause: FIRST_PAUSE, since: None }
    }

    fn went_well(&mut self) {
        (self.pause, self.since) = (FIRST_PAUSE, None);
    }

    /// Waits for what passes; what does not is the end.
    async fn after(&mut self, trouble: Trouble, stop: &Stop, tell: &dyn Tell) -> Result<(), SyncError> {
        let Trouble::Passing(words, wait) = trouble else { return Err(self::words(trouble)) };
        let since = *self.since.get_or_insert_with(|| {
            tell.line(&format!("{words}: trying again"));
            Instant::now()
        });
        if self.once && since.elapsed() > ONCE {
            return Err(SyncError(words));
        }
        let pause = wait.unwrap_or(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }
}

async fn open<'a>(options: &Options, source: &Source, connect: &Connect, tell: &'a dyn Tell) -> Result<Copier<'a>> {
    let organization = source.organization().await?;
    let mut target = Target::new(connect.clone(), &options.schema, organization.id, options.full_every);
    let prepared = target.with(async |client, _| schema::prepare(client, options).await).await?;
    prepared.lines.iter().for_each(|line| tell.line(line));
    if let Some(words) = prepared.missing {
        return Err(Trouble::Final(words));
    }
    if !options.prepare_only && target.state().await?.is_none() {
        // Whatever changes while everything is read comes behind this event.
        target.begin(&State::begin(source.log_end().await?)).await?;
        tell.line(&format!("copying {} for the first time", organization.name));
    }
    Ok(Copier { source: source.clone(), target, tell, rows: 0 })
}

/// How far the copy is, and when the copy said so; and where the log ended when that was last asked.
struct Held {
    state: State,
    read_at: Instant,
    end: i64,
}

struct Copier<'a> {
    source: Source,
    target: Target,
    tell: &'a dyn Tell,
    rows: u64,
}

impl Copier<'_> {
    async fn copy(&mut self, options: &Options, stop: &Stop, patience: &mut Patience) -> Result<(), SyncError> {
        if !self.take(options, stop, patience).await? {
            return Ok(());
        }
        let bell = (!options.once).then(|| Bell::new(self.source.clone()));
        let mut held: Option<Held> = None;
        let mut level_told = false;
        while !stop.is_cancelled() {
            match self.round(&mut held, bell.as_ref()).await {
                Ok(true) => patience.went_well(),
                Ok(false) => {
                    patience.went_well();
                    if !std::mem::replace(&mut level_told, true) || options.once {
                        let cursor = held.as_ref().map_or(0, |held| held.state.cursor);
                        self.tell.line(&format!("the copy is level with the log, at event {cursor}"));
                    }
                    if options.once {
                        return Ok(());
                    }
                    if let Err(trouble) = self.rest(bell.as_ref(), stop).await {
                        patience.after(trouble, stop, self.tell).await?;
                    }
                }
                Err(trouble) => {
                    // A COMMIT may have been done or not: the copy itself says how far it is.
                    held = None;
                    patience.after(trouble, stop, self.tell).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes the copy, waiting for whoever has it; false: it is to stop.
    async fn take(&mut self, options: &Options, stop: &Stop, patience: &mut Patience) -> Result<bool, SyncError> {
        let (began, mut is_told) = (Instant::now(), false);
        while !stop.is_cancelled() {
            match self.target.take(options.take_over).await {
                Ok(true) => return Ok(true),
                Ok(false) if options.once && began.elapsed() > LEASE + SIGN => {
                    return Err(SyncError(
                        "another copier is at work on this copy, and keeps it level: there is nothing to do".into(),
                    ));
                }
                Ok(false) => {
                    if !std::mem::replace(&mut is_told, true) {
                        self.tell.line("another copier is at work on this copy, or was just now: waiting for its end");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(trouble) => patience.after(trouble, stop, self.tell).await?,
            }
        }
        Ok(false)
    }

    /// Waits for news, and says meanwhile that it is there.
    async fn rest(&mut self, bell: Option<&Bell>, stop: &Stop) -> Result<()> {
        let Some(bell) = bell else { return Ok(()) };
        let ask = Instant::now() + if bell.is_live() { 12 * ASK } else { ASK };
        while Instant::now() < ask {
            tokio::select! {
                () = bell.rung() => break,
                () = stop.cancelled() => break,
                () = tokio::time::sleep(SIGN) => {}
            }
            self.target.sign().await?;
        }
        Ok(())
    }

    /// Some of each kind of work; false: there is none.
    async fn round(&mut self, held: &mut Option<Held>, bell: Option<&Bell>) -> Result<bool> {
        let is_anew = held.is_none() || bell.is_some_and(Bell::takes_is_anew);
        let known_end = held.as_ref().map_or(0, |held| held.end);
        let Held { mut state, read_at, mut end } = match held.take().filter(|held| held.read_at.elapsed() < LOOK) {
            Some(held) => held,
            None => {
                let state = self.target.state().await?;
                let state = state.ok_or_else(|| Trouble::Final("somebody took the copy away: start again".into()))?;
                Held { state, read_at: Instant::now(), end: known_end }
            }
        };
        if is_anew {
            end = self.look_at_end(&mut state).await?;
        }
        if state.is_due && state.walk.is_none() {
            state.walk = Some(Walk::begin(Stage::Contacts));
        }
        state.is_due = false;
        let heard = self.events(&mut state, end.max(bell.map_or(0, Bell::sequence))).await?;
        let did = self.tasks(&mut state).await?;
        let walked = self.walk(&mut state).await?;
        *held = Some(Held { state, read_at, end });
        Ok(heard || did || walked)
    }

    /// A server that was set back to an earlier time tells other things under numbers that the copy has passed; and another
    /// server by the same name may tell of somebody else. Answers where the log ends.
    async fn look_at_end(&mut self, state: &mut State) -> Result<i64> {
        let organization = self.source.organization().await?;
        if organization.id != self.target.organization() {
            return Err(Trouble::Final(format!(
                "wazapp answers for another organization now, {}, than this copier began with: see that it is the right \
                 address and key, and start again",
                organization.name
            )));
        }
        let end = self.source.log_end().await?;
        if end < state.cursor {
            self.tell.line("wazapp's log ends before what the copy has: reading everything anew");
            state.cursor = end;
            state.read_anew();
            self.target.commit(state, false, Change::default()).await?;
        }
        Ok(end)
    }

    /// Hears of what comes next in the log, and reads what it names.
    async fn events(&mut self, state: &mut State, known_end: i64) -> Result<bool> {
        let events = match self.source.events(state.cursor).await {
            Ok(events) => events,
            Err(Trouble::LogBegan) => {
                self.tell
                    .line("events that the copy has not heard of are past their retention: reading everything anew");
                state.cursor = self.source.log_end().await?;
                state.read_anew();
                self.target.commit(state, false, Change::default()).await?;
                return Ok(true);
            }
            Err(trouble) => return Err(trouble),
        };
        let Some(last) = events.last() else {
            // A key that sees a part of the organization is told of no others: they are passed over.
            if known_end > state.cursor {
                state.cursor = known_end;
                self.target.commit(state, false, Change::default()).await?;
            }
            return Ok(false);
        };
        state.cursor = last.sequence;
        let mut news = News::of(&events);
        let mut change = Change { tasks: std::mem::take(&mut news.tasks), ..Change::default() };
        change.messages = std::mem::take(&mut news.messages);
        change.doubted_contacts = std::mem::take(&mut news.doubted_contacts);
        change.doubted_conversations = std::mem::take(&mut news.doubted_conversations);
        self.look(&mut change, Stage::Messages, &news.message_ids).await?;
        self.look(&mut change, Stage::Conversations, &news.conversation_ids).await?;
        let of_conversations = change.conversations.values().filter_map(|row| row.id(&["contact", "id"]));
        let of_messages = change.messages.values().filter_map(|row| row.id(&["contact_id"]));
        news.contact_ids.extend(of_conversations.chain(of_messages));
        self.look(&mut change, Stage::Contacts, &news.contact_ids).await?;
        self.look_at_statuses(&mut change).await?;
        if news.is_everything {
            state.read_anew();
        }
        self.target.commit(state, false, change).await?;
        Ok(true)
    }

    /// Reads rows by their ids: they are written, or gone.
    async fn look(&self, change: &mut Change, stage: Stage, ids: &BTreeSet<Uuid>) -> Result<()> {
        let wanted: Vec<Uuid> = ids.iter().copied().collect();
        let found = keyed(self.source.these(stage.word(), &wanted).await?);
        change.gone.extend(wanted.into_iter().filter(|id| !found.contains_key(id)).map(|id| (stage, id)));
        match stage {
            Stage::Contacts => change.contacts.extend(found),
            Stage::Conversations => change.conversations.extend(found),
            Stage::Messages => change.messages.extend(found),
        }
        Ok(())
    }

    /// Reads what became of the messages that are written.
    async fn look_at_statuses(&self, change: &mut Change) -> Result<()> {
        let sent = change.messages.iter().filter(|(_, row)| row.is_outbound());
        change.statuses_of = sent.map(|(id, _)| *id).collect();
        change.statuses = self.source.statuses(&change.statuses_of).await?;
        Ok(())
    }

    /// Does some of what is still to be read.
    async fn tasks(&mut self, state: &mut State) -> Result<bool> {
        let tasks = self.target.tasks().await?;
        let Some((task, id, page)) = tasks.first().cloned() else { return Ok(false) };
        let mut change = Change::default();
        let stage = match task {
            Task::Person => {
                let path = format!("/conversations?contact_id={id}");
                self.list(&mut change, (task, id, page), Stage::Conversations, &path).await?;
                change.tasks.extend(change.conversations.keys().map(|id| (Task::Thread, *id)));
                None
            }
            Task::Thread => {
                let path = format!("/conversations/{id}/messages");
                self.list(&mut change, (task, id, page), Stage::Messages, &path).await?;
                change.done.extend(change.messages.keys().map(|id| (Task::Message, *id)));
                None
            }
            Task::Contact => Some(Stage::Contacts),
            Task::Conversation => Some(Stage::Conversations),
            Task::Message => Some(Stage::Messages),
        };
        if let Some(stage) = stage {
            let ids = tasks.iter().map(|task| task.1).collect();
            self.look(&mut change, stage, &ids).await?;
            change.done = tasks.iter().map(|(task, id, _)| (*task, *id)).collect();
        }
        self.look_at_statuses(&mut change).await?;
        self.target.commit(state, false, change).await?;
        Ok(true)
    }

    /// Reads the next page of a task's list.
    async fn list(
        &self,
        change: &mut Change,
        (task, id, page): (Task, Uuid, Option<String>),
        stage: Stage,
        path: &str,
    ) -> Result<()> {
        let read = match self.source.page(path, page.as_deref()).await {
            Ok(read) => read,
            // The list is another one's now, or a place in it is none any more: both are looked at again.
            Err(Trouble::Place | Trouble::Moved) => {
                change.done.push((task, id));
                if task == Task::Thread {
                    change.tasks.insert((Task::Conversation, id));
                }
                return Ok(());
            }
            Err(trouble) => return Err(trouble),
        };
        match read.next_cursor {
            Some(next) => change.turned = Some((task, id, next)),
            None => change.done.push((task, id)),
        }
        match stage {
            Stage::Conversations => change.conversations = keyed(read.data),
            Stage::Messages => change.messages = keyed(read.data),
            Stage::Contacts => change.contacts = keyed(read.data),
        }
        Ok(())
    }

    /// Reads the next page of everything.
    async fn walk(&mut self, state: &mut State) -> Result<bool> {
        let Some(Walk { stage, page, below }) = state.walk.clone() else { return Ok(false) };
        let read = match self.source.page(stage.path(), page.as_deref()).await {
            // The place of another version: the list is read from its beginning.
            Err(Trouble::Place) if page.is_some() => {
                state.walk = Some(Walk::begin(stage));
                self.target.commit(state, false, Change::default()).await?;
                return Ok(true);
            }
            read => read?,
        };
        let rows = keyed(read.data);
        let below = below.unwrap_or(Uuid::max());
        // A page may be empty, and yet not the last: it says nothing of what lies below.
        let ends = read.next_cursor.is_some().then(|| rows.keys().next().copied().unwrap_or(below));
        let part = Part { stage, from: ends.unwrap_or(Uuid::nil()), below, ids: rows.keys().copied().collect() };
        let strays = self.target.strays(&part).await?;
        // Where the list has lost very many, the walk stays on its page until all of them are noted.
        let rest = strays.rest_below.map(|below| Walk { stage, page: page.clone(), below: Some(below) });
        if rest.is_none() {
            self.tell_of(stage, page.is_none(), rows.len());
        }
        let noted = strays.ids.into_iter().map(|id| (Task::of(stage), id)).collect();
        let mut change = Change { tasks: noted, ..Change::default() };
        match stage {
            Stage::Contacts => change.contacts = rows,
            Stage::Conversations => change.conversations = rows,
            Stage::Messages => change.messages = rows,
        }
        self.look_at_statuses(&mut change).await?;
        let next = rest.or_else(|| match (read.next_cursor, stage.next()) {
            (Some(page), _) => Some(Walk { stage, page: Some(page), below: ends }),
            (None, next) => next.map(Walk::begin),
        });
        let is_over = next.is_none();
        state.walk = next.or_else(|| state.again.then(|| Walk::begin(Stage::Contacts)));
        if is_over {
            state.again = false;
        }
        self.target.commit(state, is_over, change).await?;
        Ok(true)
    }

    /// Tells how far the reading of a list is.
    fn tell_of(&mut self, stage: Stage, is_first_page: bool, rows: usize) {
        if is_first_page {
            self.rows = 0;
        }
        self.rows += rows as u64;
        self.tell.copied(stage.word(), self.rows);
    }
}

fn keyed(rows: Vec<Record>) -> std::collections::BTreeMap<Uuid, Record> {
    rows.into_iter().filter_map(|row| Some((row.id(&["id"])?, row))).collect()
}
