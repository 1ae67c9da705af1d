//! The tables of a copy, who may read them, and the publication that tells of them. Made and kept up by the copier; of what
//! else is in that database nothing is touched.

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::Options;
use crate::error::{Result, Trouble};
use crate::table::{TABLES, literal, quoted};

/// The version of the tables that this program makes.
const VERSION: i32 = 1;

/// Supabase's roles: who is not signed in, and who may everything.
const ANON: &str = "anon";
const SERVICE: &str = "service_role";

/// Supabase's publication.
const REALTIME: &str = "supabase_realtime";

/// What was done, and what somebody else has to do before the copy begins.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) lines: Vec<String>,
    pub(crate) missing: Option<String>,
}

/// Makes what is missing, in the transaction that is open.
pub(crate) async fn prepare(client: &Client, options: &Options) -> Result<Prepared> {
    let mut prepared = Prepared::default();
    let row = client.query_typed("SELECT current_setting('server_version_num')::int", &[]).await?;
    let version: i32 = row.first().map_or(0, |row| row.get(0));
    if version < 150_000 {
        return Err(Trouble::Final(format!(
            "the database of the copy is PostgreSQL {}: 15 or newer is needed",
            version / 10_000
        )));
    }
    // Of two copiers that begin at once one makes the tables, and the other finds them.
    let name = format!("wazapp sync {}", options.schema);
    client.query_typed("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[(&name, Type::TEXT)]).await?;
    if !is_there(client, options).await? {
        let schema = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
        // Whoever has rights in a schema that is there already keeps them: the tables have their own.
        if !is_true(client, schema, &[(&options.schema, Type::TEXT)]).await? {
            let place = quoted(&options.schema);
            client.batch_execute(&format!("CREATE SCHEMA {place}; REVOKE ALL ON SCHEMA {place} FROM PUBLIC")).await?;
        }
        client.batch_execute(&tables(&options.schema)).await?;
        prepared.lines.push(format!("made the tables in the schema {}", options.schema));
    }
    let role = if has_role(client, &options.role).await? { Some(options.role.as_str()) } else { None };
    allow(client, options, role).await?;
    if role.is_none() {
        prepared.lines.push(format!(
            "there is no role {} in that database: nobody but the tables' owner reads them. Make it, and start again",
            options.role
        ));
    }
    publish(client, options, &mut prepared).await?;
    Ok(prepared)
}

async fn is_true(client: &Client, sql: &str, bound: &[(&(dyn ToSql + Sync), Type)]) -> Result<bool> {
    Ok(client.query_typed(sql, bound).await?.first().is_some_and(|row| row.get(0)))
}

async fn has_role(client: &Client, role: &str) -> Result<bool> {
    is_true(client, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", &[(&role, Type::TEXT)]).await
}

/// Whether the tables are there. A schema that is somebody else's is left alone.
async fn is_there(client: &Client, options: &Options) -> Result<bool> {
    let marked = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'sync_schema')";
    if is_true(client, marked, &[(&options.schema, Type::TEXT)]).await? {
        let sql = format!("SELECT version FROM {}.sync_schema", quoted(&options.schema));
        let version: i32 = client.query_typed(&sql, &[]).await?.first().map_or(0, |row| row.get(0));
        if version > VERSION {
            return Err(Trouble::Final(format!(
                "the tables in the schema {} are of a newer wazapp (version {version} of them, this one knows {VERSION}): \
                 update this program",
                options.schema
            )));
        }
        return Ok(true);
    }
    let used =
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1)";
    if is_true(client, used, &[(&options.schema, Type::TEXT)]).await? {
        return Err(Trouble::Final(format!(
            "the schema {} has tables that are no copy's, perhaps wazapp's own: name another schema with --schema",
            options.schema
        )));
    }
    Ok(false)
}

/// The tables of version 1. Row-level security is on in all of them: whom no policy names sees nothing.
fn tables(schema: &str) -> String {
    let place = quoted(schema);
    let mut sql = String::new();
    for table in TABLES {
        let name = table.of(schema);
        let columns = table.columns.iter().map(|column| {
            let must = if column.is_required { " NOT NULL" } else { "" };
            format!("{} {}{must}", quoted(column.name), column.holds.sql())
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        sql += &format!(
            "CREATE TABLE {name} (organization_id uuid NOT NULL, id uuid NOT NULL, {columns}, PRIMARY KEY (organization_id, id));\n"
        );
        for index in table.indexes {
            sql += &format!("CREATE INDEX ON {name} {index};\n");
        }
    }
    sql += &format!(
        "CREATE TABLE {place}.sync (
           organization_id uuid PRIMARY KEY,
           cursor bigint NOT NULL,
           walk_stage text,
           walk_page text,
           walk_below uuid,
           walk_again boolean NOT NULL DEFAULT false,
           walked_at timestamptz,
           holder uuid,
           held_until timestamptz,
           updated_at timestamptz NOT NULL DEFAULT now());
         CREATE TABLE {place}.sync_todo (
           organization_id uuid NOT NULL, kind text NOT NULL, id uuid NOT NULL, page text,
           PRIMARY KEY (organization_id, kind, id));
         CREATE TABLE {place}.sync_schema (version integer NOT NULL, role text, claim text);
         INSERT INTO {place}.sync_schema (version) VALUES ({VERSION});\n"
    );
    for name in names(schema) {
        sql += &format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\nREVOKE ALL ON {name} FROM PUBLIC;\n");
    }
    sql
}

/// All tables of a copy.
fn names(schema: &str) -> Vec<String> {
    let kept = ["sync", "sync_todo", "sync_schema"].map(|name| format!("{}.{name}", quoted(schema)));
    TABLES.iter().map(|table| table.of(schema)).chain(kept).collect()
}

/// Lets members of a role read what their token's claims name, and nobody else anything; where that is so already, nothing is
/// done.
async fn allow(client: &Client, options: &Options, role: Option<&str>) -> Result<()> {
    let place = quoted(&options.schema);
    let rows = client.query_typed(&format!("SELECT role, claim FROM {place}.sync_schema"), &[]).await?;
    let before = rows.first().map(|row| (row.get::<_, Option<String>>(0), row.get::<_, Option<String>>(1)));
    if before == Some((role.map(str::to_owned), Some(options.claim.clone()))) {
        return Ok(());
    }
    if let Some(before) = &before {
        keeps_to(before, options)?;
    }
    let mut sql = String::new();
    // Supabase's default privileges give new tables to these.
    let mut closed = vec![ANON.to_owned(), options.role.clone()];
    closed.extend(before.and_then(|before| before.0));
    for name in closed {
        if has_role(client, &name).await? {
            sql += &format!("REVOKE ALL ON {} FROM {};\n", names(&options.schema).join(", "), quoted(&name));
        }
    }
    let readers: Vec<&str> = role.into_iter().collect();
    let service = has_role(client, SERVICE).await?;
    for table in TABLES {
        let table = table.of(&options.schema);
        sql += &format!("DROP POLICY IF EXISTS organization ON {table};\n");
        for reader in &readers {
            sql += &format!(
                "CREATE POLICY organization ON {table} FOR SELECT TO {} USING (organization_id = (SELECT {}));\n",
                quoted(reader),
                claimed(&options.claim)
            );
        }
        for reader in readers.iter().copied().chain(service.then_some(SERVICE)) {
            sql += &format!("GRANT SELECT ON {table} TO {};\n", quoted(reader));
        }
    }
    for reader in readers.iter().copied().chain(service.then_some(SERVICE)) {
        sql += &format!("GRANT USAGE ON SCHEMA {place} TO {};\n", quoted(reader));
    }
    let role = role.map_or("NULL".to_owned(), literal);
    sql += &format!("UPDATE {place}.sync_schema SET role = {role}, claim = {};\n", literal(&options.claim));
    Ok(client.batch_execute(&sql).await?)
}

/// Two copiers with different words on one schema would take the policies from each other's readers: another role or claim is
/// somebody's deliberate act.
fn keeps_to((role, claim): &(Option<String>, Option<String>), options: &Options) -> Result<()> {
    let is_other = |before: &Option<String>, said: &str| before.as_deref().is_some_and(|before| before != said);
    if options.prepare_only || !is_other(role, &options.role) && !is_other(claim, &options.claim) {
        return Ok(());
    }
    let (role, claim) = (role.as_deref().unwrap_or(&options.role), claim.as_deref().unwrap_or(&options.claim));
    Err(Trouble::Final(format!(
        "the tables in the schema {} are for the role {role} and the claim {claim}, and this copier is told others: say --role \
         {role} --claim {claim}, or change it for all of its copiers by running this once with --init",
        options.schema
    )))
}

/// The organization that a token's claims name, as PostgREST and Realtime set them.
fn claimed(claim: &str) -> String {
    let path = format!("{{{}}}", claim.split('.').collect::<Vec<_>>().join(","));
    format!("(nullif(current_setting('request.jwt.claims', true), '')::jsonb #>> {})::uuid", literal(&path))
}

/// Adds the tables to the publication. By their key, which is their replica identity, changes and deletions are told.
async fn publish(client: &Client, options: &Options, prepared: &mut Prepared) -> Result<()> {
    let name = options.publication.as_deref().unwrap_or(REALTIME);
    let found = client
        .query_typed("SELECT puballtables FROM pg_publication WHERE pubname = $1", &[(&name, Type::TEXT)])
        .await?;
    let mut lines = Vec::new();
    match (found.first().map(|row| row.get::<_, bool>(0)), &options.publication) {
        (Some(true), _) | (None, None) => return Ok(()),
        (None, Some(_)) => lines.push(format!("CREATE PUBLICATION {}", quoted(name))),
        (Some(false), _) => {}
    }
    let sql = "SELECT tablename::text FROM pg_publication_tables WHERE pubname = $1 AND schemaname = $2";
    let rows = client.query_typed(sql, &[(&name, Type::TEXT), (&options.schema, Type::TEXT)]).await?;
    let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let missing = TABLES.iter().filter(|table| !told.iter().any(|name| name == table.name));
    lines.extend(
        missing.map(|table| format!("ALTER PUBLICATION {} ADD TABLE {}", quoted(name), table.of(&options.schema))),
    );
    if lines.is_empty() {
        return Ok(());
    }
    let lines = lines.join("; ");
    client.batch_execute("SAVEPOINT publication").await?;
    let Err(error) = client.batch_execute(&lines).await else {
        prepared.lines.push(format!("the publication {name} tells of the tables now"));
        return Ok(());
    };
    let said = error.as_db_error().map(|error| error.message().to_owned());
    let (Some(said), Trouble::Final(_)) = (said, error.into()) else {
        return Err(Trouble::passing(format!("the publication {name} cannot be changed now")));
    };
    client.batch_execute("ROLLBACK TO SAVEPOINT publication").await?;
    let words = format!("the publication {name} cannot be changed ({said}): whoever owns it runs: {lines}");
    match options.publication {
        Some(_) => prepared.missing = Some(words),
        None => prepared.lines.push(words),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_a_path() {
        let said = claimed("app_metadata.organization_id");
        assert!(said.contains("#>> '{app_metadata,organization_id}'"), "{said}");
    }
}
