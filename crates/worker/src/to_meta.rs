//! What every job that asks Meta has in common.

use model::Clock;
use model::apps::Apps;
use model::secret::Keyring;
use whatsapp::graph::Graph;

/// What a call to Meta takes.
#[derive(Clone, Debug)]
pub struct ToMeta {
    /// What time it is.
    pub clock: Clock,
    /// Opens and seals tokens.
    pub keyring: Keyring,
    /// Their secrets prove calls, and say what a token is good for.
    pub apps: Apps,
    /// Meta.
    pub graph: Graph,
}
