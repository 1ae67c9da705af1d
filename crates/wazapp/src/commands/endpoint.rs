//! `wazapp endpoint`.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Subcommand;
use guard::{Guard, Networks, Target};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, Method};
use model::delivery;
use model::endpoint::{self, CONCURRENCY, Endpoint, Format, Headers, Resume, State, Unfit, Wanted};
use model::event::{self, Event};
use model::{Clock, Scope};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;

use super::{in_organization, scope_of};
use crate::cli::OrganizationArg;
use crate::config::Config;
use crate::open::{self, Opened};
use crate::print::{Print, table};

/// How often `listen` looks at the log.
const LOOK: Duration = Duration::from_millis(500);

/// So many events are read at once.
const EVENTS: i64 = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an endpoint. Its secret is shown once.
    Add {
        #[command(flatten)]
        organization: OrganizationArg,
        /// What is called, like https://example.com/hook.
        #[arg(long)]
        url: String,
        /// wazapp (the event as JSON, Standard Webhooks) or meta (Meta's own bodies).
        #[arg(long, default_value = "wazapp", value_parser = format)]
        format: Format,
        /// Types of events like message.received or message.*, of format meta Meta's fields, with commas between them; left out:
        /// message.received, of format meta all.
        #[arg(long = "kind", value_delimiter = ',')]
        kinds: Vec<String>,
        /// Only of these numbers, by `id`, with commas between them.
        #[arg(long = "number", value_delimiter = ',')]
        numbers: Vec<Uuid>,
        /// What to call it.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// List an organization's endpoints, and how they do.
    List {
        #[command(flatten)]
        organization: OrganizationArg,
    },
    /// Turn an endpoint on. It is told what it missed.
    On {
        #[command(flatten)]
        organization: OrganizationArg,
        /// The endpoint's id, from `endpoint list`.
        id: Uuid,
        /// Leave out what it missed.
        #[arg(long)]
        from_now: bool,
    },
    /// Turn an endpoint off. What happens meanwhile is told when it is on again.
    Off {
        #[command(flatten)]
        organization: OrganizationArg,
        /// The endpoint's id.
        id: Uuid,
    },
    /// Tell an endpoint of something that never happened.
    Test {
        #[command(flatten)]
        organization: OrganizationArg,
        /// The endpoint's id.
        id: Uuid,
    },
    /// Delete an endpoint, with all that waits for it.
    Remove {
        #[command(flatten)]
        organization: OrganizationArg,
        /// The endpoint's id.
        id: Uuid,
    },
    /// Show what happens, live, and forward it to an address of this machine, signed as an endpoint's calls are.
    Listen {
        #[command(flatten)]
        organization: OrganizationArg,
        /// Where to, like http://localhost:3000/hook; left out: it is shown alone.
        #[arg(long)]
        forward: Option<String>,
        /// Types of events, with commas between them; left out: all.
        #[arg(long = "kind", value_delimiter = ',')]
        kinds: Vec<String>,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { organization, url, format, kinds, numbers, description } => {
            let target = Target::read(&url, &config.allow_targets).map_err(|why| anyhow::anyhow!("--url {why}"))?;
            let wanted = Wanted {
                url: target.as_str().to_owned(),
                kinds: if kinds.is_empty() { format.usual_kinds() } else { Some(kinds) },
                number_ids: (!numbers.is_empty()).then_some(numbers),
                description,
                rate: None,
                concurrency: CONCURRENCY,
                in_order: false,
                gather: None,
            };
            add(config, print, &organization, format, &wanted).await
        }
        Command::List { organization } => list(config, print, &organization).await,
        Command::On { organization, id, from_now } => {
            let resume = if from_now { Resume::Now } else { Resume::Gap };
            turn(config, print, &organization, id, (State::On, resume)).await
        }
        Command::Off { organization, id } => turn(config, print, &organization, id, (State::Off, Resume::Gap)).await,
        Command::Test { organization, id } => test(config, print, &organization, id).await,
        Command::Remove { organization, id } => remove(config, print, &organization, id).await,
        Command::Listen { organization, forward, kinds } => {
            listen(config, print, &organization, forward.as_deref(), &kinds).await
        }
    }
}

fn format(word: &str) -> Result<Format, String> {
    Format::of(word).ok_or_else(|| "a format is wazapp or meta".to_owned())
}

async fn add(
    config: &Config,
    print: &Print,
    organization: &OrganizationArg,
    format: Format,
    wanted: &Wanted,
) -> anyhow::Result<()> {
    let keyring = open::keyring(config)?;
    let (made, secret) = in_organization(config, organization, async |tx, now| {
        let made = endpoint::create(tx, now, &keyring, format, wanted, &Headers::new()).await?;
        let (made, secret) = made.map_err(unfit)?;
        Ok((made.made(), (made, secret)))
    })
    .await?;
    // The one place where a secret is shown.
    let secret = secret.expose_secret();
    print.answer(&json!({ "id": made.id, "url": made.url, "secret": secret }), || {
        format!(
            "{secret}\n\nKeep it: it is not shown again. The endpoint's id is {}; wazapp endpoint test tries it.",
            made.id
        )
    });
    Ok(())
}

fn unfit(unfit: Unfit) -> anyhow::Error {
    match unfit {
        Unfit::Wrong(mistake) => mistake.into(),
        Unfit::TooMany => anyhow::anyhow!("it has {} endpoints, which is the most", endpoint::MOST),
        Unfit::NoNumber(id) => anyhow::anyhow!("there is no number {id}: see wazapp number list"),
    }
}

fn missing(organization: &OrganizationArg, id: Uuid) -> String {
    format!("{} has no endpoint {id}: see wazapp endpoint list", organization.organization)
}

async fn list(config: &Config, print: &Print, organization: &OrganizationArg) -> anyhow::Result<()> {
    let all = open::with(config, async |opened| {
        let tx = opened.database.tenant(&scope_of(&opened.database, organization).await?).await?;
        let all = endpoint::list(&tx).await?;
        tx.close();
        Ok(all)
    })
    .await?;
    print.answer(&all, || {
        let rows: Vec<Vec<String>> = all.iter().map(row).collect();
        if rows.is_empty() {
            "No endpoints yet: wazapp endpoint add".into()
        } else {
            table(&["ID", "URL", "FORMAT", "KINDS", "STATE", "LAST TAKEN"], &rows)
        }
    });
    Ok(())
}

fn row(endpoint: &Endpoint) -> Vec<String> {
    let state = match (&endpoint.trouble, endpoint.failing_since) {
        (Some(trouble), _) => format!("{}: {}", endpoint.state.word(), trouble.message),
        (None, Some(since)) => format!("{}, failing since {since}", endpoint.state.word()),
        (None, None) => endpoint.state.word().to_owned(),
    };
    vec![
        endpoint.id.to_string(),
        endpoint.url.clone(),
        endpoint.format.word().to_owned(),
        endpoint.kinds.as_ref().map_or_else(|| "all".to_owned(), |kinds| kinds.join(" ")),
        state,
        endpoint.last_success_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
    ]
}

async fn turn(
    config: &Config,
    print: &Print,
    organization: &OrganizationArg,
    id: Uuid,
    turn: (State, Resume),
) -> anyhow::Result<()> {
    let keyring = open::keyring(config)?;
    let after = in_organization(config, organization, async |tx, now| {
        let changed = endpoint::change(tx, now, &keyring, id, |as_it_is| as_it_is, None, Some(turn)).await?;
        let (before, after) = changed.with_context(|| missing(organization, id))?.map_err(unfit)?;
        Ok((after.changed(&before), after))
    })
    .await?;
    print.answer(&after, || format!("{} is {}.", after.url, after.state.word()));
    Ok(())
}

async fn test(config: &Config, print: &Print, organization: &OrganizationArg, id: Uuid) -> anyhow::Result<()> {
    let made = in_organization(config, organization, async |tx, now| {
        let endpoint = endpoint::get(tx, id).await?.with_context(|| missing(organization, id))?;
        if endpoint.state != State::On {
            bail!("the endpoint is {}: turn it on first, with wazapp endpoint on", endpoint.state.word());
        }
        let made = delivery::test(tx, now, id).await?;
        Ok((endpoint.told_again(json!({ "test": made.id })), made))
    })
    .await?;
    print.answer(&made, || {
        format!("It is told by the running server, now. GET /api/v1/deliveries/{} says what came of it.", made.id)
    });
    Ok(())
}

async fn remove(config: &Config, print: &Print, organization: &OrganizationArg, id: Uuid) -> anyhow::Result<()> {
    let ended = in_organization(config, organization, async |tx, _| {
        let ended = endpoint::delete(tx, id).await?.with_context(|| missing(organization, id))?;
        Ok((ended.ended(), ended))
    })
    .await?;
    print.answer(&ended, || format!("Deleted {}.", ended.url));
    Ok(())
}

/// Where `listen` sends what it shows.
struct Forward {
    guard: Guard,
    target: Target,
    secret: SecretString,
}

impl Forward {
    /// Whoever types the command may call whatever this machine reaches.
    fn to(url: &str) -> anyhow::Result<Self> {
        let any = Networks::new(vec!["0.0.0.0/0".parse()?, "::/0".parse()?]);
        let target = Target::read(url, &any).map_err(|why| anyhow::anyhow!("--forward {why}"))?;
        Ok(Self { guard: Guard::new(any)?, target, secret: endpoint::new_secret() })
    }

    async fn tell(&self, event: &Event) -> String {
        let body = serde_json::to_vec(event).expect("our own shapes are JSON");
        let signed = worker::delivery::signed(&event.id.to_string(), Clock::default().now(), &body, &self.secret);
        let header = |(name, value): (HeaderName, String)| Some((name, HeaderValue::from_str(&value).ok()?));
        let mut headers: HeaderMap = signed.into_iter().filter_map(header).collect();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.guard.call(Method::POST, &self.target, headers, Bytes::from(body)).await {
            Ok(answer) => format!("{} in {} ms", answer.status.as_u16(), answer.took.as_millis()),
            Err(failing) => failing.to_string(),
        }
    }
}

async fn listen(
    config: &Config,
    print: &Print,
    organization: &OrganizationArg,
    forward: Option<&str>,
    kinds: &[String],
) -> anyhow::Result<()> {
    if let Some(wrong) = kinds.iter().find(|kind| !Format::Wazapp.has_kind(kind)) {
        bail!("--kind {wrong} is no type of events: they are like message.received or message.*");
    }
    let forward = forward.map(Forward::to).transpose()?;
    open::with(config, async |opened| {
        let scope = scope_of(&opened.database, organization).await?;
        let began = json!({
            "listening": organization.organization, "secret": forward.as_ref().map(|to| to.secret.expose_secret()),
        });
        print.answer(&began, || match &forward {
            None => "Listening. Ctrl-C ends it.".to_owned(),
            Some(to) => {
                format!("Listening. Calls to {} are signed with {}", to.target.as_str(), to.secret.expose_secret())
            }
        });
        tokio::select! {
            ended = follow(&opened, &scope, print, forward.as_ref(), kinds) => ended,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
    .await
}

async fn follow(
    opened: &Opened,
    scope: &Scope,
    print: &Print,
    forward: Option<&Forward>,
    kinds: &[String],
) -> anyhow::Result<()> {
    let tx = opened.database.tenant(scope).await?;
    let mut after = event::last(&tx).await?;
    tx.close();
    loop {
        let tx = opened.database.tenant(scope).await?;
        let events = event::list(&tx, after, EVENTS).await?.unwrap_or_default();
        tx.close();
        for event in &events {
            after = event.sequence;
            if !kinds.is_empty() && !kinds.iter().any(|kind| event.r#type.is(kind)) {
                continue;
            }
            let came = match forward {
                Some(forward) => forward.tell(event).await,
                None => String::new(),
            };
            print.answer(&json!({ "event": event, "answer": came }), || {
                format!("{}  {:<22} {}  {came}", event.timestamp, event.r#type.word(), event.id)
            });
        }
        if events.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    }
}
