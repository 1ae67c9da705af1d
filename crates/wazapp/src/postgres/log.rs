//! PostgreSQL's own log, `DATA_DIR/postgres.log`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::config::open_private;

const ROTATE_AT: u64 = 16 << 20;

/// Keeps one old log; called while nobody writes.
pub(super) fn rotate(log: &Path) -> io::Result<()> {
    match length(log) > ROTATE_AT {
        true => fs::rename(log, log.with_extension("log.1")),
        false => Ok(()),
    }
}

/// The log, to be written at its end.
pub(super) fn open(log: &Path) -> io::Result<File> {
    let directory = log.parent().unwrap_or(Path::new("/"));
    open_private(log, directory, OpenOptions::new().append(true))
}

pub(super) fn length(log: &Path) -> u64 {
    fs::metadata(log).map_or(0, |found| found.len())
}

/// Why PostgreSQL gave up, from what it wrote after `start`.
pub(super) fn reason(log: &Path, start: u64) -> Option<String> {
    let mut text = Vec::new();
    let mut file = File::open(log).ok()?;
    file.seek(SeekFrom::Start(start)).ok()?;
    file.read_to_end(&mut text).ok()?;
    reason_in(&String::from_utf8_lossy(&text))
}

/// The last complaint, or else the last line.
pub(super) fn reason_in(text: &str) -> Option<String> {
    let last_line = || text.lines().map(str::trim).rfind(|line| !line.is_empty());
    complaint(text).or_else(|| last_line().map(str::to_owned))
}

/// The last complaint, without its time and level.
pub(super) fn complaint(text: &str) -> Option<String> {
    let message = |line: &str| {
        ["PANIC:", "FATAL:", "ERROR:", "error:"]
            .iter()
            .find_map(|level| line.split_once(level))
            .map(|(_, message)| message.trim().to_owned())
    };
    text.lines().filter_map(message).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_complaint() {
        let text = "2026-11-24 04:00:00.000 UTC [7] LOG:  starting PostgreSQL 15.14\n\
            2026-11-24 04:00:00.000 UTC [7] FATAL:  could not write lock file \"postmaster.pid\": No space left on device\n\
            2026-11-24 04:00:00.000 UTC [7] LOG:  database system is shut down\n";
        let reason = reason_in(text).expect("a reason");
        assert!(reason.starts_with("could not write lock file"), "{reason}");
    }

    #[test]
    fn without_a_complaint_the_last_line_must_do() {
        assert_eq!(reason_in("one\ntwo\n\n").as_deref(), Some("two"));
        assert_eq!(reason_in("\n"), None);
    }
}
