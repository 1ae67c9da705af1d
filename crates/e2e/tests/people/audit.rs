//! What is written down of people's own accounts, and of commands.

use e2e::program::Installation;
use e2e::{Meta, World, cluster};
use model::act::Role;
use model::audit::{self, Filter};
use reqwest::StatusCode;

use super::pages::second_factor::{code, turn_on};
use super::pages::{Browser, PASSWORD, set_up};

/// What was done in the one organization that there is, oldest first, without those of set-up.
async fn acts(world: &World) -> Vec<String> {
    let sql = world.sql().await;
    let rows = sql.query("SELECT act, before, after, actor, address FROM wazapp.audit ORDER BY id", &[]).await;
    let rows = rows.expect("the audit");
    rows.iter().map(|row| row.get::<_, String>("act")).filter(|act| act.starts_with("account/")).collect()
}

/// Each change of how somebody signs in is written down where they work, with who and from where, and no secret.
#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_to_their_sign_in_is_written_down() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let new = "otra frase larga";
    let change = [("current", PASSWORD), ("password", new)];
    assert_eq!(owner.post("/settings/profile/password", &change).await.status, StatusCode::SEE_OTHER);
    let change = [("current", new), ("password", PASSWORD)];
    assert_eq!(owner.post("/settings/profile/password", &change).await.status, StatusCode::SEE_OTHER);
    let about = [("name", "Lucía P."), ("language", "es"), ("zone", "UTC")];
    assert_eq!(owner.post("/settings/profile", &about).await.status, StatusCode::SEE_OTHER);
    let app = turn_on(&world, &mut owner).await;
    let codes = owner.post("/settings/second-factor/codes", &[("current", PASSWORD)]).await;
    assert_eq!(codes.status, StatusCode::CREATED);
    world.pass(std::time::Duration::from_secs(60));
    let off = [("current", PASSWORD), ("code", &code(&world, &app.key))];
    assert_eq!(owner.post("/settings/second-factor/app/remove", &off).await.status, StatusCode::SEE_OTHER);
    let wrong = [("current", "una frase mala"), ("password", new)];
    assert_eq!(owner.post("/settings/profile/password", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let page = owner.get("/settings/audit").await.text;
    for says in ["cambió la contraseña de", "activó los códigos de una aplicación", "creó códigos de recuperación"]
    {
        assert!(page.contains(says), "{says}: {page}");
    }
    assert_eq!(owner.post("/settings/profile/sessions/end", &[]).await.leads_to(), "/login");
    let expected = [
        "account/password",
        "account/password",
        "account/profile",
        "account/app_on",
        "account/recovery_codes",
        "account/recovery_codes",
        "account/app_off",
        "account/sessions",
    ];
    assert_eq!(acts(&world).await, expected, "what failed is not there");
    let all = e2e::canary::rows(&world.sql().await).await;
    assert!(!all.contains(PASSWORD) && !all.contains(new));
    world.end().await;
}

/// Who works in two organizations is written down in both; who works in none, in the server's audit.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_wherever_they_work() {
    let world = World::new().await;
    let (acme, other) = (world.organization("Acme").await, world.organization("Other").await);
    let marta = world.member(&acme, Role::Agent).await;
    let tx = world.database().operator().await.expect("a transaction");
    model::membership::add(&tx, world.now(), &other.scope, marta.user_id, Role::Viewer).await.expect("a membership");
    tx.commit().await.expect("it is there");
    let end = async || Browser::of(&world, &marta).post("/settings/profile/sessions/end", &[]).await;
    assert_eq!(end().await.leads_to(), "/login");
    for organization in [&acme, &other] {
        let tx = world.database().tenant(&organization.scope).await.expect("a transaction");
        let all = audit::list(&tx, &Filter::default(), None, 9).await.expect("the audit");
        tx.close();
        assert_eq!((all.data.len(), all.data[0].act.as_str()), (1, "account/sessions"));
        assert_eq!(all.data[0].actor.id, Some(marta.user_id));
        assert!(all.data[0].actor.address.is_some());
    }
    world.end().await;
}

/// What commands do to organizations, Apps and numbers is written down, in the organization's audit or the server's.
#[tokio::test(flavor = "multi_thread")]
async fn commands_are_written_down() {
    let meta = Meta::start(simulator::Options::default()).await;
    let number = meta.numbers().await.remove(0);
    let installation = Installation::beside(&meta, "a-word").await;
    let running = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    installation.json(&["app", "add", "--app-id", "900", "--name", "Own", "--secret", "s1", "--org", "acme"]).await;
    installation.json(&["app", "rotate", "--app-id", "900", "--secret", "s2", "--drop-old"]).await;
    installation.json(&["app", "remove", "--app-id", "900"]).await;
    installation.json(&["app", "add", "--app-id", "901", "--name", "Shared", "--secret", "s1"]).await;
    installation.connect("acme", &number, &number.token).await;
    installation.json(&["number", "resume", "--org", "acme", "--phone-number-id", &number.phone_number_id]).await;
    installation.json(&["number", "disconnect", "--org", "acme", "--phone-number-id", &number.phone_number_id]).await;
    installation.json(&["org", "set", "--org", "acme", "--event-retention-days", "30"]).await;
    installation.json(&["org", "limit", "--org", "acme", "--uploads-a-day", "7"]).await;
    installation.json(&["user", "create", "--org", "acme", "--email", "eva@example.com"]).await;
    installation.json(&["user", "reset", "eva@example.com"]).await;

    let socket = installation.socket_dir().expect("its PostgreSQL has a socket");
    let sql = cluster::connect(&socket, "wazapp").await.expect("a connection");
    let of = async |table: &str| -> Vec<String> {
        let rows =
            sql.query(&format!("SELECT act FROM wazapp.{table} WHERE actor = 'operator' ORDER BY id"), &[]).await;
        rows.expect("the audit").iter().map(|row| row.get(0)).collect()
    };
    let expected = [
        "organization.manage/create",
        "numbers.manage/app_add",
        "numbers.manage/app_rotate",
        "numbers.manage/app_remove",
        "numbers.manage/connect",
        "numbers.manage/resume",
        "numbers.manage/disconnection",
        "organization.manage/retention",
        "organization.manage/limit",
        "members.manage/add",
        "account/reset",
    ];
    assert_eq!(of("audit").await, expected);
    assert_eq!(of("server_audit").await, ["numbers.manage/app_add", "server/user.create", "server/user.reset"]);
    drop(sql);
    let (status, _, _) = running.terminate().await;
    assert!(status.success());
    meta.stop().await;
}
