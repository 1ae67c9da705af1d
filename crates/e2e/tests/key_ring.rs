//! The master key changes while servers run, and at no moment is there a secret that does not open.

mod commands;
mod crash;
mod stages;
mod upgrade;

use std::collections::BTreeMap;

use e2e::World;
use model::secret::Keyring;
use model::secret::sealed::{COLUMNS, Owner};
use secrecy::ExposeSecret;
use uuid::Uuid;

/// Every sealed value there is, opened, by its place and the secret's mark.
async fn opened(world: &World, keyring: &Keyring) -> BTreeMap<(String, Uuid, String, Vec<u8>), String> {
    let sql = world.sql().await;
    let mut all = BTreeMap::new();
    for column in COLUMNS {
        let owner = match column.owner {
            Owner::Server => "'00000000-0000-0000-0000-000000000000'::uuid",
            Owner::Organization => "organization_id",
        };
        let (table, name, row) = (column.table, column.name, column.row);
        let statement =
            format!("SELECT {owner}, {row}::text, {name} FROM wazapp.{table} WHERE {name} IS NOT NULL ORDER BY 1, 2");
        for found in sql.query(&statement, &[]).await.expect("the statement runs") {
            let (organization, row, sealed): (Uuid, String, Vec<u8>) = (found.get(0), found.get(1), found.get(2));
            let secret = keyring.open(column.place(organization, &row), &sealed);
            let secret = secret.unwrap_or_else(|error| panic!("{} of {row}: {error}", column.title()));
            let mark = sealed[4..28].to_vec();
            all.insert((column.title(), organization, row, mark), secret.expose_secret().to_owned());
        }
    }
    all
}

/// The keys that are noted, with how far they are.
async fn noted(world: &World) -> Vec<(String, String)> {
    let statement = "SELECT encode(key_id, 'hex'), stage FROM wazapp.sealing_key ORDER BY created_at, key_id";
    let rows = world.sql().await.query(statement, &[]).await.expect("the statement runs");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
