//! Message templates: what Meta lists of an account, and what its webhooks say since.
//!
//! Meta's listing and its webhooks tell of the same things at different times, and the newer one counts: a webhook by
//! the time that Meta gives it, a listing by the second in which its reading began ([`save`]). [`Facts`] are a
//! webhook's; [`sync`] is the reading of the whole listing, [`known`] what a message may ask before it is sent.

pub mod known;
mod learn;
mod list;
mod save;
pub mod sync;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

pub use learn::{Facts, any_organization_learn};
pub use list::{Filter, approved, delete, find_by_template_id, get, ids, list};
pub use save::{Listed, Source, save};

/// A template in one language, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Our id.
    pub id: Uuid,
    /// Meta's id of its account.
    pub waba_id: String,
    /// Meta's id: one for each name and language.
    pub template_id: String,
    /// Its name.
    pub name: Option<String>,
    /// Such as `en_US`.
    pub language: Option<String>,
    /// Such as `APPROVED`.
    pub status: Option<String>,
    /// Such as `UTILITY`.
    pub category: Option<String>,
    /// The one that Meta took it out of.
    pub previous_category: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
    /// Why it was rejected or paused, in Meta's word.
    pub reason: Option<String>,
    /// `POSITIONAL` or `NAMED`.
    pub parameter_format: Option<String>,
    /// Its parts, as Meta writes them.
    pub components: Option<Value>,
    /// Whether these are all of it. Webhooks tell the words alone.
    pub components_whole: bool,
    /// How long Meta tries to deliver it, in seconds.
    pub ttl_seconds: Option<i32>,
    /// The time of the newest thing that is known of it.
    pub facts_at: Timestamp,
    /// When it came to be known here.
    pub created_at: Timestamp,
    /// When something last changed here.
    pub updated_at: Timestamp,
}

/// The columns that [`Template::read`] reads, of `wazapp.template` as `t`.
macro_rules! template_columns {
    () => {
        "t.id, t.waba_id, t.template_id, t.name, t.language, t.status, t.category, t.previous_category, t.quality,
         t.reason, t.parameter_format, t.components, t.components_whole, t.ttl_seconds, t.facts_at, t.created_at,
         t.updated_at"
    };
}
use template_columns;

impl Template {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            waba_id: row.get("waba_id"),
            template_id: row.get("template_id"),
            name: row.get("name"),
            language: row.get("language"),
            status: row.get("status"),
            category: row.get("category"),
            previous_category: row.get("previous_category"),
            quality: row.get("quality"),
            reason: row.get("reason"),
            parameter_format: row.get("parameter_format"),
            components: row.get::<_, Option<Json<Value>>>("components").map(|json| json.0),
            components_whole: row.get("components_whole"),
            ttl_seconds: row.get("ttl_seconds"),
            facts_at: row.get("facts_at"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// The start of a second: webhooks know no smaller time, and of equals theirs counts.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).expect("the start of a second is a time")
}
