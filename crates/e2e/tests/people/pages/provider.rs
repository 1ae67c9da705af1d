//! Sign-in by an identity provider, with one that others wrote.

mod joining;
mod linking;
mod refused;

use e2e::{IdentityProvider, Options, World};
use reqwest::Url;
use serde_json::json;

use super::{Answer, Browser, PASSWORD, first, invite, set_up};

const CALLBACK: &str = "/login/provider/callback";

/// A server and its identity provider.
struct Scene {
    world: World,
    provider: IdentityProvider,
}

impl Scene {
    /// Where these rules let people in.
    async fn new(join: &[&str]) -> Self {
        Self::called(None, join).await
    }

    /// The same, whose nodes are all called so, whatever their addresses.
    async fn called(public_url: Option<&str>, join: &[&str]) -> Self {
        let provider = IdentityProvider::start().await;
        let (settings, name) = (provider.settings(join), public_url.map(str::to_owned));
        let world = World::with(Options { provider: Some(settings), public_url: name, ..Options::default() }).await;
        let callback = format!("{}{CALLBACK}", public_url.unwrap_or(world.url()));
        provider.set(json!({ "redirectUris": [callback] })).await;
        Self { world, provider }
    }

    async fn end(self) {
        let Self { world, mut provider } = self;
        provider.stop().await;
        world.end().await;
    }

    /// Somebody else's browser.
    fn browser(&self) -> Browser {
        Browser::new(&self.world)
    }

    /// Signs somebody in at the provider, where this browser is led; answers with what it comes back.
    async fn go(&self, browser: &mut Browser, subject: &str, next: &str) -> String {
        let begun = browser.get(&format!("/login/provider?next={next}")).await;
        assert!(begun.leads_to().starts_with(self.provider.issuer()), "{} {}", begun.status, begun.text);
        back(&self.provider.sign_in(subject, begun.leads_to()).await)
    }

    /// The whole way.
    async fn sign_in_to(&self, browser: &mut Browser, subject: &str, next: &str) -> Answer {
        let came_back = self.go(browser, subject, next).await;
        browser.get(&came_back).await
    }

    /// The whole way to the inbox.
    async fn sign_in(&self, browser: &mut Browser, subject: &str) -> Answer {
        self.sign_in_to(browser, subject, "/inbox").await
    }

    async fn count(&self, table: &str) -> i64 {
        self.world.count(&format!("SELECT count(*) FROM wazapp.{table}")).await
    }
}

/// The path of an address of ours, with its query.
fn back(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().expect("an answer"))
}

/// One of the parameters of an address.
fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).expect("an address");
    let found = url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    found.unwrap_or_else(|| panic!("{url} has no {name}"))
}

/// An address with another value of a parameter.
fn with(url: &str, name: &str, value: &str) -> String {
    let url = Url::parse(url).expect("an address");
    let pairs: Vec<(String, String)> =
        url.query_pairs().filter(|(known, _)| known != name).map(|(one, two)| (one.into(), two.into())).collect();
    let mut changed = url.clone();
    changed.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, value);
    changed.into()
}
