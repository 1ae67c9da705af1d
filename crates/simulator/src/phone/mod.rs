//! The customer's phone: a page, and what it asks.

use std::sync::Arc;

use axum::Router;

use crate::engine::Meta;

/// The routes of the page.
pub(crate) fn router() -> Router<Arc<Meta>> {
    Router::new()
}
