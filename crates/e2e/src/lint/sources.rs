//! Reads the sources of the server, and names what stands anywhere but in its one place.

use std::path::{Path, PathBuf};

use model::event::Kind;

/// The crates whose sources are read.
const CRATES: [&str; 6] = ["model", "web", "worker", "wazapp", "whatsapp", "sync"];

/// What PostgreSQL calls the time, which no test can put ahead.
const SQL_TIMES: [&str; 9] = [
    "now()",
    "clock_timestamp()",
    "statement_timestamp()",
    "transaction_timestamp()",
    "timeofday()",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
];

/// Letters that Spanish has and English has not. The crate of rows speaks to people in one room alone.
const SPANISH: [char; 8] = ['á', 'é', 'í', 'ó', 'ú', 'ñ', '¿', '¡'];
const SPEAKS: [&str; 2] = ["model/src/trouble/", "model/src/organization.rs"];

/// What stands in these files alone, and why there.
#[derive(Debug)]
struct Place {
    /// The words, in lower case.
    words: Vec<String>,
    /// The files, from `crates` on; a folder ends with `/`.
    files: &'static [(&'static str, &'static str)],
    /// Where it goes instead.
    instead: &'static str,
}

/// The whole of what the lint lets pass: a new place is a line here with its reason, or a finding.
fn places() -> [Place; 5] {
    [
        Place {
            words: vec!["organization_sequence".into()],
            files: &[
                ("model/src/database/rows.rs", "on Citus, new rows are brought to where their organization's lie"),
                ("model/src/delivery.rs", "on Citus, a new row is brought to where its organization's lie"),
                ("model/src/delivery/claim.rs", "reads how far endpoints are behind"),
                ("model/src/endpoint/change.rs", "under the line, an endpoint begins where its log ends"),
                ("model/src/relay.rs", "moves the end of what the line has numbered"),
                ("model/src/event.rs", "where events are recorded"),
                ("model/src/event/", "where a line is taken, and events are numbered"),
                ("model/src/organization.rs", "a new organization's log begins"),
                ("model/src/outbox/echo.rs", "reads where the log ends, under the line"),
                ("model/src/transfer/person.rs", "says that nothing of a contact is in it"),
                ("model/src/retention/events.rs", "notes how far logs have come: what is less than that stands there"),
            ],
            instead: "take the organization's line with `event::line`, and record by it",
        },
        Place {
            words: Kind::OURS.iter().map(|kind| format!("\"{}\"", kind.word())).collect(),
            files: &[
                ("model/src/event/kind.rs", "where kinds of events have their words"),
                ("sync/src/news.rs", "a copier knows the API alone"),
            ],
            instead: "name the kind: `event::Kind`",
        },
        Place {
            words: ["\"advice\"", "\"en\":", "\"es\":"].map(str::to_owned).to_vec(),
            files: &[
                ("model/src/trouble.rs", "what people are told, and how it is written"),
                ("model/src/trouble/", "its words"),
                ("web/src/api/example.rs", "examples of answers"),
            ],
            instead: "make a `model::trouble::Trouble`, or `Words`",
        },
        Place {
            words: vec!["for update".into()],
            files: &[
                ("model/src/connection/job.rs", "attempts: nothing refers to them"),
                ("model/src/connection/resume.rs", "the same"),
                ("model/src/contact/merge.rs", "what waits in the outbox, and merges: the same"),
                ("model/src/contact/rehome.rs", "what waits in the outbox"),
                ("model/src/conversation/recount.rs", "the same"),
                ("model/src/media/fetch.rs", "media: nothing refers to them"),
                ("model/src/media/retention.rs", "a file that goes: nobody may begin to refer to it"),
                ("model/src/outbox/claim.rs", "what waits, and its number's pace: nothing refers to them"),
                ("model/src/outbox/settle.rs", "what waits"),
                ("model/src/quarantine.rs", "what is kept: nothing refers to it"),
                ("model/src/receipt.rs", "receipts: the same"),
                ("model/src/retention/statuses.rs", "updates of statuses: the same"),
                ("model/src/template/sync.rs", "readings: the same"),
                ("model/src/upkeep.rs", "streams: the same"),
            ],
            instead: "FOR NO KEY UPDATE: whoever writes a row that refers to this one would wait, and perhaps crosswise",
        },
        Place {
            words: SQL_TIMES.map(str::to_owned).to_vec(),
            files: &[
                ("model/src/inspect.rs", "compares the database's clock with ours"),
                ("model/src/migrate.rs", "the default of a column of the list of migrations"),
                ("sync/src/lease.rs", "of copiers on several machines, only that database's clock is everybody's"),
                ("sync/src/schema.rs", "the default of a column of a copy's"),
            ],
            instead: "bind the time: of the server's clock, or of the pipeline",
        },
    ]
}

/// What breaks a rule in the sources of the server.
pub fn findings() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for name in CRATES {
        collect(&root.join(name).join("src"), &mut files);
    }
    assert!(files.len() > 200, "the sources are not where they were");
    files.sort();
    let findings = files.iter().flat_map(|path| {
        let source = std::fs::read_to_string(path).expect("a source is text");
        let name = path.strip_prefix(&root).expect("it is in there").to_string_lossy().into_owned();
        judge(&name, &source)
    });
    findings.collect()
}

pub(super) fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// What one source breaks. Comments and tests may say what they like.
pub fn judge(name: &str, source: &str) -> Vec<String> {
    let places = places();
    let strange: Vec<&Place> =
        places.iter().filter(|place| !place.files.iter().any(|(file, _)| is_in(name, file))).collect();
    let rows_alone = name.starts_with("model/") && !SPEAKS.iter().any(|file| is_in(name, file));
    let mut findings = Vec::new();
    for (number, line) in source.lines().enumerate() {
        if line == "mod tests {" {
            break;
        }
        if line.trim_start().starts_with("//") {
            continue;
        }
        let line = line.to_lowercase();
        if rows_alone && line.contains(SPANISH) {
            findings.push(format!("{name}:{}: words for people: they go into model/src/trouble/", number + 1));
        }
        for place in &strange {
            for words in place.words.iter().filter(|words| says(&line, words)) {
                findings.push(format!("{name}:{}: {words}: {}", number + 1, place.instead));
            }
        }
    }
    findings
}

/// Whether the words stand there whole, and are no method of Rust's.
fn says(line: &str, words: &str) -> bool {
    let goes_on = |next: char| next.is_alphanumeric() || next == '_';
    line.match_indices(words).any(|(at, _)| {
        let (before, behind) = (&line[..at], &line[at + words.len()..]);
        let is_method = words.ends_with("()") && before.ends_with(['.', ':']);
        words.starts_with('"') || !is_method && !before.ends_with(goes_on) && !behind.starts_with(goes_on)
    })
}

fn is_in(name: &str, file: &str) -> bool {
    name == file || file.ends_with('/') && name.starts_with(file)
}
