//! Authorities that are none, or that refuse.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, head, post};
use bytes::Bytes;
use e2e::{World, until};
use futures::stream;
use jiff::SignedDuration;
use model::certificate::failure::Reason;
use model::certificate::{self, Standing, Wanted};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use worker::certificate::Settings;

use super::{DOMAIN, domains};

/// Bytes without an end.
async fn endless() -> Response {
    let chunk = Bytes::from(vec![b' '; 64 << 10]);
    Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone()))).into_response()
}

/// One that speaks the protocol, and refuses new accounts like this.
fn refusing(url: &str, name: &'static str, kind: &'static str, rest: Option<&'static str>) -> Router {
    let base = format!("{url}/{name}");
    let directory = json!({ "newNonce": format!("{base}/nonce"), "newAccount": format!("{base}/account"), "newOrder": format!("{base}/order") });
    let problem = json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": "a\r\nline", "status": 429 });
    let refuse = async move || {
        let mut headers = HeaderMap::new();
        if let Some(rest) = rest {
            headers.insert("retry-after", rest.parse().expect("a value"));
        }
        (StatusCode::TOO_MANY_REQUESTS, headers, problem.to_string())
    };
    Router::new()
        .route(&format!("/{name}"), get(async move || directory.to_string()))
        .route(&format!("/{name}/nonce"), head(async || [("replay-nonce", "none")]))
        .route(&format!("/{name}/account"), post(refuse))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_authority_is_named_and_does_no_harm() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let router = Router::new()
        .route("/endless", get(endless))
        .route("/elsewhere", get(async || Redirect::temporary("/limited")))
        .route("/garbage", get(async || "<html>Welcome</html>"))
        .route("/broken", get(async || StatusCode::BAD_GATEWAY))
        .route("/absent", get(async || (StatusCode::NOT_FOUND, "nothing here")))
        .merge(refusing(&url, "limited", "rateLimited", Some("7200")))
        .merge(refusing(&url, "closed", "externalAccountRequired", None))
        .merge(refusing(&url, "strange", "somethingNew", Some("99999999999")));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let cases = [
        ("endless", Reason::Answer, 0),
        ("elsewhere", Reason::Answer, 0),
        ("garbage", Reason::Answer, 0),
        ("broken", Reason::Away, 0),
        ("absent", Reason::Answer, 0),
        ("limited", Reason::RateLimited, 119),
        ("closed", Reason::Account, 0),
        ("strange", Reason::Refused, 7 * 24 * 60 - 1),
    ];
    let stop = CancellationToken::new();
    let mut asking = Vec::new();
    for (name, reason, rest) in cases {
        let settings = Settings {
            clock: world.clock().clone(),
            keyring: world.keyring().clone(),
            wanted: Wanted::new(&format!("{url}/{name}"), &domains(&[DOMAIN])),
            email: None,
            binding: None,
            roots: None,
            answers_http: true,
        };
        let wanted = settings.wanted.clone();
        asking.push(tokio::spawn(worker::certificate::run(world.database_apart(), settings, stop.clone())));
        until(name, async || standing(&world, &wanted).await.is_some_and(|standing| standing.failed.is_some())).await;
        let standing = standing(&world, &wanted).await.expect("it was tried");
        let (_, failure) = standing.failed.expect("it failed");
        assert_eq!(failure.reason, reason, "{name}: {failure}");
        assert!(
            !failure.to_string().contains(char::is_control) && !failure.to_string().contains("Welcome"),
            "{failure}"
        );
        let pause = standing.again_at.duration_since(world.now());
        let (least, most) = (SignedDuration::from_mins(rest.max(4)), SignedDuration::from_hours(7 * 24 + 1));
        assert!(pause > least && pause < most, "{name}: {pause}");
    }
    stop.cancel();
    for one in asking {
        one.await.expect("it ends");
    }
    world.end().await;
}

async fn standing(world: &World, wanted: &Wanted) -> Option<Standing> {
    let tx = world.database().operator().await.expect("a connection");
    let standing = certificate::standing(&tx, wanted).await.expect("it can be read");
    tx.close();
    standing
}
