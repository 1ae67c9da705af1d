//! `wazapp doctor`: looks at everything from the database to Meta's callback, and says how to mend what is wrong.
//!
//! Each area is a file that answers findings; nothing here changes anything, but for a probe that the media store takes
//! and gives back.

pub(crate) mod apps;
mod backup;
pub(crate) mod callback;
mod certificate;
mod clock;
pub(crate) mod configuration;
mod data_dir;
mod database;
mod dates;
mod finding;
mod mail;
mod media;
mod numbers;
mod queues;
mod quotas;
mod retention;
pub(in crate::commands) mod server;
mod show;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use model::app::Credentials;
use model::apps::{Apps, DefaultApp};
use model::secret::Keyring;
use model::{Clock, Database};
use secrecy::SecretString;
use whatsapp::graph::{Graph, Timeouts};

use super::find_organization;
use crate::config::Config;
use crate::mark;
use crate::open;
use crate::print::Print;
use finding::{Finding, Level};
use server::Server;

/// Nobody waits for Meta longer than this.
const GRAPH_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    call: Duration::from_secs(15),
    upload: Duration::from_secs(15),
    piece: Duration::from_secs(15),
};

/// Beyond this, the database is taken for one that hangs.
const DATABASE_PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Look at the numbers of this organization alone (id or slug).
    #[arg(long = "org", value_name = "ORG")]
    organization: Option<String>,
}

pub(crate) async fn run(config: &Config, print: &Print, doctor: &Doctor) -> anyhow::Result<ExitCode> {
    let server = Server::find(config).await;
    let (examined, others) = look_inside(config, print, doctor, &server).await?;
    let mut findings = configuration::check(config, &server.public_url(config), others.len());
    let now = Clock::default().now();
    findings.extend(certificate::check(config, &server.public_url(config), now));
    findings.extend(certificate::callers(config, now));
    findings.extend(dates::graph_version(&config.graph_version, now));
    findings.extend(data_dir::check(config));
    findings.push(media::check(config).await);
    findings.push(mail::server(config).await);
    findings.extend(server.findings());
    findings.extend(clock::check(config).await);
    findings.extend(examined);
    findings.extend(callback::check(config, &server, &others).await);
    show::show(print, &findings);
    let broken = findings.iter().any(|finding| finding.level == Level::Broken);
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the areas find that need the database, and the Apps that it has.
async fn look_inside(
    config: &Config,
    print: &Print,
    doctor: &Doctor,
    server: &Server,
) -> anyhow::Result<(Vec<Finding>, Vec<Arc<Credentials>>)> {
    let is_elsewhere = mark::unsaid(config).is_some();
    if config.database_url.is_none() && !is_elsewhere && !config.data_dir.join("postgres").is_dir() {
        return Ok((vec![database::none_yet()], Vec::new()));
    }
    match open::as_it_is(config, |database| examine(config, print, doctor, server, database)).await {
        Err(error) if !error.is::<NoSuchOrganization>() => Ok((vec![database::unreachable(&error)], Vec::new())),
        examined => examined,
    }
}

/// `--org` names nobody: a mistake at the keyboard, not a finding.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct NoSuchOrganization(anyhow::Error);

/// What areas that need the database work with.
struct Examination<'a> {
    config: &'a Config,
    print: &'a Print,
    database: Database,
    keyring: Keyring,
    apps: Apps,
    graph: Graph,
    /// What others call this server.
    public_url: String,
    now: Timestamp,
}

async fn examine(
    config: &Config,
    print: &Print,
    doctor: &Doctor,
    server: &Server,
    database: Database,
) -> anyhow::Result<(Vec<Finding>, Vec<Arc<Credentials>>)> {
    let looked = tokio::time::timeout(DATABASE_PATIENCE, database::check(config, &database)).await;
    let (mut findings, fit) = looked.map_err(|_| anyhow::anyhow!("the database does not answer within 30 seconds"))?;
    if !fit {
        return Ok((findings, Vec::new()));
    }
    let keyring = open::keyring(config)?;
    let apps = Apps::new(default_app(config)?, database.clone(), keyring.clone());
    apps.refresh().await;
    let graph = Graph::with_timeouts(&config.graph_url, &config.graph_version, GRAPH_TIMEOUTS)?;
    let public_url = server.public_url(config);
    let now = Clock::default().now();
    let examination = Examination { config, print, database, keyring, apps, graph, public_url, now };

    let tx = examination.database.operator().await?;
    let scope = match &doctor.organization {
        Some(name) => Some(find_organization(&tx, name).await.map_err(NoSuchOrganization)?.scope()),
        None => None,
    };
    tx.close();
    findings.extend(certificate::got(&examination).await?);
    findings.extend(queues::check(&examination, server).await?);
    findings.extend(mail::queue(config, &examination.database, now).await?);
    findings.extend(backup::check(&examination).await?);
    findings.extend(quotas::check(&examination).await?);
    findings.extend(retention::check(&examination).await?);
    let (of_apps, others) = apps::check(&examination).await?;
    findings.extend(of_apps);
    findings.extend(numbers::check(&examination, scope.as_ref()).await?);
    Ok((findings, others))
}

/// The default App as it is configured. A secret that wazapp made for itself is nothing to Meta.
pub(crate) fn default_app(config: &Config) -> anyhow::Result<DefaultApp> {
    let secrets: Vec<SecretString> =
        if configuration::is_set(config, "meta_app_secret") { config.default_app_secrets()?.value } else { Vec::new() };
    Ok(DefaultApp { id: config.meta_app_id.clone(), secrets, verify_token: config.meta_verify_token.clone() })
}
