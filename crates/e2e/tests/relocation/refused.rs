//! What cannot be moved to is refused in one line, before anything is closed or written.

use e2e::cluster;
use e2e::pooler::Pooler;
use uuid::Uuid;

use super::{Stage, refused};
use crate::backup::{Target, text};

/// A database of this test's own.
async fn database(options: &str) -> String {
    let name = format!("refused_{}", Uuid::now_v7().simple());
    let client = cluster::connect(&cluster::socket_dir(), "postgres").await.expect("a connection");
    client.batch_execute(&format!("CREATE DATABASE {name} {options}")).await.expect("a database");
    name
}

fn url(socket_dir: &std::path::Path, name: &str) -> String {
    format!("postgres://postgres:s3cret-word@{}/{name}?sslmode=disable", text(socket_dir).replace('/', "%2F"))
}

#[tokio::test(flavor = "multi_thread")]
async fn unfit_places_are_refused_and_the_old_one_is_served_as_before() {
    let stage = Stage::new().await;
    let (taken, empty) = (Target::new().await, Target::new().await);
    let other = Stage::new().await;
    other.installation.json(&["move", "database", "--to", &taken.url]).await;
    let latin = database("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0").await;
    let unsynced = database("").await;
    let client = cluster::connect(&cluster::socket_dir(), "postgres").await.expect("a connection");
    client.batch_execute(&format!("ALTER DATABASE {unsynced} SET synchronous_commit = off")).await.expect("it is set");
    let (pooler, pooled) = (Pooler::start(&cluster::socket_dir()).await, database("").await);
    for (to, expected) in [
        (taken.url.clone(), "not empty"),
        (url(&cluster::socket_dir(), &latin), "encoding is LATIN1"),
        (url(&cluster::socket_dir(), &unsynced), "synchronous_commit = on"),
        (url(pooler.socket_dir(), &pooled), "transaction pooler"),
        (url(&cluster::socket_dir(), "nowhere_at_all"), "--to: "),
        ("postgres://x:s3cret-word@127.0.0.1:1/x?sslmode=disable".to_owned(), "--to: "),
        ("private".to_owned(), "that is where it is"),
        ("mysql://x".to_owned(), "--to: write postgres://"),
    ] {
        let says = refused(&stage.installation, &["move", "database", "--to", &to]).await;
        assert!(says.contains(expected) && !says.contains("s3cret-word"), "{to}: {says}");
        assert_eq!(says.lines().filter(|line| line.starts_with("error:")).count(), 1, "{says}");
    }
    // A server on either side.
    let server = stage.installation.serve().await;
    let says = refused(&stage.installation, &["move", "database", "--to", &empty.url]).await;
    assert!(says.contains("a server runs on the private PostgreSQL") && says.contains("stop it first"), "{says}");
    assert!(server.terminate().await.0.success());
    let served = other.at(&taken.url);
    let server = served.installation.serve().await;
    for to in [&empty.url, "private"] {
        let says = refused(&served.installation, &["move", "database", "--to", to]).await;
        assert!(says.contains("a server runs on") && says.contains("stop it first"), "{says}");
    }
    assert_eq!(served.installation.json(&["move", "cancel"]).await["was_open"], true, "it was opened again");
    assert!(server.terminate().await.0.success());
    // The same database, said otherwise.
    let says =
        refused(&served.installation, &["move", "database", "--to", &url(&cluster::socket_dir(), taken.name())]).await;
    assert!(says.contains("not empty"), "{says}");
    for installation in [&stage.installation, &served.installation] {
        assert!(installation.serve().await.terminate().await.0.success());
    }
    drop(pooler);
    for name in [&latin, &unsynced, &pooled] {
        cluster::remove(&cluster::socket_dir(), name).await.expect("it is removed");
    }
    taken.end().await;
    empty.end().await;
    stage.meta.stop().await;
    served.meta.stop().await;
}
