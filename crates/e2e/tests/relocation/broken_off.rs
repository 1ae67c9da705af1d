//! Wherever a move is killed, no two places are served, and the same again brings it to its end.

use e2e::{World, until};
use model::relocation::{self, Standing};
use model::secret::Keyring;
use model::secret::holder::Holder;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::{Stage, begin, count, refused, same};
use crate::backup::Target;

/// Of nobody's key.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// A table that a move is to read is held: it stands there.
async fn hold(sql: &Client, table: &str, mode: &str) {
    sql.batch_execute(&format!("BEGIN; LOCK TABLE wazapp.{table} IN {mode} MODE")).await.expect("it is held");
}

pub(super) async fn stands(sql: &Client, what: &str) {
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '{what}'"
    );
    until(what, async || count(sql, &waits).await == 1).await;
}

/// A move that stands at its first rows: `holder` holds them.
pub(super) async fn copying(stage: &Stage, url: &str, from: &Client, holder: &Client) -> Child {
    hold(holder, "message", "ACCESS EXCLUSIVE").await;
    let moving = begin(&stage.installation, url);
    stands(from, "COPY%message%").await;
    moving
}

/// A move that came as far as the end of the side that is left, which `end` holds.
async fn at_the_end(stage: &Stage, url: &str, from: &Client, [holder, end]: [&Client; 2]) -> Child {
    let moving = copying(stage, url, from, holder).await;
    hold(end, "relocation", "SHARE").await;
    holder.batch_execute("ROLLBACK").await.expect("it lets go");
    stands(from, "UPDATE%relocation%").await;
    moving
}

async fn gone(sql: &Client) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND state <> 'idle' AND backend_type = 'client backend'";
    until("its transactions are gone", async || count(sql, others).await == 0).await;
}

/// Whoever gave a move up serves the place that was to be left: whoever still moves must not open the other one.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_opened_again_is_not_left() {
    let world = World::new().await;
    let (database, now) = (world.database(), e2e::outside::now());
    let tx = database.operator().await.expect("a transaction");
    let leaving = relocation::leave(&tx, "elsewhere", now).await.expect("it is closed");
    relocation::cancel(&tx, now).await.expect("it is opened again");
    let left = relocation::end_leaving(&tx, leaving.id, now).await.expect_err("nobody leaves it");
    assert!(left.to_string().contains("given up meanwhile"), "{left}");
    assert_eq!(relocation::standing(&tx).await.expect("its standing"), Standing::Open);
    let again = relocation::leave(&tx, "elsewhere", now).await.expect("it is closed again");
    relocation::end_leaving(&tx, again.id, now).await.expect("it is left");
    assert!(matches!(relocation::standing(&tx).await.expect("its standing"), Standing::Left(_)));
    tx.close();
    world.end().await;
}

/// Whoever gives a move up while its end is being committed waits for that end, and opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_left_meanwhile_is_not_opened() {
    let world = World::new().await;
    let (database, now) = (world.database(), e2e::outside::now());
    let tx = database.operator().await.expect("a transaction");
    let leaving = relocation::leave(&tx, "elsewhere", now).await.expect("it is closed");
    tx.commit().await.expect("it is said");
    let ending = database.operator().await.expect("a transaction");
    relocation::end_leaving(&ending, leaving.id, now).await.expect("it is left");
    let gives_up = database.clone();
    let giving_up = tokio::spawn(async move {
        let tx = gives_up.operator().await.expect("a transaction");
        relocation::cancel(&tx, now).await.expect("it waits");
        let standing = relocation::standing(&tx).await.expect("its standing");
        tx.commit().await.expect("it is done");
        standing
    });
    stands(&world.sql().await, "UPDATE%relocation%").await;
    ending.commit().await.expect("it is committed");
    assert!(matches!(giving_up.await.expect("it ends"), Standing::Left(_)));
    assert!(matches!(relocation::of(database).await.expect("its standing"), Standing::Left(_)));
    world.end().await;
}

/// A server that was taken for dead, and shows itself while the end of the move is being committed, waits for that end, and serves
/// no longer.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_while_a_move_ends_learns_of_it() {
    let world = World::new().await;
    let (database, now, sql) = (world.database(), e2e::outside::now(), world.sql().await);
    let keyring = Keyring::new([[7; 32]]);
    let holder = Holder::join(database.clone(), keyring, world.clock().clone(), "held up".into(), "here".into()).await;
    let tx = database.operator().await.expect("a transaction");
    let leaving = relocation::leave(&tx, "elsewhere", now).await.expect("it is closed");
    tx.commit().await.expect("it is said");
    sql.batch_execute("DELETE FROM wazapp.key_holder WHERE name = 'held up'").await.expect("it is forgotten");
    let ending = database.operator().await.expect("a transaction");
    relocation::end_leaving(&ending, leaving.id, now).await.expect("it is left");
    let (taken_away, why) = oneshot::channel();
    let stop = CancellationToken::new();
    let shows_itself = tokio::spawn(holder.expect("it came in").keep_current(stop.clone(), taken_away));
    stands(&sql, "SELECT%relocation%FOR SHARE").await;
    ending.commit().await.expect("it is committed");
    assert!(why.await.expect("it is told").contains("was moved to elsewhere"));
    shows_itself.await.expect("it ends");
    assert_eq!(count(&sql, "SELECT count(*) FROM wazapp.key_holder WHERE name = 'held up'").await, 0);
    world.end().await;
}

/// The second of two who move the same place closes nothing and opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn only_one_moves_at_a_time() {
    let ((stage, source), target, other) = (Stage::external().await, Target::new().await, Target::new().await);
    let (from, holder) = (source.sql().await, source.sql().await);
    let moving = copying(&stage, &target.url, &from, &holder).await;
    let says = refused(&stage.installation, &["move", "database", "--to", &other.url]).await;
    assert!(says.contains("stands against this one"), "{says}");
    // Nor does whoever ends it while it waits give up what is the first one's.
    let second = begin(&stage.installation, &other.url);
    stands(&from, "SELECT pg_advisory_lock(%").await;
    let pid = second.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())).expect("it runs");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a process of ours");
    assert!(!second.wait_with_output().await.expect("it ends").status.success());
    let says = refused(&stage.installation, &["org", "list"]).await;
    assert!(says.contains("is being moved to"), "the first one goes on: {says}");
    holder.batch_execute("ROLLBACK").await.expect("it is let go");
    assert!(moving.wait_with_output().await.expect("it ends").status.success());
    // Everything went to the first one; the other place is nobody's.
    let says = refused(&stage.installation, &["move", "database", "--to", &other.url]).await;
    assert!(says.contains("was moved to"), "{says}");
    source.end().await;
    target.end().await;
    other.end().await;
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_rows_are_copied() {
    let ((stage, source), target) = (Stage::external().await, Target::new().await);
    let (from, holder, to) = (source.sql().await, source.sql().await, target.sql().await);
    let mut moving = copying(&stage, &target.url, &from, &holder).await;
    // Nobody begins to work there meanwhile, and is told why.
    for arguments in [&["serve"][..], &["org", "list"], &["backup", "--to", "x.age", "--recipient", RECIPIENT]] {
        let says = refused(&stage.installation, arguments).await;
        assert!(says.contains("is being moved to") && says.contains("wazapp move cancel"), "{arguments:?}: {says}");
    }
    let found = stage.installation.run(&["doctor", "--json"]).await;
    assert!(String::from_utf8_lossy(&found.stdout).contains("is being moved to"), "{found:?}");
    moving.kill().await.expect("a process of ours");
    holder.batch_execute("ROLLBACK").await.expect("it lets go");
    gone(&from).await;
    gone(&to).await;
    assert_eq!(
        count(&to, "SELECT count(*) FROM pg_namespace WHERE nspname = 'wazapp'").await,
        0,
        "nothing was left there"
    );
    for arguments in [&["serve"][..], &["org", "list"]] {
        let says = refused(&stage.installation, arguments).await;
        assert!(says.contains("is being moved to") && says.contains("wazapp move cancel"), "{says}");
    }

    // Who stays after all is served again, and moves later.
    stage.installation.json(&["move", "cancel"]).await;
    stage.installation.json(&["org", "create", "Later"]).await;
    let said = stage.installation.json(&["move", "database", "--to", &target.url]).await;
    assert_eq!(said["was_there"], false);
    same(&from, &to).await;
    drop((from, holder, to));
    source.end().await;
    target.end().await;
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_all_is_there() {
    let ((stage, source), target) = (Stage::external().await, Target::new().await);
    let (from, holder, other) = (source.sql().await, source.sql().await, source.sql().await);
    let mut moving = at_the_end(&stage, &target.url, &from, [&holder, &other]).await;
    let says = stage.refused_at(&target.url).await;
    assert!(says.contains("did not come to its end"), "{says}");
    moving.kill().await.expect("a process of ours");
    other.batch_execute("ROLLBACK").await.expect("it lets go");
    gone(&from).await;
    for url in [&source.url, &target.url] {
        let says = stage.refused_at(url).await;
        assert!(says.contains("run the same command again"), "neither is served: {says}");
    }

    // Who stays opens the old place, and never the new one; the next move begins anew, for it is another state.
    stage.installation.json(&["move", "cancel"]).await;
    let says = stage.refused_at(&target.url).await;
    assert!(says.contains("did not come to its end"), "{says}");
    stage.installation.json(&["org", "create", "Later"]).await;
    let mut moving = at_the_end(&stage, &target.url, &from, [&holder, &other]).await;
    let to = target.sql().await;
    assert_eq!(count(&to, "SELECT count(*) FROM wazapp.organization WHERE slug = 'later'").await, 1);
    moving.kill().await.expect("a process of ours");
    other.batch_execute("ROLLBACK").await.expect("it lets go");
    gone(&from).await;

    // The same again finds everything there.
    let said = stage.installation.json(&["move", "database", "--to", &target.url]).await;
    assert_eq!(said["was_there"], true);
    same(&from, &to).await;
    let says = refused(&stage.installation, &["serve"]).await;
    assert!(says.contains("was moved to"), "{says}");
    let stage = stage.at(&target.url);
    assert!(stage.installation.serve().await.terminate().await.0.success());
    drop((from, holder, other, to));
    source.end().await;
    target.end().await;
    stage.meta.stop().await;
}

/// The same place, said otherwise.
fn otherwise(url: &str) -> String {
    let host = crate::backup::text(&e2e::cluster::socket_dir()).replace('/', "%2F");
    let other = url.replace(&host, &format!("{host}%2F."));
    assert_ne!(url, other);
    other
}

/// One side has ended and the other is not open: the same again opens it, however the place is said, and though both are of an older
/// version than who goes on.
#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_end_of_the_one_side_and_the_opening_of_the_other() {
    let ((stage, source), target, nobodys) = (Stage::external().await, Target::new().await, Target::new().await);
    let (from, holder, other) = (source.sql().await, source.sql().await, source.sql().await);
    let mut moving = at_the_end(&stage, &target.url, &from, [&holder, &other]).await;
    let (to, opening) = (target.sql().await, target.sql().await);
    hold(&opening, "relocation", "SHARE").await;
    other.batch_execute("ROLLBACK").await.expect("it lets go");
    stands(&to, "UPDATE%relocation%").await;
    moving.kill().await.expect("a process of ours");
    opening.batch_execute("ROLLBACK").await.expect("it lets go");
    gone(&to).await;

    // As a version made it that had one step less.
    for side in [&from, &to] {
        let back = "ALTER TABLE wazapp.key_holder DROP COLUMN IF EXISTS media;
                    DELETE FROM wazapp.migration WHERE name = '20261130020000_holder_media'";
        side.batch_execute(back).await.expect("it is as it was");
    }
    let says = stage.refused_at(&target.url).await;
    assert!(says.contains("run the same command again"), "{says}");
    for arguments in [&["serve"][..], &["org", "list"], &["migrate"]] {
        let says = refused(&stage.installation, arguments).await;
        assert!(says.contains("was moved to"), "{arguments:?}: {says}");
    }
    let taken = "SELECT count(*) FROM wazapp.migration WHERE name = '20261130020000_holder_media'";
    assert_eq!((count(&from, taken).await, count(&to, taken).await), (0, 0), "nobody changes what was compared");

    // To another place there is nothing to finish.
    let says = refused(&stage.installation, &["move", "database", "--to", &nobodys.url]).await;
    assert!(says.contains("was moved to"), "{says}");
    let said = stage.installation.json(&["move", "database", "--to", &otherwise(&target.url)]).await;
    assert_eq!(said["was_there"], true, "{said}");
    let says = refused(&stage.installation, &["serve"]).await;
    assert!(says.contains("was moved to"), "{says}");
    let stage = stage.at(&target.url);
    assert!(stage.installation.serve().await.terminate().await.0.success());
    drop((from, holder, other, to, opening));
    source.end().await;
    target.end().await;
    nobodys.end().await;
    stage.meta.stop().await;
}

/// What was copied to one place is not what a move to another one has brought there, and the first is never opened.
#[tokio::test(flavor = "multi_thread")]
async fn another_place_than_the_one_it_was_begun_to() {
    let ((stage, source), first, second) = (Stage::external().await, Target::new().await, Target::new().await);
    let (from, holder, other) = (source.sql().await, source.sql().await, source.sql().await);
    let mut moving = at_the_end(&stage, &first.url, &from, [&holder, &other]).await;
    moving.kill().await.expect("a process of ours");
    other.batch_execute("ROLLBACK").await.expect("it lets go");
    gone(&from).await;
    let said = stage.installation.json(&["move", "database", "--to", &second.url]).await;
    assert_eq!(said["was_there"], false, "{said}");
    same(&from, &second.sql().await).await;
    let says = refused(&stage.installation, &["move", "database", "--to", &first.url]).await;
    assert!(says.contains("was moved to"), "{says}");
    let says = stage.refused_at(&first.url).await;
    assert!(says.contains("did not come to its end"), "{says}");
    drop((from, holder, other));
    source.end().await;
    first.end().await;
    second.end().await;
    stage.meta.stop().await;
}
