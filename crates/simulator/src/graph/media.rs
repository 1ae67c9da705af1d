//! To come.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[];

/// Download.
pub(crate) async fn download() -> http::StatusCode {
    http::StatusCode::NOT_FOUND
}
