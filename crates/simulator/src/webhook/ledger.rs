//! Every webhook sent, each try, each answer.

use bytes::Bytes;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::compose::Body;

/// When a failed POST is tried again, counted from the try before; the last one repeats. Meta does not publish its own:
/// "immediately, then with decreasing frequency" (§2.4).
const RETRY_AFTER_SECONDS: &[i64] = &[1, 10, 60, 300, 1800, 3600, 7200, 14_400];

/// Meta gives up then (§2.4).
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How a POST stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Being sent for the first time.
    Sending,
    /// Failed, to be tried again.
    Retrying,
    /// Answered 200.
    Delivered,
    /// Not answered 200 for seven days.
    Dropped,
}

/// One try.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Try {
    /// The simulator's time.
    pub(crate) at: Timestamp,
    /// The answer's status; `None`: no answer.
    pub(crate) status: Option<u16>,
    /// Why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Milliseconds of the world's time.
    pub(crate) milliseconds: f64,
}

/// One webhook.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) app_id: String,
    pub(crate) url: String,
    pub(crate) body: Bytes,
    pub(crate) phone_number_ids: Vec<String>,
    pub(crate) wamids: Vec<String>,
    pub(crate) fields: Vec<String>,
    /// Whether it repeats another on purpose.
    pub(crate) duplicate: bool,
    pub(crate) first_at: Timestamp,
    pub(crate) tries: Vec<Try>,
    pub(crate) state: State,
    pub(crate) next_at: Option<Timestamp>,
}

/// All webhooks, by number.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    posts: IndexMap<u64, Post>,
}

impl Ledger {
    /// Enters a body; answers its number.
    pub(crate) fn enter(&mut self, body: Body, now: Timestamp, duplicate: bool) -> u64 {
        let id = self.posts.len() as u64 + 1;
        let post = Post {
            app_id: body.app_id,
            url: body.url,
            body: body.bytes,
            phone_number_ids: body.phone_number_ids,
            wamids: body.wamids,
            fields: body.fields,
            duplicate,
            first_at: now,
            tries: Vec::new(),
            state: State::Sending,
            next_at: None,
        };
        self.posts.insert(id, post);
        id
    }

    /// One webhook.
    pub(crate) fn post(&self, id: u64) -> Option<&Post> {
        self.posts.get(&id)
    }

    /// Enters a try; answers when the next is due.
    pub(crate) fn tried(&mut self, id: u64, made: Try) -> Option<Timestamp> {
        let post = self.posts.get_mut(&id)?;
        let (at, taken) = (made.at, made.status == Some(200));
        post.tries.push(made);
        if taken || post.state == State::Delivered {
            // A repeat after a 200 changes nothing.
            post.state = State::Delivered;
            post.next_at = None;
        } else if at.duration_since(post.first_at) >= GIVE_UP_AFTER {
            post.state = State::Dropped;
            post.next_at = None;
        } else {
            let step = (post.tries.len() - 1).min(RETRY_AFTER_SECONDS.len() - 1);
            post.state = State::Retrying;
            post.next_at = Some(at + SignedDuration::from_secs(RETRY_AFTER_SECONDS[step]));
        }
        post.next_at
    }

    /// Whether a webhook about this message was tried.
    pub(crate) fn told(&self, wamid: &str) -> bool {
        self.posts.values().rev().any(|post| !post.tries.is_empty() && post.wamids.iter().any(|told| told == wamid))
    }

    /// Whether nothing is being sent and nothing waits to be tried again.
    pub(crate) fn settled(&self) -> bool {
        self.posts.values().all(|post| matches!(post.state, State::Delivered | State::Dropped))
    }

    /// As it is shown.
    pub(crate) fn show(&self, phone_number_id: Option<&str>) -> Value {
        let wanted =
            |post: &&Post| phone_number_id.is_none_or(|id| post.phone_number_ids.iter().any(|number| number == id));
        let rows = self.posts.iter().filter(|(_, post)| wanted(post)).map(|(id, post)| {
            json!({
                "id": id, "app_id": post.app_id, "url": post.url, "fields": post.fields, "wamids": post.wamids,
                "phone_number_ids": post.phone_number_ids, "duplicate": post.duplicate, "state": post.state,
                "first_at": post.first_at, "next_at": post.next_at, "tries": post.tries,
                "body": String::from_utf8_lossy(&post.body),
            })
        });
        json!({ "posts": rows.collect::<Vec<_>>(), "report": self.report() })
    }

    /// What Meta demands of a server (§2.3): a median of 250 ms, and less than 1 % above one second.
    fn report(&self) -> Value {
        let mut times: Vec<f64> = self
            .posts
            .values()
            .flat_map(|post| &post.tries)
            .filter(|made| made.status.is_some())
            .map(|made| made.milliseconds)
            .collect();
        times.sort_unstable_by(f64::total_cmp);
        let tries: usize = self.posts.values().map(|post| post.tries.len()).sum();
        let count = |state| self.posts.values().filter(|post| post.state == state).count();
        let median = times.get(times.len() / 2).copied();
        let slow = times.iter().filter(|time| **time > 1000.0).count() as f64 / times.len().max(1) as f64;
        json!({
            "posts": self.posts.len(), "tries": tries, "answered": times.len(), "delivered": count(State::Delivered),
            "retrying": count(State::Retrying), "sending": count(State::Sending), "dropped": count(State::Dropped),
            "median_ms": median, "share_above_1s": slow,
            "meets_meta": median.is_none_or(|median| median <= 250.0) && slow < 0.01,
        })
    }
}
