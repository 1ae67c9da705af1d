//! The schema: embedded migrations, checksummed, under one lock; and what must be true of a server before we trust it.

use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::database::{Database, DatabaseError, Result};
use crate::{inspect, tls};

/// One step of the schema.
#[derive(Debug)]
pub struct Migration {
    /// `YYYYMMDDHHMMSS_what`.
    pub name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(Migration { name: $name, sql: include_str!(concat!("../migrations/", $name, ".sql")) }),+]
    };
}

/// All steps, oldest first.
pub const MIGRATIONS: &[Migration] = migrations![
    "20261124000000_receive",
    "20261124120000_send",
    "20261124150000_number",
    "20261124160000_connection",
    "20261124170000_media",
    "20261124175000_upload",
    "20261124180000_template",
    "20261124190000_account",
    "20261124200000_graph",
    "20261124210000_pace",
    "20261128090000_turns",
    "20261128100000_claim_proof",
    "20261128120000_owner",
    "20261128130000_search",
    "20261128130100_lanes",
    "20261128140000_quota",
    "20261128140100_delivered",
    "20261128150000_meaning",
    "20261128160000_half",
    "20261128190000_order_free",
    "20261128192000_retention",
    "20261128192010_retention_key",
    "20261128192020_first_at",
    "20261128200000_people",
    "20261128201000_sight",
    "20261128202000_second_factor",
    "20261128203000_operator",
    "20261128210000_sealing_keys_named",
    "20261128210010_key_ring",
    "20261128210020_one_verify_token",
    "20261128210030_totp_key",
    "20261128212000_provider_account",
    "20261128212010_departure",
    "20261128212020_vouched",
    "20261128213000_mail",
    "20261128220000_inbox",
    "20261129010000_endpoint",
    "20261129024000_draft",
    "20261129024500_presence",
    "20261129025000_block",
    "20261129025200_shortcuts",
    "20261129025400_author_line",
    "20261129026000_replan",
    "20261129027000_endpoint_mail",
    "20261129028000_inbox_lists",
    "20261129029000_claim_of_number",
    "20261129030000_sight_at_a_glance",
    "20261129031000_certificate",
    "20261129032000_turned_from",
    "20261129033000_repeats",
    "20261129040500_challenge_way",
    "20261129042000_restoration",
    "20261130010000_relocation",
    "20261130020000_holder_media",
    "20261130030000_alternative",
];

/// Any number that nobody else locks: two servers starting at once migrate one after the other.
const LOCK: i64 = 0x7761_7a61_7070;

const TABLE: &str = "CREATE SCHEMA IF NOT EXISTS wazapp;
    CREATE TABLE IF NOT EXISTS wazapp.migration (
      name text PRIMARY KEY, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";

/// Only what is not so yet: PostgreSQL refuses the second of two changes of a role that meet, and servers and
/// commands start side by side.
const LET_ROLES_LOG_IN: &str = "DO $$
    DECLARE waiting text;
    BEGIN
      FOR waiting IN SELECT rolname FROM pg_roles
        WHERE rolname IN ('wazapp_web', 'wazapp_worker') AND NOT rolcanlogin LOOP
        BEGIN
          EXECUTE format('ALTER ROLE %I LOGIN', waiting);
        EXCEPTION WHEN internal_error THEN
          NULL; -- tuple concurrently updated: the other one did it
        END;
      END LOOP;
    END $$";

/// Temporary tables and functions would be things of one's own, in a schema that is searched first.
const NOTHING_TEMPORARY: &str = "DO $$
    BEGIN
      IF has_database_privilege('public', current_database(), 'TEMPORARY') THEN
        EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
      END IF;
    EXCEPTION WHEN insufficient_privilege OR internal_error THEN
      NULL; -- it is another's to say; or another server did it just now
    END $$";

impl Migration {
    fn checksum(&self) -> Vec<u8> {
        Sha256::digest(self.sql).to_vec()
    }
}

/// Brings the schema up to date and returns the names of the steps it took.
pub async fn run(database: &Database) -> Result<Vec<&'static str>> {
    inspect::check_sessions(database).await?;
    let client = database.owner().await?;
    let major = check_server(&client).await?;
    client.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
    let taken = apply(&client).await;
    if taken.is_err() {
        client.batch_execute("ROLLBACK").await?;
    }
    client.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).await?;
    let taken = taken.map_err(|error| explain(&error).unwrap_or(error))?;
    if database.access().roles_log_in {
        client.batch_execute(LET_ROLES_LOG_IN).await?;
    }
    client.batch_execute(NOTHING_TEMPORARY).await?;
    for role in ["wazapp_web", "wazapp_worker"] {
        check_role(&client, role).await?;
    }
    if let Some((login, tls)) = &database.access().web {
        check_web_login(&tls::connect(login, tls).await?).await?;
    }
    tracing::debug!(major, steps = taken.len(), "schema is up to date");
    Ok(taken)
}

async fn apply(client: &Client) -> Result<Vec<&'static str>> {
    client.batch_execute(TABLE).await?;
    refuse_newer(client).await?;
    let mut taken = Vec::new();
    for migration in MIGRATIONS {
        let known =
            client.query_opt("SELECT checksum FROM wazapp.migration WHERE name = $1", &[&migration.name]).await?;
        match known.map(|row| row.get::<_, Vec<u8>>(0)) {
            Some(checksum) if checksum == migration.checksum() => {}
            Some(_) => {
                return Err(DatabaseError::Unfit(format!(
                    "migration {} differs from the one this database was made with: run the wazapp version that made it, or restore a backup",
                    migration.name
                )));
            }
            None => {
                let record = client.prepare("INSERT INTO wazapp.migration (name, checksum) VALUES ($1, $2)").await?;
                client.batch_execute(&format!("BEGIN; {}", migration.sql)).await?;
                client.execute(&record, &[&migration.name, &migration.checksum()]).await?;
                client.batch_execute("COMMIT").await?;
                taken.push(migration.name);
            }
        }
    }
    Ok(taken)
}

/// A schema that a newer version made is none for this one to begin on: what that wrote, this one may not understand. Servers that
/// run already go on beside it.
async fn refuse_newer(client: &Client) -> Result<()> {
    let names: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    let newer = "SELECT name FROM wazapp.migration WHERE name <> ALL ($1) ORDER BY name DESC LIMIT 1";
    match client.query_opt(newer, &[&names]).await? {
        None => Ok(()),
        Some(row) => Err(DatabaseError::Unfit(format!(
            "a newer wazapp brought this database to {}, which this version does not know: run that version, or a newer one; to go \
             back to this one, restore a backup from before the upgrade",
            row.get::<_, &str>(0)
        ))),
    }
}

/// A step that a database took, and of which text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Hexadecimal, of its text.
    pub checksum: String,
}

/// The steps that a database took, oldest first.
pub(crate) async fn taken(client: &Client) -> Result<Vec<Step>> {
    let rows = client
        .query("SELECT name, encode(checksum, 'hex') AS checksum FROM wazapp.migration ORDER BY name", &[])
        .await?;
    Ok(rows.iter().map(|row| Step { name: row.get("name"), checksum: row.get("checksum") }).collect())
}

/// Whether this version can make the schema that these steps made; else why not.
pub fn check_steps(steps: &[Step]) -> Result<()> {
    for step in steps {
        let known = MIGRATIONS.iter().find(|migration| migration.name == step.name);
        let says = match known {
            Some(known) if data_encoding::HEXLOWER.encode(&known.checksum()) == step.checksum => continue,
            Some(_) => "is another one in this version: restore with the wazapp version that made the backup",
            None => "is unknown to this version: the backup is of a newer wazapp; restore with that",
        };
        return Err(DatabaseError::Unfit(format!("migration {} {says}", step.name)));
    }
    Ok(())
}

/// Waits until nobody else changes the schema; it is ours until the transaction ends.
pub(crate) async fn lock(client: &Client) -> Result<()> {
    Ok(client.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?)
}

/// Makes the schema that these steps made, in the transaction at hand. What it notes of them is loaded like other rows.
pub(crate) async fn remake(client: &Client, steps: &[Step]) -> Result<()> {
    check_steps(steps)?;
    let made = async {
        client.batch_execute(TABLE).await?;
        for migration in MIGRATIONS.iter().filter(|migration| steps.iter().any(|step| step.name == migration.name)) {
            client.batch_execute(migration.sql).await?;
        }
        Ok(())
    };
    made.await.map_err(|error| explain(&error).unwrap_or(error))
}

/// The one refusal that a hosted database may give, with the way out.
fn explain(error: &DatabaseError) -> Option<DatabaseError> {
    let DatabaseError::Refused(refused) = error else { return None };
    (refused.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)).then(|| {
        DatabaseError::Unfit(format!(
            "{error}: the database user may not make roles. As an administrator, once: CREATE ROLE wazapp_web NOLOGIN; \
             CREATE ROLE wazapp_worker NOLOGIN; GRANT wazapp_web, wazapp_worker TO <the user of WAZAPP_DATABASE_URL>"
        ))
    })
}

/// The names of the steps this database still needs.
pub async fn pending(database: &Database) -> Result<Vec<&'static str>> {
    let client = database.owner().await?;
    let exists: bool = client.query_one("SELECT to_regclass('wazapp.migration') IS NOT NULL", &[]).await?.get(0);
    if !exists {
        return Ok(MIGRATIONS.iter().map(|migration| migration.name).collect());
    }
    let rows = client.query("SELECT name FROM wazapp.migration", &[]).await?;
    let done: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(MIGRATIONS
        .iter()
        .map(|migration| migration.name)
        .filter(|name| !done.iter().any(|known| known == name))
        .collect())
}

/// Whether the database answers, takes what is written, and has every step this version needs; refused where a role of wazapp's can
/// step around row-level security by now.
pub async fn is_current(database: &Database) -> Result<bool> {
    let tx = database.operator().await?;
    let names: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    let asked = format!(
        "SELECT name, faults, (SELECT count(*) FROM wazapp.migration WHERE name = ANY ($1)) AS steps,
                current_setting('transaction_read_only') = 'on' AS only_reads
         FROM ({FAULTS_OF_ROLES}) roles WHERE name IN ('wazapp_web', 'wazapp_worker')"
    );
    let roles = tx.query(&asked, &[&names]).await?;
    tx.close();
    if roles.iter().any(|role| role.get("only_reads")) {
        return Err(DatabaseError::OnlyReads);
    }
    for role in &roles {
        refuse_faults(role.get("name"), role.get("faults"))?;
    }
    Ok(roles.iter().any(|role| usize::try_from(role.get::<_, i64>("steps")) == Ok(names.len())))
}

/// A 200 to Meta means flushed to disk, so a server that may answer before that is refused.
pub(crate) async fn check_server(client: &Client) -> Result<i32> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync'),
                    current_setting('full_page_writes'), current_setting('synchronous_commit'),
                    current_setting('server_encoding'), pg_is_in_recovery()",
            &[],
        )
        .await?;
    let major: i32 = row.get(0);
    let unfit = |text: String| Err(DatabaseError::Unfit(text));
    if major < 15 {
        return unfit(format!("PostgreSQL {major} is too old: wazapp needs 15 or newer"));
    }
    for (setting, value) in [("fsync", row.get::<_, &str>(1)), ("full_page_writes", row.get::<_, &str>(2))] {
        if value == "off" {
            return unfit(format!(
                "this PostgreSQL runs with {setting} = off and can lose what it confirmed: set {setting} = on"
            ));
        }
    }
    if row.get::<_, &str>(3) == "off" {
        return unfit(
            "this PostgreSQL confirms before it writes: set synchronous_commit = on for the database or the user"
                .into(),
        );
    }
    if row.get::<_, &str>(4) != "UTF8" {
        return unfit(format!("the database's encoding is {}: create one with ENCODING 'UTF8'", row.get::<_, &str>(4)));
    }
    if row.get(5) {
        return unfit("this PostgreSQL is a read-only standby: point WAZAPP_DATABASE_URL at the primary".into());
    }
    Ok(major)
}

/// The roles that are there already: before the first migration there may be none.
pub(crate) async fn check_roles(client: &Client) -> Result<()> {
    let there = client
        .query("SELECT rolname::text FROM pg_roles WHERE rolname IN ('wazapp_web', 'wazapp_worker') ORDER BY 1", &[])
        .await?;
    for role in &there {
        check_role(client, role.get(0)).await?;
    }
    Ok(())
}

/// What roles can do that steps around row-level security, in the order of `FAULTS`.
const FAULTS_OF_ROLES: &str = "SELECT r.rolname::text AS name,
        ARRAY[r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication, r.rolbypassrls,
              EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                      WHERE n.nspname = 'wazapp' AND c.relowner = r.oid)
              OR EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = 'wazapp' AND n.nspowner = r.oid),
              EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)] AS faults
    FROM pg_roles r";

const FAULTS: [&str; 4] = [
    "is a superuser, or may make roles, databases or replicas",
    "bypasses row-level security",
    "owns objects of the schema",
    "is a member of another role",
];

/// A role that could step around row-level security would make the policies decoration.
pub(crate) async fn check_role(client: &Client, role: &str) -> Result<()> {
    let asked = format!("SELECT faults FROM ({FAULTS_OF_ROLES}) roles WHERE name = $1");
    refuse_faults(role, client.query_one(&asked, &[&role]).await?.get(0))
}

fn refuse_faults(role: &str, has: Vec<bool>) -> Result<()> {
    match FAULTS.iter().zip(has).find(|(_, has)| *has) {
        None => Ok(()),
        Some((fault, _)) => Err(DatabaseError::Unfit(format!(
            "the database role {role} {fault}, so organizations would not be kept apart: ALTER ROLE {role} NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS, and give its objects and memberships away"
        ))),
    }
}

/// A login for requests that could become the worker, or somebody above policies, would be no second login.
pub(crate) async fn check_web_login(client: &Client) -> Result<()> {
    let row = client
        .query_one(
            "SELECT session_user::text, pg_has_role(session_user, 'wazapp_web', 'MEMBER'),
                    (SELECT string_agg(r.rolname, ', ' ORDER BY r.rolname) FROM pg_roles r
                     WHERE pg_has_role(session_user, r.oid, 'MEMBER')
                       AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication OR r.rolname = 'wazapp_worker'
                            OR r.oid = (SELECT nspowner FROM pg_namespace WHERE nspname = 'wazapp')))",
            &[],
        )
        .await?;
    let (login, is_web, above): (String, bool, Option<String>) = (row.get(0), row.get(1), row.get(2));
    match above {
        _ if !is_web => Err(DatabaseError::Unfit(format!(
            "the login {login} of WAZAPP_DATABASE_WEB_URL is not a member of wazapp_web: GRANT wazapp_web TO {login}"
        ))),
        Some(above) => Err(DatabaseError::Unfit(format!(
            "the login {login} of WAZAPP_DATABASE_WEB_URL can become {above}, so it keeps organizations no better apart than \
             one login does: give requests a login of their own, a member of wazapp_web and of nothing else"
        ))),
        None => Ok(()),
    }
}
