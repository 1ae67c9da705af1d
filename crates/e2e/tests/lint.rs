//! Organizations are kept apart by the catalog itself: the schema breaks no rule, and every rule notices its mistake.

use std::collections::BTreeSet;

use e2e::lint::{RULES, lint, sources};
use e2e::{World, body};
use jiff::ToSpan;
use model::{migrate, upkeep};

/// A table as every new one should be, and a view.
const NOTE: &str = "
    CREATE TABLE wazapp.note (
      organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
      id              uuid NOT NULL,
      contact_id      uuid NOT NULL,
      title           text NOT NULL,
      PRIMARY KEY (organization_id, id),
      UNIQUE (organization_id, title),
      FOREIGN KEY (organization_id, contact_id) REFERENCES wazapp.contact (organization_id, id));
    ALTER TABLE wazapp.note ENABLE ROW LEVEL SECURITY;
    ALTER TABLE wazapp.note FORCE ROW LEVEL SECURITY;
    CREATE POLICY own_organization ON wazapp.note TO wazapp_web
      USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
      WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
    CREATE POLICY any_organization ON wazapp.note TO wazapp_worker USING (true) WITH CHECK (true);
    CREATE POLICY within_sight ON wazapp.note AS RESTRICTIVE TO wazapp_web
      USING (coalesce((SELECT current_setting('app.viewer_id', true)), '') = '' OR false) WITH CHECK (true);
    GRANT SELECT ON wazapp.note TO wazapp_web;
    GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.note TO wazapp_worker;
    CREATE VIEW wazapp.titles WITH (security_invoker = true) AS SELECT organization_id, title FROM wazapp.note;
";

/// What someone did, what the finding must name, and how the rule begins.
const MISTAKES: &[(&str, &str, &str)] = &[
    // Tables
    ("CREATE SEQUENCE wazapp.ticket", "ticket", "is a sequence"),
    (
        "DROP TABLE wazapp.quarantine",
        "quarantine",
        "stands in the list",
    ),
    (
        "CREATE TABLE wazapp.setting (name text PRIMARY KEY, value text)",
        "setting",
        "has no organization_id",
    ),
    (
        "ALTER TABLE wazapp.media DROP CONSTRAINT media_pkey, ALTER organization_id DROP NOT NULL",
        "media.organization_id",
        "must be uuid NOT NULL",
    ),
    (
        "CREATE TABLE wazapp.tag (organization_id text NOT NULL, name text, PRIMARY KEY (organization_id, name))",
        "tag.organization_id",
        "must be uuid NOT NULL",
    ),
    // Sight
    (
        "DROP POLICY within_sight ON wazapp.media",
        "media",
        "must restrict who is limited",
    ),
    (
        "DROP POLICY within_sight ON wazapp.media;
         CREATE POLICY within_sight ON wazapp.media TO wazapp_web
           USING (coalesce((SELECT current_setting('app.viewer_id', true)), '') = '' OR false) WITH CHECK (true)",
        "media",
        "must restrict who is limited",
    ),
    (
        "CREATE POLICY within_sight ON wazapp.team AS RESTRICTIVE TO wazapp_web USING (true) WITH CHECK (true)",
        "team",
        "is listed as wholly seen",
    ),
    // One person's
    (
        "DROP POLICY own_person ON wazapp.draft",
        "draft",
        "must show wazapp_web one person's rows alone",
    ),
    (
        "DROP POLICY own_person ON wazapp.draft;
         CREATE POLICY own_person ON wazapp.draft TO wazapp_web
           USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid)
           WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid)",
        "draft",
        "must show wazapp_web one person's rows alone",
    ),
    // Row-level security
    (
        "ALTER TABLE wazapp.message DISABLE ROW LEVEL SECURITY",
        "message",
        "has row-level security switched off",
    ),
    (
        "ALTER TABLE wazapp.message NO FORCE ROW LEVEL SECURITY",
        "message",
        "does not force",
    ),
    (
        "ALTER TABLE wazapp.organization NO FORCE ROW LEVEL SECURITY",
        "organization",
        "does not force",
    ),
    (
        "DROP POLICY own_organization ON wazapp.message",
        "message",
        "lacks the policy that shows wazapp_web",
    ),
    (
        "ALTER POLICY own_organization ON wazapp.message USING (true)",
        "message",
        "lacks the policy that shows wazapp_web",
    ),
    (
        "ALTER POLICY own_organization ON wazapp.message WITH CHECK (true)",
        "message",
        "lacks the policy that shows wazapp_web",
    ),
    (
        "DROP POLICY own_organization ON wazapp.message;
         CREATE POLICY own_organization ON wazapp.message TO wazapp_web
           USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)",
        "message",
        "lacks the policy that shows wazapp_web",
    ),
    (
        "DROP POLICY own_organization ON wazapp.message;
         CREATE POLICY own_organization ON wazapp.message FOR SELECT TO wazapp_web
           USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)",
        "message",
        "lacks the policy that shows wazapp_web",
    ),
    (
        "ALTER POLICY own_organization ON wazapp.message
           USING (organization_id = current_setting('app.organization_id', true)::uuid)",
        "message",
        "lacks the policy that shows wazapp_web",
    ),
    (
        "ALTER POLICY own_organization ON wazapp.organization USING (true)",
        "organization",
        "lacks the policy that shows wazapp_web",
    ),
    (
        "ALTER POLICY own_organization ON wazapp.message TO PUBLIC",
        "message",
        "lacks the policy that shows wazapp_web",
    ),
    (
        "DROP POLICY any_organization ON wazapp.media",
        "media",
        "lacks the policy of wazapp_worker",
    ),
    (
        "CREATE POLICY support ON wazapp.message USING (true)",
        "message: support",
        "is a policy beside the two",
    ),
    (
        "CREATE POLICY starred ON wazapp.message FOR SELECT TO wazapp_web USING (type = 'text')",
        "message: starred",
        "is a policy beside the two",
    ),
    // Keys
    (
        "ALTER TABLE wazapp.template DROP CONSTRAINT template_pkey",
        "template",
        "has no primary key",
    ),
    (
        "ALTER TABLE wazapp.template DROP CONSTRAINT template_pkey, ADD PRIMARY KEY (id)",
        "template: wazapp.template_pkey",
        "is unique across organizations",
    ),
    (
        "ALTER TABLE wazapp.template DROP CONSTRAINT template_pkey, ADD PRIMARY KEY (id, organization_id)",
        "template: wazapp.template_pkey",
        "is unique across organizations",
    ),
    (
        "CREATE UNIQUE INDEX message_wamid ON wazapp.message (wamid)",
        "message: wazapp.message_wamid",
        "is unique across organizations",
    ),
    (
        "CREATE UNIQUE INDEX contact_wa_id ON wazapp.contact (wa_id) WHERE wa_id IS NOT NULL",
        "contact: wazapp.contact_wa_id",
        "is unique across organizations",
    ),
    (
        "CREATE UNIQUE INDEX contact_name ON wazapp.contact (lower(username), organization_id)",
        "contact: wazapp.contact_name",
        "is unique across organizations",
    ),
    (
        "ALTER TABLE wazapp.template ADD CONSTRAINT template_name EXCLUDE USING btree (name WITH =)",
        "template: wazapp.template_name",
        "is unique across organizations",
    ),
    (
        "CREATE UNIQUE INDEX contact_alone ON wazapp.contact (id);
         ALTER TABLE wazapp.message ADD CONSTRAINT message_writer FOREIGN KEY (contact_id) REFERENCES wazapp.contact (id)",
        "wazapp.message: message_writer",
        "refers to an organization's table without",
    ),
    (
        "ALTER TABLE wazapp.contact ADD UNIQUE (id, organization_id);
         ALTER TABLE wazapp.message ADD CONSTRAINT message_writer
           FOREIGN KEY (contact_id, organization_id) REFERENCES wazapp.contact (id, organization_id)",
        "wazapp.message: message_writer",
        "refers to an organization's table without",
    ),
    (
        "CREATE UNIQUE INDEX number_alone ON wazapp.number (id);
         ALTER TABLE wazapp.number_claim ADD CONSTRAINT claimed FOREIGN KEY (number_id) REFERENCES wazapp.number (id)",
        "wazapp.number_claim: claimed",
        "refers to an organization's table without",
    ),
    (
        "ALTER TABLE wazapp.number ADD CONSTRAINT number_app FOREIGN KEY (app_id) REFERENCES wazapp.app (id)",
        "wazapp.number: number_app",
        "refers from an organization's table to a global one",
    ),
    (
        "CREATE TABLE public.folder (id uuid PRIMARY KEY);
         ALTER TABLE wazapp.contact ADD folder_id uuid CONSTRAINT contact_folder REFERENCES public.folder (id)",
        "wazapp.contact: contact_folder",
        "refers into the schema, or out of it",
    ),
    // What reads with other rights
    (
        "CREATE VIEW wazapp.latest AS SELECT * FROM wazapp.message",
        "latest",
        "is a view that reads with its owner's rights",
    ),
    (
        "CREATE VIEW wazapp.latest WITH (security_invoker = false, security_barrier = true) AS SELECT * FROM wazapp.message",
        "latest",
        "is a view that reads with its owner's rights",
    ),
    (
        "CREATE MATERIALIZED VIEW wazapp.totals AS SELECT organization_id, count(*) FROM wazapp.message GROUP BY 1",
        "totals",
        "holds rows outside row-level security",
    ),
    (
        "CREATE RULE copies AS ON UPDATE TO wazapp.contact DO ALSO SELECT * FROM wazapp.contact",
        "contact: copies",
        "is a rewrite rule",
    ),
    (
        "CREATE FUNCTION wazapp.total() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM wazapp.message'",
        "total()",
        "is SECURITY DEFINER",
    ),
    (
        "CREATE FUNCTION wazapp.total() RETURNS bigint LANGUAGE sql SET row_security = off AS 'SELECT 1'",
        "total()",
        "changes the role, the organization or row-level security",
    ),
    (
        "CREATE FUNCTION wazapp.total() RETURNS bigint LANGUAGE sql SET app.organization_id = '' AS 'SELECT 1'",
        "total()",
        "changes the role, the organization or row-level security",
    ),
    (
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER noted BEFORE INSERT ON wazapp.event FOR EACH ROW EXECUTE FUNCTION public.note()",
        "event: noted",
        "is a trigger that runs a SECURITY DEFINER function",
    ),
    (
        "ALTER TABLE wazapp.media OWNER TO pg_monitor",
        "media",
        "has another owner than the schema",
    ),
    // Rights
    (
        "GRANT SELECT ON wazapp.number_claim TO PUBLIC",
        "SELECT on number_claim",
        "is granted to PUBLIC",
    ),
    (
        "GRANT USAGE ON SCHEMA wazapp TO PUBLIC",
        "USAGE on schema wazapp",
        "is granted to PUBLIC",
    ),
    (
        "GRANT UPDATE (text) ON wazapp.message TO PUBLIC",
        "UPDATE on message.text",
        "is granted to PUBLIC",
    ),
    (
        "CREATE SEQUENCE wazapp.ticket; GRANT USAGE ON SEQUENCE wazapp.ticket TO PUBLIC",
        "USAGE on ticket",
        "is granted to PUBLIC",
    ),
    (
        "CREATE FUNCTION wazapp.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "EXECUTE on one()",
        "is granted to PUBLIC",
    ),
    (
        "GRANT SELECT ON wazapp.message TO pg_monitor",
        "SELECT on message to pg_monitor",
        "is granted to someone beside the two roles",
    ),
    (
        "GRANT SELECT ON wazapp.message TO wazapp_web WITH GRANT OPTION",
        "SELECT on message to wazapp_web",
        "may be granted on",
    ),
    (
        "GRANT SELECT (token) ON wazapp.number TO wazapp_web",
        "SELECT on number.token",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT SELECT (pin) ON wazapp.connection TO wazapp_web",
        "SELECT on connection.pin",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT SELECT ON wazapp.number TO wazapp_web",
        "SELECT on number",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT DELETE ON wazapp.message TO wazapp_web",
        "DELETE on message",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT TRUNCATE ON wazapp.message TO wazapp_web",
        "TRUNCATE on message",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT REFERENCES ON wazapp.message TO wazapp_web",
        "REFERENCES on message",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT TRIGGER ON wazapp.message TO wazapp_web",
        "TRIGGER on message",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT INSERT ON wazapp.reaction TO wazapp_web",
        "INSERT on reaction",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT UPDATE ON wazapp.conversation TO wazapp_web",
        "UPDATE on conversation",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT UPDATE (number_id) ON wazapp.conversation TO wazapp_web",
        "UPDATE on conversation.number_id",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT SELECT ON wazapp.number_claim TO wazapp_web",
        "SELECT on number_claim",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT SELECT (body) ON wazapp.inbound TO wazapp_web",
        "SELECT on inbound.body",
        "is a right that wazapp_web must not have",
    ),
    (
        "CREATE SEQUENCE wazapp.ticket; GRANT SELECT ON SEQUENCE wazapp.ticket TO wazapp_web",
        "SELECT on ticket",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT CREATE ON SCHEMA wazapp TO wazapp_web",
        "CREATE on schema wazapp",
        "is a right that wazapp_web must not have",
    ),
    (
        "GRANT TRUNCATE ON wazapp.message TO wazapp_worker",
        "TRUNCATE on message",
        "is a right that wazapp_worker must not have",
    ),
    (
        "GRANT SELECT ON wazapp.inbound_default TO wazapp_worker",
        "SELECT on inbound_default to wazapp_worker",
        "opens a partition",
    ),
    (
        "CREATE TABLE wazapp.inbound_1999_12_31 PARTITION OF wazapp.inbound FOR VALUES FROM ('1999-12-31') TO ('2000-01-01');
         GRANT SELECT (body) ON wazapp.inbound_1999_12_31 TO wazapp_web",
        "SELECT on inbound_1999_12_31.body to wazapp_web",
        "opens a partition",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA wazapp GRANT SELECT ON TABLES TO wazapp_web",
        "SELECT on tables to wazapp_web",
        "is a right given by default privileges",
    ),
    (
        "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO PUBLIC",
        "USAGE on sequences to PUBLIC",
        "is a right given by default privileges",
    ),
    // Roles
    (
        "ALTER ROLE wazapp_web RENAME TO wazapp_pages",
        "wazapp_web",
        "is not there",
    ),
    (
        "ALTER ROLE wazapp_web SUPERUSER",
        "wazapp_web",
        "is a role with an attribute",
    ),
    (
        "ALTER ROLE wazapp_web BYPASSRLS",
        "wazapp_web",
        "is a role with an attribute",
    ),
    (
        "ALTER ROLE wazapp_worker CREATEROLE",
        "wazapp_worker",
        "is a role with an attribute",
    ),
    (
        "ALTER ROLE wazapp_worker CREATEDB",
        "wazapp_worker",
        "is a role with an attribute",
    ),
    (
        "ALTER ROLE wazapp_web REPLICATION",
        "wazapp_web",
        "is a role with an attribute",
    ),
    (
        "GRANT wazapp_worker TO wazapp_web",
        "wazapp_web in wazapp_worker",
        "is a membership",
    ),
    (
        "GRANT pg_read_all_data TO wazapp_web",
        "wazapp_web in pg_read_all_data",
        "is a membership",
    ),
    (
        "CREATE SCHEMA mine AUTHORIZATION wazapp_worker",
        "wazapp_worker (pg_namespace)",
        "owns something",
    ),
    (
        "ALTER TABLE wazapp.media OWNER TO wazapp_worker",
        "wazapp_worker (pg_class)",
        "owns something",
    ),
    (
        "ALTER ROLE wazapp_web SET row_security = off",
        "wazapp_web: row_security=off",
        "is a setting",
    ),
    (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET app.organization_id = %L', current_database(), gen_random_uuid()); END $$",
        "every role: app.organization_id=",
        "is a setting",
    ),
    (
        "CREATE TABLE public.invoice (id int); GRANT SELECT ON public.invoice TO wazapp_web",
        "wazapp_web on public.invoice",
        "is a right outside the schema",
    ),
    (
        "GRANT CREATE ON SCHEMA public TO wazapp_worker",
        "wazapp_worker in schema public",
        "is a place where one of the two roles may create",
    ),
    (
        "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO wazapp_web', current_database()); END $$",
        "wazapp_web in database",
        "is a place where one of the two roles may create",
    ),
    (
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$",
        "wazapp_web in temporary schemas",
        "is a place where one of the two roles may create",
    ),
];

#[tokio::test]
async fn the_schema_breaks_no_rule() {
    let world = World::new().await;
    let sql = world.sql().await;
    let findings = lint(&sql).await.unwrap();
    assert_eq!(findings, [], "a finding in the schema as it is");
    sql.batch_execute(&format!("BEGIN; {NOTE}")).await.unwrap();
    assert_eq!(lint(&sql).await.unwrap(), [], "a table as it should be");
    drop(sql);
    world.end().await;
}

/// Each mistake is made in a transaction, looked at from inside, and rolled back.
#[tokio::test]
async fn every_rule_notices_its_mistake() {
    let world = World::new().await;
    let sql = world.sql().await;
    let mut noticed = BTreeSet::new();
    for (mistake, names, says) in MISTAKES {
        sql.batch_execute(&format!("BEGIN; {mistake}")).await.unwrap_or_else(|error| panic!("{mistake}: {error:?}"));
        let findings = lint(&sql).await.unwrap();
        let found = findings.iter().find(|finding| finding.says.starts_with(says) && finding.what.starts_with(names));
        let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let found = found.unwrap_or_else(|| panic!("unnoticed: {mistake}\nfound: {all:#?}"));
        noticed.insert(found.says);
        sql.batch_execute("ROLLBACK").await.unwrap();
    }
    let asleep: Vec<&str> = RULES.iter().map(|rule| rule.says).filter(|says| !noticed.contains(says)).collect();
    assert!(asleep.is_empty(), "no mistake wakes these rules: {asleep:#?}");
    assert_eq!(lint(&sql).await.unwrap(), [], "after all was undone");
    drop(sql);
    world.end().await;
}

/// Upkeep makes and drops tables while the server runs: those are as the others, and nothing received is lost with them.
#[tokio::test(flavor = "multi_thread")]
async fn what_upkeep_makes_breaks_no_rule() {
    let world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "10650000000001", "20650000000001", None).await;
    let write = async |wamid: &str| {
        let text = body::text("10650000000001", "34600111222", wamid, 1_795_000_000, "Hello");
        world.post(body::bytes(&text)).await
    };
    assert_eq!(write("wamid.1").await, 200);
    world.drain().await;
    assert!(migrate::pending(world.database()).await.unwrap().is_empty());
    assert!(migrate::is_current(world.database()).await.unwrap());
    assert!(migrate::run(world.database()).await.unwrap().is_empty(), "a second run has nothing to do");

    let in_a_month = e2e::outside::now() + 720.hours();
    let done = upkeep::run(world.database(), in_a_month, 14).await.unwrap();
    assert!(done.made.len() >= 5 && done.dropped.len() >= 5 && done.streams >= 1, "{done:?}");
    let again = upkeep::run(world.database(), in_a_month, 14).await.unwrap();
    assert_eq!((again.made.len(), again.dropped.len(), again.streams), (0, 0, 0), "{again:?}");
    let sql = world.sql().await;
    assert_eq!(lint(&sql).await.unwrap(), []);

    // Today has no partition any more, and the writer's stream is forgotten, which it notices at its next body and
    // answers as it answers what it could not store: Meta tries again.
    let mut answers = vec![write("wamid.2").await];
    if answers == [503] {
        answers.push(write("wamid.2").await);
    }
    assert_eq!(answers.last(), Some(&200), "{answers:?}");
    world.drain().await;
    assert_eq!(world.all_messages(&acme).await.len(), 2);
    drop(sql);
    world.end().await;
}

/// What has one place stands nowhere else.
#[test]
fn sources_say_only_what_has_its_place_there() {
    let findings = sources::findings();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn what_is_out_of_place_is_found() {
    for (source, place) in [
        ("\"UPDATE wazapp.organization_sequence SET last = last + 1\"", "model/src/event/line.rs"),
        ("\"FROM Organization_Sequence s\"", "model/src/event.rs"),
        ("line.record(New::read(\"number.updated\", now))", "model/src/event/kind.rs"),
        ("\"SET updated_at = now()\"", "model/src/inspect.rs"),
        ("last_used_at < NOW() - interval '1 minute'", "model/src/inspect.rs"),
        ("SELECT clock_timestamp()", "model/src/inspect.rs"),
        ("(CURRENT_TIMESTAMP)", "model/src/inspect.rs"),
        ("SELECT id FROM wazapp.number WHERE id = $1 FOR UPDATE\",", "model/src/receipt.rs"),
        (r#"json!({ "code": "no_token", "advice": words })"#, "model/src/trouble.rs"),
        (r#"json!({ "en": "Try again." })"#, "web/src/api/example.rs"),
    ] {
        for file in ["model/src/number.rs", "worker/src/inbound/fold/mod.rs"] {
            assert_eq!(sources::judge(file, source).len(), 1, "{file}: {source}");
            assert!(sources::judge(file, &format!("    // {source}")).is_empty(), "{source}");
        }
        assert!(sources::judge(place, source).is_empty(), "{source}");
    }
    let spanish = "\"No se envió nada.\"";
    assert_eq!(sources::judge("model/src/outbox/settle.rs", spanish).len(), 1);
    for speaks in ["model/src/trouble/catalogue.rs", "web/src/api/send.rs"] {
        assert!(sources::judge(speaks, spanish).is_empty(), "{speaks}");
    }
    for ours in [
        "FOR NO KEY UPDATE OF n",
        "clock.now()",
        "let now = Self::now();",
        "fn now(&self) -> Timestamp",
        "self.renow()",
    ] {
        assert!(sources::judge("model/src/number.rs", ours).is_empty(), "{ours}");
    }
}
