//! Settings: who may do what there, and what comes of it.

use e2e::{Person, World};
use model::act::{Act, Role};
use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::{Browser, PASSWORD, invite, set_up, two};

/// A path, what is sent there, and the act that it is.
type Attempt = (String, Option<&'static [(&'static str, &'static str)]>, Act);

/// Pages and forms with the act that they are.
fn acts(member: Uuid, owner: Uuid) -> Vec<Attempt> {
    const NONE: &str = "019a0b1c-0000-7000-8000-000000000001";
    let get = |path: &str, act| -> Attempt { (path.to_owned(), None, act) };
    let post =
        |path: String, fields: &'static [(&'static str, &'static str)], act| -> Attempt { (path, Some(fields), act) };
    vec![
        get("/inbox", Act::Read),
        get("/settings/numbers", Act::Read),
        get("/settings/members", Act::ReadMembers),
        get("/settings/teams", Act::ReadMembers),
        get("/settings/members/invite", Act::ManageMembers),
        get(&format!("/settings/members/{member}/remove"), Act::ManageMembers),
        get(&format!("/settings/members/{owner}/remove"), Act::ManageOrganization),
        get(&format!("/settings/teams/{NONE}"), Act::ManageTeams),
        get("/settings/keys", Act::ManageKeys),
        get("/settings/keys/new", Act::ManageKeys),
        get("/settings/audit", Act::ReadAudit),
        get("/settings/organization", Act::ManageOrganization),
        post("/settings/organization".into(), &[], Act::ManageOrganization),
        post("/settings/members/invite".into(), &[("role", "agent")], Act::ManageMembers),
        post("/settings/members/invite".into(), &[("role", "owner")], Act::ManageOrganization),
        post(format!("/settings/members/{member}/role"), &[("role", "agent")], Act::ManageMembers),
        post(format!("/settings/members/{member}/role"), &[("role", "owner")], Act::ManageOrganization),
        post(format!("/settings/members/{owner}/role"), &[("role", "owner")], Act::ManageOrganization),
        post(format!("/settings/members/{owner}/role"), &[("role", "agent")], Act::ManageOrganization),
        post(format!("/settings/invitations/{NONE}/revoke"), &[], Act::ManageMembers),
        post("/settings/teams".into(), &[("name", "")], Act::ManageTeams),
        post(format!("/settings/teams/{NONE}/remove"), &[], Act::ManageTeams),
        post("/settings/keys/new".into(), &[("name", "")], Act::ManageKeys),
        post(format!("/settings/keys/{NONE}/revoke"), &[], Act::ManageKeys),
    ]
}

/// Each role at each page: who may not is told so, who may gets another answer.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_and_does_what_the_table_says() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let owner = world.member(&acme, Role::Owner).await;
    for role in Role::ALL {
        let mut browser = Browser::of(&world, &world.member(&acme, role).await);
        let other = world.member(&acme, Role::Agent).await;
        for (path, fields, act) in acts(other.user_id, owner.user_id) {
            let answer = match fields {
                None => browser.get(&path).await,
                Some(fields) => browser.post(&path, fields).await,
            };
            assert_eq!(answer.status != 403, role.may(act), "{role:?} {path} {fields:?}: {}", answer.status);
        }
        let menu = browser.get("/settings").await.text;
        assert_eq!(menu.contains("/settings/keys"), role.may(Act::ManageKeys), "{role:?}");
        assert_eq!(menu.contains("/settings/audit"), role.may(Act::ReadAudit), "{role:?}");
    }
    world.end().await;
}

/// What belongs to another organization is not there.
#[tokio::test(flavor = "multi_thread")]
async fn another_organizations_people_are_not_there() {
    let world = World::new().await;
    let ((acme, _), (other, luis)) = two(&world, Role::Owner).await;
    let owner = world.member(&acme, Role::Owner).await;
    let mut theirs = Browser::of(&world, &luis);
    let team = theirs.post("/settings/teams", &[("name", "Ventas")]).await.leads_to().to_owned();
    invite(&mut theirs, "eva@example.com", Role::Agent).await;
    let ids = world.count("SELECT count(*) FROM wazapp.invitation").await;
    assert_eq!(ids, 1);
    let sql = world.sql().await;
    let invitation: Uuid = sql.query_one("SELECT id FROM wazapp.invitation", &[]).await.expect("a row").get(0);
    let key: Uuid = sql
        .query_one("SELECT id FROM wazapp.api_key WHERE organization_id = $1", &[&other.scope.organization_id()])
        .await
        .expect("a row")
        .get(0);
    let session: Uuid = sql
        .query_one("SELECT id FROM wazapp.session WHERE user_id = $1", &[&luis.user_id])
        .await
        .expect("a row")
        .get(0);
    let mut browser = Browser::of(&world, &owner);
    for (path, fields) in [
        (format!("/settings/members/{}/role", luis.user_id), vec![("role", "viewer")]),
        (format!("/settings/members/{}/remove", luis.user_id), vec![]),
        (format!("/settings/invitations/{invitation}/revoke"), vec![]),
        (team.clone(), vec![("name", "Mía")]),
        (format!("{team}/remove"), vec![]),
        (format!("/settings/keys/{key}/revoke"), vec![]),
        (format!("/settings/profile/sessions/{session}/end"), vec![]),
    ] {
        assert_eq!(browser.post(&path, &fields).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in [format!("/settings/members/{}/remove", luis.user_id), team, format!("/settings/keys/{key}/revoke")] {
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for page in ["/settings/members", "/settings/teams", "/settings/audit", "/settings/keys"] {
        let text = browser.get(page).await.text;
        assert!(!text.contains("Ventas") && !text.contains(&luis.email) && !text.contains("eva@"), "{page}");
    }
    world.end().await;
}

/// The last owner stays one, whoever asks; who is removed sees nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_always_owns_it() {
    let world = World::new().await;
    let ((acme, owner), _) = two(&world, Role::Owner).await;
    let marta = world.member(&acme, Role::Agent).await;
    let mut browser = Browser::of(&world, &owner);
    let of = |person: &Person, what: &str| format!("/settings/members/{}/{what}", person.user_id);
    for (path, fields) in [(of(&owner, "role"), vec![("role", "agent")]), (of(&owner, "remove"), vec![])] {
        let answer = browser.post(&path, &fields).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(answer.text.contains("Es el último propietario."), "{}", answer.text);
    }
    assert!(browser.get(&of(&marta, "remove")).await.text.contains("¿Quitar a Marta Ruiz de Acme?"));
    let mut hers = Browser::of(&world, &marta);
    assert_eq!(hers.get("/inbox").await.status, 200);
    assert_eq!(browser.post(&of(&marta, "remove"), &[]).await.leads_to(), "/settings/members");
    let answer = hers.get("/inbox").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("No perteneces a ninguna organización"), "{}", answer.text);
    assert_eq!(hers.get("/settings/profile").await.status, 200, "her account is still hers");
    let audit = browser.get("/settings/audit").await.text;
    assert!(audit.contains("quitó a") && audit.contains("Marta Ruiz"), "{audit}");
    world.end().await;
}

/// A key is shown once, opens what was chosen, and is refused once it is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once() {
    let world = World::new().await;
    let ((_, owner), _) = two(&world, Role::Admin).await;
    let mut browser = Browser::of(&world, &owner);
    let unfit = browser.post("/settings/keys/new", &[("name", "Tienda")]).await;
    assert_eq!(unfit.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unfit.text.contains("Elige al menos una cosa.") && unfit.text.contains("value=\"Tienda\""));
    let strange = [("name", "Tienda"), ("scope", "read"), ("number", "019a0b1c-0000-7000-8000-000000000001")];
    assert_eq!(
        browser.post("/settings/keys/new", &strange).await.status,
        StatusCode::NOT_FOUND,
        "not all numbers instead"
    );
    let made = browser.post("/settings/keys/new", &[("name", "Tienda"), ("scope", "read"), ("ends", "30")]).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let key = made.shown_once().to_owned();
    let me = async || {
        let request = world.client().get(format!("{}/api/v1/me", world.url())).bearer_auth(&key);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(me().await, 200);
    let list = browser.get("/settings/keys").await.text;
    assert!(!list.contains(&key) && list.contains("Tienda") && list.contains("caduca"), "{list}");
    let row = list.split("</li>").find(|row| row.contains("Tienda")).expect("its row");
    let revoke = row.split('"').find(|path| path.ends_with("/revoke")).expect("a link");
    assert!(browser.get(revoke).await.text.contains("Los programas que la usan dejan de funcionar"));
    assert_eq!(browser.post(revoke, &[]).await.leads_to(), "/settings/keys");
    assert_eq!(me().await, 401);
    let audit = browser.get("/settings/audit?act=keys.manage").await.text;
    assert!(audit.contains("creó la clave") && audit.contains("anuló la clave") && !audit.contains(&key), "{audit}");
    world.end().await;
}

/// Teams are made, filled, renamed and ended; names are theirs alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_made_filled_and_ended() {
    let world = World::new().await;
    let ((acme, owner), (_, luis)) = two(&world, Role::Owner).await;
    let marta = world.member(&acme, Role::Agent).await;
    let mut browser = Browser::of(&world, &owner);
    let team = browser.post("/settings/teams", &[("name", "Ventas")]).await.leads_to().to_owned();
    assert_eq!(browser.post("/settings/teams", &[("name", "Ventas")]).await.status, StatusCode::CONFLICT);
    let (hers, his) = (marta.user_id.to_string(), luis.user_id.to_string());
    let fields = [("name", "Ventas y pedidos"), ("member", hers.as_str()), ("member", his.as_str())];
    assert_eq!(browser.post(&team, &fields).await.leads_to(), "/settings/teams");
    assert_eq!(world.count("SELECT count(*) FROM wazapp.team_member").await, 1, "who does not work here is in no team");
    let list = browser.get("/settings/teams").await.text;
    assert!(list.contains("Ventas y pedidos") && list.contains("1 persona"), "{list}");
    browser.post("/settings/teams", &[("name", "Soporte")]).await;
    let taken = browser.post(&team, &[("name", "Soporte")]).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(taken.text.contains("Ya hay un equipo con este nombre."));
    assert!(browser.get(&format!("{team}/remove")).await.text.contains("¿Quitar el equipo Ventas y pedidos?"));
    assert_eq!(browser.post(&format!("{team}/remove"), &[]).await.leads_to(), "/settings/teams");
    assert_eq!(browser.get(&team).await.status, StatusCode::NOT_FOUND);
    world.end().await;
}

/// What people write is text, wherever it shows.
#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_is_text() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    for hostile in [
        "<img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "</title><script>alert(1)</script>",
        "{{7*7}}",
        "javascript:alert(1)",
    ] {
        let profile = [("name", hostile), ("language", "es"), ("zone", "America/Mexico_City")];
        assert_eq!(owner.post("/settings/profile", &profile).await.leads_to(), "/settings/profile");
        let team = owner.post("/settings/teams", &[("name", hostile)]).await.leads_to().to_owned();
        owner.post("/settings/keys/new", &[("name", hostile), ("scope", "read")]).await;
        let link = invite(&mut owner, "", Role::Agent).await;
        for path in [
            &team,
            &link,
            "/settings/profile",
            "/settings/members",
            "/settings/teams",
            "/settings/keys",
            "/settings/audit",
            "/inbox",
        ] {
            let text = owner.get(path).await.text;
            for raw in ["<img", "<svg onload", "</title><script", "<script>", "49"] {
                // Of the pages' own: the mark, and the frame for pictures.
                let ours = ["<img src=\"/assets/", "<img alt=\""].map(|own| text.matches(own).count());
                let known = raw == "49" || raw == "<img" && text.matches("<img").count() == ours.iter().sum::<usize>();
                assert!(known || !text.contains(raw), "{path} shows {raw}");
            }
        }
    }
    let long = "x".repeat(101);
    let answer =
        owner.post("/settings/profile", &[("name", long.as_str()), ("language", "es"), ("zone", "Mars/Base")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("100 caracteres como máximo") && answer.text.contains("Elige una zona de la lista."));
    let unfit =
        owner.post("/settings/profile/password", &[("current", PASSWORD), ("password", "lucia@example.com")]).await;
    assert!(unfit.text.contains("Es de las primeras que se prueban."), "{}", unfit.text);
    world.end().await;
}

/// Whoever is limited to see a part opens nothing wider than that for themselves, whatever their role: neither a key, nor an
/// invitation, nor anybody's limits.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_limited_makes_nothing_wider() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    let owner = world.member(&acme, Role::Owner).await;
    let marta = world.member(&acme, Role::Admin).await;
    let path = format!("/members/{}", marta.user_id);
    let limits = json!({ "sees": "own" });
    let (status, answer) = world.as_person(Method::PATCH, &owner, &path, Some(&limits)).await;
    assert_eq!(status, 200, "{answer}");
    let mut browser = Browser::of(&world, &marta);
    let keys = world.count("SELECT count(*) FROM wazapp.api_key").await;
    for (path, fields) in [
        ("/settings/keys/new", vec![("name", "mine"), ("scope", "read")]),
        ("/settings/members/invite", vec![("email", "eva@example.com"), ("role", "admin")]),
        (&format!("/settings/members/{}/role", marta.user_id), vec![("role", "agent")]),
        ("/settings/teams", vec![("name", "Ventas")]),
    ] {
        assert_eq!(browser.post(path, &fields).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in ["/settings/keys", "/settings/keys/new", "/settings/members/invite", "/settings/audit"] {
        assert_eq!(browser.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(world.count("SELECT count(*) FROM wazapp.api_key").await, keys);
    assert_eq!(world.count("SELECT count(*) FROM wazapp.invitation").await, 0);
    // An owner is never limited: somebody must be able to see everything.
    let path = format!("/members/{}", owner.user_id);
    let (status, answer) = world.as_person(Method::PATCH, &owner, &path, Some(&limits)).await;
    assert_eq!(status, 409, "{answer}");
    world.end().await;
}

/// What somebody who is removed leaves behind goes on working, and that is said: before, and in the list of keys.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_somebody_who_is_removed_are_named() {
    let world = World::new().await;
    let ((acme, owner), _) = two(&world, Role::Owner).await;
    let admin = world.member(&acme, Role::Admin).await;
    let key = [("name", "Tienda"), ("scope", "read"), ("ends", "never")];
    let made = Browser::of(&world, &admin).post("/settings/keys/new", &key).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let mut browser = Browser::of(&world, &owner);
    assert!(browser.get("/settings/keys").await.text.contains("hecha por Marta Ruiz"));
    let remove = format!("/settings/members/{}/remove", admin.user_id);
    let asked = browser.get(&remove).await.text;
    assert!(asked.contains("Una clave de API que hizo sigue valiendo."), "{asked}");
    assert_eq!(browser.post(&remove, &[]).await.status, StatusCode::SEE_OTHER);
    let list = browser.get("/settings/keys").await.text;
    assert!(list.contains("hecha por alguien que ya no trabaja aquí"), "{list}");
    let (_, keys) = world.as_person(Method::GET, &owner, "/keys", None).await;
    let theirs = keys["data"].as_array().unwrap().iter().filter(|key| key["created_by_id"] == json!(admin.user_id));
    assert_eq!(theirs.count(), 1, "{keys}");
    world.end().await;
}

/// An invitation is worth as much as whoever sent it: it ends when they are removed, and when they may not give that role
/// any more.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_ends_with_the_right_to_send_it() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    let owner = world.member(&acme, Role::Owner).await;
    let (first, second) = (world.member(&acme, Role::Admin).await, world.member(&acme, Role::Admin).await);
    let mut browser = Browser::of(&world, &owner);
    let of_first = invite(&mut Browser::of(&world, &first), "eva@example.com", Role::Admin).await;
    let of_second = invite(&mut Browser::of(&world, &second), "ana@example.com", Role::Agent).await;
    let of_owner = invite(&mut browser, "leo@example.com", Role::Admin).await;
    let path = format!("/settings/members/{}/remove", first.user_id);
    assert_eq!(browser.post(&path, &[]).await.status, StatusCode::SEE_OTHER);
    let path = format!("/settings/members/{}/role", second.user_id);
    assert_eq!(browser.post(&path, &[("role", "agent")]).await.status, StatusCode::SEE_OTHER);
    let mut anybody = Browser::new(&world);
    for (link, works) in [(of_first, false), (of_second, false), (of_owner, true)] {
        let page = anybody.get(&link).await;
        assert_eq!(page.status == StatusCode::OK, works, "{link}: {}", page.status);
    }
    world.end().await;
}

/// An owner has everybody need a second factor, and needs one first; it is written down, in pages and by the API.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_requires_a_second_factor() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let on = [("second_factor", "on")];
    let own_first = owner.post("/settings/organization", &on).await;
    assert_eq!(own_first.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(own_first.text.contains("Configura primero tu segundo factor"), "{}", own_first.text);
    let cookie = format!("wazapp={}", owner.cookies["wazapp"]);
    let patch = async |required: bool| {
        let body = serde_json::json!({ "require_second_factor": required }).to_string();
        let request = world.client().patch(format!("{}/api/v1/organization", world.url())).header("cookie", &cookie);
        let answer = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(patch(true).await, 409);
    super::second_factor::turn_on(&world, &mut owner).await;
    assert_eq!(owner.post("/settings/organization", &on).await.leads_to(), "/settings/organization");
    assert!(owner.get("/settings/organization").await.text.contains("checked"));
    assert_eq!((patch(false).await, patch(true).await), (200, 200));

    let link = invite(&mut owner, "luis@example.com", Role::Agent).await;
    let mut luis = Browser::new(&world);
    let fields = [("name", "Luis"), ("email", "luis@example.com"), ("password", PASSWORD), ("zone", "UTC")];
    assert_eq!(luis.post(&link, &fields).await.leads_to(), "/inbox");
    let led = luis.get("/inbox").await;
    assert!(led.status == StatusCode::FORBIDDEN && led.text.contains("/settings/profile"), "{}", led.text);
    let audit = owner.get("/settings/audit?act=organization.manage").await.text;
    assert_eq!(audit.matches("cambió si hace falta un segundo factor").count(), 3, "{audit}");
    world.end().await;
}

/// Whoever runs the server sees its organizations, makes, suspends and resumes them, and looks in with a reason that the
/// organization reads; nobody else comes to that page.
#[tokio::test(flavor = "multi_thread")]
async fn who_runs_the_server_has_a_page() {
    let world = World::new().await;
    let mut runner = set_up(&world).await;
    let other = world.organization("Otra <b>casa</b>").await;
    world.connect(&other, "106540352242922", "102290129340398", None).await;
    let marta = world.member(&other, Role::Owner).await;
    for path in ["/server".to_owned(), format!("/server/organizations/{}/enter", other.id)] {
        assert_eq!(Browser::of(&world, &marta).get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
        assert!(Browser::new(&world).get(&path).await.leads_to().starts_with("/login"), "{path}");
    }
    let refused = Browser::of(&world, &marta).post(&format!("/server/organizations/{}/suspend", other.id), &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let page = runner.get("/server").await.text;
    assert!(page.contains("Otra &#60;b&#62;casa") && page.contains("106540352242922"), "{page}");
    assert_eq!(runner.post("/server", &[("name", "Tercera")]).await.leads_to(), "/server");
    assert_eq!(runner.post("/server", &[("name", "")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(runner.get("/server").await.text.contains("Tercera"));
    let at = |what: &str| format!("/server/organizations/{}/{what}", other.id);
    assert_eq!(runner.post(&at("suspend"), &[]).await.leads_to(), "/server");
    assert_eq!(Browser::of(&world, &marta).get("/settings/members").await.status, StatusCode::FORBIDDEN);
    assert_eq!(runner.post(&at("enter"), &[("reason", "x")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(runner.post(&at("resume"), &[]).await.leads_to(), "/server");
    assert_eq!(runner.post(&at("enter"), &[("reason", "")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(runner.post(&at("enter"), &[("reason", "Marta nos lo pidió")]).await.leads_to(), "/inbox");
    assert!(runner.get("/settings/members").await.text.contains("Otra &#60;b&#62;casa"));
    let audit = Browser::of(&world, &marta).get("/settings/audit").await.text;
    for says in ["Marta nos lo pidió", "suspendió la organización", "reactivó la organización"] {
        assert!(audit.contains(says), "{says}: {audit}");
    }
    world.end().await;
}
