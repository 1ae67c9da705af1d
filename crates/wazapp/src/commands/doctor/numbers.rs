//! Connected numbers: whether each can send, hear, and go on doing so.

use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use model::Scope;
use model::number_check::{self, Examined};
use secrecy::SecretString;
use serde_json::Value;
use whatsapp::graph::{Credential, Failure, Number, TokenInfo};
use whatsapp::phone;

use super::Examination;
use super::apps::UNREACHED;
use super::dates;
use super::finding::{Finding, Level};

const AREA: &str = "Numbers";

/// Numbers looked at at the same time.
const AT_ONCE: usize = 8;

/// For all calls of one number.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token that ends sooner is spoken of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

const FIELDS: &[&str] = &[
    "display_phone_number",
    "verified_name",
    "name_status",
    "quality_rating",
    "throughput",
    "status",
    "platform_type",
    "is_on_biz_app",
    "health_status",
    "webhook_configuration",
];

const SCOPES: [&str; 2] = ["whatsapp_business_messaging", "whatsapp_business_management"];

pub(super) async fn check(of: &Examination<'_>, scope: Option<&Scope>) -> anyhow::Result<Vec<Finding>> {
    let tx = of.database.operator().await?;
    let numbers = number_check::any_organization_examine(&tx, scope, of.now).await?;
    tx.close();
    if numbers.is_empty() {
        let fix = "wazapp number connect --org O --phone-number-id N --waba-id W --token -";
        return Ok(vec![Finding::warning(AREA, "none", "no number is connected", fix)]);
    }
    let progress = of.print.progress("numbers looked at");
    let looks = numbers.iter().map(|number| async {
        let patient = Patient { of, number, findings: Vec::new() };
        let findings = tokio::time::timeout(PATIENCE, patient.examine()).await;
        progress.inc(1);
        findings.unwrap_or_else(|_| {
            let says = "Meta took longer than a minute to answer";
            vec![Finding::broken(AREA, name_of(number), says, "wazapp doctor again; see https://metastatus.com")]
        })
    });
    let findings: Vec<Vec<Finding>> = futures::stream::iter(looks).buffered(AT_ONCE).collect().await;
    progress.finish_and_clear();
    let shown = numbers.iter().filter_map(|number| number.display_phone_number.as_deref());
    let coming = dates::of_numbers(shown, of.now).into_iter().chain(dates::prices(of.now));
    Ok(findings.into_iter().flatten().chain(coming).collect())
}

fn name_of(number: &Examined) -> String {
    let shown = number.display_phone_number.as_ref().map(|digits| format!(" (+{digits})")).unwrap_or_default();
    format!("{} {}{shown}", number.organization, number.link.phone_number_id)
}

/// A number, and what was found of it so far.
struct Patient<'a> {
    of: &'a Examination<'a>,
    number: &'a Examined,
    findings: Vec<Finding>,
}

impl Patient<'_> {
    async fn examine(mut self) -> Vec<Finding> {
        self.paused();
        let (token, secret) = match self.number.link.open(&self.of.keyring, &self.of.apps) {
            Ok(opened) => opened,
            Err(reason) => {
                self.broken(reason.to_string(), self.reconnect());
                return self.findings;
            }
        };
        let credential = Credential::from((token.clone(), secret));
        let shown = match self.of.graph.number(&credential, &self.number.link.phone_number_id, FIELDS).await {
            Ok(shown) => shown,
            Err(failure) => {
                match self.moved(&credential, &failure).await {
                    Some((says, fix)) => self.broken(says, fix),
                    None => self.refused("Meta does not show it", &failure),
                }
                return self.findings;
            }
        };
        let end = self.token(&token).await;
        self.registered(&shown);
        self.health(&shown);
        self.quality(&shown);
        self.number_callback(&shown);
        self.other_account();
        self.account(&credential).await;
        self.hears(&credential).await;
        if self.findings.iter().all(|finding| finding.level == Level::Good) {
            self.findings.push(Finding::good(AREA, name_of(self.number), summary(&shown, end)));
        }
        self.findings
    }

    fn warning(&mut self, says: impl Into<String>, fix: impl Into<String>) {
        self.findings.push(Finding::warning(AREA, name_of(self.number), says, fix));
    }

    fn broken(&mut self, says: impl Into<String>, fix: impl Into<String>) {
        self.findings.push(Finding::broken(AREA, name_of(self.number), says, fix));
    }

    fn refused(&mut self, what: &str, failure: &Failure) {
        let fix = match failure {
            Failure::Refused(error) if matches!(error.code, 0 | 190) => self.reconnect(),
            Failure::Refused(error) => error.explanation().en.to_owned(),
            Failure::NotSent(_) | Failure::Unknown(_) => UNREACHED.to_owned(),
        };
        self.broken(format!("{what}: {failure}"), fix);
    }

    /// The command that gives it another token.
    fn reconnect(&self) -> String {
        let link = &self.number.link;
        let app = link.app_id.as_ref().map(|app| format!(" --app {app}")).unwrap_or_default();
        format!(
            "wazapp number connect --org {} --phone-number-id {} --waba-id {} --token -{app}",
            self.number.organization, link.phone_number_id, link.waba_id
        )
    }

    /// The command that lets it go on with the token that it has.
    fn resume(&self) -> String {
        let (organization, id) = (&self.number.organization, &self.number.link.phone_number_id);
        format!("wazapp number resume --org {organization} --phone-number-id {id}")
    }

    /// Of a number whose id Meta knows no more: what became of it, and what to do. `None`: something else is wrong.
    async fn moved(&self, credential: &Credential, failure: &Failure) -> Option<(String, String)> {
        let link = &self.number.link;
        if !matches!(failure, Failure::Refused(error) if error.is_missing_object()) {
            return None;
        }
        let says = format!("Meta knows no number {} any more", link.phone_number_id);
        let others = self.of.graph.numbers_of(credential, &link.waba_id, &["id", "display_phone_number"]).await;
        let same = |number: &&Number| {
            let shown = number.display_phone_number.as_deref().map(phone::digits);
            shown.is_some() && shown == self.number.display_phone_number
        };
        let others = others.unwrap_or_default();
        let (id, account) = match others.iter().find(same) {
            Some(number) => (number.id.as_str(), link.waba_id.as_str()),
            None => ("ITS_NEW_ID", "ITS_ACCOUNT"),
        };
        let app = link.app_id.as_ref().map(|app| format!(" --app {app}")).unwrap_or_default();
        let fix = format!(
            "it moved, or was deleted: WhatsApp Manager shows its new id. Conversations and what waits go on under that: \
             wazapp number connect --org {} --phone-number-id {id} --waba-id {account} --token -{app}",
            self.number.organization
        );
        Some((says, fix))
    }

    /// A call to Meta to make by hand, with the number's token in `$TOKEN`.
    fn curl(&self, path: &str, body: &str) -> String {
        let (url, version) = (&self.of.config.graph_url, &self.of.config.graph_version);
        format!(
            "curl -X POST {url}/{version}/{path} -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \
             -d '{body}'"
        )
    }

    fn paused(&mut self) {
        if !self.number.paused {
            return;
        }
        let reason = self.number.pause_reason.as_ref();
        let why = reason.map_or("no reason was kept", |reason| reason.message.as_str()).to_owned();
        let advice = reason.map_or_else(|| self.reconnect(), |reason| reason.advice.en.clone());
        match self.number.paused_until {
            Some(until) => self.warning(format!("nothing is sent from it until {until:.0}: {why}"), advice),
            None => {
                let fix = match reason {
                    Some(reason) if reason.code.is_of_token() => self.reconnect(),
                    _ => self.resume(),
                };
                self.broken(format!("nothing is sent from it: {why}"), format!("{advice} Then: {fix}"));
            }
        }
    }

    /// Looks at the token; answers its end.
    async fn token(&mut self, token: &SecretString) -> Option<Timestamp> {
        let app = self.number.link.token_app(&self.of.apps);
        let known = app.and_then(|id| Some((id, self.of.apps.secret(id)?)));
        let Some((id, secret)) = known else {
            let fix = "WAZAPP_META_APP_ID and WAZAPP_META_APP_SECRET, or wazapp app add";
            self.warning("its token works, but its end cannot be told: its App's secret is not known here", fix);
            return None;
        };
        match self.of.graph.debug_token(id, &secret, token).await {
            Ok(info) => self.judge(&info),
            Err(failure) => {
                let fix = format!("a token made for App {id}: {}", self.reconnect());
                self.warning(format!("App {id} may not look at its token: {failure}"), fix);
                None
            }
        }
    }

    fn judge(&mut self, info: &TokenInfo) -> Option<Timestamp> {
        if !info.is_valid {
            let why =
                info.error.as_ref().map_or_else(|| "Meta does not say why".to_owned(), |error| error.message.clone());
            self.broken(format!("its token opens nothing any more: {why}"), self.reconnect());
        }
        for scope in SCOPES {
            if info.is_valid && !info.may(scope, &self.number.link.waba_id) {
                // What it opens is tried by calls; tokens of Embedded Signup have other words.
                let says = format!("by Meta's words its token lacks {scope} for account {}", self.number.link.waba_id);
                let fix = format!("if Meta refuses something, a token with it: {}", self.reconnect());
                self.warning(says, fix);
            }
        }
        let end = info.expires_at.and_then(|second| Timestamp::from_second(second).ok())?;
        if info.is_valid && end.duration_since(self.of.now) < SOON {
            let says = format!("its token ends at {end:.0}");
            self.warning(says, format!("before then, best with one that does not expire: {}", self.reconnect()));
        }
        Some(end)
    }

    fn registered(&mut self, shown: &Number) {
        let on_cloud = shown.platform_type.as_deref().is_none_or(|platform| platform == "CLOUD_API");
        let connected = shown.status.as_deref().is_none_or(|status| status == "CONNECTED");
        if on_cloud && connected {
            return;
        }
        let says = format!(
            "it is not registered with the Cloud API: status {}, platform {}",
            shown.status.as_deref().unwrap_or("unknown"),
            shown.platform_type.as_deref().unwrap_or("unknown")
        );
        let fix = format!("{} --pin PIN", self.reconnect());
        self.broken(says, format!("{fix}, PIN being its six digits of two-step verification, or new ones"));
    }

    fn health(&mut self, shown: &Number) {
        let Some(health) = shown.whole.get("health_status") else { return };
        let word = |object: &Value, name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let can = word(health, "can_send_message").unwrap_or_default();
        if !matches!(can.as_str(), "LIMITED" | "BLOCKED") {
            return;
        }
        let (mut why, mut what) = (Vec::new(), Vec::new());
        let entities = health.get("entities").and_then(Value::as_array).into_iter().flatten();
        for entity in entities {
            for error in entity.get("errors").and_then(Value::as_array).into_iter().flatten() {
                why.extend(word(error, "error_description"));
                what.extend(word(error, "possible_solution"));
            }
            let more = entity.get("additional_info").and_then(Value::as_array).into_iter().flatten();
            why.extend(more.filter_map(Value::as_str).map(str::to_owned));
        }
        let says = format!("Meta says {can} to sending: {}", join(&why, "without a reason"));
        let fix = join(&what, "WhatsApp Manager, Phone numbers, shows what is in the way");
        if can == "BLOCKED" { self.broken(says, fix) } else { self.warning(says, fix) }
    }

    fn quality(&mut self, shown: &Number) {
        let fix = "write to fewer people who did not ask for it; WhatsApp Manager, Phone numbers, Insights";
        if let Some(quality @ ("YELLOW" | "RED")) = shown.quality_rating.as_deref() {
            self.warning(format!("its quality is {quality}"), fix);
        }
    }

    /// Where this number's webhooks go, if not where its App's go.
    fn number_callback(&mut self, shown: &Number) {
        let override_url = shown.whole.pointer("/webhook_configuration/phone_number").and_then(Value::as_str);
        if let Some(url) = override_url.filter(|url| !self.is_ours(url)) {
            let body = r#"{"webhook_configuration":{"override_callback_uri":""}}"#;
            let here = self.curl(&self.number.link.phone_number_id, body);
            let fix =
                format!("{} --override-callback; or, to have them go where its account's go: {here}", self.reconnect());
            self.broken(format!("its messages go to {url} instead of here: a callback was set for it alone"), fix);
        }
    }

    fn is_ours(&self, url: &str) -> bool {
        let callback = format!("{}/webhook", self.of.public_url);
        url == callback || url.strip_prefix(&callback).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether Meta's webhooks told another account than it was connected with.
    fn other_account(&mut self) {
        if let Some(named) = &self.number.other_account {
            let says = format!("Meta's webhooks name account {named} for it, not {}", self.number.link.waba_id);
            self.warning(says, format!("if that is the one it is in, with its id: {}", self.reconnect()));
        }
    }

    /// Whether it is in the account that it was connected with.
    async fn account(&mut self, credential: &Credential) {
        let link = &self.number.link;
        match self.of.graph.numbers_of(credential, &link.waba_id, &["id"]).await {
            Ok(all) if all.iter().any(|number| number.id == link.phone_number_id) => {}
            Ok(_) => {
                let says = format!("account {} has no such number: news of the account do not reach it", link.waba_id);
                self.broken(says, format!("with the id of its account: {}", self.reconnect()));
            }
            Err(failure) => {
                let what = format!("Meta does not show the numbers of account {}", link.waba_id);
                self.refused(&what, &failure);
            }
        }
    }

    /// Whether our App hears of its account.
    async fn hears(&mut self, credential: &Credential) {
        let link = &self.number.link;
        let subscribed = match self.of.graph.subscribed_apps(credential, &link.waba_id).await {
            Ok(subscribed) => subscribed,
            Err(failure) => {
                let what = format!("Meta does not say which Apps hear of account {}", link.waba_id);
                return self.refused(&what, &failure);
            }
        };
        let Some(app) = link.app_id.as_deref().or_else(|| self.of.apps.default_id()) else { return };
        let Some(own) = subscribed.iter().find(|subscribed| subscribed.id == app) else {
            let says = format!("App {app} is not subscribed to account {}: no webhook comes", link.waba_id);
            return self.broken(says, self.reconnect());
        };
        if let Some(url) = own.override_callback_uri.as_deref().filter(|url| !self.is_ours(url)) {
            let says = format!("the messages of account {} go to {url} instead of here", link.waba_id);
            self.broken(says, self.curl(&format!("{}/subscribed_apps", link.waba_id), "{}"));
        }
    }
}

fn join(words: &[String], none: &str) -> String {
    if words.is_empty() { none.to_owned() } else { words.join(" ") }
}

fn summary(shown: &Number, token_end: Option<Timestamp>) -> String {
    let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "unknown".into());
    let shared = if shown.is_on_biz_app == Some(true) { ", shared with a phone" } else { "" };
    let end = token_end.map_or_else(|| "does not expire".to_owned(), |end| format!("ends at {end:.0}"));
    format!(
        "{}, quality {}, throughput {}{shared}; its token {end}",
        word(&shown.status),
        word(&shown.quality_rating),
        word(&shown.throughput)
    )
}
