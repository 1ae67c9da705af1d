//! `wazapp number resume`.

use anyhow::Context;
use model::Clock;
use model::audit::{self, Actor};
use model::number::{self, NumberDeed};

use super::{NumberArg, attempt};
use crate::commands::find_organization;
use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    number: NumberArg,
}

pub(super) async fn run(config: &Config, print: &Print, resume: Resume) -> anyhow::Result<()> {
    let phone_number_id = resume.number.phone_number_id.as_str();
    let organization = resume.number.organization.organization.as_str();
    let resumed = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let scope = find_organization(&tx, organization).await?.scope();
        tx.commit().await?;
        let found = attempt::find(&opened, (&scope, organization), phone_number_id).await?;
        let tx = opened.database.operator().await?;
        let now = Clock::default().now();
        let resumed = number::resume(&tx, &scope, found.number_id, now).await?;
        if let Some(resumed) = &resumed {
            let deed = resumed.deed(NumberDeed::Resumed);
            audit::any_organization_record(&tx, &scope, now, &Actor::operator(), &deed).await?;
        }
        tx.commit().await?;
        resumed.context("the number was disconnected meanwhile")
    })
    .await?;
    print.answer(&resumed, || {
        format!("{phone_number_id} goes on with the token that it has. If Meta refuses again, it rests again.")
    });
    Ok(())
}
