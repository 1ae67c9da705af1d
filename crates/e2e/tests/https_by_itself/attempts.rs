//! Attempts that are known to the authority, or end in the middle.

use e2e::{Authority, BINDING, World, until};
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use worker::certificate::Binding;

use super::{DOMAIN, NOBODY, anywhere, getting, getting_bound, https, order};

/// An authority that makes accounts beforehand takes ours with the key that it gave, and without it not.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_made_beforehand_is_bound() {
    let (world, authority) = (World::new().await, Authority::start_bound().await);
    let secure = https(&authority, NOBODY, anywhere(), Some(authority.http())).await;
    let (node, stop, sql) = (world.secure_node(secure).await, CancellationToken::new(), world.sql().await);
    let asking = getting(&world, &authority, DOMAIN, &stop);
    let refused = "SELECT count(*) FROM wazapp.acme_order WHERE directory = $1 AND failure = 'account'";
    let count =
        async |query: &str| sql.query_one(query, &[&authority.directory()]).await.expect("a count").get::<_, i64>(0);
    until("it is refused", async || count(refused).await == 1).await;
    stop.cancel();
    asking.await.expect("it ends");

    sql.execute("UPDATE wazapp.acme_order SET again_at = '-infinity'", &[]).await.expect("again");
    let stop = CancellationToken::new();
    let binding = Binding { key_id: BINDING.0.to_owned(), key: BINDING.1.into() };
    let asking = getting_bound(&world, &authority, DOMAIN, &stop, Some(binding));
    let issued = "SELECT count(*) FROM wazapp.certificate c JOIN wazapp.acme_order o USING (id) WHERE o.directory = $1";
    until("it is issued", async || count(issued).await == 1).await;
    stop.cancel();
    asking.await.expect("it ends");
    node.stop().await;
    drop(sql);
    world.end().await;
}

/// The authority counts what it refused: a server that is started again does not begin anew at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_authority_refused_counts_though_the_server_ends_in_the_middle() {
    let (world, authority) = (World::new().await, Authority::start().await);
    // Nobody answers on port 80; on port 443 somebody who says nothing.
    let silent = TcpListener::bind(authority.tls()).await.expect("an address to listen on");
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let (stop, sql) = (CancellationToken::new(), world.sql().await);
    let asking = getting(&world, &authority, DOMAIN, &stop);
    let second = "SELECT count(*) FROM wazapp.acme_challenge WHERE way = 'tls-alpn-01'";
    until("the second way is tried", async || sql.query_one(second, &[]).await.expect("a count").get::<_, i64>(0) == 1)
        .await;
    stop.cancel();
    asking.await.expect("it ends");
    let (attempts, failures, again_at) = order(&sql, &authority.directory()).await;
    assert_eq!((attempts, failures), (1, 1));
    assert!(again_at.duration_since(world.now()) > SignedDuration::from_mins(4), "{again_at}");
    let why = "SELECT failure FROM wazapp.acme_order WHERE failed_at IS NOT NULL";
    assert_eq!(sql.query_one(why, &[]).await.expect("it failed").get::<_, String>(0), "connection");
    held.abort();
    drop(sql);
    world.end().await;
}
