//! Holds each statement of crate `model` against what Citus carries out: a row of an organization lies on the shard of its
//! organization, so a statement names the organizations that it is about, or goes to all shards.

use std::path::Path;

use super::sources::collect;

/// Tables that stand on one node, or whole on each.
const UNDISTRIBUTED: [&str; 32] = [
    "organization",
    "number_claim",
    "app",
    "app_secret",
    "app_verify_token",
    "sealing_key",
    "key_holder",
    "stream",
    "lane",
    "lane_cursor",
    "inbound",
    "inbound_default",
    "quarantine",
    "migration",
    "user",
    "session",
    "password_link",
    "sign_in_try",
    "server_audit",
    "passkey",
    "passkey_ceremony",
    "provider_account",
    "provider_answer",
    "recovery_code",
    "mail",
    "acme_account",
    "acme_order",
    "acme_challenge",
    "certificate",
    "restoration",
    "backup",
    "relocation",
];

/// What Citus refuses, or does at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It names no organization: every shard is asked.
    AllShards,
    /// Rows of several organizations are locked by reading them.
    Locks,
    /// It goes on from what it found, through all organizations.
    Recursion,
    /// It changes rows by what is not immutable: a column's time that an interval is added to.
    Interval,
    /// Rows of organizations come from `unnest`, past [`Rows`](../../model/src/database/rows.rs).
    Rows,
    /// Rows of organizations are read together with a table that stands on one node.
    JoinsLocal,
}

use Fault::{AllShards, Interval, JoinsLocal, Locks, Recursion};

/// What is let pass: a file, how the statement begins, its faults, and why.
#[derive(Debug)]
struct Pass(&'static str, &'static str, &'static [Fault], &'static str);

/// A look for what is due, which is why nothing names whose it is.
const POLL: &str = "a look for what is due in any organization; what is found is claimed by its organization";
/// Done now and then, in all organizations at once.
const SWEEP: &str = "now and then, over all organizations";
/// Where somebody works is asked when they sign in, or choose.
const PERSON: &str = "of one person, over the organizations they work in";
/// All of it is read.
const BACKUP: &str = "a backup is of all organizations";
/// Of PostgreSQL alone.
const OTHERWISE: &str = "Citus is given another statement";

/// An operator asks, now and then.
const ERASURE: &str = "asked once as somebody is erased: what others have of the same";
const CLAUSE: &str = "its clause, which is put in, names the organization";
/// What Citus has still to be spared.
const REFUSED: &str = "Citus refuses it until it is mended";

const PASSES: &[Pass] = &[
    Pass(
        "app.rs",
        "SELECT o.slug, n.phone_number_id",
        &[AllShards],
        "for whoever runs the server: before an App is removed",
    ),
    Pass("app.rs", "SELECT o.slug, c.phone_number_id FROM wazapp.connection", &[AllShards], "the same"),
    Pass("at_meta.rs", "DELETE FROM wazapp.made_at_meta", &[AllShards], SWEEP),
    Pass("connection/job.rs", "SELECT organization_id, id", &[AllShards], POLL),
    Pass("connection/sweep.rs", "UPDATE wazapp.connection SET token = NULL", &[AllShards], SWEEP),
    Pass("connection/sweep.rs", "UPDATE wazapp.connection SET due_at", &[AllShards], SWEEP),
    Pass("conversation/recount.rs", "UPDATE wazapp.conversation v", &[Interval], REFUSED),
    Pass("delivery.rs", "SELECT count(*) AS waiting", &[AllShards], SWEEP),
    Pass("delivery/claim.rs", "SELECT min(due_at) FROM wazapp.endpoint", &[AllShards], POLL),
    Pass("delivery/settle.rs", "DELETE FROM wazapp.delivery", &[AllShards], SWEEP),
    Pass("erasure/person.rs", "UPDATE wazapp.event t SET data = NULL", &[AllShards], CLAUSE),
    Pass("erasure/raw.rs", "SELECT phone_number_id, claimed_at AS since", &[JoinsLocal], ERASURE),
    Pass("erasure/raw.rs", "SELECT DISTINCT waba_id FROM wazapp.number", &[AllShards], ERASURE),
    Pass("transfer/export.rs", "SELECT t.sha256, t.size FROM wazapp.file t", &[AllShards], CLAUSE),
    Pass("relay.rs", "DELETE FROM wazapp.relay", &[AllShards], SWEEP),
    Pass("event/line.rs", "SELECT s.organization_id, s.last", &[AllShards, Locks], OTHERWISE),
    Pass("mail/endpoints.rs", "SELECT organization_id, id, state_at FROM wazapp.endpoint", &[AllShards], POLL),
    Pass("media/fetch.rs", "WITH RECURSIVE turn", &[AllShards, Recursion], OTHERWISE),
    Pass("media/fetch.rs", "SELECT organization_id FROM wazapp.media", &[AllShards], POLL),
    Pass("media/fetch.rs", "SELECT organization_id, id, fence", &[AllShards], POLL),
    Pass("media/fetch.rs", "SELECT count(*) AS pending", &[AllShards], SWEEP),
    Pass("media/retention.rs", "SELECT f.organization_id, array_agg", &[AllShards], POLL),
    Pass("media/retention.rs", "SELECT organization_id, sha256", &[AllShards], POLL),
    Pass("media/thumbnail.rs", "SELECT f.organization_id, f.sha256", &[AllShards], POLL),
    Pass("membership.rs", "SELECT o.id, o.slug", &[AllShards], PERSON),
    Pass("membership.rs", "SELECT o.name FROM", &[AllShards], PERSON),
    Pass("membership.rs", "SELECT organization_id FROM wazapp.membership", &[AllShards], PERSON),
    Pass("entry.rs", "DELETE FROM wazapp.entry WHERE ends_at", &[AllShards], SWEEP),
    Pass(
        "organization.rs",
        "SELECT o.id, o.slug, o.name, o.suspended_at",
        &[AllShards],
        "for whoever runs the server: a list that is read",
    ),
    Pass("session.rs", "INSERT INTO wazapp.session", &[JoinsLocal], PERSON),
    Pass("session.rs", "SELECT s.id, l.viewer_id", &[JoinsLocal], PERSON),
    Pass("session.rs", "UPDATE wazapp.session SET organization_id", &[JoinsLocal], PERSON),
    Pass("number/route.rs", "WITH named AS", &[AllShards, JoinsLocal], "only for numbers that others had before"),
    Pass("number_check.rs", "SELECT d.organization_id, d.id", &[AllShards], POLL),
    Pass("number_check/examine.rs", "SELECT ", &[JoinsLocal], "for whoever runs the server: a list that is read"),
    Pass("outbox/turns.rs", "SELECT p.organization_id, p.number_id", &[AllShards], POLL),
    Pass("outbox/turns.rs", "WITH RECURSIVE waiting", &[AllShards, Recursion], OTHERWISE),
    Pass("outbox/turns.rs", "WITH waiting AS", &[AllShards], POLL),
    Pass("outbox/settle.rs", "INSERT INTO wazapp.reaction", &[Interval], REFUSED),
    Pass("outbox/settle.rs", "SELECT k.nth, q.state", &[Locks], REFUSED),
    Pass("outbox/sweep.rs", "SELECT organization_id, message_id, number_id, recipient", &[AllShards], POLL),
    Pass("outbox/sweep.rs", "DELETE FROM wazapp.", &[AllShards], SWEEP),
    Pass("outbox/sweep.rs", "SELECT count(*) FILTER", &[AllShards], SWEEP),
    Pass("quota.rs", "SELECT o.slug, q.*", &[AllShards], "for whoever runs the server: a list that is read"),
    Pass("receipt.rs", "SELECT d.organization_id, array_agg", &[AllShards], POLL),
    Pass("backup/snapshot.rs", "SELECT count(*), coalesce(sum(size)", &[AllShards], BACKUP),
    Pass("backup/snapshot.rs", "SELECT organization_id, sha256, size", &[AllShards], BACKUP),
    Pass("restoration.rs", "SELECT count(*) FROM wazapp.", &[AllShards], "for whoever runs the server: what waits"),
    Pass("restoration.rs", "UPDATE wazapp.outbox SET deadline", &[AllShards], "once, after a restore"),
    Pass("retention/events.rs", "INSERT INTO wazapp.event_mark", &[AllShards], SWEEP),
    Pass("retention.rs", "SELECT coalesce(sum(oldest_event", &[AllShards], SWEEP),
    Pass("template/learn.rs", "UPDATE wazapp.template_sync s", &[Interval], REFUSED),
    Pass("template/sync.rs", "INSERT INTO wazapp.template_sync (", &[AllShards], SWEEP),
    Pass("template/sync.rs", "SELECT s.organization_id, s.waba_id", &[AllShards], POLL),
    Pass("upload.rs", "DELETE FROM wazapp.upload WHERE uploaded_at", &[AllShards], SWEEP),
];

/// Statements of crate `model` with a fault that nothing lets pass, and passes that let nothing pass any more.
pub fn findings() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut used = vec![false; PASSES.len()];
    let mut findings = Vec::new();
    let mut seen = 0;
    for path in &files {
        let source = std::fs::read_to_string(path).expect("a source is text");
        let name = path.strip_prefix(&root).expect("it is in there").to_string_lossy();
        for statement in statements(&source) {
            seen += 1;
            let faults = faults(&statement);
            let begins = |pass: &Pass| name == pass.0 && statement.trim_start().starts_with(pass.1) && faults == pass.2;
            match PASSES.iter().position(begins) {
                Some(nth) => used[nth] = true,
                None if faults.is_empty() => {}
                None => findings.push(format!("{name}: {faults:?}: {}", beginning(&statement))),
            }
        }
    }
    assert!(seen > 200, "the statements are not where they were: {seen}");
    let idle = PASSES.iter().zip(used).filter(|(_, used)| !used);
    findings.extend(idle.map(|(pass, _)| format!("{}: nothing begins so any more: {} ({})", pass.0, pass.1, pass.3)));
    findings
}

fn beginning(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect()
}

/// What Citus does not take of a statement.
pub fn faults(statement: &str) -> Vec<Fault> {
    let (local, distributed): (Vec<&str>, Vec<&str>) =
        tables(statement).into_iter().partition(|table| UNDISTRIBUTED.contains(table));
    if distributed.is_empty() {
        return Vec::new();
    }
    let says = |words: &str| statement.contains(words);
    let of_one = says("organization_id = $") || says("VALUES ($1") || says("SELECT $1");
    let of_named = of_one || says("organization_id = ANY ($") || says("{rows}") || says("{numbered rows}");
    let mut faults = Vec::new();
    let mut find = |found: bool, fault| faults.extend(found.then_some(fault));
    find(!of_named, AllShards);
    find(!of_one && ["FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE"].into_iter().any(says), Locks);
    find(!of_one && says("RECURSIVE"), Recursion);
    find(says("UPDATE") && adds_to_a_column(statement), Interval);
    find(!of_one && says("unnest("), Fault::Rows);
    find(local.iter().any(|table| *table != "organization"), JoinsLocal);
    faults
}

/// Whether an interval is added to anything but a value that the statement is given.
fn adds_to_a_column(statement: &str) -> bool {
    let last = statement.matches("interval '").count();
    statement.split("interval '").take(last).any(|before| {
        let operand = before.trim_end().trim_end_matches(['+', '-']).trim_end();
        !operand.rsplit(char::is_whitespace).next().is_some_and(|operand| operand.contains('$'))
    })
}

/// The tables of ours that a statement names.
fn tables(statement: &str) -> Vec<&str> {
    let named = statement.split("wazapp.").skip(1);
    let names = named.map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or_default());
    names.filter(|name| !name.is_empty()).collect()
}

/// The statements of a source, without what its macros add. Comments and tests are none.
pub fn statements(source: &str) -> Vec<String> {
    let source = source.split("\nmod tests {").next().unwrap_or_default();
    let texts = texts(source).into_iter();
    let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "DECLARE"];
    let is_one =
        |text: &String| verbs.iter().any(|verb| text.trim_start().starts_with(verb)) && text.contains("wazapp.");
    texts.filter(is_one).collect()
}

/// The texts of a source; those of one `concat!` are one.
fn texts(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut rest, mut whole): (&str, Option<(usize, String)>) = (source, None);
    while let Some(next) = rest.chars().next() {
        let mut taken = next.len_utf8();
        if rest.starts_with("//") {
            taken = rest.find('\n').unwrap_or(rest.len());
        } else if next == '\'' {
            taken = character(rest);
        } else if whole.is_none() && rest.starts_with("concat!(") {
            (taken, whole) = ("concat!(".len(), Some((1, String::new())));
        } else if next == '"' {
            let end = text_end(rest);
            let text = &rest[1..end];
            match &mut whole {
                Some((_, whole)) => {
                    whole.push_str(text);
                    whole.push(' ');
                }
                None => found.push(text.to_owned()),
            }
            taken = end + 1;
        } else if let Some((depth, text)) = &mut whole {
            match next {
                '(' => *depth += 1,
                ')' => *depth -= 1,
                _ => {}
            }
            if *depth == 0 {
                found.push(std::mem::take(text));
                whole = None;
            }
        }
        rest = &rest[taken..];
    }
    found
}

/// How long a character is, or the mark of a lifetime.
fn character(rest: &str) -> usize {
    let mut inside = rest[1..].char_indices();
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let behind = 1 + at + escaped.len_utf8();
            rest[behind..].find('\'').map_or(1, |end| behind + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 2,
        _ => 1,
    }
}

/// Where a text ends that begins here.
fn text_end(rest: &str) -> usize {
    let mut escaped = false;
    let quote = rest.char_indices().skip(1).find(|(_, next)| {
        let ends = *next == '"' && !escaped;
        escaped = *next == '\\' && !escaped;
        ends
    });
    quote.map_or(rest.len() - 1, |(at, _)| at)
}
