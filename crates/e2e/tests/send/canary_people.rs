//! What is secret of people, while they set the server up, sign in, invite, forget, and are written to.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use e2e::mail_server::{Asks, MailServer};
use e2e::program::{Installation, Server};
use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder};
use totp_rs::Builder;

pub(super) const SMTP_PASSWORD: &str = "canary-smtp-password-4c1f";
const PASSWORD: &str = "canary frase de Lucía 81d2";
const EMAIL: &str = "lucia@example.com";

/// A mail server that asks for the password, and the settings to reach it.
pub(super) async fn mail_server(installation: Installation) -> (MailServer, Installation) {
    let server = MailServer::start(Asks { login: Some(("ana", SMTP_PASSWORD)), ..Asks::default() }).await;
    let url = server.url_at("smtp", "127.0.0.1", &format!("ana:{SMTP_PASSWORD}"));
    (server, installation.setting("WAZAPP_SMTP_URL", &url).setting("WAZAPP_MAIL_FROM", "wazapp@example.com"))
}

/// A browser of one person. Its answers show each secret once, so they are kept apart from what others are told.
struct Browser<'a> {
    client: Client,
    server: &'a Server,
    session: Option<String>,
}

impl Browser<'_> {
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: String = fields.iter().map(|(name, value)| format!("{}={}&", encode(name), encode(value))).collect();
        let asked = self.client.post(format!("{}{path}", self.server.url()));
        self.send(asked.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    async fn send(&mut self, asked: RequestBuilder) -> String {
        let asked = match &self.session {
            Some(session) => asked.header("cookie", format!("wazapp={session}")),
            None => asked,
        };
        let answer = asked.send().await.expect("an answer");
        assert!(answer.status().as_u16() < 400, "{}", answer.status());
        let cookies = answer.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let session = cookies.filter_map(|cookie| cookie.strip_prefix("wazapp=")).next();
        if let Some(session) = session.and_then(|rest| rest.split(';').next()) {
            self.session = Some(session.to_owned());
        }
        let leads_to = answer.headers().get(LOCATION).map(|to| format!("{to:?}")).unwrap_or_default();
        leads_to + &answer.text().await.expect("a text")
    }
}

/// The value behind a mark in a page.
fn value(page: &str, mark: &str) -> String {
    let input = page.split("<input").find(|input| input.contains(mark)).expect("it is shown once");
    let value = input.split("value=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.expect("a value").to_owned()
}

/// Goes through all of it; answers what was secret.
pub(super) async fn secrets(
    server: &Server,
    installation: &Installation,
    mails: &MailServer,
) -> Vec<(&'static str, String)> {
    let code = std::fs::read_to_string(installation.data_dir().join("setup-code")).expect("a code").trim().to_owned();
    let client = e2e::outside::http().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let mut lucia = Browser { client: client.clone(), server, session: None };
    let first = [("code", code.as_str()), ("name", "Lucía"), ("email", EMAIL), ("password", PASSWORD)];
    let first = [&first[..], &[("organization", "Casa"), ("language", "es"), ("zone", "UTC")]].concat();
    lucia.post("/setup", &first).await;
    let mut secrets = vec![("password", PASSWORD.to_owned()), ("SMTP password", SMTP_PASSWORD.to_owned())];
    secrets.push(("first session", lucia.session.clone().expect("a session")));

    let shown = lucia.post("/settings/members/invite", &[("email", "luis@example.com"), ("role", "agent")]).await;
    let last = |link: &str| link.rsplit('/').next().expect("a token").to_owned();
    secrets.push(("invitation", last(&value(&shown, "data-once"))));
    let url = server.url();
    secrets.push(("mailed invitation", last(&mails.nth(1).await.path(url))));
    lucia.post("/password/forgot", &[("email", EMAIL)]).await;
    secrets.push(("mailed link", last(&mails.nth(2).await.path(url))));
    let made = installation.json(&["user", "create", "--operator", "--email", "eva@example.com"]).await;
    secrets.push(("link of a command", last(made["setup_url"].as_str().expect("a link"))));
    secrets.push(("its mailed link", last(&mails.nth(3).await.path(url))));

    let seed = lucia.post("/settings/second-factor/app", &[("current", PASSWORD)]).await;
    let key = value(&seed, "data-once").replace(' ', "");
    let bytes = BASE32_NOPAD.decode(key.as_bytes()).expect("base 32");
    secrets.extend([("TOTP key", key), ("TOTP seed", HEXLOWER.encode(&bytes))]);
    let now = model::Clock::default().now().as_second().unsigned_abs();
    let first_code = Builder::new().with_secret(bytes).build().expect("a key").generate(now).to_string();
    let codes = lucia.post("/settings/second-factor/app/confirm", &[("code", &first_code)]).await;
    let is_code = |text: &&str| text.len() == 19 && text.split('-').filter(|part| part.len() == 4).count() == 4;
    let codes: Vec<&str> = codes.split(['<', '>']).map(str::trim).filter(is_code).collect();
    assert_eq!(codes.len(), 10, "ten recovery codes");
    secrets.extend(
        codes
            .iter()
            .flat_map(|code| [("recovery code", (*code).to_owned()), ("bare recovery code", code.replace('-', ""))]),
    );

    let mut again = Browser { client, server, session: None };
    again.post("/login", &[("email", EMAIL), ("password", PASSWORD)]).await;
    secrets.push(("half a session", again.session.clone().expect("a session")));
    again.post("/login/second", &[("code", codes[0])]).await;
    secrets.push(("second session", again.session.clone().expect("a session")));
    secrets
}
