//! The proxies that `deploy/` has files for, as Debian has them, between the world and a server.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use e2e::{Options, Organization, Posts, World, body, outside, until};
use reqwest::{Certificate, Client};
use serde_json::json;
use tokio::process::{Child, Command};

const NUMBER: &str = "106540352242922";
const AT: i64 = 1_795_000_000;

fn deploy(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path);
    std::fs::read_to_string(file).expect(path)
}

/// A proxy at work; it ends with the test.
struct Proxy {
    _process: Child,
    folder: tempfile::TempDir,
    url: String,
    client: Client,
}

impl Proxy {
    async fn start(mut command: Command, folder: tempfile::TempDir, url: String, client: Client) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log).kill_on_drop(true);
        let process = command.spawn().expect("it starts: scripts/need proxies installs it");
        let proxy = Self { _process: process, folder, url, client };
        until("the proxy answers", async || proxy.client.get(format!("{}/livez", proxy.url)).send().await.is_ok())
            .await;
        proxy
    }

    async fn nginx(site: &str, url: String, client: Client, folder: tempfile::TempDir) -> Self {
        let here = folder.path().display().to_string();
        let settings = format!(
            "daemon off; master_process off; pid {here}/pid; error_log stderr;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;\n\
               fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;\n{site}\n}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), settings).expect("written");
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-e").arg("stderr").arg("-p").arg(&here).arg("-c").arg(folder.path().join("nginx.conf"));
        Self::start(command, folder, url, client).await
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn status(&self, path: &str) -> u16 {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await;
        answer.unwrap_or_else(|error| panic!("{error}: {}", self.said())).status().as_u16()
    }
}

fn plain() -> Client {
    outside::http().timeout(Duration::from_secs(60)).build().expect("a client")
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("wazapp-").tempdir().expect("a folder")
}

/// The address that the files have for the server.
fn for_server(text: &str, world: &World) -> String {
    assert!(text.contains("127.0.0.1:8080"), "{text}");
    text.replace("127.0.0.1:8080", world.url().trim_start_matches("http://"))
}

async fn set_up() -> (World, Organization) {
    let world = World::with(Options { verify_token: Some("let me in".into()), ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, NUMBER, "200", None).await;
    (world, acme)
}

/// What Meta does: its handshake, and a body as large as they come.
async fn meta_comes_through(world: &World, proxy: &Proxy, wamid: &str) {
    let handshake = "/webhook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=let%20me%20in";
    assert_eq!(proxy.status(handshake).await, 200, "{}", proxy.said());
    let long = body::text(NUMBER, "34600111222", wamid, AT, &"ñ".repeat(480_000));
    let bytes = body::bytes(&long);
    assert!(bytes.len() > 2_800_000 && bytes.len() < 3 << 20, "{}", bytes.len());
    let posts = Posts::through(proxy.client.clone(), &proxy.url, world.secret());
    assert_eq!(posts.post(&bytes).await, 200, "{}", proxy.said());
    world.drain().await;
}

/// What people do: pages, and a stream of which each event is there at once.
async fn people_come_through(world: &World, acme: &Organization, proxy: &Proxy) {
    assert_eq!(proxy.status("/login").await, 200);
    assert_eq!(proxy.status("/metrics").await, 404, "it is kept to whoever runs the server");
    let stream = proxy.client.get(format!("{}/api/v1/events/stream", proxy.url)).bearer_auth(&acme.key);
    let mut stream = stream.send().await.expect("an answer");
    assert_eq!(stream.status(), 200);
    let message = body::text(NUMBER, "34600111222", "wamid.LIVE", AT + 1, "al momento");
    assert_eq!(world.post(body::bytes(&message)).await, 200);
    let mut heard = String::new();
    while !heard.contains("al momento") {
        let chunk = tokio::time::timeout(Duration::from_secs(30), stream.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("nothing is held back: {heard} {}", proxy.said()));
        heard.push_str(&String::from_utf8_lossy(&chunk.expect("it goes on").expect("it goes on")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_hands_on_all_that_is_asked_of_a_site() {
    let (world, acme) = set_up().await;
    let (folder, at) = (folder(), outside::free_address());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    std::fs::write(path("cert.pem"), made.cert.pem()).expect("written");
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).expect("written");
    let mut site = for_server(&deploy("nginx/wazapp.conf"), &world);
    for (written, ours) in [
        ("listen 443 ssl", format!("listen {at} ssl")),
        ("server_name wa.example.org", "server_name localhost".to_owned()),
        ("/etc/ssl/wa.example.org.pem", path("cert.pem").display().to_string()),
        ("/etc/ssl/wa.example.org.key", path("key.pem").display().to_string()),
    ] {
        assert!(site.contains(written), "{written}");
        site = site.replace(written, &ours);
    }
    let root = Certificate::from_pem(made.cert.pem().as_bytes()).expect("a certificate");
    let client = outside::http().tls_certs_only([root]).resolve("localhost", at).timeout(Duration::from_secs(60));
    let url = format!("https://localhost:{}", at.port());
    let proxy = Proxy::nginx(&site, url, client.build().expect("a client"), folder).await;
    meta_comes_through(&world, &proxy, "wamid.NGINX").await;
    people_come_through(&world, &acme, &proxy).await;
    world.end().await;
}

/// Where a site is there already, and only Meta's calls are handed on.
#[tokio::test(flavor = "multi_thread")]
async fn nginx_hands_on_the_webhook_alone() {
    let (world, acme) = set_up().await;
    let at = outside::free_address();
    let location = for_server(&deploy("nginx/webhook.conf"), &world);
    let site = format!("server {{ listen {at}; location / {{ return 418; }}\n{location}\n}}");
    let proxy = Proxy::nginx(&site, format!("http://{at}"), plain(), folder()).await;
    meta_comes_through(&world, &proxy, "wamid.ALONE").await;
    for path in ["/", "/inbox", "/webhooks", "/metrics", "/api/v1/me"] {
        assert_eq!(proxy.status(path).await, 418, "{path} is the site's own");
    }
    let all = world.all_messages(&acme).await;
    assert!(all.iter().any(|one| one["wamid"] == json!("wamid.ALONE")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_hands_on_all_that_is_asked_of_a_site() {
    let (world, acme) = set_up().await;
    let (folder, at) = (folder(), outside::free_address());
    let site = for_server(&deploy("caddy/Caddyfile"), &world);
    assert!(site.starts_with("wa.example.org {"), "{site}");
    let site = site.replacen("wa.example.org {", &format!("http://{at} {{"), 1);
    let file = folder.path().join("Caddyfile");
    std::fs::write(&file, format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")).expect("written");
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).env("HOME", folder.path());
    let proxy = Proxy::start(command, folder, format!("http://{at}"), plain()).await;
    meta_comes_through(&world, &proxy, "wamid.CADDY").await;
    people_come_through(&world, &acme, &proxy).await;
    world.end().await;
}

/// Whoever copies from the page has the files that are tried.
#[test]
fn the_page_shows_the_files() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate.md")).expect("the page");
    for (language, file) in [
        ("nginx", "nginx/wazapp.conf"),
        ("nginx", "nginx/webhook.conf"),
        ("caddyfile", "caddy/Caddyfile"),
        ("yaml", "traefik/wazapp.yml"),
    ] {
        assert!(
            page.contains(&format!("```{language}\n{}```\n", deploy(file))),
            "docs/operate.md shows another {file}"
        );
    }
}
