//! The drill: a server backed up, restored elsewhere, and compared.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use e2e::body;
use serde_json::json;
use tokio_postgres::Client;

use super::{LUCIA, MASTER_KEY, Stage, Target, files, text};

/// Every row of every table, as text; of a partitioned one with the partition that it is in. Which servers run, and
/// what a place says of itself, is of the moment.
pub(crate) async fn rows(sql: &Client) -> BTreeMap<String, Vec<String>> {
    let tables = sql
        .query(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'wazapp'::regnamespace
               AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL ('{key_holder,restoration,relocation}')",
            &[],
        )
        .await
        .expect("tables");
    let mut all = BTreeMap::new();
    for table in tables {
        let table: String = table.get(0);
        let found =
            sql.query(&format!("SELECT tableoid::regclass || ' ' || t::text FROM {table} t ORDER BY 1"), &[]).await;
        all.insert(table, found.expect("rows").iter().map(|row| row.get(0)).collect());
    }
    all
}

/// What stands around the rows: constraints, triggers, policies, partitions, rights.
pub(crate) async fn schema(sql: &Client) -> Vec<String> {
    let found = sql
        .query(
            "SELECT format('%s %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated) FROM pg_constraint
               WHERE connamespace = 'wazapp'::regnamespace
             UNION ALL SELECT format('%s %s %s', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
             UNION ALL SELECT format('%s %s %s %s %s', oid::regclass, relkind, relrowsecurity, relforcerowsecurity,
                 pg_get_expr(relpartbound, oid))
               FROM pg_class WHERE relnamespace = 'wazapp'::regnamespace AND relkind IN ('r', 'p')
             UNION ALL SELECT format('%s %s %s %s %s', tablename, policyname, roles, qual, with_check) FROM pg_policies
               WHERE schemaname = 'wazapp'
             UNION ALL SELECT format('%s.%s %s %s', table_name, column_name, grantee, privilege_type)
               FROM information_schema.column_privileges WHERE table_schema = 'wazapp' AND grantee LIKE 'wazapp\\_%'
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'wazapp'
             ORDER BY 1",
            &[],
        )
        .await;
    found.expect("the catalog").iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_is_the_same_row_by_row_and_file_by_file() {
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    let (backup, said) = stage.back_up("all.age").await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&backup), mode(&stage.identity)), (0o600, 0o600));
    assert_eq!((&said["files"], &said["missing"], &said["damaged"]), (&json!(3), &json!([]), &json!([])), "{said}");
    assert_eq!(said["size"], std::fs::metadata(&backup).expect("a file").len(), "{said}");
    let plain = std::fs::read(&backup).expect("a file");
    assert!(plain.starts_with(b"age-encryption.org/v1\n"));

    let target = Target::new().await;
    let check = ["restore", "--from", text(&backup), "--identity", text(&stage.identity), "--check"];
    let checked = target.installation.json(&check).await;
    target.is_empty().await;
    let restored = target.restored(&backup, &stage.identity).await;
    assert_eq!((&restored["restored"], &restored["holds"]), (&checked["checked"], &checked["holds"]));
    assert_eq!(restored["restored"]["made_at"], said["made_at"]);

    let (from, to) = (stage.world.sql().await, target.sql().await);
    let (source, there) = (rows(&from).await, rows(&to).await);
    for (table, rows) in &source {
        assert_eq!(there.get(table), Some(rows), "{table}");
    }
    assert_eq!(source.len(), there.len());
    let all: usize = source.values().map(Vec::len).sum();
    assert!(all > 50 && source["wazapp.inbound"].len() > 1, "there is something to compare: {all} rows");
    assert_eq!(schema(&from).await, schema(&to).await);
    let media = files(&target.installation.data_dir().join("media"));
    assert_eq!(media.len(), 3);
    assert_eq!(media, files(stage.world.media_dir()));
    let key = std::fs::read_to_string(target.installation.data_dir().join("master-key")).expect("the backup's key");
    assert_eq!(key.trim(), data_encoding::HEXLOWER.encode(&MASTER_KEY));
    drop((from, to));

    // It is a server: it opens what is sealed, and takes a backup of its own, of which a copy is made in the same way.
    let server = target.installation.serve().await;
    assert!(server.log().contains("wazapp restore release"), "{}", server.log());
    let path = stage.path("again.age");
    target.installation.json(&["backup", "--to", text(&path), "--recipient", &stage.recipient]).await;
    assert!(server.terminate().await.0.success());
    target.end().await;
    stage.world.end().await;
}

/// While bodies come in and are applied, the backup is of one moment: each body is either applied with all that it brought, or not
/// at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_of_one_moment() {
    let stage = Stage::new().await;
    let before = stage.world.count("SELECT count(*) FROM wazapp.inbound").await;
    let (posts, phone) = (stage.world.posts(), stage.number.phone_number_id.clone());
    let posting = tokio::spawn(async move {
        for nth in 0_i64.. {
            let said = body::text(&phone, LUCIA, &format!("wamid.moment.{nth}"), 1_795_000_000 + nth, "hola");
            if posts.try_post(&body::bytes(&said)).await.is_err() {
                return;
            }
        }
    });
    stage
        .world
        .until("bodies come", async || stage.world.count("SELECT count(*) FROM wazapp.inbound").await > before + 20)
        .await;
    let (backup, _) = stage.back_up("moment.age").await;
    let after = stage.world.count("SELECT count(*) FROM wazapp.inbound").await;
    posting.abort();
    let target = Target::new().await;
    target.restored(&backup, &stage.identity).await;
    let sql = target.sql().await;
    let count = async |text: &str| sql.query_one(text, &[]).await.expect("a row").get::<_, i64>(0);
    let received = count("SELECT count(*) FROM wazapp.inbound").await;
    assert!(received > before + 20 && received < after, "{before} {received} {after}");
    let applied = count(
        "SELECT count(*) FROM wazapp.inbound i JOIN wazapp.lane_cursor c ON c.lane = i.lane AND c.stream_id = i.stream_id
         WHERE i.position <= c.position AND i.body LIKE '%wamid.moment.%'::bytea",
    )
    .await;
    assert_eq!(count("SELECT count(*) FROM wazapp.message WHERE wamid LIKE 'wamid.moment.%'").await, applied);
    let events = count("SELECT count(*) FROM wazapp.event WHERE type = 'message.received'").await;
    assert_eq!(count("SELECT count(*) FROM wazapp.message WHERE direction = 'inbound'").await, events);
    assert_eq!(
        count("SELECT max(last) FROM wazapp.organization_sequence").await,
        count("SELECT max(sequence) FROM wazapp.event").await
    );
    drop(sql);
    target.end().await;
    stage.world.drain().await;
    stage.world.end().await;
}

/// What is not in the store is named, and is no failure; what is not what it was is named too.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_there_are_named() {
    let mut stage = Stage::new().await;
    stage.world.idle().await;
    let mut paths: Vec<_> = files(stage.world.media_dir()).into_keys().collect();
    let (gone, spoilt) = (paths.remove(0), paths.remove(0));
    std::fs::remove_file(stage.world.media_dir().join(&gone)).expect("it goes");
    std::fs::write(stage.world.media_dir().join(&spoilt), b"other bytes").expect("it is written");
    let (backup, said) = stage.back_up("files.age").await;
    let name = |path: &std::path::Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let ends = |list: &serde_json::Value, path: &std::path::Path| {
        list.as_array()
            .is_some_and(|list| list.len() == 1 && list[0].as_str().is_some_and(|one| one.ends_with(&name(path))))
    };
    assert!(ends(&said["missing"], &gone) && ends(&said["damaged"], &spoilt), "{said}");
    let target = Target::new().await;
    let restored = target.restored(&backup, &stage.identity).await;
    assert_eq!((&restored["holds"]["missing"], &restored["holds"]["damaged"]), (&said["missing"], &said["damaged"]));
    assert_eq!(files(&target.installation.data_dir().join("media")).into_keys().collect::<Vec<_>>(), paths);
    target.end().await;
    stage.world.end().await;
}
