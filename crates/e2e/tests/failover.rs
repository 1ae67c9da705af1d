//! A real PostgreSQL with a synchronous standby, which takes over while webhooks come and messages leave.

use std::time::Duration;

use e2e::ledger::Ledger;
use e2e::program::{Installation, Server};
use e2e::standby::Pair;
use e2e::wishes::{Wishes, accepted};
use e2e::{Meta, SimulatedNumber, outside, until};
use tokio::time::Instant;

/// Between two bodies of a sender.
const PAUSE: Duration = Duration::from_millis(20);

/// A server on a pair of PostgreSQL, with a simulated Meta on the other side.
struct Stage {
    pair: Pair,
    meta: Meta,
    number: SimulatedNumber,
    server: Server,
    key: String,
    ledger: Ledger,
    client: reqwest::Client,
    _installation: Installation,
}

impl Stage {
    async fn new() -> Self {
        let pair = Pair::start().await;
        let meta = Meta::start(simulator::Options { seed: 7, ..simulator::Options::default() }).await;
        let number = meta.numbers().await.remove(0);
        let installation = Installation::beside(&meta, "word")
            .await
            .setting("WAZAPP_DATABASE_URL", &pair.url())
            .setting("WAZAPP_LOG", "warn");
        let server = installation.serve().await;
        installation.json(&["org", "create", "Acme"]).await;
        installation.connect("acme", &number, &number.token).await;
        let key = installation.json(&["key", "create", "--org", "acme"]).await;
        let secret = meta.state().await["app"]["secret"].as_str().expect("a secret").to_owned();
        Self {
            ledger: Ledger::new(&number.phone_number_id, &secret),
            key: key["key"].as_str().expect("a key").to_owned(),
            client: outside::http().timeout(Duration::from_secs(10)).build().expect("a client"),
            pair,
            meta,
            number,
            server,
            _installation: installation,
        }
    }

    /// What the server says of itself.
    async fn readiness(&self) -> (u16, String) {
        let answer = self.client.get(format!("{}/readyz", self.server.url())).send().await.expect("it is alive");
        (answer.status().as_u16(), answer.text().await.expect("a line"))
    }

    async fn until_ready(&self) {
        until("the server is ready", async || self.readiness().await.0 == 200).await;
    }

    async fn until_not_ready(&self, because: &str) {
        until(&format!("the server says that {because}"), async || {
            let (status, says) = self.readiness().await;
            status == 503 && says.contains(because)
        })
        .await;
    }

    /// The leader dies, the standby leads, and all goes on. Answers the times from the death on.
    async fn fail_over(&mut self) -> Interruption {
        let lost = Instant::now();
        self.pair.lose_leader();
        self.ledger.until_refused().await;
        self.until_not_ready("standby").await;
        let promoted = Instant::now();
        self.pair.promote().await;
        let leads = promoted.elapsed();
        self.ledger.until_taken(self.ledger.taken() + 300).await;
        self.until_ready().await;
        Interruption { leads, silence: self.ledger.longest_silence(lost), after: lost.elapsed() }
    }
}

/// What a failover cost.
struct Interruption {
    /// How long the standby took to lead, once it was told to.
    leads: Duration,
    /// The longest time in which no webhook was taken.
    silence: Duration,
    /// When everything was as before.
    after: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_nothing_is_lost() {
    let mut stage = Stage::new().await;
    let wishes = Wishes::begin(&[stage.server.url()], &stage.key, &stage.meta, &stage.number).await;
    let posting = stage.ledger.flow(&[stage.server.url()], "failover", PAUSE);
    stage.ledger.until_taken(300).await;
    let mut interruptions = vec![stage.fail_over().await];
    // The lost one comes back as a standby, and then it is the other's turn.
    stage.pair.attach().await;
    interruptions.push(stage.fail_over().await);
    posting.stop().await;
    let taken = wishes.stop().await;

    stage.ledger.assert_shown(stage.server.url(), &stage.key, &stage.ledger.wamids(true)).await;
    until("each message left", async || {
        let accepted = accepted(&stage.meta, &stage.number).await;
        taken.iter().all(|id| accepted.contains_key(id))
    })
    .await;
    let accepted = accepted(&stage.meta, &stage.number).await;
    assert!(accepted.values().all(|times| *times == 1), "sent more than once: {accepted:?}");
    assert_eq!(accepted.len(), taken.len(), "nothing was sent that nobody asked for");
    for Interruption { leads, silence, after } in interruptions {
        eprintln!(
            "failover: no webhook was taken for {silence:.1?}, of which the standby took {leads:.1?} to lead; after {after:.1?} \
             300 more were taken"
        );
    }
    eprintln!("{} webhooks, {} messages: 0 lost, 0 doubled", stage.ledger.wamids(true).len(), taken.len());
    let log = stage.server.log();
    assert!(stage.server.terminate().await.0.success(), "{log}");
    stage.meta.stop().await;
}

/// A leader that waits for its standby confirms nothing, so nothing is acknowledged, and whoever asks is told why.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_standby_nothing_is_acknowledged() {
    let mut stage = Stage::new().await;
    let posting = stage.ledger.flow(&[stage.server.url()], "alone", PAUSE);
    stage.ledger.until_taken(100).await;
    stage.pair.lose_standby();
    stage.until_not_ready("has confirmed nothing").await;
    let before = stage.ledger.taken();
    stage.ledger.until_refused().await;
    assert_eq!(stage.ledger.taken(), before, "nothing is acknowledged that is in one place alone");
    stage.pair.bring_standby_back().await;
    stage.until_ready().await;
    stage.ledger.until_taken(before + 100).await;
    posting.stop().await;
    stage.ledger.assert_shown(stage.server.url(), &stage.key, &stage.ledger.wamids(true)).await;
    assert!(stage.server.terminate().await.0.success());
    stage.meta.stop().await;
}

/// Where every address leads to what only reads, nothing begins, and it is said why.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_alone_is_refused() {
    let pair = Pair::start().await;
    let led = Installation::new().setting("WAZAPP_DATABASE_URL", &pair.url());
    assert!(led.run(&["migrate"]).await.status.success());
    for (url, because) in [
        (pair.standby_url(), "read-only standby"),
        (pair.standby_url() + "&target_session_attrs=primary", "the database only reads"),
        (pair.standby_url() + "&target_session_attrs=standby", "leads to what only reads"),
    ] {
        let misled = Installation::new().setting("WAZAPP_DATABASE_URL", &url);
        for command in ["serve", "migrate"] {
            let refused = misled.run(&[command]).await;
            let says = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(1), "{command}: {says}");
            assert!(says.contains(because), "{command} {url}: {says}");
        }
    }
}
