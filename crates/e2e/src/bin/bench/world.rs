//! The organizations that everyone writes to.

use anyhow::{Context, Result};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::body::{Shape, phone_number_id};

/// Writes the organizations of `shape`, and the marker's, into a migrated database: each with one connected number of
/// the default App. Answers their ids in the order of their numbers.
pub(crate) async fn seed(client: &Client, shape: Shape) -> Result<Vec<Uuid>> {
    let count = shape.organizations + 1;
    let organizations: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    let numbers: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    let names: Vec<String> = (0..count).map(|nth| format!("bench-{nth}")).collect();
    let phones: Vec<String> = (0..count).map(phone_number_id).collect();
    let wabas: Vec<String> = (0..count).map(|nth| format!("2{nth:014}")).collect();

    client.batch_execute("BEGIN").await?;
    client
        .execute(
            "INSERT INTO wazapp.organization (id, slug, name)
             SELECT id, name, name FROM unnest($1::uuid[], $2::text[]) AS new (id, name)",
            &[&organizations, &names],
        )
        .await
        .context("organizations")?;
    client
        .execute(
            "INSERT INTO wazapp.organization_sequence (organization_id) SELECT unnest($1::uuid[])
             ON CONFLICT DO NOTHING",
            &[&organizations],
        )
        .await
        .context("organization sequences")?;
    client
        .execute(
            "INSERT INTO wazapp.number (organization_id, id, phone_number_id, waba_id, status)
             SELECT *, 'connected' FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])",
            &[&organizations, &numbers, &phones, &wabas],
        )
        .await
        .context("numbers")?;
    client
        .execute(
            "INSERT INTO wazapp.number_claim (organization_id, number_id, phone_number_id, waba_id)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])",
            &[&organizations, &numbers, &phones, &wabas],
        )
        .await
        .context("claims")?;
    client.batch_execute("COMMIT").await?;
    Ok(organizations)
}

/// An API key of each of these organizations.
pub(crate) async fn keys(client: &Client, organizations: &[Uuid]) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for (nth, id) in organizations.iter().enumerate() {
        let random: [u8; 24] = std::array::from_fn(|at| nth.to_le_bytes().get(at).copied().unwrap_or(7));
        let key = format!("wz_{}", BASE64URL_NOPAD.encode(&[id.as_bytes().as_slice(), &random].concat()));
        let insert =
            "INSERT INTO wazapp.api_key (organization_id, id, name, hint, hash) VALUES ($1, $2, 'bench', '', $3)";
        client.execute(insert, &[id, &Uuid::now_v7(), &Sha256::digest(&key).to_vec()]).await.context("keys")?;
        keys.push(key);
    }
    Ok(keys)
}
