//! Everything moved to another place: [`database`] from one PostgreSQL to another, [`media`] from one store to another.

pub mod database;
pub mod media;
mod sum;

use model::database::DatabaseError;
use model::store::StoreError;

pub use crate::backup::{Progress, Told};
pub use sum::TableSum;

/// Why something did not move.
#[derive(Debug, thiserror::Error)]
pub enum RelocationError {
    /// A database did not do its part.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A store did not do its part.
    #[error("{0}{on}", on = way_on(.0))]
    Store(StoreError),
    /// What arrived is not what left.
    #[error(
        "{0} is not the same on both sides: nothing was switched. Nobody may write to either place; run the same command again"
    )]
    Differs(String),
    /// The text says whose move it is.
    #[error("{0}")]
    Refused(String),
}

impl From<StoreError> for RelocationError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The result of everything here.
pub type Result<T, E = RelocationError> = std::result::Result<T, E>;

/// The same may work later, or something is to be set right first.
fn way_on(error: &StoreError) -> &'static str {
    match error {
        StoreError::Failed(_) => ": run the same command again, it goes on where it was",
        StoreError::Missing | StoreError::Unfit(_) => "",
    }
}
