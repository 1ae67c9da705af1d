//! Everything that answers HTTP.

pub mod api;
pub mod problem;

use model::Database;

/// What handlers share.
#[derive(Clone, Debug)]
pub struct State {
    /// PostgreSQL, opened a transaction at a time.
    pub database: Database,
    /// What others call this server, such as `https://wa.example.com`.
    pub public_url: String,
    /// This server's version.
    pub version: &'static str,
}
