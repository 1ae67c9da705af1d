//! The list of many conversations: the same few rows are read for its first page and its last one, in every view.

use model::act::Role;
use model::page::Cursor;

use super::super::Browser;
use super::Stage;

/// So many rows a page may read: those it shows, and what its counts count to.
const FEW: i64 = 600;

/// Of 10,000 conversations most wait for Luis, or were closed by Marta; every 500th waits for her, and as many for anybody.
const MANY: &str = "
  WITH place AS (
    SELECT n.organization_id, n.id AS number_id, nth, ('00000000-0000-7000-9000-' || lpad(nth::text, 12, '0'))::uuid AS id
    FROM wazapp.number n, generate_series(1, 10000) nth),
  people AS (
    INSERT INTO wazapp.contact (organization_id, id, profile_name, wa_id)
    SELECT organization_id, id, 'Cliente ' || nth, '1555' || lpad(nth::text, 8, '0') FROM place)
  INSERT INTO wazapp.conversation
    (organization_id, id, number_id, contact_id, state, last_message_at, assignee_id, unread_count)
  SELECT organization_id, id, number_id, id, CASE WHEN nth <= 5000 OR nth % 500 = 0 THEN 'active' ELSE 'resolved' END,
         timestamptz '2026-01-01Z' - nth * interval '1 second',
         CASE WHEN nth > 5000 THEN 'MARTA'::uuid WHEN nth % 500 > 0 THEN 'LUIS'::uuid END, (nth % 500 = 0)::int
  FROM place";

impl Stage {
    /// How many rows of conversations a page reads; and the page.
    async fn rows_read(&self, browser: &mut Browser, path: &str) -> (i64, String) {
        let before = self.read_so_far().await;
        let mut page = String::new();
        let mut is_there = async || {
            let answer = browser.get(path).await;
            page = answer.text;
            answer.status == 200
        };
        self.world.until("the page is there", &mut is_there).await;
        (self.read_so_far().await - before, page)
    }

    /// PostgreSQL's processes tell what they read once they end.
    async fn read_so_far(&self) -> i64 {
        let end = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'wazapp'";
        let ended = self.world.sql().await.query(end, &[]).await.expect("the statement runs");
        let ended: Vec<String> = ended.iter().map(|row| row.get::<_, i32>("pid").to_string()).collect();
        let ended = ended.join(",");
        let left = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ('{{{ended}}}')");
        self.world.until("they ended", async || self.world.count(&left).await == 0).await;
        self.world
            .count(
                "SELECT ((SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE relname = 'conversation')
                       + (SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes
                          WHERE relname = 'conversation'))::bigint",
            )
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_conversations_cost_as_much_as_a_few() {
    let stage = Stage::new().await;
    let luis = stage.world.member(&stage.organization, Role::Agent).await;
    let many = MANY.replace("LUIS", &luis.user_id.to_string()).replace("MARTA", &stage.marta.user_id.to_string());
    stage.world.sql().await.batch_execute(&format!("{many}; ANALYZE wazapp.conversation")).await.expect("many");
    let mut browser = Browser::of(&stage.world, &stage.marta);
    // Behind the last but twenty.
    let end = |nth: i64| {
        let at =
            "2026-01-01T00:00:00Z".parse::<jiff::Timestamp>().expect("a time") - jiff::SignedDuration::from_secs(nth);
        let id = format!("00000000-0000-7000-9000-{nth:012}").parse().expect("an id");
        Cursor::at(at, id).encode()
    };
    for (view, rows, from, left) in [
        ("active", 50, 9_500, 1),
        ("mine", 10, 9_000, 2),
        ("unassigned", 11, 4_000, 2),
        ("resolved", 50, 9_980, 19),
        ("all", 50, 9_980, 20),
        ("all&unread=1", 21, 9_500, 1),
    ] {
        let first = stage.rows_read(&mut browser, &format!("/inbox?view={view}")).await;
        let last = stage.rows_read(&mut browser, &format!("/inbox?view={view}&after={}", end(from))).await;
        let shown = |page: &str| page.matches("<li id=\"c-").count();
        assert_eq!((shown(&first.1), shown(&last.1)), (rows, left), "{view}");
        println!("{view}: {} rows read for the first page, {} for the last", first.0, last.0);
        assert!(first.0 < FEW && last.0 < FEW, "{view}: {} and {} rows", first.0, last.0);
        assert!(first.0.abs_diff(last.0) <= 150, "{view}: {} and {} rows", first.0, last.0);
    }
    stage.world.end().await;
}
