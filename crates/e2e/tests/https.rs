//! HTTPS by a certificate in files, which somebody else renews.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::ledger::Ledger;
use e2e::program::Installation;
use e2e::{Posts, World, outside, until};
use reqwest::{Certificate, Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wazapp::certificate::Files;
use wazapp::server::{Https, Source};

struct Made {
    cert: String,
    key: String,
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    Made { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

/// The files as who renews them writes them: each in one step.
fn write(folder: &Path, cert: &str, key: &str) {
    for (name, text) in [("cert.pem", cert), ("key.pem", key)] {
        let partial = folder.join("partial");
        std::fs::write(&partial, text).expect("it can be written");
        std::fs::rename(&partial, folder.join(name)).expect("it can be written");
    }
}

/// One that trusts this certificate alone, at this address.
fn trusting(made: &Made, address: SocketAddr) -> Client {
    trusting_any(std::slice::from_ref(made), address)
}

fn trusting_any(made: &[Made], address: SocketAddr) -> Client {
    let roots = made.iter().map(|made| Certificate::from_pem(made.cert.as_bytes()).expect("a certificate"));
    let client = outside::http().tls_certs_only(roots).resolve("localhost", address);
    client.redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_in_files_is_shown_and_replaced_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (made(), made());
    write(folder.path(), &first.cert, &first.key);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let free = outside::free_address();
    let installation = Installation::new()
        .setting("WAZAPP_TLS_CERT", &path("cert.pem"))
        .setting("WAZAPP_TLS_KEY", &path("key.pem"))
        .setting("WAZAPP_PUBLIC_URL", "https://localhost")
        .setting("WAZAPP_HTTPS_LISTEN", "127.0.0.1:0")
        .setting("WAZAPP_REDIRECT_LISTEN", &free.to_string());
    let server = installation.serve().await;
    let announced = std::fs::read(installation.data_dir().join("wazapp.json")).expect("it says where it is");
    let announced: serde_json::Value = serde_json::from_slice(&announced).expect("JSON");
    let address: SocketAddr = announced["https_listen"].as_str().expect("an address").parse().expect("an address");
    let url = format!("https://localhost:{}/livez", address.port());

    // By name and certificate; once over HTTPS, always over HTTPS.
    let old = trusting(&first, address);
    let answer = old.get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    answer.bytes().await.expect("its end");
    assert!(trusting(&second, address).get(&url).send().await.is_err());
    let led = old.get(format!("http://{free}/inbox?view=all")).send().await.expect("an answer");
    assert_eq!(led.status(), 308);
    assert_eq!(led.headers()["location"], "https://localhost/inbox?view=all");

    // Whoever speaks plainly there is told nothing.
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    let mut told = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut told)).await.expect("it is ended");
    assert!(!told.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&told));

    // Renewed: new connections see it, and who was connected stays so, whatever they trust.
    write(folder.path(), &second.cert, &second.key);
    until("the new one is shown", async || trusting(&second, address).get(&url).send().await.is_ok()).await;
    assert!(trusting(&first, address).get(&url).send().await.is_err());
    assert_eq!(old.get(&url).send().await.expect("the connection of before").status(), 200);

    // What cannot be used changes nothing, and is said.
    write(folder.path(), &first.cert, &second.key);
    until("it is said", async || server.log().contains("the certificate of HTTPS stays as it was")).await;
    assert!(!server.log().contains("PRIVATE KEY"));
    assert!(trusting(&second, address).get(&url).send().await.is_ok());
    let metrics = reqwest::get(format!("{}/metrics", server.url())).await.expect("metrics").text().await.expect("text");
    assert!(metrics.contains("wazapp_certificate_expires_timestamp"), "{metrics}");
    let doctor = installation.run(&["doctor", "--json"]).await;
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("are no certificate and its key"));
    assert!(server.terminate().await.0.success());
    // A server that could not show it does not begin.
    let refused = installation.run(&["serve"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the key is not that of the first certificate"));
}

/// Replaced twice while webhooks come, over connections that stay and over new ones: each is taken, and is there once.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_under_load_and_no_webhook_is_lost_or_doubled() {
    const NUMBER: &str = "106540352242922";
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "200", None).await;
    let (folder, made) = (tempfile::tempdir().expect("a folder"), Arc::new([made(), made(), made()]));
    write(folder.path(), &made[0].cert, &made[0].key);
    let mut files = Files::new(&folder.path().join("cert.pem"), &folder.path().join("key.pem"));
    let source = Source::Files { certificate: files.read().expect("a certificate"), files };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
    let address = listener.local_addr().expect("its address");
    let node = world.secure_node(Https { listener, source, redirect: None, callers: None }).await;
    let (url, stop) = (format!("https://localhost:{}", address.port()), Arc::new(AtomicBool::new(false)));
    let ledger = Ledger::new(NUMBER, world.secret());
    let load = |nth: usize| {
        let (made, url, stop, ledger) = (made.clone(), url.clone(), stop.clone(), ledger.clone());
        let (secret, stays) = (world.secret().to_owned(), trusting_any(&made[..], address));
        tokio::spawn(async move {
            for many in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let client = if nth.is_multiple_of(2) { stays.clone() } else { trusting_any(&made[..], address) };
                let wamid = format!("wamid.{nth}.{many}");
                assert_eq!(Posts::through(client, &url, &secret).post(ledger.message(&wamid)).await, 200);
                ledger.note_taken(&wamid);
            }
        })
    };
    let loads: Vec<_> = (0..4).map(load).collect();
    for next in &made[1..] {
        ledger.until_taken(ledger.taken() + 50).await;
        write(folder.path(), &next.cert, &next.key);
        let live = format!("{url}/livez");
        until("the new one is shown", async || trusting(next, address).get(&live).send().await.is_ok()).await;
    }
    ledger.until_taken(ledger.taken() + 50).await;
    stop.store(true, Ordering::Relaxed);
    for load in loads {
        load.await.expect("every webhook was taken");
    }
    ledger.assert_shown(world.url(), &acme.key, &ledger.wamids(true)).await;
    let there = i64::try_from(ledger.taken()).expect("a few");
    assert_eq!(world.count("SELECT count(*) FROM wazapp.message").await, there);
    node.stop().await;
    world.end().await;
}
