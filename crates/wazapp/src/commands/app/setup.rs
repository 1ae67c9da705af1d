//! `wazapp app setup`: an App's webhooks come here, and it hears of all that is needed.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use model::apps::Apps;
use model::{Clock, number_check};
use secrecy::SecretString;
use serde_json::{Value, json};
use whatsapp::graph::{Failure, Graph, Subscription, Timeouts};
use whatsapp::webhook::OBJECT;

use crate::commands::doctor::apps::{UNREACHED, wanted_of};
use crate::commands::doctor::default_app;
use crate::config::Config;
use crate::open;
use crate::print::Print;
use crate::serve::public_url;

/// Where Meta's own Graph API is.
pub(in crate::commands) const META: &str = "https://graph.facebook.com";

/// An App as Meta is to have it.
pub(in crate::commands) struct Wanted {
    id: String,
    secret: SecretString,
    pub(in crate::commands) verify_token: SecretString,
    pub(in crate::commands) callback: String,
    /// What it is to hear of.
    fields: Vec<&'static str>,
}

impl Wanted {
    /// The default App's webhooks come on either of two paths.
    fn is_ours(&self, url: &str) -> bool {
        url == self.callback
            || url.strip_prefix(&self.callback).is_some_and(|rest| rest.strip_prefix('/') == Some(&self.id))
    }
}

pub(super) async fn run(config: &Config, print: &Print, app_id: Option<&str>, replace: bool) -> anyhow::Result<()> {
    let wanted = wanted(config, app_id, &public_url(config)).await?;
    let answer = carry(config, print, &wanted, replace).await?;
    print.answer(&answer, || {
        let words = if answer["changed"] == true { "is set up" } else { "was set up already" };
        let fields = answer["fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let list = fields.collect::<Vec<_>>().join(", ");
        format!("App {} {words}: its webhooks come to {}.\nIt hears of: {list}.", wanted.id, wanted.callback)
    });
    Ok(())
}

/// Has Meta do it, unless it is so already; answers how it is now.
pub(in crate::commands) async fn carry(
    config: &Config,
    print: &Print,
    wanted: &Wanted,
    replace: bool,
) -> anyhow::Result<Value> {
    let graph = Graph::with_timeouts(&config.graph_url, &config.graph_version, Timeouts::default())?;
    let before = subscription(&graph, wanted).await?;
    let fields = fields(before.as_ref(), wanted);
    let elsewhere = before.as_ref().and_then(|now| now.callback_url.as_deref()).filter(|url| !wanted.is_ours(url));
    if let Some(elsewhere) = elsewhere.filter(|_| !replace) {
        bail!(
            "App {} sends its webhooks to {elsewhere}, which would hear nothing more. To have them come to {} instead, run this \
             again with --replace",
            wanted.id,
            wanted.callback
        );
    }
    let changed = before.as_ref().is_none_or(|now| !is_whole(now, wanted, &fields));
    if changed {
        print.line(&format!(
            "Meta is asked to send {} fields to {}, and asks it to prove itself …",
            fields.len(),
            wanted.callback
        ));
        let names: Vec<&str> = fields.iter().map(String::as_str).collect();
        let set =
            graph.set_app_subscription(&wanted.id, &wanted.secret, &wanted.callback, &wanted.verify_token, &names);
        set.await.map_err(|failure| not_set(&failure, wanted))?;
        let after = subscription(&graph, wanted).await?;
        if after.is_none_or(|now| !is_whole(&now, wanted, &fields)) {
            bail!("Meta says that it did it, and shows something else: run this again, or look at wazapp doctor");
        }
    }
    Ok(json!({ "id": wanted.id, "callback_url": wanted.callback, "fields": fields, "changed": changed }))
}

/// An App that is known here, for a server that others reach at this address.
pub(in crate::commands) async fn wanted(config: &Config, app_id: Option<&str>, base: &str) -> anyhow::Result<Wanted> {
    let id = app_id.or(config.meta_app_id.as_deref());
    let id =
        id.context("which App? Name it by --app-id, or set WAZAPP_META_APP_ID and WAZAPP_META_APP_SECRET")?.to_owned();
    let is_default = config.meta_app_id.as_deref() == Some(&id);
    let (secret, verify_token, fields) = open::with(config, async |opened| {
        let apps = Apps::new(default_app(config)?, opened.database.clone(), opened.keyring);
        apps.refresh().await;
        let path = (!is_default).then_some(id.as_str());
        let word = apps.of_path(path).and_then(|(_, app)| app.verify_tokens.first().cloned());
        let tx = opened.database.operator().await?;
        let numbers = number_check::any_organization_examine(&tx, None, Clock::default().now()).await?;
        tx.close();
        let fields = wanted_of(&apps, &id, numbers.iter().map(|number| &number.link));
        Ok((apps.secret(&id), word, fields))
    })
    .await?;
    let (secret_is, word_is) = match is_default {
        true => ("set WAZAPP_META_APP_SECRET".to_owned(), "set WAZAPP_META_VERIFY_TOKEN".to_owned()),
        false => {
            let add = format!("wazapp app add --app-id {id} --secret - --verify-token -");
            (add, format!("wazapp app rotate --app-id {id} --verify-token -"))
        }
    };
    let secret = secret.with_context(|| format!("App {id} has no secret here: {secret_is}"))?;
    let verify_token = verify_token.with_context(|| {
        format!(
            "App {id} has no verify token, by which the callback proves itself to Meta: choose a word, and {word_is}"
        )
    })?;
    if config.graph_url == META && !base.starts_with("https://") {
        bail!(
            "Meta calls HTTPS alone, and this server is {base}: set WAZAPP_DOMAIN, or WAZAPP_PUBLIC_URL to what its proxy is"
        );
    }
    let path = if is_default { String::new() } else { format!("/{id}") };
    let callback = format!("{}/webhook{path}", base.trim_end_matches('/'));
    Ok(Wanted { id, secret, verify_token, callback, fields })
}

async fn subscription(graph: &Graph, wanted: &Wanted) -> anyhow::Result<Option<Subscription>> {
    match graph.app_subscriptions(&wanted.id, &wanted.secret).await {
        Ok(all) => Ok(all.into_iter().find(|one| one.object == OBJECT)),
        Err(Failure::Refused(error)) => bail!(
            "Meta does not take App {} and its secret: {error}. See both in Meta's App dashboard (App settings, Basic)",
            wanted.id
        ),
        Err(failure) => bail!("Meta did not answer: {failure}; {UNREACHED}"),
    }
}

/// What it hears of now stays.
fn fields(before: Option<&Subscription>, wanted: &Wanted) -> BTreeSet<String> {
    let had = before.into_iter().flat_map(|now| &now.fields).map(|field| field.name.clone());
    had.chain(wanted.fields.iter().map(|name| (*name).to_owned())).collect()
}

fn is_whole(now: &Subscription, wanted: &Wanted, fields: &BTreeSet<String>) -> bool {
    let has = |name: &String| now.fields.iter().any(|field| field.name == *name);
    now.active && now.callback_url.as_deref().is_some_and(|url| wanted.is_ours(url)) && fields.iter().all(has)
}

fn not_set(failure: &Failure, wanted: &Wanted) -> anyhow::Error {
    match failure {
        Failure::Refused(error) => anyhow::anyhow!(
            "Meta did not do it: {error}. {} If it says that the callback did not prove itself: see that the server runs, and that \
             {} is reached from outside (wazapp doctor)",
            error.explanation().en,
            wanted.callback
        ),
        failure => {
            anyhow::anyhow!("nobody knows whether Meta did it: {failure}. Run this again: asking twice does no harm")
        }
    }
}
