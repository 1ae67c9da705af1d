//! The way commands reach the database: the external one, the running server's, or one started for the command.

use std::future::Future;

use anyhow::Context;
use model::database::Access;
use model::secret::Keyring;
use model::store::Store;
use model::{Database, migrate, relocation};
use secrecy::ExposeSecret;

use crate::config::{Config, MediaUrl};
use crate::mark;
use crate::postgres;

/// What a command works with.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) keyring: Keyring,
}

/// Opens the database, runs the command, and leaves the database as it was found.
pub(crate) async fn with<T, F>(config: &Config, command: impl FnOnce(Opened) -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    reach(config, |access| run(config, access, command)).await
}

/// The same as it is: a schema that is behind stays behind.
pub(crate) async fn as_it_is<T, F>(config: &Config, command: impl FnOnce(Database) -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    reach(config, async |access| {
        let database = Database::new(access, 2)?.with_limits(config.limits).with_retention(config.retention);
        let result = command(database.clone()).await;
        database.close();
        result
    })
    .await
}

async fn reach<T>(config: &Config, command: impl AsyncFnOnce(Access) -> anyhow::Result<T>) -> anyhow::Result<T> {
    if let Some(access) = external(config)? {
        return command(access).await;
    }
    mark::refuse_private(config)?;
    let mut tell = |line: &str| eprintln!("{line}");
    let private = postgres::Access::attach_or_start(&config.private_postgres(), &mut tell).await?;
    let params = private.connection_params();
    let result = command(Access::socket(&params.host, params.dbname)).await;
    private.close(&mut tell).await?;
    result
}

/// Access to the database of `WAZAPP_DATABASE_URL`; none: the private one.
pub(crate) fn external(config: &Config) -> anyhow::Result<Option<Access>> {
    let Some(url) = &config.database_url else {
        return Ok(None);
    };
    let direct = config.database_direct_url.as_ref().map(|url| url.expose_secret());
    let access = Access::external(url.expose_secret(), direct)?;
    Ok(Some(match &config.database_web_url {
        Some(url) => access.with_web_login(url.expose_secret())?,
        None => access,
    }))
}

async fn run<T, F>(config: &Config, access: Access, command: impl FnOnce(Opened) -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let database = Database::new(access, 2)?.with_limits(config.limits).with_retention(config.retention);
    // What was moved, or is being moved, stays as it was compared.
    relocation::check(&database).await?;
    migrate::run(&database).await.context("the schema could not be brought up to date")?;
    let _presence = relocation::enter(&database).await?;
    let opened = Opened { database: database.clone(), keyring: keyring(config)? };
    model::secret::ring::check(&database, &opened.keyring).await?;
    let result = command(opened).await;
    database.close();
    result
}

/// Where the bytes of media are.
pub(crate) fn store(config: &Config) -> anyhow::Result<Store> {
    store_at(&config.media_url)
}

/// A store at another place.
pub(crate) fn store_at(url: &MediaUrl) -> anyhow::Result<Store> {
    Ok(match url {
        MediaUrl::File(directory) => Store::directory(directory)?,
        MediaUrl::S3 { bucket, prefix } => Store::s3(bucket, prefix)?,
    })
}

/// The keys that seal and open secrets.
pub(crate) fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    keyring_telling(config, |warning| eprintln!("warning: {warning}"))
}

/// The same; where their file is open to others, that is told.
pub(crate) fn keyring_telling(config: &Config, tell: impl FnOnce(&str)) -> anyhow::Result<Keyring> {
    let kept = config.master_keys()?;
    if let Some(warning) = &kept.warning {
        tell(warning);
    }
    let keys: Vec<[u8; 32]> = kept.value.iter().map(|key| *key.expose_secret()).collect();
    let source = config.key_source();
    Ok(Keyring::reading(keys, move || source.read()))
}
