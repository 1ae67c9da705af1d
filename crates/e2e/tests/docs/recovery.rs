//! "To a point in time" of the operators' page: what it says is typed on a PostgreSQL of an operator's own.

use e2e::archive::Administered;
use e2e::program::Installation;
use e2e::until;

use super::blocks::{blocks, commands};

const PAGE: &str = "docs/operate.md";

/// The block of the page that has this in it.
fn block(what: &str) -> String {
    let mut found = blocks(PAGE).into_iter().map(|block| block.text).filter(|text| text.contains(what));
    let one = found.next().unwrap_or_else(|| panic!("{PAGE} has no block with {what}"));
    assert_eq!(found.next(), None, "{what} is told once");
    one
}

/// The command of the page that begins so.
fn command(begun: &str) -> String {
    let all = blocks(PAGE);
    let mut all = all.iter().flat_map(commands).map(|command| command.text).filter(|text| text.starts_with(begun));
    all.next().unwrap_or_else(|| panic!("{PAGE} has no command {begun}"))
}

/// In the place of the moment that the page names.
fn at(text: &str, written: &str, moment: &str) -> String {
    assert!(text.contains(written), "{written} is in {text}");
    text.replace(written, moment)
}

async fn organizations(installation: &Installation) -> Vec<String> {
    let list = installation.json(&["org", "list"]).await;
    let rows = list.as_array().expect("a list");
    rows.iter().filter_map(|row| Some(row["slug"].as_str()?.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_goes_back_to_a_moment_as_the_page_says() {
    let mut postgres = Administered::start().await;
    postgres.types("mkdir archive");
    let archive = postgres.folder().join("archive");
    let here = |text: &str| at(text, "/archive", archive.to_str().expect("a path"));
    postgres.configure(&here(&block("archive_command")));
    postgres.stop();
    postgres.go_on().await;
    let installation = Installation::new().setting("WAZAPP_DATABASE_URL", &postgres.url());
    let server = installation.serve().await;
    postgres.types(&here(&command("pg_basebackup ")));

    // What is kept, the moment, and what is undone: each a transaction that begins when the one before has ended.
    installation.json(&["org", "create", "Kept"]).await;
    let sql = postgres.sql().await;
    let row = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')";
    let moment: String = sql.query_one(row, &[]).await.expect("the time").get(0);
    installation.json(&["org", "create", "Undone"]).await;
    assert_eq!(organizations(&installation).await, ["kept", "undone"]);
    assert!(server.terminate().await.0.success());
    let last = "SELECT pg_walfile_name(pg_switch_wal())";
    let last: String = sql.query_one(last, &[]).await.expect("a segment").get(0);
    until("the last segment is in the archive", async || archive.join(&last).exists()).await;
    drop(sql);

    postgres.stop();
    postgres.types("mv data before && cp -a archive/base data && touch data/recovery.signal");
    let recovery = here(&block("recovery_target_time"));
    postgres.configure(&at(&recovery, "2026-11-29 14:05:00", &moment));
    postgres.go_on().await;

    // It knows of no restore: it is told, and sends nothing until a person lets it.
    let hold = command("wazapp restore hold --as-of");
    let hold = at(&hold, "2026-11-29T14:05:00Z", &format!("{}Z", moment.replace(' ', "T")));
    let hold: Vec<&str> = hold.split_whitespace().skip(1).collect();
    let held = installation.json(&hold).await;
    assert!(held["held"].is_object(), "{held}");
    let server = installation.serve().await;
    assert_eq!(organizations(&installation).await, ["kept"]);
    let release = command("wazapp restore release");
    let release: Vec<&str> = release.split_whitespace().skip(1).collect();
    assert_eq!(installation.json(&release).await["released"], true);
    installation.json(&["org", "create", "After"]).await;
    assert_eq!(organizations(&installation).await.len(), 2);
    assert!(server.terminate().await.0.success());
}
