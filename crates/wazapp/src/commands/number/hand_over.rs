//! `wazapp number move`.

use anyhow::{Context, bail};
use model::Clock;
use model::audit::{self, Actor};
use model::number::{self, NumberDeed};
use serde_json::json;

use crate::commands::find_organization;
use crate::config::Config;
use crate::open;
use crate::print::Print;

#[derive(Debug, clap::Args)]
pub(crate) struct Move {
    /// Meta's id of the number.
    #[arg(long)]
    phone_number_id: String,
    /// The organization that has it (id or slug).
    #[arg(long, value_name = "ORG")]
    from: String,
    /// The organization that gets it (id or slug).
    #[arg(long, value_name = "ORG")]
    to: String,
}

pub(super) async fn run(config: &Config, print: &Print, hand_over: Move) -> anyhow::Result<()> {
    let Move { phone_number_id, from, to } = hand_over;
    let (left, came) = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let (a, b) = (find_organization(&tx, &from).await?, find_organization(&tx, &to).await?);
        if a.id == b.id {
            bail!("--from and --to name the same organization");
        }
        let (scopes, now) = ((&a.scope(), &b.scope()), Clock::default().now());
        let moved = number::hand_over(&tx, &opened.keyring, scopes, &phone_number_id, now).await?;
        let moved = moved
            .with_context(|| format!("{from} has no connected number {phone_number_id}: see wazapp number list"))?
            .with_context(|| {
                format!("number {phone_number_id} stays with {from}: connect it to {to} with its token")
            })?;
        let by = Actor::operator();
        for (scope, deed) in
            [(scopes.0, moved.0.deed(NumberDeed::HandedOver)), (scopes.1, moved.1.deed(NumberDeed::TakenOver))]
        {
            audit::any_organization_record(&tx, scope, now, &by, &deed).await?;
        }
        tx.commit().await?;
        Ok(moved)
    })
    .await?;
    let side = |organization: &str, number: &number::Number| json!({ "organization": organization, "id": number.id, "status": number.status });
    let value = json!({ "phone_number_id": phone_number_id, "from": side(&from, &left), "to": side(&to, &came) });
    print.answer(&value, || {
        format!(
            "before  {phone_number_id}  {from}  connected\n\
             after   {phone_number_id}  {from}  {} ({}); what was said stays here\n\
             after   {phone_number_id}  {to}  {} ({}); what comes from now on goes here",
            left.status, left.id, came.status, came.id,
        )
    });
    Ok(())
}
