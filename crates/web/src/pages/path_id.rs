//! The id in a page's path.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use uuid::Uuid;

use super::failure::Failure;
use crate::State;

/// The id in a page's path. What is none belongs to nothing that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathId(pub(crate) Uuid);

impl FromRequestParts<State> for PathId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Failure> {
        let Path(id) = Path::<Uuid>::from_request_parts(parts, state).await.map_err(|_| Failure::NotThere)?;
        Ok(Self(id))
    }
}
