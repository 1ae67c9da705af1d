//! The data directory: whose it is, who can read the keys in it, and how much room is left.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::finding::Finding;
use crate::config::Config;

const AREA: &str = "Data directory";

/// Below this much room PostgreSQL soon stops taking messages.
const TOO_LITTLE: u64 = 256 << 20;
const LITTLE: u64 = 2 << 30;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let directory = &config.data_dir;
    let shown = directory.display().to_string();
    let mode = match fs::metadata(directory) {
        Ok(found) if found.is_dir() => found.permissions().mode(),
        Ok(_) => return vec![Finding::broken(AREA, &shown, "is no directory", "WAZAPP_DATA_DIR=…")],
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let fix = "wazapp serve makes it; if there is one, say where: WAZAPP_DATA_DIR=…";
            return vec![Finding::warning(AREA, shown, "is not there yet", fix)];
        }
        Err(error) => {
            let fix = "run this as the user that runs the server";
            return vec![Finding::broken(AREA, shown, format!("cannot be looked at: {error}"), fix)];
        }
    };
    let mut findings = vec![writable(directory, &shown)];
    // What is in it is closed by itself; but who can write here can put something else in its place.
    if mode & 0o022 != 0 {
        let says = format!("others can write it (mode {:04o})", mode & 0o7777);
        findings.push(Finding::broken(AREA, &shown, says, format!("chmod go-w {shown}")));
    }
    findings.extend(["master-key", "app-secret"].iter().filter_map(|name| key(directory, name)));
    findings.push(room(directory, &shown));
    findings
}

fn writable(directory: &Path, shown: &str) -> Finding {
    let probe = directory.join(format!(".doctor.{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe);
    let result = written.and_then(|_| fs::remove_file(&probe));
    match result {
        Ok(()) => Finding::good(AREA, shown, "can be written"),
        Err(error) => {
            let fix = format!("chown -R USER {shown}, USER being who runs the server; run this as the same user");
            Finding::broken(AREA, shown, format!("cannot be written: {error}"), fix)
        }
    }
}

/// A file of a secret; `None`: there is none.
fn key(directory: &Path, name: &str) -> Option<Finding> {
    let path = directory.join(name);
    let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
    let fix = format!("chmod 600 {}", path.display());
    Some(if mode & 0o077 != 0 {
        Finding::broken(AREA, name, format!("can be read by others (mode {mode:04o})"), fix)
    } else if let Err(error) = fs::read(&path) {
        Finding::broken(AREA, name, format!("cannot be read: {error}"), "run this as the user that runs the server")
    } else {
        Finding::good(AREA, name, format!("closed to others (mode {mode:04o})"))
    })
}

fn room(directory: &Path, shown: &str) -> Finding {
    let found = match rustix::fs::statvfs(directory) {
        Ok(found) => found,
        Err(error) => {
            let says = format!("the room left cannot be told: {error}");
            return Finding::warning(AREA, "room", says, format!("df {shown}"));
        }
    };
    let left = found.f_bavail.saturating_mul(found.f_frsize);
    let percent = (found.f_bavail * 100).checked_div(found.f_blocks).unwrap_or(0);
    let says = format!("{} left ({percent} %)", size(left));
    let fix = format!("make room on the disk of {shown}, or lower WAZAPP_INBOUND_RETENTION_DAYS");
    if left < TOO_LITTLE {
        Finding::broken(AREA, "room", says, fix)
    } else if left < LITTLE {
        Finding::warning(AREA, "room", says, fix)
    } else {
        Finding::good(AREA, "room", says)
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 { format!("{} GiB", bytes >> 30) } else { format!("{} MiB", bytes >> 20) }
}
