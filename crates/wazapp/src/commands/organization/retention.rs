//! `wazapp org set`: how long an organization's things are kept, and whether its members need a second factor.

use clap::Args;
use model::Clock;
use model::audit::{self, Actor};
use model::database::Operator;
use model::organization::{self, Organization};
use model::retention::{self, Days, Kept};

use crate::cli::OrganizationArg;
use crate::commands::find_organization;
use crate::config::{self, Config};
use crate::open;
use crate::print::Print;

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Wishes {
    /// How long its media are kept: a number of days, or `forever`.
    #[arg(long, value_name = "DAYS", value_parser = media_days)]
    media_retention_days: Option<MediaDays>,
    /// How long its events are kept: a number of days from 8 on, `forever`, or `default`.
    #[arg(long, value_name = "DAYS", value_parser = wish)]
    event_retention_days: Option<Wish>,
    /// How long each update of its messages' statuses is kept, the same. What a message shows stays.
    #[arg(long, value_name = "DAYS", value_parser = wish)]
    status_retention_days: Option<Wish>,
    /// How long its messages are kept, the same.
    #[arg(long, value_name = "DAYS", value_parser = wish)]
    message_retention_days: Option<Wish>,
    /// Whether its members need a second factor: who has none sees nothing of it until they set one up.
    #[arg(long, value_name = "true|false")]
    require_second_factor: Option<bool>,
}

/// How long media are kept; none: for ever.
#[derive(Clone, Copy, Debug)]
struct MediaDays(Option<i32>);

/// A retention of its own; or what holds for all.
#[derive(Clone, Copy, Debug)]
struct Wish(Option<Days>);

fn media_days(text: &str) -> Result<MediaDays, String> {
    match text.parse() {
        _ if text == "forever" => Ok(MediaDays(None)),
        Ok(days @ 1..=36_500) => Ok(MediaDays(Some(days))),
        _ => Err("write a number of days from 1 to 36500, or forever".into()),
    }
}

fn wish(text: &str) -> Result<Wish, String> {
    match text {
        "default" => Ok(Wish(None)),
        _ => config::days(text).map(|days| Wish(Some(days))).map_err(|wrong| format!("{wrong}, or default")),
    }
}

impl Wishes {
    fn wishes(&self) -> impl Iterator<Item = (Kept, Wish)> {
        let all = [self.event_retention_days, self.status_retention_days, self.message_retention_days];
        Kept::ALL.into_iter().zip(all).filter_map(|(kept, wish)| Some((kept, wish?)))
    }
}

pub(super) async fn set(
    config: &Config,
    print: &Print,
    organization: &OrganizationArg,
    wishes: &Wishes,
) -> anyhow::Result<()> {
    let changed = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let found = find_organization(&tx, &organization.organization).await?;
        if let Some(MediaDays(days)) = wishes.media_retention_days {
            organization::keep_media(&tx, &found.scope(), days).await?;
        }
        for (kept, Wish(days)) in wishes.wishes() {
            retention::any_organization_set(&tx, &found.scope(), kept, days).await?;
        }
        if let Some(required) = wishes.require_second_factor {
            organization::require_second_factor(&tx, &found.scope(), required).await?;
        }
        let changed = organization::find(&tx, &found.id.to_string()).await?;
        if let Some(after) = &changed {
            record(&tx, &found, after, wishes).await?;
        }
        tx.commit().await?;
        Ok(changed.unwrap_or(found))
    })
    .await?;
    print.answer(&changed, || said(&changed, wishes));
    Ok(())
}

/// Writes it down where the organization reads it.
async fn record(tx: &Operator, found: &Organization, after: &Organization, wishes: &Wishes) -> anyhow::Result<()> {
    let keeps = wishes.media_retention_days.is_some() || wishes.wishes().next().is_some();
    let keeps = keeps.then(|| found.kept_otherwise(after));
    let factor = wishes.require_second_factor.map(|required| found.second_factor_required(required));
    for deed in keeps.into_iter().chain(factor) {
        let now = Clock::default().now();
        audit::any_organization_record(tx, &found.scope(), now, &Actor::operator(), &deed).await?;
    }
    Ok(())
}

/// A line for each that was set.
fn said(changed: &Organization, wishes: &Wishes) -> String {
    let [media, others @ ..] = shown(changed);
    let media = wishes.media_retention_days.map(|_| format!("Media of {} are kept {media}.", changed.name));
    let others =
        Kept::ALL.into_iter().zip(others).filter(|(kept, _)| wishes.wishes().any(|(wished, _)| wished == *kept));
    let others = others.map(|(kept, days)| {
        let what = match kept {
            Kept::Events => "Events",
            Kept::Statuses => "Updates of statuses",
            Kept::Messages => "Messages",
        };
        format!("{what} of {} are kept {days}.", changed.name)
    });
    let required = wishes.require_second_factor.map(|required| {
        let how = if required { "need" } else { "do not need" };
        format!("Members of {} {how} a second factor.", changed.name)
    });
    media.into_iter().chain(others).chain(required).collect::<Vec<_>>().join("\n")
}

/// How long its media, events, statuses and messages are kept.
pub(super) fn shown(row: &Organization) -> [String; 4] {
    let media = Days(row.media_retention_days.and_then(|days| u16::try_from(days).ok()));
    [media, row.event_retention_days, row.status_retention_days, row.message_retention_days]
        .map(|days| days.to_string())
}
