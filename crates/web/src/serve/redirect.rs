//! Whoever comes over plain HTTP is led to HTTPS.

use axum::Router;
use axum::response::Redirect;
use http::Uri;

use super::challenge::Challenges;

/// Leads every request to the same path below this URL, but for those of an authority. The name that was asked for plays no
/// part: it could be anybody's.
pub fn to_https(public_url: &str, challenges: Option<Challenges>) -> Router {
    let public_url = public_url.trim_end_matches('/').to_owned();
    challenges.map_or_else(Router::new, Challenges::routes).fallback(async move |uri: Uri| {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        // What a browser takes for another host's name is no path of ours.
        let path = if path.starts_with('/') { path } else { "/" };
        Redirect::permanent(&format!("{public_url}{path}"))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http::header::LOCATION;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn the_path_is_kept_and_the_host_is_ours() {
        for (asked, led) in [
            ("/inbox?view=all", "https://wa.example.com/inbox?view=all"),
            ("/", "https://wa.example.com/"),
            ("//evil.example/x", "https://wa.example.com//evil.example/x"),
            ("http://evil.example/x", "https://wa.example.com/x"),
        ] {
            let request = Request::get(asked).header("host", "evil.example").body(Body::empty()).expect("a request");
            let answer = to_https("https://wa.example.com/", None).oneshot(request).await.expect("an answer");
            assert_eq!(answer.status(), 308);
            assert_eq!(answer.headers()[LOCATION], led, "{asked}");
        }
    }
}
