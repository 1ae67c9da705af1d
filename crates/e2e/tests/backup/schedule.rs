//! Backups that servers make by themselves.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use model::backup::schedule::standing;
use model::store::shelf::Shelf;
use tokio_util::sync::CancellationToken;
use worker::backup::schedule::{Settings, round};
use worker::backup::{Identities, Opened, Recipients};

use super::{Stage, files, text};
use crate::media::s3::S3;

fn settings(stage: &Stage, to: Shelf) -> Settings {
    Settings {
        clock: stage.world.clock().clone(),
        store: stage.world.store(),
        to,
        recipients: Recipients::read(&stage.recipient).expect("a recipient"),
        every: SignedDuration::from_hours(24),
        keep: 2,
        keys: Arc::new(|| Ok(Vec::new())),
        version: "test",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_makes_the_one_that_is_due_and_the_oldest_go() {
    let stage = Stage::new().await;
    let directory = stage.path("daily");
    let settings = settings(&stage, Shelf::directory(&directory).expect("a directory"));
    let (first, second, stop) = (stage.world.database(), stage.world.database_apart(), CancellationToken::new());
    std::fs::write(directory.join("wazapp-before-upgrade.age"), "a person's").expect("it is written");
    for day in 1..=3 {
        let both = tokio::join!(round(first, &settings, &stop), round(&second, &settings, &stop));
        let made = [both.0.expect("it is made"), both.1.expect("it is made")];
        assert_eq!(made.iter().filter(|made| **made).count(), 1, "on day {day}");
        assert!(!round(first, &settings, &stop).await.expect("it is looked at"), "the next is due tomorrow");
        stage.world.advance(Duration::from_secs(24 * 3600)).await;
    }
    let there: Vec<_> = files(&directory).into_keys().collect();
    assert_eq!(there.len(), 3, "two, and what is not theirs: {there:?}");
    assert!(there.iter().any(|name| text(name) == "wazapp-before-upgrade.age"));
    let tx = first.operator().await.expect("a transaction");
    let stands = standing(&tx).await.expect("the statement runs");
    tx.close();
    assert!(stands.failed.is_none() && stands.size.is_some_and(|size| size > 0), "{stands:?}");
    second.close();
    stage.world.end().await;
}

/// A failure is written down, and tried again in a quarter of an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_known_and_tried_again() {
    let stage = Stage::new().await;
    let directory = stage.path("gone");
    let settings = settings(&stage, Shelf::directory(&directory).expect("a directory"));
    std::fs::remove_dir(&directory).expect("it goes");
    std::fs::write(&directory, "in its place").expect("it is written");
    let (database, stop) = (stage.world.database(), CancellationToken::new());
    assert!(round(database, &settings, &stop).await.expect("it is tried"));
    let stands = async || {
        let tx = database.operator().await.expect("a transaction");
        let stands = standing(&tx).await.expect("the statement runs");
        tx.close();
        stands
    };
    assert!(stands().await.failed.is_some());
    assert!(!round(database, &settings, &stop).await.expect("it is looked at"), "not at once");
    std::fs::remove_file(&directory).expect("it goes");
    std::fs::create_dir(&directory).expect("it is back");
    stage.world.advance(Duration::from_secs(16 * 60)).await;
    assert!(round(database, &settings, &stop).await.expect("it is tried"));
    let stands = stands().await;
    assert!(stands.failed.is_none() && stands.made_at.is_some(), "{stands:?}");
    stage.world.end().await;
}

/// To a bucket, in parts, and read from there again.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_takes_them_too() {
    let (stage, s3) = (Stage::new().await, S3::start().await);
    let shelf = Shelf::of(s3.store("backups"));
    let settings = settings(&stage, shelf.clone());
    assert!(round(stage.world.database(), &settings, &CancellationToken::new()).await.expect("it is made"));
    let there = shelf.list().await.expect("a list");
    assert_eq!(there.len(), 1, "{there:?}");
    let identities = std::fs::read_to_string(&stage.identity).expect("a file");
    let reading = shelf.read(&there[0].name).await.expect("it is read");
    let opened =
        Opened::stored(reading, Identities::read(&identities).expect("an identity")).await.expect("it is opened");
    let ending = opened.check(&|_| {}).await.expect("it is whole");
    assert!(ending.files == 3 && ending.rows() > 50, "{ending:?}");
    stage.world.end().await;
}
