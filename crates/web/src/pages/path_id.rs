//! The id in a page's path.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::failure::Failure;
use crate::State;

/// The id in a page's path, or several. What is none belongs to nothing that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathId<T = Uuid>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<State> for PathId<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Failure> {
        let Path(id) = Path::<T>::from_request_parts(parts, state).await.map_err(|_| Failure::NotThere)?;
        Ok(Self(id))
    }
}
