//! `wazapp key-ring rotate` is killed at any moment, twenty times, while a server sends.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use data_encoding::HEXLOWER;
use e2e::program::Installation;
use e2e::random::Random;
use e2e::{Options, Organization, World};
use model::connection::{self, How, New};
use model::secret::Keyring;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{noted, opened};

const KILLS: usize = 20;

/// The keys in a file, as a server reads them that starts now.
fn keys(path: &Path) -> Keyring {
    let text = std::fs::read_to_string(path).expect("the file is there, whole");
    let keys: Vec<[u8; 32]> =
        text.lines().map(|line| HEXLOWER.decode(line.as_bytes()).expect("hex").try_into().expect("32 bytes")).collect();
    assert!((1..=2).contains(&keys.len()), "{} keys", keys.len());
    Keyring::new(keys)
}

/// Secrets of every kind, many enough that sealing them anew takes a while.
async fn fill(world: &World) {
    let acme = world.organization("Acme").await;
    for nth in 0..60 {
        world.connect(&acme, &format!("1000{nth}"), "200", None).await;
    }
    let secret = |what: &str, nth: usize| SecretString::from(format!("{what} {nth}"));
    for nth in 0..20 {
        let (id, tx) = (format!("app-{nth}"), world.database().operator().await.expect("a transaction"));
        let (own, verify) = (secret("secret", nth), secret("word", nth));
        assert!(model::app::add(&tx, world.keyring(), &id, &id, &own, Some(&verify)).await.expect("it runs"));
        tx.commit().await.expect("it is there");
    }
    for nth in 0..200 {
        let (token, pin) = (secret("token", nth), secret("pin", nth));
        // It waits for its code.
        let new = New { token: Some(&token), pin: Some(&pin), ..New::of(How::Signup) };
        let tx = world.database().operator().await.expect("a transaction");
        let begun = connection::any_organization_begin(&tx, &acme.scope, world.keyring(), world.now(), &new).await;
        begun.expect("it is written");
        tx.commit().await.expect("it is there");
    }
}

/// Sends one message after the other until it is told to stop; answers their ids.
async fn send(world: &World, organization: &Organization, body: &Value, stop: &AtomicBool) -> Vec<String> {
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut body = body.clone();
        body["to"] = json!(format!("346{:08}", taken.len()));
        let asked = world.request(Method::POST, organization, "/messages").header("content-type", "application/json");
        let answer = asked.body(body.to_string()).send().await.expect("the server answers");
        assert_eq!(answer.status().as_u16(), 202);
        let answer: Value = serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON");
        taken.push(answer["id"].as_str().expect("an id").to_owned());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    taken
}

/// Kills the command after this long; answers whether it had ended by itself.
async fn rotate(installation: &Installation, kill_after: Option<Duration>) -> bool {
    let mut command = installation.command(&["key-ring", "rotate"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("wazapp starts");
    if let Some(after) = kill_after
        && tokio::time::timeout(after, child.wait()).await.is_err()
    {
        child.kill().await.expect("a process of ours");
        return false;
    }
    let ended = child.wait_with_output().await.expect("it ends");
    assert!(ended.status.success(), "{}{}", text(&ended.stdout), text(&ended.stderr));
    true
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_secret_opens_however_often_a_rotation_is_killed() {
    let mut world = World::with(Options { simulated: true, ..Options::default() }).await;
    let organization = world.organization("Café Lucero").await;
    let number = world.meta().numbers().await.remove(0);
    let number_id = world.connect_simulated(&organization, &number).await;
    let template = world.meta().simple_template(&number).await;
    fill(&world).await;
    world.idle().await;
    let installation = Installation::new()
        .setting("WAZAPP_DATABASE_URL", &world.database_url())
        .setting("WAZAPP_LISTEN", &world.address().to_string())
        .setting("WAZAPP_META_APP_ID", world.app_id())
        .setting("WAZAPP_META_APP_SECRET", world.secret())
        .setting("WAZAPP_GRAPH_URL", world.meta().url())
        .setting("WAZAPP_LOG", "warn");
    let file = installation.data_dir().join("master-key");
    std::fs::write(&file, format!("{}\n", "07".repeat(32))).expect("a file");
    let secrets = opened(&world, &keys(&file)).await;
    assert_eq!(secrets.len(), 61 + 40 + 400);
    let server = installation.serve().await;

    let (world, stop) = (Arc::new(world), Arc::new(AtomicBool::new(false)));
    let body = json!({ "number_id": number_id, "type": "template", "template": template });
    let sending = {
        let (world, organization, stop) = (world.clone(), organization.clone(), stop.clone());
        tokio::spawn(async move { send(&world, &organization, &body, &stop).await })
    };
    let began = Instant::now();
    assert!(rotate(&installation, None).await);
    let whole = began.elapsed();
    let (mut chance, mut stages) = (Random::new(12), BTreeSet::new());
    for kill in 0..KILLS {
        let after = whole.mul_f64(chance.below(1000) as f64 / 1000.0);
        let ended = rotate(&installation, Some(after)).await;
        assert_eq!(opened(&world, &keys(&file)).await, secrets, "kill {kill} after {after:?}");
        let stage: Vec<String> = noted(&world).await.into_iter().map(|(_, stage)| stage).collect();
        stages.insert(if ended { vec!["ended".to_owned()] } else { stage });
    }
    let middle = ["going".to_owned(), "seals".to_owned()];
    assert!(stages.iter().any(|stage| *stage == middle), "no kill was in the middle of sealing anew: {stages:?}");
    assert!(rotate(&installation, None).await);

    assert_eq!(noted(&world).await.len(), 1);
    let only = keys(&file);
    assert_eq!(only.listed().len(), 1);
    assert_eq!(opened(&world, &only).await, secrets);
    stop.store(true, Ordering::Relaxed);
    let sent = sending.await.expect("every message was taken");
    let ids: Vec<String> = sent.iter().map(|id| format!("'{id}'")).collect();
    let went = format!(
        "SELECT count(*) FROM wazapp.message WHERE id IN ({}) AND status IN ('sent', 'delivered', 'read')",
        ids.join(",")
    );
    world.until("all were sent", async || usize::try_from(world.count(&went).await) == Ok(sent.len())).await;
    let refused = "SELECT count(*) FROM wazapp.number WHERE problem IS NOT NULL AND phone_number_id = ";
    assert_eq!(world.count(&format!("{refused}'{}'", number.phone_number_id)).await, 0);
    let (status, _, log) = server.terminate().await;
    assert!(status.success() && !log.contains("does not open"), "{log}");
    Arc::into_inner(world).expect("nobody else has it").end().await;
}
