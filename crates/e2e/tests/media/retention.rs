//! How files go.

use std::fs;
use std::time::{Duration, SystemTime};

use model::{media, organization};
use serde_json::json;
use uuid::Uuid;
use worker::media::{sweep, tidy};

use super::s3::S3;
use super::{Stage, header, hex, png};

const DAY: Duration = Duration::from_secs(86_400);

async fn kept(stage: &Stage, days: Option<i32>) {
    let tx = stage.world.database().operator().await.expect("a transaction");
    let changed = organization::keep_media(&tx, &stage.organization.scope, days).await.expect("the statement runs");
    assert_eq!(changed.expect("the organization").media_retention_days, days);
    tx.commit().await.expect("it is set");
}

async fn tidied(stage: &Stage) -> worker::media::Tidied {
    tidy(stage.world.database(), &stage.world.store(), stage.world.now()).await.expect("it runs")
}

/// Media past their organization's days are gone from disk and say so; the same bytes that came later stay.
#[tokio::test(flavor = "multi_thread")]
async fn media_go_after_their_organizations_days() {
    let stage = Stage::new().await;
    let (old, both) = (png(400, 400, 1), b"%PDF-1.4 both".to_vec());
    let old_one = stage.picture(&old).await;
    let first = stage.sends("document", "application/pdf", &both, Some("a.pdf")).await;
    for wamid in [&old_one, &first] {
        stage.until(wamid, "stored").await;
    }
    stage.thumbnailed(&old_one).await;
    assert_eq!(stage.files().len(), 3, "two files and a thumbnail");
    stage.world.advance(20 * DAY).await;
    let second = stage.sends("document", "application/pdf", &both, Some("b.pdf")).await;
    stage.until(&second, "stored").await;
    assert_eq!(tidied(&stage).await.expired, 0, "for ever, as a rule");

    kept(&stage, Some(30)).await;
    stage.world.advance(9 * DAY).await;
    assert_eq!(tidied(&stage).await.expired, 0, "not yet");
    stage.world.advance(2 * DAY).await;
    let done = tidied(&stage).await;
    assert_eq!((done.expired, done.files), (2, 2), "the picture with its thumbnail");
    assert_eq!(stage.files(), [hex(&both)]);
    let media = stage.media(&old_one).await;
    assert_eq!((&media["state"], &media["error"]["code"]), (&json!("failed"), &json!("expired")), "{media}");
    assert_eq!(stage.content(&media).await.status(), 410);
    let path = format!("/media/{}/retry", media["id"].as_str().expect("an id"));
    assert_eq!(stage.world.post_api(&stage.organization, &path, &json!({})).await.0, 409);
    let young = stage.media(&second).await;
    assert_eq!(stage.content(&young).await.bytes().await.expect("bytes"), both);
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.file").await, 1);
    stage.world.end().await;
}

/// After a crash between the steps, nothing can be read that is on its way out, and the next round ends it. The same
/// bytes that come meanwhile wait for that, and are whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_on_the_way_out_leaves_nothing_readable() {
    let stage = Stage::new().await;
    let bytes = b"%PDF-1.4 leaving".to_vec();
    let wamid = stage.sends("document", "application/pdf", &bytes, None).await;
    stage.until(&wamid, "stored").await;
    kept(&stage, Some(1)).await;
    stage.world.advance(3 * DAY).await;
    let tx = stage.world.database().operator().await.expect("a transaction");
    assert_eq!(media::any_organization_expire(&tx, stage.world.now()).await.expect("it runs"), 1);
    let leaving = media::any_organization_mark(&tx, stage.world.now(), 10).await.expect("it runs");
    assert_eq!(leaving, 1);
    tx.commit().await.expect("it is marked");
    assert_eq!(stage.files(), [hex(&bytes)], "the bytes are still there");
    let gone = stage.media(&wamid).await;
    assert_eq!(stage.content(&gone).await.status(), 410);

    kept(&stage, None).await;
    let again = stage.sends("document", "application/pdf", &bytes, None).await;
    stage
        .world
        .until("it was tried", async || {
            stage
                .world
                .count("SELECT count(*) FROM wazapp.media WHERE attempts > 0 AND error ->> 'code' = 'busy'")
                .await
                > 0
        })
        .await;
    assert_eq!(stage.media(&again).await["state"], "pending");
    assert_eq!(tidied(&stage).await.files, 1);
    let media = stage.until(&again, "stored").await;
    assert_eq!(stage.content(&media).await.bytes().await.expect("bytes"), bytes);
    stage.world.end().await;
}

/// While one node deletes a file, another leaves it alone: by the time the other came to it, somebody might have brought
/// the same bytes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_leaves_by_the_hand_of_one_node() {
    let stage = Stage::new().await;
    let bytes = b"%PDF-1.4 once".to_vec();
    let wamid = stage.sends("document", "application/pdf", &bytes, None).await;
    stage.until(&wamid, "stored").await;
    kept(&stage, Some(1)).await;
    stage.world.advance(3 * DAY).await;
    let tx = stage.world.database().operator().await.expect("a transaction");
    media::any_organization_expire(&tx, stage.world.now()).await.expect("it runs");
    assert_eq!(media::any_organization_mark(&tx, stage.world.now(), 10).await.expect("it runs"), 1);
    tx.commit().await.expect("it is marked");

    let mut sql = stage.world.sql().await;
    let other = sql.transaction().await.expect("a transaction");
    let taken = other.query("SELECT FROM wazapp.file WHERE deleted_at IS NOT NULL FOR UPDATE", &[]).await;
    assert_eq!(taken.expect("the other node's").len(), 1);
    assert_eq!(tidied(&stage).await.files, 0);
    assert_eq!(stage.files(), [hex(&bytes)], "they are the other node's to delete");
    other.rollback().await.expect("the other node dies");
    assert_eq!(tidied(&stage).await.files, 1);
    assert_eq!(stage.files(), Vec::<String>::new());
    stage.world.end().await;
}

/// A file that the store does not let go of stops no other, and is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_will_not_go_stops_no_other() {
    let stage = Stage::new().await;
    let all = [b"%PDF-1.4 one".to_vec(), b"%PDF-1.4 two".to_vec()];
    for bytes in &all {
        let wamid = stage.sends("document", "application/pdf", bytes, None).await;
        stage.until(&wamid, "stored").await;
    }
    kept(&stage, Some(1)).await;
    stage.world.advance(3 * DAY).await;
    // A directory with something in it cannot be deleted as a file, by anybody.
    let [first, second] = all.map(|bytes| hex(&bytes));
    let place = stage.world.media_dir().join(stage.organization.id.to_string()).join(&first[..2]).join(&first);
    fs::remove_file(&place).expect("it is there");
    fs::create_dir(&place).expect("a folder");
    fs::write(place.join("inside"), []).expect("a file");
    assert_eq!(tidied(&stage).await.files, 1);
    assert_eq!(stage.files(), ["inside"], "{second} is gone");
    assert_eq!(tidied(&stage).await.files, 0, "it waits");
    assert_eq!(stage.world.count("SELECT count(*) FROM wazapp.file WHERE deleted_at IS NOT NULL").await, 1);
    fs::remove_dir_all(&place).expect("it is mended");
    stage.world.advance(Duration::from_secs(601)).await;
    assert_eq!(tidied(&stage).await.files, 1);
    stage.world.end().await;
}

/// What lies about and nobody knows goes after a day: bytes without a row, half written files. What belongs to another
/// database's organization is not ours to judge.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_swept_and_no_more() {
    let stage = Stage::new().await;
    let wamid = stage.picture(&png(10, 10, 1)).await;
    stage.until(&wamid, "stored").await;
    stage.thumbnailed(&wamid).await;
    let known = stage.files();
    let old = SystemTime::from(stage.world.now()) - 3 * DAY;
    let place = |organization: Uuid, folder: &str, name: &str, old_too: bool| {
        let folder = stage.world.media_dir().join(organization.to_string()).join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        let file = fs::File::create(folder.join(name)).expect("a file");
        if old_too {
            file.set_modified(old).expect("an old file");
        }
    };
    let own = stage.organization.id;
    place(own, "aa", &"aa".repeat(32), true);
    place(own, "bb", &"bb".repeat(32), false);
    place(own, "cc", &format!("{}#1", "cc".repeat(32)), true);
    place(own, "tmp", &Uuid::now_v7().to_string(), true);
    place(Uuid::now_v7(), "dd", &"dd".repeat(32), true);
    let swept = sweep(stage.world.database(), &stage.world.store(), stage.world.now()).await.expect("it runs");
    assert_eq!(swept, 3);
    let mut left = known.clone();
    left.extend(["bb".repeat(32), "dd".repeat(32)]);
    left.sort();
    assert_eq!(stage.files(), left);
    assert_eq!(header(&stage.content(&stage.media(&wamid).await).await, "content-type"), "image/png");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_tidied_like_a_disk() {
    use futures::TryStreamExt;
    let s3 = S3::start().await;
    let stage = Stage::with(e2e::Options { store: Some(s3.store("acme")), ..e2e::Options::default() }).await;
    let wamid = stage.picture(&png(400, 400, 1)).await;
    stage.until(&wamid, "stored").await;
    stage.thumbnailed(&wamid).await;
    let stray = bytes::Bytes::from_static(b"nobody knows");
    let mut writing = stage.world.store().writer(stage.organization.id);
    writing.push(stray).await.expect("room");
    writing.finish().await.expect("whole").keep().await.expect("there");
    let count = async || {
        let all: Vec<_> = stage.world.store().list(stage.organization.id).try_collect().await.expect("a list");
        all.len()
    };
    assert_eq!(count().await, 3);
    kept(&stage, Some(1)).await;
    stage.world.advance(3 * DAY).await;
    assert_eq!(tidied(&stage).await.files, 2);
    let swept = sweep(stage.world.database(), &stage.world.store(), stage.world.now()).await.expect("it runs");
    assert_eq!((swept, count().await), (1, 0));
    stage.world.end().await;
}
