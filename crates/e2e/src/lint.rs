//! Reads PostgreSQL's catalog and says what could let one organization reach another's rows.
//!
//! A rule is a sentence and a query that names what breaks it. The lists below are the whole of what the rules let
//! pass: a new table, or a new right of the web role, is a line here with its reason, or a finding.

pub mod distributed;
pub mod sources;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// Tables that belong to no organization. Every other table carries `organization_id` first in every key.
const GLOBAL_TABLES: &[(&str, &str)] = &[
    ("organization", "the organizations themselves; the web role sees its own row"),
    (
        "app",
        "Meta's Apps: the server's, which serve several organizations, or one organization's own; only the worker reads them",
    ),
    ("app_secret", "secrets of Apps"),
    ("app_verify_token", "verify tokens of Apps"),
    ("sealing_key", "which master keys seal this database's secrets: the server's"),
    ("key_holder", "which running servers have which master keys"),
    ("number_claim", "who has which number, over all organizations: that is what it is for"),
    ("stream", "bodies from Meta, before anyone knows whose they are"),
    ("lane", "a lane holds the numbers of many organizations"),
    ("lane_cursor", "how far lanes have come in streams"),
    ("inbound", "bodies from Meta, before anyone knows whose they are; with its partitions"),
    ("quarantine", "input that belongs to no connected number"),
    ("migration", "the steps of the schema"),
    ("acme_account", "who the server is at an authority that gives certificates"),
    ("acme_order", "which certificates the server wants"),
    ("acme_challenge", "what an authority asks about the server's domains"),
    ("certificate", "certificates of the server's domains"),
    (
        "user",
        "a person may work in many organizations; the web role sees who is signed in, and who works where it is at work",
    ),
    ("session", "a person's, wherever they work; the web role sees those of the one person it is told"),
    ("password_link", "by which an account's password is set; only the worker reads it"),
    ("sign_in_try", "tries to sign in, before anyone knows whose they are"),
    ("recovery_code", "a person's, wherever they work; only the worker reads it"),
    ("passkey", "the same"),
    ("passkey_ceremony", "what a browser is asked, before anyone knows whose it is"),
    ("provider_account", "a person's, wherever they work; only the worker reads it"),
    ("provider_answer", "flows that a browser came back from, before anyone knows whose they are"),
    (
        "mail",
        "what is written to people: an organization's invitations, which the web role sees as every row of its own, and the \
         server's about accounts, which only the worker sees",
    ),
    ("restoration", "what was restored from a backup: the whole server"),
    ("relocation", "moves of the whole database to another place"),
    ("backup", "backups of the whole server"),
    ("server_audit", "what operators did to what belongs to no organization"),
];

/// Of a user, what the web role reads: never what is kept of a password or a seed.
const USER_COLUMNS: &[&str] =
    &["id", "email", "name", "is_operator", "language", "zone", "shortcuts", "second_factor", "created_at"];

/// Where requests add rows.
const WEB_INSERTS: &[(&str, &str)] = &[
    ("event", "what people change is told in the log"),
    ("message", "what people send is written before it is sent"),
    ("outbox", "in the same transaction, so that what was taken is sent"),
    ("idempotency_key", "by which a repeated request is known"),
    ("conversation", "someone may be written to who never wrote"),
    ("contact", "the same"),
    ("file", "an upload is noted before its bytes are in their place"),
    ("media", "and when they are"),
    ("contact_identity", "so that their answer comes to the same contact"),
    ("receipt", "who reads a conversation says so to its customer"),
    ("price_list", "what messages cost is said by people"),
    ("connection", "an attempt to connect a number is written before Meta is asked"),
    ("invitation", "who manages an organization invites"),
    ("mail", "and has it mailed"),
    ("team", "and makes teams"),
    ("team_member", "and says who is in them"),
    ("sight", "and to what somebody, or a key, is limited"),
    ("api_key", "and makes keys"),
    ("audit", "all of which is written down"),
    ("departure", "who is let go is noted, so that no rule lets them in again"),
    ("endpoint", "where programs hear is said by people"),
    ("delivery", "and they try it out"),
    ("draft", "what somebody has begun to write"),
    ("presence", "who is at a conversation says so"),
    ("seen", "and how far they have seen it"),
];

/// Where requests take rows away.
const WEB_DELETES: &[(&str, &str)] = &[
    ("membership", "who manages an organization lets somebody go"),
    ("team", "teams end"),
    ("team_member", "people leave them"),
    ("sight", "limits end"),
    ("endpoint", "endpoints end"),
    ("presence", "people go elsewhere"),
];

/// What requests change.
const WEB_UPDATES: &[(&str, &str)] = &[
    ("organization_sequence.last", "recording an event takes the next number"),
    ("api_key.last_used_at", "noted when a key is used"),
    ("contact.own_name", "given by people"),
    ("contact.notes", "written by people"),
    ("contact.updated_at", "goes with every change"),
    ("conversation.state", "people resolve"),
    ("conversation.assignee_id", "people hand over"),
    ("conversation.unread_count", "people read"),
    ("conversation.updated_at", "goes with every change"),
    ("conversation.last_sequence", "a message sent takes the next number"),
    ("conversation.last_message_id", "and shows"),
    ("conversation.last_message_at", "and shows"),
    ("conversation.last_message_tie", "and shows"),
    ("conversation.state_at", "what is sent is newer than what it answers"),
    ("conversation.state_tie", "the same"),
    ("outbox.state", "what is queued can be cancelled"),
    ("outbox.deadline", "what nobody waits for any more is tried no more"),
    ("outbox.due_at", "what is queued can be given another time"),
    ("outbox.send_at", "the same"),
    ("outbox.turned_from", "what somebody says of a conversation stands, whatever is still to go"),
    ("message.status", "and the message says so"),
    ("message.error", "and the message says so"),
    ("receipt.number_id", "what was read last takes the place of what was read before"),
    ("receipt.wamid", "the same"),
    ("receipt.message_at", "the same"),
    ("receipt.state", "the same"),
    ("receipt.next_at", "the same"),
    ("receipt.deadline", "the same"),
    ("receipt.attempts", "the same"),
    ("receipt.fence", "the same"),
    ("price_list.currency", "a new list takes the place of the one before"),
    ("price_list.prices", "the same"),
    ("price_list.updated_at", "goes with every change"),
    ("file.touched_at", "the same bytes uploaded again are as good as new"),
    ("media.state", "what could not be fetched is asked for once more"),
    ("media.attempts", "from the beginning"),
    ("media.next_at", "at once"),
    ("media.deadline", "for a week"),
    ("media.error", "and what was wrong is past"),
    ("quota.media_bytes", "what an upload takes is counted with it"),
    ("quota.queued_messages", "and what is queued"),
    ("quota.counted_on", "what is begun in a day is counted with it"),
    ("quota.uploads", "the same"),
    ("quota.connections", "the same"),
    ("connection.state", "what failed is resumed"),
    ("connection.steps", "from the step that failed"),
    ("connection.wishes", "perhaps with a wish more"),
    ("connection.token", "another token, sealed; the sealed ones are never read"),
    ("connection.code", "the code of a sign-up comes after its session"),
    ("connection.pin", "a step asked for the PIN"),
    ("connection.session_event", "or the session after its code"),
    ("connection.awaits_session", "so that it comes once"),
    ("connection.waba_id", "it names the account"),
    ("connection.phone_number_id", "and perhaps the number"),
    ("connection.attempts", "resuming begins to count anew"),
    ("connection.due_at", "and it is due"),
    ("connection.lease_until", "and nobody's"),
    ("connection.fence", "whoever still worked on it writes no more"),
    ("connection.updated_at", "goes with every change"),
    ("connection.ended_at", "it has not ended then"),
    ("session.last_used_at", "noted when a session is used"),
    ("membership.last_seen_at", "the same, for those who work together"),
    ("membership.role", "who manages an organization says who is what"),
    ("invitation.revoked_at", "and takes invitations back"),
    ("team.name", "and calls teams by other names"),
    ("sight.sees", "and changes limits"),
    ("sight.number_ids", "the same"),
    ("api_key.revoked_at", "and revokes keys"),
    ("conversation.team_id", "people hand over to a team"),
    ("organization_sequence.relays", "whether an endpoint asks for what Meta sends"),
    ("endpoint.url", "an endpoint is another one"),
    ("endpoint.revision", "what the one before answered does not count for it"),
    ("endpoint.kinds", "the same"),
    ("endpoint.number_ids", "the same"),
    ("endpoint.description", "the same"),
    ("endpoint.rate", "the same"),
    ("endpoint.concurrency", "the same"),
    ("endpoint.in_order", "the same"),
    ("endpoint.quiet_ms", "the same"),
    ("endpoint.most_ms", "the same"),
    ("endpoint.header_names", "the same"),
    ("endpoint.headers", "sealed; the sealed ones are never read"),
    ("endpoint.state", "it is turned on or off"),
    ("endpoint.state_at", "and since when"),
    ("endpoint.trouble", "and what was wrong is past"),
    ("endpoint.cursor", "it goes on from now"),
    ("endpoint.spread_at", "at once"),
    ("endpoint.due_at", "the same"),
    ("endpoint.rests_until", "whatever it asked for"),
    ("endpoint.failing_since", "what is turned on begins anew"),
    ("endpoint.failures", "the same"),
    ("delivery.state", "it is told once more, or skipped"),
    ("delivery.step", "its schedule begins anew"),
    ("delivery.batch_id", "by itself"),
    ("delivery.due_at", "at once"),
    ("delivery.ended_at", "it has not ended then"),
    ("conversation.blocked_at", "people have Meta block a contact"),
    ("number.author_line", "who manages numbers says how messages begin"),
    ("number.updated_at", "goes with it"),
    ("draft.text", "and go on writing"),
    ("draft.version", "goes with it"),
    ("presence.until", "who is at a conversation says so again"),
    ("presence.writing_until", "and whether they write"),
    ("seen.through", "and how far they have seen it"),
];

/// The one condition under which the web role sees a row, as PostgreSQL writes it, without spaces and parentheses.
/// `%` is the column that holds the organization.
const OWN: &str = "%=NULLIFcurrent_setting'app.organization_id'::text,true,''::text::uuid";

/// The same for what belongs to a person.
const OWN_PERSON: &str = "user_id=NULLIFcurrent_setting'app.user_id'::text,true,''::text::uuid";

/// Tables of an organization of which the web role sees one person's rows alone: a policy beside the others says so.
const PERSONAL: &[(&str, &str)] = &[("draft", "what somebody has begun to write is nobody else's to read")];

/// The one condition under which it sees a person.
const KNOWN_PERSON: &str = "id=NULLIFcurrent_setting'app.user_id'::text,true,''::text::uuidOREXISTSSELECTFROMwazapp.membershipmWHEREm.user_id=\"user\".idANDm.organization_id=NULLIFcurrent_setting'app.organization_id'::text,true,''::text::uuid";

/// Tables that show who is limited as much as everybody else in their organization. Every other one has a policy
/// `within_sight`.
const WHOLLY_SEEN: &[(&str, &str)] = &[
    ("organization_sequence", "a number: how long the log is"),
    ("event_mark", "the same, by day"),
    ("retention", "numbers: how much went"),
    ("quota", "numbers: how much there is"),
    ("template", "what an organization may send, not what it sent"),
    ("template_sync", "when those were read"),
    ("price_list", "what Meta asks, which only those who see everything read"),
    ("file", "bytes by their hash; who reads them comes by a message's or an upload's row"),
    ("made_at_meta", "ids that Meta gave, without what stands behind them"),
    ("idempotency_key", "a word of a program's own, and the id of a message that is not shown by it"),
    ("membership", "who works here"),
    ("departure", "and who did once"),
    ("team", "and together with whom"),
    ("team_member", "the same"),
    ("invitation", "who may come, which only those who see everything read"),
    ("invitation_link", "hashes of links to it"),
    ("sight", "what somebody is limited to, which the policies ask"),
    ("entry", "that whoever runs the server looks in, which their session asks"),
    ("api_key", "which keys there are, which only those who see everything read"),
    ("audit", "who did what, which only those who see everything read"),
    ("endpoint", "where programs hear, which only those who see everything manage"),
    ("delivery", "and what they heard"),
    ("delivery_attempt", "the same"),
    ("relay", "what Meta sent for them, which no request asks for"),
];

/// How the restriction begins, as PostgreSQL writes it, without spaces and parentheses: who is not limited is not asked further.
const UNLIMITED: &str = "COALESCESELECTcurrent_setting'app.viewer_id'::text,trueAScurrent_setting,''::text=''::textOR";

/// What every rule may look at. `$11` [`PERSONAL`], `$9` [`WHOLLY_SEEN`], `$10` [`UNLIMITED`], `$1` global tables, `$2` and `$3` where the web role inserts and updates, `$4` [`OWN`], `$5`
/// [`OWN_PERSON`], `$6` [`KNOWN_PERSON`], `$7` where the web role deletes, `$8` what it reads of users.
const FACTS: &str = "
WITH relation AS (
  SELECT c.oid, c.relname::text AS name, c.relkind AS kind, c.relispartition AS partition, c.relowner AS owner,
         c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, c.reloptions AS options, c.relacl AS acl,
         c.relname = ANY ($1::text[]) AS global
  FROM pg_class c WHERE c.relnamespace = 'wazapp'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')),
own AS (
  SELECT *, (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = relation.oid AND a.attname = 'organization_id') AS key,
         replace($4::text, '%', 'organization_id') AS condition
  FROM relation WHERE kind IN ('r', 'p') AND NOT partition AND NOT global),
role AS (SELECT * FROM pg_roles WHERE rolname IN ('wazapp_web', 'wazapp_worker')),
routine AS (
  SELECT p.oid, p.proname || '()' AS name, p.proowner AS owner, p.prosecdef AS definer, p.proconfig AS config,
         coalesce(p.proacl, acldefault('f', p.proowner)) AS acl
  FROM pg_proc p WHERE p.pronamespace = 'wazapp'::regnamespace),
protected AS (
  SELECT oid, name, condition FROM own
  UNION ALL SELECT oid, name, replace($4, '%', 'id') FROM relation WHERE name = 'organization'
  UNION ALL SELECT oid, name, replace($4, '%', 'organization_id') FROM relation WHERE name = 'mail'
  UNION ALL SELECT oid, name, $5::text FROM relation WHERE name = 'session'
  UNION ALL SELECT oid, name, $6::text FROM relation WHERE name = 'user'),
policy AS (
  SELECT p.polrelid AS oid, p.polname::text AS name, p.polroles::regrole[]::text[] AS roles,
         p.polpermissive AND p.polcmd = '*' AS whole, p.polpermissive AND p.polcmd = 'r' AS reading,
         regexp_replace(pg_get_expr(p.polqual, p.polrelid), '[()\\s]', '', 'g') AS sees,
         regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '[()\\s]', '', 'g') AS writes
  FROM pg_policy p),
web_policy AS (
  SELECT policy.* FROM policy JOIN protected p USING (oid)
  WHERE roles = '{wazapp_web}' AND sees = p.condition
    AND CASE p.name WHEN 'user' THEN reading ELSE whole AND writes = p.condition END),
sight_policy AS (
  SELECT p.polrelid AS oid, p.polname::text AS name,
         starts_with(regexp_replace(pg_get_expr(p.polqual, p.polrelid), '[()\\s]', '', 'g'), $10::text)
           AND NOT p.polpermissive AND p.polcmd = '*' AND pg_get_expr(p.polwithcheck, p.polrelid) = 'true'
           AND p.polroles::regrole[]::text[] = '{wazapp_web}' AS restricts
  FROM pg_policy p WHERE p.polname = 'within_sight'),
person_policy AS (
  SELECT policy.oid, policy.name FROM policy JOIN pg_policy p ON p.polrelid = policy.oid AND p.polname = policy.name
  WHERE roles = '{wazapp_web}' AND sees = $5 AND writes = $5 AND NOT p.polpermissive AND p.polcmd = '*'),
worker_policy AS (
  SELECT policy.* FROM policy JOIN protected p USING (oid)
  WHERE roles = '{wazapp_worker}' AND whole AND sees = 'true' AND writes = 'true'),
acl AS (
  SELECT CASE kind WHEN 'S' THEN 'sequence' ELSE 'table' END AS what, oid, name, owner, acl FROM relation
  UNION ALL SELECT 'column', r.oid, r.name || '.' || a.attname, r.owner, a.attacl
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL
  UNION ALL SELECT 'function', oid, name, owner, acl FROM routine
  UNION ALL SELECT 'type', t.oid, t.typname, t.typowner, t.typacl FROM pg_type t
    WHERE t.typnamespace = 'wazapp'::regnamespace
  UNION ALL SELECT 'schema', n.oid, 'schema wazapp', n.nspowner, n.nspacl FROM pg_namespace n WHERE n.nspname = 'wazapp'),
granted AS (
  SELECT acl.what, acl.oid, acl.name, acl.owner, g.privilege_type AS privilege, g.is_grantable AS grantable,
         CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee)::text END AS grantee,
         g.privilege_type || ' on ' || acl.name AS given
  FROM acl CROSS JOIN LATERAL aclexplode(acl.acl) g WHERE g.grantee <> acl.owner)
";

/// What must not be, and the query that names what is.
#[derive(Debug)]
pub struct Rule {
    /// Follows the name of what breaks the rule.
    pub says: &'static str,
    finds: &'static str,
}

/// All rules.
pub const RULES: &[Rule] = &[
    Rule {
        says: "stands in the list of global tables, but is not there",
        finds: "SELECT name FROM unnest($1) AS listed (name) WHERE name NOT IN (SELECT name FROM relation)",
    },
    Rule {
        says: "has no organization_id, and is not in the list of global tables",
        finds: "SELECT name FROM own WHERE key IS NULL",
    },
    Rule {
        says: "is a sequence, or has one: a backup holds rows, and nothing else that changes",
        finds: "SELECT name FROM relation WHERE kind = 'S'",
    },
    Rule {
        says: "must be uuid NOT NULL",
        finds: "SELECT own.name || '.organization_id' FROM own
                JOIN pg_attribute a ON a.attrelid = own.oid AND a.attnum = own.key
                WHERE NOT a.attnotnull OR a.atttypid <> 'uuid'::regtype",
    },
    Rule {
        says: "has row-level security switched off",
        finds: "SELECT r.name FROM protected JOIN relation r USING (oid) WHERE NOT r.enabled",
    },
    Rule {
        says: "does not force row-level security on its owner",
        finds: "SELECT r.name FROM protected JOIN relation r USING (oid) WHERE NOT r.forced",
    },
    Rule {
        says: "lacks the policy that shows wazapp_web its own organization, in USING and in WITH CHECK alike",
        finds: "SELECT name FROM protected WHERE oid NOT IN (SELECT oid FROM web_policy)",
    },
    Rule {
        says: "lacks the policy of wazapp_worker",
        finds: "SELECT name FROM protected WHERE oid NOT IN (SELECT oid FROM worker_policy)",
    },
    Rule {
        says: "is a policy beside the two that every table has, and those that restrict who is limited, and to one person",
        finds: "SELECT r.name || ': ' || policy.name FROM policy JOIN relation r USING (oid)
                WHERE (policy.oid, policy.name) NOT IN (SELECT oid, name FROM web_policy UNION SELECT oid, name FROM worker_policy
                  UNION SELECT oid, name FROM sight_policy WHERE restricts UNION SELECT oid, name FROM person_policy)",
    },
    Rule {
        says: "must show wazapp_web one person's rows alone, and nothing else may",
        finds: "SELECT name FROM own WHERE (name = ANY ($11::text[])) <> (oid IN (SELECT oid FROM person_policy))",
    },
    Rule {
        says: "must restrict who is limited: what they see of it is a policy `within_sight`, or all of it is a line with its reason",
        finds: "SELECT name FROM own WHERE name <> ALL ($9::text[]) AND oid NOT IN (SELECT oid FROM sight_policy WHERE restricts)",
    },
    Rule {
        says: "is listed as wholly seen, and is not there, or is restricted",
        finds: "SELECT listed FROM unnest($9::text[]) AS listed
                WHERE listed NOT IN (SELECT name FROM own WHERE oid NOT IN (SELECT oid FROM sight_policy))",
    },
    Rule {
        says: "has no primary key",
        finds: "SELECT name FROM own WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = own.oid AND i.indisprimary)",
    },
    Rule {
        says: "is unique across organizations: its first column must be organization_id",
        finds: "SELECT own.name || ': ' || i.indexrelid::regclass FROM own JOIN pg_index i ON i.indrelid = own.oid
                WHERE (i.indisunique OR i.indisexclusion) AND i.indkey[0] IS DISTINCT FROM own.key",
    },
    Rule {
        says: "refers to an organization's table without organization_id = organization_id as the first pair",
        finds: "SELECT c.conrelid::regclass || ': ' || c.conname FROM pg_constraint c JOIN own target ON target.oid = c.confrelid
                LEFT JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE c.contype = 'f' AND (c.confkey[1], a.attname) IS DISTINCT FROM (target.key, 'organization_id'::name)",
    },
    Rule {
        says: "refers from an organization's table to a global one that is not `organization`, nor the key of what is sealed",
        finds: "SELECT c.conrelid::regclass || ': ' || c.conname FROM pg_constraint c JOIN own source ON source.oid = c.conrelid
                JOIN relation target ON target.oid = c.confrelid
                WHERE c.contype = 'f' AND target.global AND (target.name <> 'organization' OR c.conkey <> ARRAY[source.key])
                  AND (source.name, target.name) NOT IN (('membership', 'user'), ('entry', 'user'), ('departure', 'user')) AND target.name <> 'sealing_key'",
    },
    Rule {
        says: "refers into the schema, or out of it",
        finds: "SELECT c.conrelid::regclass || ': ' || c.conname FROM pg_constraint c
                WHERE c.contype = 'f' AND (c.conrelid IN (SELECT oid FROM relation)) <> (c.confrelid IN (SELECT oid FROM relation))",
    },
    Rule {
        says: "is a view that reads with its owner's rights: WITH (security_invoker = true)",
        finds: "SELECT name FROM relation WHERE kind = 'v' AND NOT EXISTS (
                  SELECT FROM pg_options_to_table(options) WHERE option_name = 'security_invoker' AND option_value::boolean)",
    },
    Rule {
        says: "holds rows outside row-level security: a materialized view or a foreign table",
        finds: "SELECT name FROM relation WHERE kind IN ('m', 'f')",
    },
    Rule {
        says: "is a rewrite rule, which runs with the table owner's rights",
        finds: "SELECT r.name || ': ' || w.rulename FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'",
    },
    Rule {
        says: "is SECURITY DEFINER",
        finds: "SELECT name FROM routine WHERE definer",
    },
    Rule {
        says: "changes the role, the organization or row-level security while it runs",
        finds: "SELECT name FROM routine, unnest(config) setting WHERE setting ~ '^(role|session_authorization|row_security|app\\.)'",
    },
    Rule {
        says: "is a trigger that runs a SECURITY DEFINER function",
        finds: "SELECT r.name || ': ' || t.tgname FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid
                JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal AND p.prosecdef",
    },
    Rule {
        says: "has another owner than the schema",
        finds: "SELECT name FROM acl WHERE owner <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'wazapp')",
    },
    Rule {
        says: "is granted to PUBLIC",
        finds: "SELECT given FROM granted WHERE grantee = 'PUBLIC'",
    },
    Rule {
        says: "is granted to someone beside the two roles",
        finds: "SELECT given || ' to ' || grantee FROM granted WHERE grantee NOT IN ('PUBLIC', 'wazapp_web', 'wazapp_worker')",
    },
    Rule {
        says: "may be granted on",
        finds: "SELECT given || ' to ' || grantee FROM granted WHERE grantable",
    },
    Rule {
        says: "is a right that wazapp_web must not have",
        finds: "SELECT given FROM granted WHERE grantee = 'wazapp_web' AND NOT CASE
                  WHEN what = 'schema' THEN privilege = 'USAGE'
                  -- All of its own rows but what is sealed, which only the worker opens.
                  WHEN privilege = 'SELECT' THEN oid IN (SELECT oid FROM protected)
                    AND CASE what WHEN 'table' THEN name NOT IN ('number', 'connection', 'user')
                      ELSE name NOT IN ('number.token', 'connection.token', 'connection.code', 'connection.pin')
                        AND (name NOT LIKE 'user.%' OR substr(name, 6) = ANY ($8::text[])) END
                  WHEN what = 'table' AND privilege = 'INSERT' THEN name = ANY ($2::text[])
                  WHEN what = 'table' AND privilege = 'DELETE' THEN name = ANY ($7::text[])
                  -- Plain functions of their parameters, which an index calls, and what policies ask of the viewer's limits.
                  WHEN what = 'function' THEN name IN ('searchable()', 'contact_text()', 'sees()', 'seen_numbers()', 'seen_teams()',
                    'sees_contact()', 'sees_conversation()', 'sees_event()', 'sees_group()', 'sees_message()', 'sees_wamid()')
                  WHEN what = 'column' AND privilege = 'UPDATE' THEN name = ANY ($3::text[])
                  ELSE false END",
    },
    Rule {
        says: "is a right that wazapp_worker must not have",
        finds: "SELECT given FROM granted WHERE grantee = 'wazapp_worker' AND NOT CASE what
                  WHEN 'schema' THEN privilege = 'USAGE'
                  WHEN 'function' THEN privilege = 'EXECUTE'
                  WHEN 'sequence' THEN privilege IN ('USAGE', 'SELECT')
                  ELSE privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') END",
    },
    Rule {
        says: "opens a partition, whose parent's policies do not hold when it is read directly",
        finds: "SELECT given || ' to ' || grantee FROM granted
                WHERE oid IN (SELECT oid FROM relation WHERE partition) AND what IN ('table', 'column')",
    },
    Rule {
        says: "is a right given by default privileges to whatever is created later",
        finds: "SELECT format('%s on %s to %s', g.privilege_type,
                    CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                                         WHEN 'T' THEN 'types' ELSE 'schemas' END,
                    CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee)::text END)
                FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) g
                WHERE d.defaclnamespace IN (0, 'wazapp'::regnamespace) AND g.grantee <> d.defaclrole",
    },
    Rule {
        says: "is not there",
        finds: "SELECT wanted FROM unnest(ARRAY['wazapp_web', 'wazapp_worker']) AS wanted
                WHERE wanted NOT IN (SELECT rolname FROM role)",
    },
    Rule {
        says: "is a role with an attribute that stands above policies: SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB or REPLICATION",
        finds: "SELECT rolname FROM role WHERE rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication",
    },
    Rule {
        says: "is a membership that one of the two roles must not have",
        finds: "SELECT m.member::regrole || ' in ' || m.roleid::regrole FROM pg_auth_members m JOIN role ON role.oid = m.member",
    },
    Rule {
        says: "owns something, and owners write their own policies",
        finds: "SELECT DISTINCT role.rolname || ' (' || d.classid::regclass || ')' FROM role
                JOIN pg_shdepend d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND d.deptype = 'o'",
    },
    Rule {
        says: "is a setting that roles or databases start with, and that names a role, an organization or row-level security",
        finds: "SELECT coalesce(nullif(s.setrole, 0)::regrole::text, 'every role') || ': ' || setting
                FROM pg_db_role_setting s, unnest(s.setconfig) AS setting
                WHERE setting ~ '^(role|session_authorization|row_security|app\\.)'",
    },
    Rule {
        says: "is a right outside the schema wazapp",
        finds: "SELECT role.rolname || ' on ' || o.identity FROM role
                JOIN pg_shdepend d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND d.deptype = 'a'
                JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
                CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) o
                WHERE d.classid <> 'pg_default_acl'::regclass AND coalesce(o.schema, o.name) IS DISTINCT FROM 'wazapp'",
    },
    Rule {
        says: "is a place where one of the two roles may create things of its own",
        finds: "SELECT role.rolname || ' in schema ' || n.nspname FROM role, pg_namespace n
                WHERE n.nspname !~ '^pg_(toast_)?temp_' AND has_schema_privilege(role.oid, n.oid, 'CREATE')
                UNION ALL SELECT role.rolname || ' in database ' || current_database() FROM role
                WHERE has_database_privilege(role.oid, current_database(), 'CREATE')
                UNION ALL SELECT role.rolname || ' in temporary schemas of ' || current_database() FROM role
                WHERE has_database_privilege(role.oid, current_database(), 'TEMPORARY')",
    },
];

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The table, policy, function, role … and for a right the right itself.
    pub what: String,
    /// [`Rule::says`].
    pub says: &'static str,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.what, self.says)
    }
}

/// Everything in this database that breaks a rule. Also looks at what an open transaction has done so far.
pub async fn lint(client: &Client) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let names = |list: &[(&'static str, &str)]| -> Vec<&'static str> { list.iter().map(|(name, _)| *name).collect() };
    let (global, inserts, updates) = (names(GLOBAL_TABLES), names(WEB_INSERTS), names(WEB_UPDATES));
    let (deletes, columns) = (names(WEB_DELETES), USER_COLUMNS.to_vec());
    let rules: Vec<String> = RULES
        .iter()
        .enumerate()
        .map(|(nth, rule)| format!("SELECT {nth}::int, found.what::text FROM ({}) AS found (what)", rule.finds))
        .collect();
    let statement = format!("{FACTS} {} ORDER BY 1, 2", rules.join(" UNION ALL "));
    let (wholly, personal) = (names(WHOLLY_SEEN), names(PERSONAL));
    let told: [&(dyn ToSql + Sync); 11] = [
        &global,
        &inserts,
        &updates,
        &OWN,
        &OWN_PERSON,
        &KNOWN_PERSON,
        &deletes,
        &columns,
        &wholly,
        &UNLIMITED,
        &personal,
    ];
    let rows = client.query(&statement, &told).await?;
    let rule = |row: &Row| usize::try_from(row.get::<_, i32>(0)).ok().and_then(|nth| RULES.get(nth));
    Ok(rows
        .iter()
        .map(|row| Finding { what: row.get(1), says: rule(row).expect("a rule by its place").says })
        .collect())
}
