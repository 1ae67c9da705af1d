//! Queue 2: messages waiting for Meta.
//!
//! A message and its row here are written in one transaction ([`enqueue`]). A worker takes turns
//! ([`any_organization_turns`]), claims a number's rows under its rate ([`any_organization_claim`]), calls Meta, and settles each with what it heard ([`any_organization_settle`]), or, where no
//! whole answer came, leaves it `unknown` until the status webhook echoes our id ([`any_organization_settle_echoes`]).

mod alternative;
mod cancel;
mod claim;
mod echo;
mod enqueue;
mod failing;
mod fate;
mod pace;
mod plan;
mod settle;
mod sweep;
mod thread;
mod turns;
mod wake;
mod window;
mod write;

pub use cancel::{Cancelled, cancel, try_no_more};
pub use claim::{
    Claim, Claimed, Lost, MOST, Refused, Taken, any_organization_begin, any_organization_claim,
    any_organization_recognize, any_organization_renew,
};
pub use echo::{Echo, any_organization_settle_echoes};
pub use enqueue::{
    Content, Idempotency, Options, Recipient, Refusal, Template, To, Wish, enqueue, enqueue_all, forget_unsent,
    repeated,
};
pub use failing::{Failing, any_organization_rest_bulk};
pub use fate::{Acceptance, Fate, fate};
pub use pace::{Pause, let_go};
pub(crate) use pace::{Rest, Well, begin_anew, let_go_seen, rests, resume};
pub use plan::{Replanned, replan};
pub use settle::{Outcome, Settled, any_organization_settle};
pub use sweep::{Backlog, any_organization_backlog, any_organization_overdue, any_organization_sweep};
pub use turns::{Turn, any_organization_turns, are_more_turns};
pub use wake::{Due, Wake, Watch};

use jiff::SignedDuration;

/// How long a claimed row is the claimer's. Longer than any call takes.
pub const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// Meta takes one message in so many seconds from a number to one recipient, after a burst.
/// <https://developers.facebook.com/docs/whatsapp/cloud-api/overview#pair-rate-limits>
const PAIR_SECONDS: i64 = 6;

/// The burst: so many at once, before the pace holds.
const PAIR_BURST: i64 = 45;

/// How far the clock of a pair may run ahead of the time.
const PAIR_EACH: SignedDuration = SignedDuration::from_secs(PAIR_SECONDS);
const PAIR_AHEAD: SignedDuration = SignedDuration::from_secs((PAIR_BURST - 1) * PAIR_SECONDS);
