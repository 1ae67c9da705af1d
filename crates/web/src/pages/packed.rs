//! Pages that are compressed on their way.
//!
//! How long a compressed answer is shows whether the same text stands in it twice: whoever can have a page asked for again and
//! again, has a say in what stands in it, and watches the line, could find out what else stands there
//! ([BREACH](https://www.breachattack.com/)). Customers have a say in every page of the inbox. So no page holds a secret that
//! opens anything: the session is a cookie, and what is sent is known as ours by where it comes from, without a token. And what
//! others can have asked for is not compressed: a page that somebody else's leads to (`is_own`), and the streams by which an
//! open page hears of a message. Pages that show a secret once are of other rooms, whose answers are not compressed.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderMap, Method, StatusCode, Version};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// Marks the answer to a request of our own pages, or of whoever typed the address.
#[derive(Clone, Copy, Debug)]
struct Own;

/// Compresses the pages of these routes for browsers that take it.
pub(crate) fn packed(routes: Router<crate::State>) -> Router<crate::State> {
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_page);
    routes.layer(from_fn(mark)).layer(layer)
}

async fn mark(request: Request, next: Next) -> Response {
    let is_own = request.method() == Method::GET && is_own(request.headers());
    let mut response = next.run(request).await;
    if is_own {
        response.extensions_mut().insert(Own);
    }
    response
}

/// Whether a browser says that nobody else's page asks. One that says nothing of it is not believed.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>
fn is_own(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all("sec-fetch-site").iter();
    matches!((said.next(), said.next()), (Some(site), None) if site == "same-origin" || site == "none")
}

fn is_page(status: StatusCode, _: Version, headers: &HeaderMap, extensions: &Extensions) -> bool {
    let is_html = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    status == StatusCode::OK && is_html && extensions.get::<Own>().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_not_believed() {
        let said = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("sec-fetch-site", http::HeaderValue::from_static(value));
            }
            is_own(&headers)
        };
        assert!(said(&["same-origin"]) && said(&["none"]));
        for others in [&[][..], &["cross-site"], &["same-site"], &[""], &["none", "cross-site"]] {
            assert!(!said(others), "{others:?}");
        }
    }
}
