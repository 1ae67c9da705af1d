//! Meta Apps: known to Meta by their secret, and sending us what we need.

use std::sync::Arc;

use model::app::Credentials;
use model::apps::Apps;
use model::link::Link;
use model::{app, number_check};
use secrecy::SecretString;
use whatsapp::graph::{Failure, Subscription};
use whatsapp::webhook::{MESSAGES, OBJECT, wanted};

use super::Examination;
use super::finding::Finding;

const AREA: &str = "Apps";

/// What to do where no whole answer comes.
pub(crate) const UNREACHED: &str = "see that this machine reaches Meta: curl -sS https://graph.facebook.com";

/// What an App is to hear of, by the numbers that come through it here.
pub(crate) fn wanted_of<'n>(apps: &Apps, id: &str, mut numbers: impl Iterator<Item = &'n Link>) -> Vec<&'static str> {
    let of_app = |link: &Link| link.app_id.as_deref().or_else(|| apps.default_id()) == Some(id);
    wanted(numbers.any(|link| link.shared && of_app(link)))
}

/// What is found of the Apps, and what those of the database are known by.
pub(super) async fn check(of: &Examination<'_>) -> anyhow::Result<(Vec<Finding>, Vec<Arc<Credentials>>)> {
    let tx = of.database.operator().await?;
    let others = app::list(&tx).await?;
    let numbers = number_check::any_organization_examine(&tx, None, of.now).await?;
    tx.close();
    let wanted = |id: &str| wanted_of(&of.apps, id, numbers.iter().map(|number| &number.link));
    let mut findings = Vec::new();
    if let Some(id) = of.apps.default_id() {
        let url = format!("{}/webhook", of.public_url);
        let fix =
            "WAZAPP_META_APP_ID and WAZAPP_META_APP_SECRET as Meta's App dashboard shows them (App settings, Basic)";
        match of.apps.secret(id) {
            Some(secret) => findings.extend(examine(of, id, &secret, (&url, &wanted(id)), fix).await),
            None => findings.push(Finding::broken(AREA, id, "has no secret here", fix)),
        }
    }
    let known = others.iter().filter_map(|app| of.apps.of_path(Some(&app.id)));
    // One that the settings name too answers as they say.
    let known = known.filter_map(|(other, app)| other.map(|_| app)).collect();
    for app in others {
        let url = format!("{}/webhook/{}", of.public_url, app.id);
        let fix = format!("wazapp app rotate --app-id {} --secret - --drop-old", app.id);
        match of.apps.secret(&app.id) {
            Some(secret) => {
                findings.extend(examine(of, &app.id, &secret, (&url, &wanted(&app.id)), &fix).await);
            }
            None => findings.push(Finding::broken(AREA, &app.id, "has no secret that opens with this master key", fix)),
        }
    }
    Ok((findings, known))
}

async fn examine(
    of: &Examination<'_>,
    id: &str,
    secret: &SecretString,
    (url, wanted): (&str, &[&str]),
    bad_secret: &str,
) -> Vec<Finding> {
    match of.graph.app_subscriptions(id, secret).await {
        Ok(all) => {
            let mut findings = vec![Finding::good(AREA, id, "Meta knows it by its secret")];
            let own: Vec<&Subscription> = all.iter().filter(|one| one.object == OBJECT).collect();
            findings.extend(subscription(id, own.first().copied(), url, wanted));
            findings
        }
        Err(Failure::Refused(error)) => {
            vec![Finding::broken(AREA, id, format!("Meta does not take its id and secret: {error}"), bad_secret)]
        }
        Err(failure) => {
            vec![Finding::broken(AREA, id, format!("Meta did not answer: {failure}"), UNREACHED)]
        }
    }
}

fn subscription(id: &str, found: Option<&Subscription>, url: &str, wanted: &[&str]) -> Vec<Finding> {
    let set = format!(
        "wazapp app setup --app-id {id}; or in the App's dashboard, WhatsApp, Configuration: callback URL {url}, and its verify token"
    );
    let Some(found) = found else {
        return vec![Finding::broken(AREA, id, "is not subscribed to WhatsApp's webhooks: none come", set)];
    };
    let mut findings = Vec::new();
    // The default App's webhooks come on either of two paths.
    let callback = found.callback_url.as_deref().unwrap_or_default();
    if callback == url || callback == format!("{url}/{id}") {
        findings.push(Finding::good(AREA, id, format!("its webhooks come to {callback}")));
    } else {
        findings.push(Finding::broken(AREA, id, format!("its webhooks go to {callback}, not to {url}"), &set));
    }
    if !found.active {
        findings.push(Finding::broken(AREA, id, "Meta has switched its subscription off, after failures", &set));
    }
    let has = |name: &str| found.fields.iter().any(|field| field.name == name);
    let subscribe = |fields: &str| {
        format!(
            "wazapp app setup --app-id {id}; or in the App's dashboard, WhatsApp, Configuration, Webhook fields: {fields}"
        )
    };
    if !has(MESSAGES) {
        let says = "is not subscribed to the field messages: no message comes";
        findings.push(Finding::broken(AREA, id, says, subscribe(MESSAGES)));
    }
    let news = wanted.iter().copied().filter(|name| *name != MESSAGES);
    let missing: Vec<&str> = news.filter(|name| !has(name)).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        findings.push(Finding::warning(AREA, id, format!("does not hear of {missing}"), subscribe(&missing)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Level;
    use super::*;

    fn found(callback: &str, active: bool, fields: &[&str]) -> Vec<Finding> {
        let row = json!({ "object": OBJECT, "callback_url": callback, "active": active, "fields": fields });
        subscription("1", Subscription::read(&row).as_ref(), "https://wa.example.org/webhook", &wanted(false))
    }

    #[test]
    fn a_subscription_is_ours_and_whole() {
        let all = wanted(false);
        for callback in ["https://wa.example.org/webhook", "https://wa.example.org/webhook/1"] {
            assert!(found(callback, true, &all).iter().all(|finding| finding.level == Level::Good));
        }
        let levels = |findings: Vec<Finding>| findings.iter().map(|finding| finding.level).collect::<Vec<_>>();
        assert_eq!(levels(found("https://else.example.org/webhook", true, &all)), [Level::Broken]);
        assert_eq!(levels(found("https://wa.example.org/webhook", false, &all)), [Level::Good, Level::Broken]);
        assert_eq!(
            levels(found("https://wa.example.org/webhook", true, &[])),
            [Level::Good, Level::Broken, Level::Warning]
        );
        assert_eq!(levels(subscription("1", None, "https://wa.example.org/webhook", &all)), [Level::Broken]);
    }
}
