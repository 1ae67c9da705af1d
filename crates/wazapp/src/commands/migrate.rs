//! `wazapp migrate`.

use model::{Clock, Database, relocation};
use serde_json::json;

use crate::config::Config;
use crate::mark;
use crate::open;
use crate::postgres;
use crate::print::Print;

pub(crate) async fn run(config: &Config, print: &Print) -> anyhow::Result<()> {
    let bring_up = async |database: Database| {
        relocation::check(&database).await?;
        let taken = model::migrate::run(&database).await?;
        let days = u16::try_from(config.inbound_retention_days).unwrap_or(u16::MAX);
        model::upkeep::run(&database, Clock::default().now(), days).await?;
        database.close();
        anyhow::Ok(taken)
    };
    let taken = if let Some(access) = open::external(config)? {
        bring_up(Database::new(access, 1)?).await?
    } else {
        mark::refuse_private(config)?;
        let mut tell = |line: &str| eprintln!("{line}");
        let private = postgres::Access::attach_or_start(&config.private_postgres(), &mut tell).await?;
        let params = private.connection_params();
        let database = Database::new(model::database::Access::socket(&params.host, params.dbname), 1);
        let taken = match database {
            Ok(database) => bring_up(database).await,
            Err(error) => Err(error.into()),
        };
        private.close(&mut tell).await?;
        taken?
    };
    print.answer(&json!({ "applied": taken }), || match taken.as_slice() {
        [] => "The schema is up to date.".into(),
        steps => format!("The schema is up to date. Applied now: {}.", steps.join(", ")),
    });
    Ok(())
}
