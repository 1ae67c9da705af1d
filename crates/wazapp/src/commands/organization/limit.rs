//! `wazapp org limit`: what an organization may take of the server.

use anyhow::Context;
use clap::Args;
use model::Clock;
use model::audit::{self, Actor};
use model::quota::{self, Limit, Quota, Shares};
use serde_json::Map;

use crate::cli::OrganizationArg;
use crate::commands::find_organization;
use crate::config::{self, Config};
use crate::open;
use crate::print::{Print, table};

#[derive(Debug, Args)]
pub(crate) struct Limits {
    #[command(flatten)]
    organization: OrganizationArg,
    /// What its files may take, in bytes.
    #[arg(long, value_name = "LIMIT", value_parser = wish)]
    media_bytes: Option<Wish>,
    /// Its messages that may wait to be sent, planned ones with them.
    #[arg(long, value_name = "LIMIT", value_parser = wish)]
    queued_messages: Option<Wish>,
    /// Files that it may upload a day (UTC).
    #[arg(long, value_name = "LIMIT", value_parser = wish)]
    uploads_a_day: Option<Wish>,
    /// Attempts to connect a number that it may begin a day (UTC).
    #[arg(long, value_name = "LIMIT", value_parser = wish)]
    connections_a_day: Option<Wish>,
}

/// A limit of its own; or what holds for all.
#[derive(Clone, Copy, Debug)]
struct Wish(Option<Limit>);

fn wish(text: &str) -> Result<Wish, String> {
    match text {
        "default" => Ok(Wish(None)),
        _ => config::limit(text).map(|limit| Wish(Some(limit))).map_err(|wrong| format!("{wrong}, or default")),
    }
}

impl Limits {
    fn wishes(&self) -> impl Iterator<Item = (Quota, Wish)> {
        let all = [self.media_bytes, self.queued_messages, self.uploads_a_day, self.connections_a_day];
        Quota::ALL.into_iter().zip(all).filter_map(|(quota, wish)| Some((quota, wish?)))
    }
}

pub(crate) async fn run(config: &Config, print: &Print, limits: &Limits) -> anyhow::Result<()> {
    let shares = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let found = find_organization(&tx, &limits.organization.organization).await?;
        let (scope, mut said) = (found.scope(), Map::new());
        for (quota, Wish(limit)) in limits.wishes() {
            quota::any_organization_set(&tx, &scope, quota, limit).await?;
            let limit = limit.map_or_else(|| "default".to_owned(), |limit| limit.to_string());
            said.insert(quota.name().to_owned(), limit.into());
        }
        if !said.is_empty() {
            let (deed, now) = (found.limited(said.into()), Clock::default().now());
            audit::any_organization_record(&tx, &scope, now, &Actor::operator(), &deed).await?;
        }
        let shares = quota::any_organization_shares(&tx, &scope, Clock::default().now()).await?;
        tx.commit().await?;
        shares.context("nothing is counted for this organization")
    })
    .await?;
    print.answer(&shares, || shown(&shares));
    Ok(())
}

fn shown(shares: &Shares) -> String {
    let rows = Quota::ALL.map(|quota| {
        let share = shares.of(quota);
        vec![quota.name().to_owned(), share.used.to_string(), share.limit.to_string()]
    });
    table(&["QUOTA", "TAKEN", "LIMIT"], &rows)
}
