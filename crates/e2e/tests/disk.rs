//! A full disk, under the files and under the database: who comes is told to come again, nothing that was acknowledged is lost,
//! and all goes on by itself once there is room. Of a backup: `backup::refused`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use data_encoding::BASE64;
use e2e::ledger::Ledger;
use e2e::program::{Installation, Server};
use e2e::{Meta, SimulatedNumber, cluster, outside, until};
use serde_json::{Value, json};

const LUCIA: &str = "34600111222";
const VERIFY_TOKEN: &str = "word";

/// Puts the database of a data directory, and its files, on small disks that nobody else sees, and becomes what follows.
const SMALL: &str = r#"set -e
    mkdir -p "$0/whole" "$0/media"
    mount --bind "$0/postgres" "$0/whole"
    mount -t tmpfs -o size=192m none "$0/postgres"
    cp -a "$0/whole/." "$0/postgres/"
    mount -t tmpfs -o size=4m none "$0/media"
    exec "$@""#;

/// A server whose database and files are on small disks.
struct Stage {
    meta: Meta,
    number: SimulatedNumber,
    server: Server,
    key: String,
    ledger: Ledger,
    client: reqwest::Client,
    installation: Installation,
}

impl Stage {
    async fn new() -> Self {
        let meta = Meta::start(simulator::Options { seed: 7, ..simulator::Options::default() }).await;
        let number = meta.numbers().await.remove(0);
        let installation = Installation::beside(&meta, VERIFY_TOKEN).await.setting("WAZAPP_LOG", "warn");
        let server = installation.serve().await;
        installation.json(&["org", "create", "Acme"]).await;
        installation.connect("acme", &number, &number.token).await;
        let key = installation.json(&["key", "create", "--org", "acme"]).await;
        assert!(server.terminate().await.0.success());
        let data_dir = installation.data_dir().to_str().expect("UTF-8").to_owned();
        let installation = installation.within(["unshare", "--mount", "sh", "-c", SMALL, &data_dir]);
        let server = installation.serve().await;
        meta.callback(&format!("{}/webhook", server.url()), VERIFY_TOKEN).await;
        let secret = meta.state().await["app"]["secret"].as_str().expect("a secret").to_owned();
        Self {
            ledger: Ledger::new(&number.phone_number_id, &secret),
            key: key["key"].as_str().expect("a key").to_owned(),
            client: outside::http().timeout(Duration::from_secs(10)).build().expect("a client"),
            meta,
            number,
            server,
            installation,
        }
    }

    /// A file on one of the small disks, as the server has them.
    fn ballast(&self, disk: &str) -> PathBuf {
        let data_dir = self.installation.data_dir().strip_prefix("/").expect("a whole path");
        PathBuf::from(format!("/proc/{}/root", self.server.process())).join(data_dir).join(disk).join("ballast")
    }

    /// Writes until nothing more fits.
    fn fill(&self, disk: &str) {
        let mut file = fs::File::options().create(true).append(true).open(self.ballast(disk)).expect("a small disk");
        for piece in [1 << 20, 1 << 12, 1] {
            let piece = vec![1_u8; piece];
            while file.write_all(&piece).is_ok() {}
        }
    }

    fn make_room(&self, disk: &str) {
        fs::remove_file(self.ballast(disk)).expect("the ballast");
    }

    async fn get(&self, path: &str) -> Value {
        let asked = self.client.get(format!("{}/api/v1{path}", self.server.url())).bearer_auth(&self.key);
        let answer = asked.send().await.expect("an answer").text().await.expect("a whole answer");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// A picture, as a customer sends it; answers its wamid.
    async fn picture(&self) -> String {
        let message = json!({ "type": "image", "image": { "data": BASE64.encode(&png()), "mime_type": "image/png" } });
        self.meta.customer_sends(&self.number, LUCIA, message).await
    }

    /// What is shown of the file of Lucía's message.
    async fn file(&self, wamid: &str) -> Value {
        for conversation in self.get("/conversations").await["data"].as_array().expect("a list") {
            let id = conversation["id"].as_str().expect("an id");
            let messages = self.get(&format!("/conversations/{id}/messages")).await;
            let all = messages["data"].as_array().expect("a list");
            if let Some(found) = all.iter().find(|message| message["wamid"] == wamid) {
                return found["media"].clone();
            }
        }
        Value::Null
    }
}

/// The message is there at once, and its file comes when there is room. Answers the message's wamid.
async fn under_the_files(stage: &Stage) -> String {
    stage.fill("media");
    let wamid = stage.picture().await;
    let tried = async || stage.server.log().contains("a file could not be stored");
    until("the file is fetched and finds no room", tried).await;
    assert_eq!(stage.file(&wamid).await["state"], "pending", "{}", stage.server.log());
    stage.make_room("media");
    until("the file is stored", async || stage.file(&wamid).await["state"] == "stored").await;
    wamid
}

/// What was acknowledged and waits to be applied meets a full disk, and what comes then is not acknowledged.
async fn under_the_database(stage: &Stage) {
    let socket = stage.installation.socket_dir().expect("PostgreSQL runs");
    let line = cluster::connect(&socket, "wazapp").await.expect("a connection");
    let held = "BEGIN; SELECT FROM wazapp.organization_sequence FOR UPDATE";
    line.batch_execute(held).await.expect("the organization's line");
    stage.ledger.until_taken(stage.ledger.taken() + 100).await;
    stage.fill("postgres");
    // PostgreSQL may be gone by now, and the line with it.
    let _ = line.batch_execute("ROLLBACK").await;
    until("applying waits for room", async || stage.server.log().contains("webhooks wait")).await;
    stage.ledger.until_refused().await;
    stage.make_room("postgres");
    stage.ledger.until_taken(stage.ledger.taken() + 200).await;
}

/// PostgreSQL finds no room for its log, and falls: it is started again until there is.
async fn under_its_log(stage: &Stage) {
    let socket = stage.installation.socket_dir().expect("PostgreSQL runs");
    let sql = cluster::connect(&socket, "wazapp").await.expect("a connection");
    stage.fill("postgres");
    let next = "SELECT pg_logical_emit_message(false, 'test', 'more'); SELECT pg_switch_wal()";
    until("no more of its log fits", async || sql.batch_execute(next).await.is_err()).await;
    stage.ledger.until_refused().await;
    stage.make_room("postgres");
    stage.ledger.until_taken(stage.ledger.taken() + 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_nothing_that_was_acknowledged() {
    let mounts = "unshare --mount mount -t tmpfs none /mnt";
    if e2e::refused("a_full_disk_costs_nothing_that_was_acknowledged", mounts) {
        return;
    }
    let stage = Stage::new().await;
    let wamid = under_the_files(&stage).await;
    let posting = stage.ledger.flow(&[stage.server.url()], "disk", Duration::from_millis(10));
    stage.ledger.until_taken(200).await;
    under_the_database(&stage).await;
    under_its_log(&stage).await;
    posting.stop().await;
    stage.ledger.note_taken(&wamid);
    stage.ledger.assert_shown(stage.server.url(), &stage.key, &stage.ledger.wamids(true)).await;
    let postgres = fs::read_to_string(stage.installation.data_dir().join("postgres.log")).unwrap_or_default();
    let said = |what: &str| postgres.lines().filter(|line| line.contains(what)).count();
    eprintln!(
        "a full disk: {} webhooks taken, {} times 503; PostgreSQL refused {} times and fell {} times; 0 lost",
        stage.ledger.taken(),
        stage.ledger.refused(),
        said("ERROR:  could not"),
        said("PANIC:")
    );
    assert!(said("ERROR:  could not") > 0 && said("PANIC:") > 0, "it met both: {postgres}");
    let (status, _, log) = stage.server.terminate().await;
    assert!(status.success(), "{log}");
    stage.meta.stop().await;
}

fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::DynamicImage::from(image::RgbImage::from_pixel(90, 60, image::Rgb([20, 90, 20])));
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}
