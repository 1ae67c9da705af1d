//! Whether a server runs is told by what it does, not by clocks; and one that was not seen ends when everything is elsewhere.

use std::time::Duration;

use e2e::until;
use tokio_util::sync::CancellationToken;

use super::{Stage, count, refused};
use crate::backup::Target;

const BEATS: &str = "SELECT coalesce(max(beat), -1) FROM wazapp.key_holder";

/// A server of whatever clock is noted.
fn noted(seen_at: &str) -> String {
    format!(
        "INSERT INTO wazapp.key_holder (id, name, keys, seals, seen_at)
         VALUES (gen_random_uuid(), 'another machine', '{{}}', '\\x00000000', {seen_at})"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_do_not_say_whether_a_server_runs() {
    let ((stage, source), target) = (Stage::external().await, Target::new().await);
    let (from, shows) = (source.sql().await, source.sql().await);
    from.batch_execute(&noted("now() - interval '1 hour'")).await.expect("its clock is behind");
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move {
            while !stop.is_cancelled() {
                shows.batch_execute("UPDATE wazapp.key_holder SET beat = beat + 1").await.expect("it shows itself");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    });
    let says = refused(&stage.installation, &["move", "database", "--to", &target.url]).await;
    assert!(says.contains("a server runs on") && says.contains("another machine"), "{says}");
    assert_eq!(stage.installation.json(&["move", "cancel"]).await["was_open"], true, "it is open");
    stop.cancel();
    running.await.expect("it ends");
    // One that was killed, and whose clock went ahead, holds nobody up.
    from.batch_execute("UPDATE wazapp.key_holder SET seen_at = now() + interval '1 day'").await.expect("it is ahead");
    stage.installation.json(&["move", "database", "--to", &target.url]).await;
    let stage = stage.at(&target.url);
    assert!(stage.installation.serve().await.terminate().await.0.success());
    drop(from);
    source.end().await;
    target.end().await;
    stage.meta.stop().await;
}

/// A server that comes back while everything is compared stands against the end of the move.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_in_the_middle_is_seen_at_the_end() {
    let ((stage, source), target) = (Stage::external().await, Target::new().await);
    let (from, holder) = (source.sql().await, source.sql().await);
    let moving = super::broken_off::copying(&stage, &target.url, &from, &holder).await;
    from.batch_execute(&noted("now()")).await.expect("it comes back");
    holder.batch_execute("ROLLBACK").await.expect("it lets go");
    let says = crate::backup::refusal(&moving.wait_with_output().await.expect("it ends"));
    assert!(says.contains("a server runs on") && says.contains("another machine"), "{says}");
    assert_eq!(stage.installation.json(&["move", "cancel"]).await["was_open"], true, "it is open");
    let says = stage.refused_at(&target.url).await;
    assert!(says.contains("did not come to its end"), "{says}");
    drop((from, holder));
    source.end().await;
    target.end().await;
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_held_up_ends_when_everything_is_elsewhere() {
    let (stage, source) = Stage::external().await;
    let (server, sql) = (stage.installation.serve().await, source.sql().await);
    let beaten = async |more: i64| {
        let before = count(&sql, BEATS).await;
        until("its heart beats", async || count(&sql, BEATS).await >= before + more).await;
    };
    // A move that has begun may be given up: until it has ended the server goes on.
    let begun = "INSERT INTO wazapp.relocation (id, side, place, begun_at) VALUES (gen_random_uuid(), 'from', 'elsewhere', now())";
    sql.batch_execute(begun).await.expect("it is closed");
    beaten(2).await;
    let client = e2e::outside::http().build().expect("a client");
    let answer = client.get(format!("{}/readyz", server.url())).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    sql.batch_execute("UPDATE wazapp.relocation SET ended_at = now() WHERE side = 'from'").await.expect("it is left");
    let (status, log) = server.ended().await;
    assert!(!status.success() && log.contains("was moved to elsewhere"), "{log}");
    assert!(!stage.installation.data_dir().join("wazapp.json").exists(), "nobody is led to it");
    drop(sql);
    source.end().await;
    stage.meta.stop().await;
}
