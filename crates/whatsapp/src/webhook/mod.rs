//! Webhook bodies, read into plain types.
//!
//! Meta may put up to a thousand updates into one POST, of several numbers and
//! organizations. [`parse`] takes a body apart so that nothing unknown or broken hurts its
//! neighbours: what can be understood becomes a [`Change`], the rest a [`Bad`] that keeps
//! its own little body for a second look. See Meta's page "Webhooks: payload structure".

mod calls;
mod change;
mod contact_sync;
mod conversation;
mod cut;
mod effect;
mod envelope;
mod field;
mod form;
mod history;
mod items;
mod media;
mod message;
mod notice;
mod number;
mod party;
mod peek;
mod scope;
mod status;
mod template;
mod text;
mod user_id_update;
mod wanted;

pub use change::{Change, Item};
pub use contact_sync::{ContactSync, SyncAction};
pub use cut::{Cut, cut};
pub use effect::Effect;
pub use envelope::{Bad, BadReason, OBJECT, Part, parse};
pub use field::Subject;
pub use history::HistoryProgress;
pub use media::Media;
pub use message::{Direction, Message, Origin};
pub use notice::Notice;
pub use number::NumberUpdate;
pub use party::Party;
pub use peek::{peek_only_statuses, peek_phone_number_id};
pub use status::Status;
pub use template::TemplateUpdate;
pub use wanted::{MESSAGES, wanted};
