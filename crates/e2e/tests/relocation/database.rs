//! There, and back again.

use e2e::until;

use super::{Stage, close, count, refused, same, sql};
use crate::backup::Target;

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_is_the_same_row_by_row_and_one_place_is_served() {
    let stage = Stage::new().await;
    let (target, private) = (Target::new().await, stage.private(None).await);
    let said = stage.installation.json(&["move", "database", "--to", &target.url]).await;
    let (from, to) = (sql(&private).await, target.sql().await);
    let left = same(&from, &to).await;
    let rows: usize = left.values().map(Vec::len).sum();
    assert_eq!(said["rows"], rows, "what is compared is what is told");
    assert!(said["settings"].to_string().contains("WAZAPP_DATABASE_URL="), "{said}");
    // What a table is numbered by would have to move too: there is none.
    let numbered = "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'wazapp'::regnamespace";
    assert_eq!((count(&from, numbered).await, count(&to, numbered).await), (0, 0));
    drop(from);
    close(private).await;

    // The old place says where everything is, to whoever begins there.
    for arguments in [&["serve"][..], &["org", "list"], &["move", "database", "--to", &target.url], &["move", "cancel"]]
    {
        let says = refused(&stage.installation, arguments).await;
        assert!(says.contains("was moved to") && says.contains("WAZAPP_DATABASE_URL"), "{arguments:?}: {says}");
        assert_eq!(says.lines().filter(|line| line.starts_with("error:")).count(), 1, "{says}");
    }

    // The new one goes on with what waited, once.
    let due = "UPDATE wazapp.outbox SET due_at = now() - interval '1 minute', send_at = now() - interval '1 minute'";
    to.batch_execute(due).await.expect("it is due");
    let stage = stage.at(&target.url);
    let server = stage.installation.serve().await;
    until("it is sent", async || stage.meta.accepted(&stage.number).await.len() == 1).await;
    stage.hears(&server, "Gracias").await;
    assert!(server.terminate().await.0.success());
    let messages = count(&to, "SELECT count(*) FROM wazapp.message").await;

    // Back: what lies in the old place is what was left there, and is replaced.
    let back = stage.installation.json(&["move", "database", "--to", "private"]).await;
    assert!(back["settings"].to_string().contains("unset WAZAPP_DATABASE_URL"), "{back}");
    let says = refused(&stage.installation, &["serve"]).await;
    assert!(says.contains("was moved to the private PostgreSQL"), "{says}");
    let stage = stage.at("");
    let server = stage.installation.serve().await;
    let private = stage.private(None).await;
    assert_eq!(count(&sql(&private).await, "SELECT count(*) FROM wazapp.message").await, messages);
    close(private).await;
    assert_eq!(stage.meta.accepted(&stage.number).await.len(), 1, "nothing is sent twice");
    assert!(server.terminate().await.0.success());

    // And there once more, where an older state of the same lies.
    stage.installation.json(&["move", "database", "--to", &target.url]).await;
    assert_eq!(count(&to, "SELECT count(*) FROM wazapp.message").await, messages);
    drop(to);
    target.end().await;
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_between_two_external_ones() {
    let ((stage, first), second) = (Stage::external().await, Target::new().await);
    let output = stage.installation.run_with_input(&["move", "database", "--to", "-", "--json"], &second.url).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    same(&first.sql().await, &second.sql().await).await;
    // The first of all may be gone back to: everything there is an older state of this.
    let stage = stage.at(&second.url);
    stage.installation.json(&["move", "database", "--to", "private"]).await;
    let stage = stage.at("");
    assert!(stage.installation.serve().await.terminate().await.0.success());
    first.end().await;
    second.end().await;
    stage.meta.stop().await;
}
