//! The event log loses its beginning, and says so.

use std::time::{Duration, Instant};

use model::retention::{Days, Gone, Kept, Retention};
use serde_json::json;

use super::{DAY, NUMBER, Stage, body, days};

fn kept(number: u16) -> Retention {
    Retention { events: days(number), ..Retention::default() }
}

/// Ten events, then ten a hundred days later.
async fn twenty() -> Stage {
    let stage = Stage::with(kept(90)).await;
    for nth in 0..10 {
        stage.writes(&format!("wamid.old.{nth}")).await;
    }
    stage.noted().await;
    stage.world.advance(DAY * 100).await;
    for nth in 0..10 {
        stage.writes(&format!("wamid.new.{nth}")).await;
    }
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_cursor_is_older_than_the_log_is_told_where_it_begins() {
    let stage = twenty().await;
    assert_eq!(stage.drop_past().await, Gone { events: 10, ..Gone::default() });
    // The edge: the event behind the cursor is there.
    assert_eq!(stage.sequences("?after=10&limit=3").await, [11, 12, 13]);
    assert_eq!(stage.sequences("?cursor=10&limit=3").await, [11, 12, 13]);
    // Who has nothing yet begins at the oldest.
    assert_eq!(stage.sequences("?limit=3").await, [11, 12, 13]);
    assert_eq!(stage.sequences("?after=0&limit=3").await, [11, 12, 13]);
    assert_eq!(stage.sequences("?after=20").await, Vec::<i64>::new());
    for query in ["?after=9", "?after=1", "?cursor=9", "?after=12&cursor=3", "?after=9&limit=1"] {
        let (status, problem) = stage.events(query).await;
        assert_eq!((status, &problem["type"], &problem["oldest"]), (410, &json!("/docs#gone"), &json!(11)), "{query}");
    }
    // Nor does a log that was restored lead a reader on who knows more than it has.
    for after in [21, 1000, i64::MAX] {
        let (status, problem) = stage.events(&format!("?after={after}")).await;
        assert_eq!((status, &problem["oldest"], &problem["newest"]), (410, &json!(11), &json!(20)), "{after}");
        assert!(problem["detail"].as_str().expect("words").contains("go on with after=20"), "{problem}");
    }
    let ask = [("accept-language", "es")];
    let (_, problem) = stage.world.call_with(reqwest::Method::GET, &stage.acme, "/events?after=4", &ask, None).await;
    let detail = problem["detail"].as_str().expect("words");
    assert!(detail.contains("5 a 10") && detail.contains("after=10"), "{detail}");
    stage.world.end().await;
}

/// A log of which all went: whoever has read to its end goes on, everybody else is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_log_still_knows_its_numbers() {
    let stage = twenty().await;
    assert_eq!(stage.drop_past().await.events, 10);
    stage.noted().await;
    stage.world.advance(DAY * 100).await;
    assert_eq!(stage.drop_past().await.events, 10);
    assert_eq!(stage.sequences("?after=20").await, Vec::<i64>::new());
    assert_eq!(stage.sequences("").await, Vec::<i64>::new());
    let (status, problem) = stage.events("?after=19").await;
    assert_eq!((status, &problem["oldest"]), (410, &json!(21)), "{problem}");
    stage.writes("wamid.next").await;
    assert_eq!(stage.sequences("?after=20").await, [21]);
    assert_eq!(stage.events("?after=19").await.0, 410);
    stage.world.end().await;
}

/// Events are kept from when they were recorded: what Meta tells late can be read as long as everything else.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_late_is_kept_as_long() {
    let stage = Stage::with(kept(90)).await;
    let old = stage.second() - 86_400 * 200;
    stage.world.receive(&body::text(NUMBER, super::LUCIA, "wamid.late", old, "Late")).await;
    stage.noted().await;
    stage.world.advance(DAY * 89).await;
    assert_eq!(stage.drop_past().await, Gone::default());
    assert_eq!(stage.sequences("").await, [1]);
    stage.world.advance(DAY * 2).await;
    assert_eq!(stage.drop_past().await.events, 1);
    stage.world.end().await;
}

/// An organization's own days count for it, more or fewer than everybody's; `default` takes them back.
#[tokio::test(flavor = "multi_thread")]
async fn an_organization_may_keep_its_log_longer() {
    let stage = twenty().await;
    stage.set(&stage.acme, Kept::Events, Some(Days(None))).await;
    assert_eq!(stage.drop_past().await, Gone::default());
    stage.set(&stage.acme, Kept::Events, Some(days(365))).await;
    assert_eq!(stage.drop_past().await, Gone::default());
    stage.set(&stage.acme, Kept::Events, None).await;
    assert_eq!(stage.drop_past().await.events, 10);
    // Keeping them longer brings nothing back.
    stage.set(&stage.acme, Kept::Events, Some(Days(None))).await;
    assert_eq!(stage.events("?after=3").await.1["oldest"], 11);
    stage.world.end().await;
}

/// A notice that was told before its event went is not told again, when bodies are read again.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_not_told_twice_because_its_event_went() {
    let stage = Stage::with(kept(8)).await;
    let notice = body::account("102290129340398", "account_update", &json!({ "event": "VERIFIED_ACCOUNT" }));
    stage.world.receive(&notice).await;
    let received_at = stage.world.now();
    assert_eq!(stage.world.events(&stage.acme, "meta.account_update").await.len(), 1);
    stage.noted().await;
    stage.world.advance(DAY * 10).await;
    assert_eq!(stage.drop_past().await.events, 1);
    let input = worker::inbound::Input { body: body::bytes(&notice).into(), app_id: None, received_at, is_fresh: true };
    let done =
        worker::inbound::apply_batch(stage.world.database(), stage.world.now(), &[input]).await.expect("it runs");
    assert_eq!((done.events, done.past), (0, 1));
    stage.world.end().await;
}

/// While a long log goes, batch by batch, whoever reads on is told the truth each time: what is behind the cursor, or that
/// it went. Who receives meanwhile waits for none of it. `WAZAPP_RETENTION_EVENTS=1000000` measures a longer log.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_beside_a_log_that_goes_never_skips_one() {
    let asked = std::env::var("WAZAPP_RETENTION_EVENTS").ok().and_then(|text| text.parse().ok());
    let events: i64 = asked.unwrap_or(20_000);
    let stage = Stage::with(kept(90)).await;
    let sql = stage.world.sql().await;
    sql.batch_execute(&format!(
        "INSERT INTO wazapp.event (organization_id, sequence, id, type, timestamp, data)
         SELECT o.id, n, gen_random_uuid(), 'number.updated', now(), '{{}}' FROM wazapp.organization o, generate_series(1, {events}) n
         WHERE o.slug = 'acme';
         UPDATE wazapp.organization_sequence s SET last = {events} FROM wazapp.organization o
         WHERE o.id = s.organization_id AND o.slug = 'acme'"
    ))
    .await
    .expect("a long log");
    stage.noted().await;
    stage.world.advance(DAY * 100).await;
    let dropping = async {
        let began = Instant::now();
        (stage.world.drop_past().await.expect("it runs"), began.elapsed())
    };
    let reading = async {
        let (mut after, mut seen, mut told) = (1, 0, 0);
        while after < events {
            let (status, page) = stage.events(&format!("?after={after}&limit=100")).await;
            if status == 410 {
                let oldest = page["oldest"].as_i64().expect("a number");
                assert!(oldest > after + 1, "{after} {page}");
                (after, told) = (oldest - 1, told + 1);
                continue;
            }
            for event in page["data"].as_array().expect("rows") {
                assert_eq!(event["sequence"].as_i64(), Some(after + 1));
                (after, seen) = (after + 1, seen + 1);
            }
        }
        (seen, told)
    };
    let receiving = async {
        let mut slowest = Duration::ZERO;
        for nth in 0..20 {
            let began = Instant::now();
            stage.writes(&format!("wamid.meanwhile.{nth}")).await;
            slowest = slowest.max(began.elapsed());
        }
        slowest
    };
    let ((gone, took), (seen, told), slowest) = futures::join!(dropping, reading, receiving);
    assert!(slowest < Duration::from_secs(5), "receiving waited for {slowest:?}");
    assert_eq!(gone.events, events);
    println!(
        "{events} events went in {took:?}; received and applied in {slowest:?} at most; read {seen}, told {told} times"
    );
    assert!(told > 0, "the log was read before it went");
    stage.world.end().await;
}
