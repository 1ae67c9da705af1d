//! What a browser is told, and what it is refused.

use e2e::World;
use model::act::Role;
use reqwest::{Method, StatusCode};

use super::{Browser, set_up, two};

/// Pages for anybody, and for whoever is signed in.
const OPEN: &[&str] = &[
    "/settings/none",
    "/login",
    "/setup",
    "/password/forgot",
    "/password/none",
    "/invitation/none",
    "/login/provider",
    "/login/provider/callback",
];
const CLOSED: &[&str] = &[
    "/inbox",
    "/welcome",
    "/welcome/demo",
    "/settings",
    "/settings/profile",
    "/settings/members",
    "/settings/members/invite",
    "/settings/teams",
    "/settings/numbers",
    "/settings/keys",
    "/settings/keys/new",
    "/settings/audit",
    "/settings/organization",
    "/server",
];

/// Every form's way in.
const FORMS: &[&str] = &[
    "/login",
    "/logout",
    "/setup",
    "/language",
    "/theme",
    "/organization",
    "/password/forgot",
    "/password/none",
    "/invitation/none",
    "/settings/profile",
    "/settings/profile/password",
    "/settings/profile/provider/unlink",
    "/settings/profile/sessions/end",
    "/settings/profile/sessions/019a0b1c-0000-7000-8000-000000000001/end",
    "/settings/members/invite",
    "/settings/members/019a0b1c-0000-7000-8000-000000000001/role",
    "/settings/members/019a0b1c-0000-7000-8000-000000000001/remove",
    "/settings/invitations/019a0b1c-0000-7000-8000-000000000001/revoke",
    "/settings/teams",
    "/settings/teams/019a0b1c-0000-7000-8000-000000000001",
    "/settings/teams/019a0b1c-0000-7000-8000-000000000001/remove",
    "/settings/keys/new",
    "/settings/keys/019a0b1c-0000-7000-8000-000000000001/revoke",
    "/settings/organization",
    "/server",
    "/server/organizations/019a0b1c-0000-7000-8000-000000000001/suspend",
    "/server/organizations/019a0b1c-0000-7000-8000-000000000001/resume",
    "/server/organizations/019a0b1c-0000-7000-8000-000000000001/enter",
];

/// Nothing of a page is kept, framed, run from elsewhere, or told to others.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_says_what_a_browser_may_do_with_it() {
    let world = World::new().await;
    let mut owner = set_up(&world).await;
    let mut nobody = Browser::new(&world);
    for path in OPEN.iter().chain(CLOSED) {
        let mut answers = vec![owner.get(path).await, nobody.get(path).await];
        answers.push(owner.ask(Method::DELETE, path, &[]).await);
        for answer in answers {
            let policy = answer.header("content-security-policy");
            for rule in [
                "default-src 'none'",
                "script-src 'self';",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
            ] {
                assert!(policy.contains(rule), "{path} {}: {policy}", answer.status);
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
            assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
            assert!(["same-origin", "no-referrer"].contains(&answer.header("referrer-policy")), "{path}");
            if ["/invitation/", "/password/"].iter().any(|secret| path.starts_with(secret)) && answer.status != 405 {
                assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}: its address is a secret");
            }
            if !answer.status.is_redirection() {
                assert!(answer.text.starts_with("<!DOCTYPE html>"), "{path} {}: {}", answer.status, answer.text);
            }
        }
    }
    for path in CLOSED {
        let answer = nobody.get(path).await;
        let next = path.replace('/', "%2F");
        assert_eq!((answer.status, answer.leads_to()), (StatusCode::SEE_OTHER, format!("/login?next={next}").as_str()));
    }
    world.end().await;
}

/// What another site's page sends is refused, whatever it is, and nothing comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_site_sends_is_refused() {
    let world = World::new().await;
    let owner = set_up(&world).await;
    for elsewhere in [
        owner.saying("sec-fetch-site", "cross-site").saying("origin", "https://evil.example"),
        owner.saying("sec-fetch-site", "same-site"),
        owner.saying("origin", "https://evil.example"),
        owner.saying("origin", "null"),
        owner.saying("origin", &format!("{}.evil.example", world.url())),
    ] {
        for path in FORMS {
            let answer = elsewhere.clone().post(path, &[("language", "en"), ("role", "owner"), ("name", "x")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {:?}", elsewhere.headers);
            assert!(answer.text.contains("Se envió desde otro sitio"), "{path}: {}", answer.text);
            assert_eq!(answer.header("set-cookie"), "", "{path}");
        }
    }
    assert_eq!(owner.clone().get("/inbox").await.status, 200, "nobody was signed out");
    let mut ours = owner.saying("sec-fetch-site", "same-origin").saying("origin", world.url());
    assert_eq!(ours.post("/theme", &[("theme", "dark")]).await.leads_to(), "/settings/profile");
    assert!(ours.get("/inbox").await.text.contains("class=\"theme-dark\""));
    world.end().await;
}

/// After signing in people go on where they were, and never to another place.
#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_nowhere_else() {
    let world = World::new().await;
    set_up(&world).await;
    for elsewhere in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/.//evil.example",
    ] {
        let mut browser = Browser::new(&world);
        let fields = [("email", "lucia@example.com"), ("password", super::PASSWORD), ("next", elsewhere)];
        let answer = browser.post("/login", &fields).await;
        assert_eq!((answer.status, answer.leads_to()), (StatusCode::SEE_OTHER, "/inbox"), "{elsewhere}");
        let encoded: String = elsewhere.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let form = Browser::new(&world).get(&format!("/login?next={encoded}")).await;
        assert!(form.text.contains("name=\"next\" value=\"/inbox\""), "{elsewhere}: {}", form.text);
        let answer = browser.post("/language", &[("language", "en"), ("next", elsewhere)]).await;
        assert_eq!(answer.leads_to(), "/inbox", "{elsewhere}");
    }
    let fields =
        [("email", "lucia@example.com"), ("password", super::PASSWORD), ("next", "/settings/audit?act=keys.manage")];
    assert_eq!(Browser::new(&world).post("/login", &fields).await.leads_to(), "/settings/audit?act=keys.manage");
    world.end().await;
}

/// Links are made of the address that the server is known by, whatever a request calls it.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_names_no_host_that_a_request_made_up() {
    let world = World::new().await;
    let owner = set_up(&world).await;
    for (name, value) in
        [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")]
    {
        let mut browser = owner.saying(name, value);
        let answer = browser.post("/settings/members/invite", &[("role", "agent")]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        assert!(answer.shown_once().starts_with(&format!("{}/invitation/wi_", world.url())), "{}", answer.shown_once());
        assert!(!answer.text.contains("evil.example"));
        let led = browser.get("/").await;
        assert_eq!(led.leads_to(), "/inbox");
    }
    world.end().await;
}

/// The language is that of the cookie, else what the browser asks for, else Spanish; of who is signed in their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_speaks_its_readers_language() {
    let world = World::new().await;
    let ((_, marta), _) = two(&world, Role::Agent).await;
    let mut nobody = Browser::new(&world);
    let lang = |text: &str| text.split("lang=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    assert_eq!(lang(&nobody.get("/login").await.text).as_deref(), Some("es"));
    assert_eq!(
        lang(&nobody.saying("accept-language", "en-GB,en;q=0.9").get("/login").await.text).as_deref(),
        Some("en")
    );
    assert_eq!(nobody.post("/language", &[("language", "en"), ("next", "/login")]).await.leads_to(), "/login");
    assert_eq!(lang(&nobody.get("/login").await.text).as_deref(), Some("en"));
    assert_eq!(
        lang(&Browser::of(&world, &marta).saying("accept-language", "en").get("/inbox").await.text).as_deref(),
        Some("es")
    );
    world.end().await;
}

/// What pages bring along is kept for ever under its build, in the form that the browser takes.
#[tokio::test(flavor = "multi_thread")]
async fn what_pages_bring_along_is_kept() {
    let world = World::new().await;
    set_up(&world).await;
    let page = Browser::new(&world).get("/login").await.text;
    let css = page
        .split("href=\"")
        .find_map(|rest| rest.split('"').next().filter(|path| path.ends_with("app.css")))
        .expect("a style");
    for (accepted, encoding) in [("", ""), ("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip")] {
        let answer = world.client().get(format!("{}{css}", world.url())).header("accept-encoding", accepted);
        let answer = answer.send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!((answer.status().as_u16(), header("content-encoding")), (200, encoding), "{accepted}");
        assert_eq!(header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!((header("vary"), header("content-type")), ("Accept-Encoding", "text/css; charset=utf-8"));
    }
    let mut browser = Browser::new(&world);
    let other = browser.get("/assets/0000000000000000/app.css").await;
    assert_eq!((other.status.as_u16(), other.header("cache-control")), (200, "no-store"), "of another build");
    for absent in ["/assets/x/none.css", "/assets/x/app.css.br", "/assets/x/..%2f..%2fCargo.toml"] {
        assert_eq!(browser.get(absent).await.status, StatusCode::NOT_FOUND, "{absent}");
    }
    world.end().await;
}

/// A page of the inbox comes compressed where it is asked for from here, and where nobody else can have it asked for again and
/// again: how long such an answer is would tell them what else stands in it. Streams, and pages of other rooms, never do.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_can_have_asked_for_is_not_compressed() {
    let world = World::new().await;
    let owner = set_up(&world).await.saying("accept-encoding", "gzip, deflate, br");
    let encoding = async |browser: &Browser, path: &str| {
        let answer = browser.clone().get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        answer.header("content-encoding").to_owned()
    };
    for own in ["same-origin", "none"] {
        let own = owner.saying("sec-fetch-site", own);
        assert_eq!(encoding(&own, "/inbox").await, "gzip");
        assert_eq!(encoding(&own.saying("turbo-frame", "thread"), "/inbox?view=all").await, "gzip");
        for path in ["/inbox/rows", "/settings/keys", "/settings/second-factor", "/api/v1/events"] {
            assert_eq!(encoding(&own, path).await, "", "{path}");
        }
    }
    assert_eq!(encoding(&owner, "/inbox").await, "", "a browser that says nothing of it");
    for elsewhere in ["cross-site", "same-site"] {
        assert_eq!(encoding(&owner.saying("sec-fetch-site", elsewhere), "/inbox").await, "", "{elsewhere}");
    }
    let missing =
        owner.saying("sec-fetch-site", "same-origin").get("/inbox/019a0b1c-0000-7000-8000-000000000001").await;
    assert_eq!((missing.status, missing.header("content-encoding")), (StatusCode::NOT_FOUND, ""));
    world.end().await;
}
