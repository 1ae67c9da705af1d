//! `wazapp key-ring rotate`: from wherever the change of the master key is to its end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use model::secret::KeyId;
use model::secret::holder::{self, SeenHolder};
use model::secret::ring::{self, Change};
use model::secret::rotation::{Rotation, Stuck};
use secrecy::SecretBox;
use serde_json::json;
use uuid::Uuid;

use crate::config::{Config, KeySource, MasterKey};
use crate::open::{self, Opened};
use crate::print::Print;

/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A rotation that was killed lets go of its lock in less.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A server that has not shown itself for so long has died.
const DEAD_AFTER: Duration = Duration::from_secs(20);

/// Servers take up a key from a file within seconds; one that does not within this time waits for a person.
const SERVER_PATIENCE: Duration = Duration::from_secs(40);

pub(super) async fn run(config: &Config, print: &Print) -> anyhow::Result<()> {
    open::with(config, async |opened| {
        let rotation = begin(&opened).await?;
        let work = Work { config, print, opened: &opened, rotation };
        match work.target().await? {
            Target::Key(to) => work.carry(to).await,
            Target::Done => work.finish(0).await,
        }
    })
    .await
}

async fn begin(opened: &Opened) -> anyhow::Result<Rotation> {
    let began = Instant::now();
    loop {
        if let Some(rotation) = Rotation::begin(&opened.database, &opened.keyring).await? {
            return Ok(rotation);
        }
        if began.elapsed() > LOCK_PATIENCE {
            bail!("another wazapp key-ring rotate is at work: let it end");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Where a rotation leads.
enum Target {
    /// To this key.
    Key(KeyId),
    /// All is sealed under the first key; the list is still longer.
    Done,
}

struct Work<'a> {
    config: &'a Config,
    print: &'a Print,
    opened: &'a Opened,
    rotation: Rotation,
}

impl Work<'_> {
    /// What was begun goes on; otherwise a new key is made, where it is ours to make.
    async fn target(&self) -> anyhow::Result<Target> {
        let keyring = &self.opened.keyring;
        // Another rotation may have written the file before this one had the lock.
        keyring.read_again();
        let tx = self.opened.database.operator().await?;
        let noted = ring::noted(&tx).await?;
        tx.close();
        let first = *keyring.listed().first().context("there is no master key")?;
        match (Change::under_way(&keyring.listed(), &noted), self.config.key_source()) {
            (Some(Change::Ends), _) => Ok(Target::Done),
            (Some(_), _) => Ok(Target::Key(first)),
            (None, KeySource::Own(_)) => self.make().map(Target::Key),
            (None, _) => bail!(
                "there is no new master key: make one (openssl rand -hex 32), put it first in WAZAPP_MASTER_KEY, before the \
                 present one and a comma, on every server; start them anew one after the other, then run this again"
            ),
        }
    }

    /// Both keys are in the file, on disk, before the database hears of the new one.
    fn make(&self) -> anyhow::Result<KeyId> {
        let mut bytes = [0; 32];
        model::secret::random(&mut bytes)?;
        let mut keys: Vec<MasterKey> = vec![SecretBox::new(Box::new(bytes))];
        keys.extend(self.config.master_keys()?.value);
        self.config.write_master_keys(&keys)?;
        self.opened.keyring.read_again();
        self.opened.keyring.listed().first().copied().context("the new master key cannot be read back")
    }

    async fn carry(&self, to: KeyId) -> anyhow::Result<()> {
        self.rotation.announce(to).await?;
        self.print.line(&format!("1/4  Key {to} is to seal; every server takes it up"));
        self.promote(to).await?;
        self.print.line(&format!("2/4  Key {to} seals; what was under way before ends"));
        self.settle(to).await?;
        let resealed = self.reseal(to).await?;
        self.print.line("4/4  Nothing is sealed under another key, and the database takes no such value any more");
        self.finish(resealed).await
    }

    /// Every server has it, or nothing was done.
    async fn promote(&self, to: KeyId) -> anyhow::Result<()> {
        match self.until_none(async || Ok(self.rotation.promote(to).await?)).await? {
            lacking if lacking.is_empty() => Ok(()),
            lacking => bail!(self.lacking(to, &lacking)),
        }
    }

    /// Looks until no server is left; one that died meanwhile counts no more. Answers those that are left when it takes too
    /// long.
    async fn until_none(
        &self,
        look: impl AsyncFn() -> anyhow::Result<Vec<SeenHolder>>,
    ) -> anyhow::Result<Vec<SeenHolder>> {
        let began = Instant::now();
        let mut watched: HashMap<Uuid, (i64, Instant)> = HashMap::new();
        loop {
            let left = look().await?;
            if left.is_empty() || began.elapsed() > SERVER_PATIENCE {
                return Ok(left);
            }
            for server in &left {
                let (beat, since) = watched.entry(server.id).or_insert((server.beat, Instant::now()));
                if *beat != server.beat {
                    (*beat, *since) = (server.beat, Instant::now());
                } else if since.elapsed() > DEAD_AFTER {
                    self.forget(server).await?;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn forget(&self, server: &SeenHolder) -> anyhow::Result<()> {
        self.print.line(&format!("     {} has not shown itself any more, and counts no more", server.name));
        let tx = self.opened.database.operator().await?;
        holder::forget(&tx, server).await?;
        tx.commit().await?;
        Ok(())
    }

    fn lacking(&self, to: KeyId, lacking: &[SeenHolder]) -> String {
        let how = match self.config.key_source() {
            KeySource::Own(path) => format!("bring {} of this machine to each (mode 0600)", path.display()),
            _ => "give each the same list of master keys, and start it anew".to_owned(),
        };
        format!(
            "key {to} is not on every server, so it seals nothing yet: {how}, then run this again. Without it: {}",
            names(lacking)
        )
    }

    /// Waits for every server to see which key seals, and for every transaction that may have been begun before it did.
    async fn settle(&self, to: KeyId) -> anyhow::Result<()> {
        let unaware = self.until_none(async || Ok(self.rotation.unaware(to).await?)).await?;
        if !unaware.is_empty() {
            bail!("servers have not seen yet that key {to} seals: run this again. They are: {}", names(&unaware));
        }
        let before = self.rotation.stragglers().await?;
        let began = Instant::now();
        let mut told = false;
        loop {
            let now = self.rotation.stragglers().await?;
            if !before.iter().any(|one| now.contains(one)) {
                return Ok(());
            }
            if !told && began.elapsed() > Duration::from_secs(5) {
                self.print
                    .line("     A transaction of this database is open for long (pg_stat_activity); it is waited for");
                told = true;
            }
            tokio::time::sleep(LOOK / 10).await;
        }
    }

    async fn reseal(&self, to: KeyId) -> anyhow::Result<u64> {
        let all = self.rotation.any_organization_left(to).await?;
        self.print.line(&format!("3/4  {all} secrets are sealed anew"));
        let bar = self.print.bar("sealed anew", all);
        let mut resealed = 0;
        while !self.rotation.retire(to).await? {
            let pass = self.rotation.any_organization_reseal(to, || bar.inc(1)).await?;
            resealed += pass.resealed;
            if pass.resealed == 0 && !pass.stuck.is_empty() {
                bail!(stuck(&pass.stuck));
            }
        }
        bar.finish_and_clear();
        Ok(resealed)
    }

    async fn finish(&self, resealed: u64) -> anyhow::Result<()> {
        let seals = *self.opened.keyring.listed().first().context("there is no master key")?;
        let source = self.config.key_source();
        if let KeySource::Own(_) = source {
            let keys = self.config.master_keys()?.value;
            self.config.write_master_keys(&keys[..1])?;
        }
        let next = match &source {
            KeySource::Own(path) => {
                format!("Keep a copy of {} elsewhere. Backups from before need the key from before", path.display())
            }
            _ => "Take the keys behind the first out of WAZAPP_MASTER_KEY; backups from before need them".to_owned(),
        };
        self.print.answer(&json!({ "key": seals, "resealed": resealed, "next": next }), || {
            format!("Every secret is sealed under key {seals}, and the key before is retired. {next}.")
        });
        Ok(())
    }
}

fn names(servers: &[SeenHolder]) -> String {
    servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join("; ")
}

/// What opens under no key stays as it is, and so does the key it names.
fn stuck(all: &[Stuck]) -> String {
    let some: Vec<String> = all
        .iter()
        .take(5)
        .map(|one| match one.organization.is_nil() {
            true => format!("{} of {}", one.column, one.row),
            false => format!("{} of {} in organization {}", one.column, one.row, one.organization),
        })
        .collect();
    format!(
        "{} secrets open under no key, so the old key stays (all others are sealed anew): give them anew (wazapp number token, \
         wazapp app rotate --drop-old), then run this again. They are: {}",
        all.len(),
        some.join("; ")
    )
}
