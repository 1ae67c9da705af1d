//! An identity provider that others wrote, as a process of its own: `oidc-provider` of npm.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use web::ProviderSettings;

use crate::outside;

/// It leads through so many pages at most.
const STEPS: usize = 12;

/// A provider at work. It ends with the test.
#[derive(Debug)]
pub struct IdentityProvider {
    process: Child,
    issuer: String,
    client: Client,
}

impl IdentityProvider {
    /// Starts one that knows nobody.
    pub async fn start() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("provider");
        let mut node = Command::new("node");
        node.arg("provider.mjs").current_dir(here).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = node.spawn().expect("node runs: scripts/need provider installs it");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let issuer = loop {
            let line = lines.next_line().await.expect("a pipe that can be read");
            let line = line.expect("the provider starts: scripts/need provider installs what it needs");
            // Before it there may be warnings.
            if line.starts_with("http://") {
                break line;
            }
        };
        // What it says after that is nobody's to read, and must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = outside::http().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { process, issuer, client }
    }

    /// Ends it, by its id.
    pub async fn stop(&mut self) {
        self.process.kill().await.expect("it can be ended");
    }

    /// As it names itself.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How a server uses it.
    pub fn settings(&self, join: &[&str]) -> ProviderSettings {
        ProviderSettings {
            issuer: self.issuer.clone(),
            client_id: "wazapp".into(),
            client_secret: "secret of wazapp".into(),
            name: "Acme SSO".into(),
            scopes: ["email", "profile", "groups"].map(str::to_owned).to_vec(),
            join: join.iter().map(|rule| rule.parse().expect("a rule")).collect(),
        }
    }

    /// Tells it what to be like; see `provider/provider.mjs`.
    pub async fn set(&self, what: Value) {
        let request = self.client.put(format!("{}/control", self.issuer)).body(what.to_string());
        assert_eq!(request.send().await.expect("an answer").status(), 204);
    }

    /// The tokens that it gave out last.
    pub async fn last_tokens(&self) -> Value {
        let answer = self.client.get(format!("{}/control", self.issuer)).send().await.expect("an answer");
        serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON")
    }

    /// Knows somebody from now on, with an address that is verified or not.
    pub async fn knows(&self, subject: &str, email: &str, verified: bool) {
        let claims = json!({ "email": email, "email_verified": verified, "name": format!("Persona {subject}") });
        self.set(json!({ "people": { subject: claims } })).await;
    }

    /// Signs somebody in there, in a browser of its own that was led to `url`; answers where it is led back to.
    pub async fn sign_in(&self, subject: &str, url: &str) -> Url {
        self.set(json!({ "who": subject })).await;
        let (mut cookies, mut url) = (HashMap::new(), Url::parse(url).expect("an address"));
        for _ in 0..STEPS {
            let sent: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = self.client.get(url.clone()).header(COOKIE, sent.join("; "));
            let answer = request.send().await.expect("an answer");
            for cookie in answer.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
                let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
                cookies.insert(name.to_owned(), value.to_owned());
            }
            let location = answer.headers().get(LOCATION).map(|value| value.to_str().expect("plain text").to_owned());
            let Some(location) = location else {
                panic!("{url} leads nowhere: {} {}", answer.status(), answer.text().await.unwrap_or_default());
            };
            url = url.join(&location).expect("an address");
            if !url.as_str().starts_with(&self.issuer) {
                return url;
            }
        }
        panic!("it leads round and round: {url}");
    }
}
