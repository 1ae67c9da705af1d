//! HTTPS by certificates that the server gets by itself, from an authority that others wrote.

mod attempts;
mod refused;
mod strangers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use e2e::program::Installation;
use e2e::{Authority, Posts, World, body, until};
use jiff::{SignedDuration, Timestamp};
use model::certificate::Wanted;
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Client};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wazapp::certificate::acme;
use wazapp::server::{Https, Source};
use worker::certificate::{Binding, Roots, Settings};

/// Nobody listens there.
const NOBODY: &str = "https://127.0.0.1:9/dir";

/// What people know the server as.
const DOMAIN: &str = "wa.example.org";

/// One that trusts this authority alone, and finds the domains here. Each shakes hands anew.
fn trusting(root: &Certificate, address: SocketAddr) -> Client {
    let client = e2e::outside::http().tls_certs_only([root.clone()]).tls_info(true);
    let client = client.resolve(DOMAIN, address).resolve("b.example.org", address);
    client.redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

fn url(domain: &str, address: SocketAddr) -> String {
    format!("https://{domain}:{}", address.port())
}

/// The certificate that is shown there to whoever trusts its authority; none: nobody comes to HTTPS.
async fn shown(root: &Certificate, domain: &str, address: SocketAddr) -> Option<Vec<u8>> {
    let answer = trusting(root, address).get(format!("{}/livez", url(domain, address))).send().await.ok()?;
    assert_eq!(answer.status(), 200);
    Some(answer.extensions().get::<TlsInfo>()?.peer_certificate()?.to_vec())
}

fn domains(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn roots(authority: &Authority) -> Option<Roots> {
    Some(Roots::from_pem(authority.own().as_bytes()).expect("a certificate"))
}

/// A node's HTTPS at these addresses.
async fn https(authority: &Authority, directory: &str, listen: SocketAddr, redirect: Option<SocketAddr>) -> Https {
    let domains = domains(&[DOMAIN, "b.example.org"]);
    let source = Source::Acme(acme::Authority {
        wanted: Wanted::new(directory, &domains),
        domains,
        email: None,
        binding: None,
        roots: roots(authority),
    });
    let bind = async |address| TcpListener::bind(address).await.expect("an address to listen on");
    let redirect = match redirect {
        Some(address) => Some(bind(address).await),
        None => None,
    };
    Https { listener: bind(listen).await, source, redirect, callers: None }
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Gets a certificate as a node would that nobody can connect to.
fn getting(
    world: &World,
    authority: &Authority,
    domain: &str,
    stop: &CancellationToken,
) -> tokio::task::JoinHandle<()> {
    getting_bound(world, authority, domain, stop, None)
}

/// The same, with an account that was made beforehand.
fn getting_bound(
    world: &World,
    authority: &Authority,
    domain: &str,
    stop: &CancellationToken,
    binding: Option<Binding>,
) -> tokio::task::JoinHandle<()> {
    let settings = Settings {
        clock: world.clock().clone(),
        keyring: world.keyring().clone(),
        wanted: Wanted::new(&authority.directory(), &domains(&[domain])),
        email: Some("admin@example.org".into()),
        binding,
        roots: roots(authority),
        answers_http: true,
    };
    tokio::spawn(worker::certificate::run(world.database_apart(), settings, stop.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_all_that_https_takes() {
    let mut authority = Authority::start().await;
    let installation = Installation::new()
        .setting("WAZAPP_DOMAIN", "WA.example.org, b.example.org")
        .setting("WAZAPP_ACME_EMAIL", "admin@example.org")
        .setting("WAZAPP_ACME_DIRECTORY", NOBODY)
        .setting("WAZAPP_ACME_CA", &authority.own_file())
        .setting("WAZAPP_HTTPS_LISTEN", &authority.tls().to_string())
        .setting("WAZAPP_REDIRECT_LISTEN", &authority.http().to_string());
    let (root, https) = (authority.root().await, authority.tls());

    // Without the authority the server begins, says once what is wrong, and rests.
    let server = installation.serve().await;
    let ready = reqwest::get(format!("{}/readyz", server.url())).await.expect("an answer");
    assert_eq!(ready.status(), 200);
    until("it is said", async || server.log().contains("no certificate was issued: the authority cannot be asked"))
        .await;
    assert!(shown(&root, DOMAIN, https).await.is_none());
    let doctor = installation.run(&["doctor", "--json"]).await;
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("there is no certificate of wa.example.org, b.example.org yet"), "{said}");
    assert!(said.contains("the authority cannot be asked") && said.contains("it is tried again at"), "{said}");
    let (ended, _, log) = server.terminate().await;
    assert!(ended.success() && log.contains("HTTPS waits for its first certificate"), "{log}");
    assert_eq!(log.matches("no certificate was issued").count(), 1, "{log}");

    let installation = installation.setting("WAZAPP_ACME_DIRECTORY", &authority.directory());
    let server = installation.serve().await;
    until("there is a certificate", async || shown(&root, DOMAIN, https).await.is_some()).await;
    let certificate = shown(&root, "b.example.org", https).await.expect("it is of both domains");
    let client = trusting(&root, https);
    let led = client.get(format!("http://{}/inbox?view=all", authority.http())).send().await.expect("an answer");
    assert_eq!(
        (led.status().as_u16(), &led.headers()["location"]),
        (308, &"https://wa.example.org/inbox?view=all".parse().expect("a value"))
    );
    let unknown = format!("http://{}/.well-known/acme-challenge/none", authority.http());
    assert_eq!(client.get(unknown).send().await.expect("an answer").status(), 404);
    let metrics = reqwest::get(format!("{}/metrics", server.url())).await.expect("metrics").text().await.expect("text");
    assert!(metrics.contains("wazapp_certificate_expires_timestamp"), "{metrics}");
    let doctor = installation.run(&["doctor", "--json"]).await;
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("holds until") && !said.contains("last attempt"), "{said}");
    let (ended, _, log) = server.terminate().await;
    assert!(ended.success() && !log.contains("PRIVATE KEY"), "{log}");

    // What the database has is shown from the first connection on, whoever is away.
    authority.stop();
    let server = installation.serve().await;
    assert_eq!(shown(&root, DOMAIN, https).await, Some(certificate));
    assert!(server.terminate().await.0.success());
}

/// A node that nobody can reach asks for the certificate; the one that the authority comes to cannot reach the authority.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_answered_by_whichever_node_is_asked() {
    let (world, authority) = (World::new().await, Authority::start().await);
    let root = authority.root().await;
    // On port 80 alone: HTTP-01.
    let secure = https(&authority, NOBODY, anywhere(), Some(authority.http())).await;
    let address = secure.listener.local_addr().expect("its address");
    let (node, stop) = (world.secure_node(secure).await, CancellationToken::new());
    let asking = getting(&world, &authority, DOMAIN, &stop);
    until("what another node got is shown", async || shown(&root, DOMAIN, address).await.is_some()).await;
    stop.cancel();
    asking.await.expect("it ends");
    node.stop().await;

    // On port 443 alone: TLS-ALPN-01, after nobody answered on port 80.
    let secure = https(&authority, NOBODY, authority.tls(), None).await;
    let (node, stop) = (world.secure_node(secure).await, CancellationToken::new());
    let asking = getting(&world, &authority, "b.example.org", &stop);
    let sql = world.sql().await;
    let count = "SELECT count(*) FROM wazapp.certificate c JOIN wazapp.acme_order o USING (id) WHERE o.domains = '{b.example.org}'";
    until("it is issued", async || sql.query_one(count, &[]).await.expect("a count").get::<_, i64>(0) == 1).await;
    stop.cancel();
    asking.await.expect("it ends");
    let row = "SELECT (SELECT count(*) FROM wazapp.acme_challenge), (SELECT count(*) FROM wazapp.acme_account)";
    let row = sql.query_one(row, &[]).await.expect("counts");
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, i64>(1)),
        (0, 1),
        "nothing is asked any more, and the account is one"
    );
    node.stop().await;
    drop(sql);
    world.end().await;
}

/// How an order stands: attempts, failures in a row, and when there may be another attempt.
async fn order(sql: &tokio_postgres::Client, directory: &str) -> (i64, i32, Timestamp) {
    let row = "SELECT attempt, failures, again_at FROM wazapp.acme_order WHERE directory = $1";
    let row = sql.query_one(row, &[&directory]).await.expect("an order");
    (row.get(0), row.get(1), row.get(2))
}

/// Two nodes begin at once: one asks. Renewed under load, nobody notices; when that fails, the one before goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_under_load_and_outlives_its_authority() {
    let (world, mut authority) = (World::new().await, Authority::start().await);
    let (root, directory) = (authority.root().await, authority.directory());
    let acme = world.organization("Acme").await;
    world.connect(&acme, "11", "200", None).await;
    let first = https(&authority, &directory, anywhere(), Some(authority.http())).await;
    let second = https(&authority, &directory, authority.tls(), None).await;
    let addresses = [&first, &second].map(|https| https.listener.local_addr().expect("its address"));
    let nodes = tokio::join!(world.secure_node(first), world.secure_node(second));
    let both = async || [shown(&root, DOMAIN, addresses[0]).await, shown(&root, DOMAIN, addresses[1]).await];
    until("both show a certificate", async || both().await.iter().all(Option::is_some)).await;
    let sql = world.sql().await;
    assert_eq!(order(&sql, &directory).await.0, 1, "one has asked");
    let [old, other] = both().await;
    assert_eq!(old, other);

    // Connections of before stay, and take every webhook.
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load = |nth: usize| {
        let posts =
            Posts::through(trusting(&root, addresses[nth % 2]), &url(DOMAIN, addresses[nth % 2]), world.secret());
        let (stop, taken) = (stop.clone(), taken.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let wamid = format!("wamid.{nth}.{}", taken.fetch_add(1, Ordering::Relaxed));
                let text = body::bytes(&body::text("11", "34600111222", &wamid, 1_795_000_000, "hola"));
                assert_eq!(posts.post(text).await, 200);
            }
        })
    };
    let loads: Vec<_> = (0..4).map(load).collect();
    until("there is load", async || taken.load(Ordering::Relaxed) > 20).await;
    sql.execute("UPDATE wazapp.certificate SET renew_at = '-infinity'", &[]).await.expect("it is due");
    until("both show another one", async || both().await.iter().all(|shown| *shown != old && shown.is_some())).await;
    let before = taken.load(Ordering::Relaxed);
    until("the load goes on", async || taken.load(Ordering::Relaxed) > before + 20).await;
    stop.store(true, Ordering::Relaxed);
    for load in loads {
        load.await.expect("every webhook was taken");
    }
    assert_eq!(order(&sql, &directory).await.0, 2, "one has renewed it");
    world.drain().await;
    let there = world.count("SELECT count(*) FROM wazapp.message WHERE direction = 'inbound'").await;
    assert_eq!(usize::try_from(there), Ok(taken.load(Ordering::Relaxed)), "0 lost, 0 doubled");

    // Without the authority the pauses grow, and the certificate goes on.
    let [current, _] = both().await;
    authority.stop();
    sql.execute("UPDATE wazapp.certificate SET renew_at = '-infinity'", &[]).await.expect("it is due");
    for (attempt, failures, minutes) in [(3_i64, 1, 5), (4, 2, 15)] {
        let failed =
            "SELECT count(*) FROM wazapp.acme_order WHERE attempt = $1 AND failure = 'away' AND failed_at IS NOT NULL";
        until("it failed", async || sql.query_one(failed, &[&attempt]).await.expect("a count").get::<_, i64>(0) == 1)
            .await;
        let (_, counted, again_at) = order(&sql, &directory).await;
        let pause = again_at.duration_since(world.now());
        assert_eq!(counted, failures);
        assert!(pause > SignedDuration::from_mins(minutes) - SignedDuration::from_secs(30), "{pause}");
        sql.execute("UPDATE wazapp.acme_order SET again_at = '-infinity', failed_at = NULL", &[]).await.expect("again");
    }
    assert_eq!(both().await, [current.clone(), current]);
    nodes.0.stop().await;
    nodes.1.stop().await;
    world.drain().await;
    drop(sql);
    world.end().await;
}
