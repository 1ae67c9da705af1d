//! `wazapp number connect`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use model::Clock;
use model::audit::{self, Actor};
use model::connection::{How, New, Wishes};
use model::event;
use model::number::{self, NumberDeed, Proof, Refusal};
use model::quarantine;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{NumberArg, attempt, check_id};
use crate::commands::{SecretArg, find_organization};
use crate::config::Config;
use crate::open::{self, Opened};
use crate::print::Print;

#[derive(Debug, clap::Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    number: NumberArg,
    /// Meta's id of its WhatsApp Business Account.
    #[arg(long)]
    waba_id: String,
    /// The access token; - reads it from standard input.
    #[arg(long)]
    token: SecretArg,
    /// The App its webhooks come through, if not the default one.
    #[arg(long)]
    app: Option<String>,
    /// Six digits, for a number that is not registered with the Cloud API yet: its PIN, or the one that it gets; -
    /// reads it from standard input.
    #[arg(long)]
    pin: Option<SecretArg>,
    /// Set the App's webhook subscription, where it lacks something.
    #[arg(long)]
    set_webhook: bool,
    /// Have this account's webhooks come here, whatever the App's own callback is.
    #[arg(long)]
    override_callback: bool,
    /// Believe the ids and the token without asking Meta.
    #[arg(long, conflicts_with_all = ["pin", "set_webhook", "override_callback"])]
    skip_checks: bool,
}

pub(super) async fn run(config: &Config, print: &Print, connect: Connect) -> anyhow::Result<ExitCode> {
    check_id("phone-number-id", &connect.number.phone_number_id, !connect.skip_checks)?;
    check_id("waba-id", &connect.waba_id, !connect.skip_checks)?;
    let token = connect.token.read()?;
    let pin = connect.pin.as_ref().map(pin).transpose()?;
    // The default App may be named by its id.
    let app = connect.app.as_deref().filter(|app| config.meta_app_id.as_deref() != Some(*app));
    if connect.skip_checks {
        return believe(config, print, &connect, app, &token).await;
    }
    let organization = connect.number.organization.organization.as_str();
    let wanted = Wanted {
        organization,
        phone_number_id: connect.number.phone_number_id.as_str(),
        waba_id: &connect.waba_id,
        app_id: app,
        wishes: Wishes {
            set_webhook: connect.set_webhook,
            override_callback: connect.override_callback,
            ..Wishes::default()
        },
        token: &token,
        pin: pin.as_ref(),
    };
    Ok(match carry(config, print, &wanted).await? {
        Ok((value, waiting)) => {
            answer(print, &value, organization, waiting);
            ExitCode::SUCCESS
        }
        Err(refused) => print.refused(&refused.value, &refused.line),
    })
}

/// A number as it is to be connected.
pub(in crate::commands) struct Wanted<'a> {
    pub(in crate::commands) organization: &'a str,
    pub(in crate::commands) phone_number_id: &'a str,
    pub(in crate::commands) waba_id: &'a str,
    /// The App, if not the default one.
    pub(in crate::commands) app_id: Option<&'a str>,
    pub(in crate::commands) wishes: Wishes,
    pub(in crate::commands) token: &'a SecretString,
    pub(in crate::commands) pin: Option<&'a SecretString>,
}

/// Why it is not connected: for machines, and in a line.
pub(in crate::commands) struct NotConnected {
    pub(in crate::commands) value: Value,
    pub(in crate::commands) line: String,
}

/// Connects it, telling each step; answers what is connected, and how much came for it before.
pub(in crate::commands) async fn carry(
    config: &Config,
    print: &Print,
    wanted: &Wanted<'_>,
) -> anyhow::Result<Result<(Value, Option<i64>), NotConnected>> {
    open::with(config, async |opened| {
        let settings = attempt::settings(config, &opened).await?;
        if settings.to_meta.apps.of_path(wanted.app_id).is_none() {
            bail!("there is no App {}: add it with wazapp app add", wanted.app_id.unwrap_or_default());
        }
        let tx = opened.database.operator().await?;
        let scope = find_organization(&tx, wanted.organization).await?.scope();
        tx.close();
        let new = New {
            phone_number_id: Some(wanted.phone_number_id),
            waba_id: Some(wanted.waba_id),
            app_id: wanted.app_id,
            wishes: wanted.wishes,
            token: Some(wanted.token),
            pin: wanted.pin,
            ..New::of(How::Token)
        };
        let made = attempt::make(&opened, &settings, print, &scope, &new).await?;
        if let Some(line) = attempt::why(&made) {
            return Ok(Err(NotConnected { value: attempt::refusal(&made, &line), line }));
        }
        let waiting = waiting(&opened, wanted.phone_number_id).await;
        let value = json!({
            "id": made.number_id, "phone_number_id": wanted.phone_number_id, "status": "connected", "quarantined": waiting,
            "steps": made.steps,
        });
        Ok(Ok((value, waiting)))
    })
    .await
}

pub(in crate::commands) fn pin(argument: &SecretArg) -> anyhow::Result<SecretString> {
    let pin = argument.read()?;
    let text = pin.expose_secret();
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("--pin is six digits: the PIN of the number's two-step verification, or the one that it gets");
    }
    Ok(pin)
}

/// Connects without asking Meta.
async fn believe(
    config: &Config,
    print: &Print,
    connect: &Connect,
    app_id: Option<&str>,
    token: &SecretString,
) -> anyhow::Result<ExitCode> {
    let phone_number_id = connect.number.phone_number_id.as_str();
    let organization = connect.number.organization.organization.as_str();
    let (connected, waiting) = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let scope = find_organization(&tx, organization).await?.scope();
        let proof = Proof::operators_word(&scope, phone_number_id, &connect.waba_id, app_id, token);
        let now = Clock::default().now();
        let line = event::line_of(&tx, &scope).await?;
        let id = match number::connect(&line, &opened.keyring, &proof, now).await? {
            Ok(id) => id,
            Err(Refusal::Taken) => {
                bail!("number {phone_number_id} is connected to another organization: disconnect it there first")
            }
            Err(Refusal::UnknownApp) => {
                bail!("there is no App {}: add it with wazapp app add", app_id.unwrap_or_default())
            }
        };
        let connected = number::find(&tx, &scope, id, now).await?;
        let connected = connected.context("the number is gone")?;
        line.record(event::New::of(event::Kind::NumberUpdated, now, Some(id), &connected)).await?;
        let deed = connected.deed(NumberDeed::Believed);
        audit::any_organization_record(&tx, &scope, now, &Actor::operator(), &deed).await?;
        tx.commit().await?;
        let waiting = waiting(&opened, phone_number_id).await;
        Ok((connected, waiting))
    })
    .await?;
    let value = json!({
        "id": connected.id, "phone_number_id": phone_number_id, "status": connected.status, "quarantined": waiting,
        "steps": [],
    });
    answer(print, &value, organization, waiting);
    Ok(ExitCode::SUCCESS)
}

/// How much came for it before. `None`: nobody can tell now, and the number is connected in any case.
async fn waiting(opened: &Opened, phone_number_id: &str) -> Option<i64> {
    let tx = opened.database.operator().await.ok()?;
    quarantine::waiting(&tx, phone_number_id).await.ok()
}

fn answer(print: &Print, value: &Value, organization: &str, waiting: Option<i64>) {
    print.answer(value, || {
        let of = |name: &str| value[name].as_str().unwrap_or_default();
        let mut words = format!("Connected {} to {organization} ({}).", of("phone_number_id"), of("id"));
        if let Some(waiting) = waiting.filter(|waiting| *waiting > 0) {
            let came = if waiting == 1 { "One webhook came".into() } else { format!("{waiting} webhooks came") };
            let number = of("phone_number_id");
            words += &format!("\n{came} for it before: wazapp quarantine replay --phone-number-id {number}");
        }
        words
    });
}
