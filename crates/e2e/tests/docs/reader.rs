//! Somebody who types what a page says, on a machine that has nothing yet, into a server beside a simulated Meta.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use e2e::meta::{Meta, SimulatedNumber};
use e2e::outside::free_address;
use e2e::program::{Installation, Server, binary};
use tempfile::TempDir;

use super::blocks::{Command, root};

/// A program that stands before the real one: what it is called, and what it does.
const PROGRAMS: [(&str, &str); 4] = [
    // The status of an answer goes to standard error, where it is read.
    ("curl", "exec $REAL_CURL -w '%{stderr}HTTP %{http_code}\\n' --show-error --max-time 30 \"$@\""),
    // What make would run: the program is built already.
    ("make", "exec $REAL_MAKE --dry-run --no-print-directory -C $REPOSITORY \"$@\""),
    // Tests are one user.
    ("sudo", "[ \"$1\" = -u ] && shift 2; exec \"$@\""),
    // What Helm would send to a cluster.
    (
        "helm",
        "[ \"$1\" = install ] && shift && exec $REAL_HELM template \"$@\"; echo \"helm $1: no cluster\" >&2; exit 1",
    ),
];

/// Who reads, and where.
pub(super) struct Reader {
    pub(super) meta: Meta,
    pub(super) numbers: Vec<SimulatedNumber>,
    pub(super) installation: Installation,
    /// Where the reader was before, or will be again.
    pub(super) places: Vec<Installation>,
    pub(super) server: Option<Server>,
    pub(super) url: String,
    pub(super) folder: TempDir,
    /// What the page writes, and what that is here.
    pub(super) words: Vec<(String, String)>,
}

/// What became of a command.
pub(super) struct Ran {
    pub(super) output: Output,
    /// Both streams.
    pub(super) said: String,
}

impl Ran {
    /// The statuses of the answers that `curl` got.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let errors = String::from_utf8_lossy(&self.output.stderr).into_owned();
        errors.lines().filter_map(|line| line.strip_prefix("HTTP ")?.parse().ok()).collect()
    }

    pub(super) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }
}

async fn installed(meta: &Meta, address: &str) -> Installation {
    Installation::beside(meta, "a-word")
        .await
        .setting("WAZAPP_LISTEN", address)
        .setting("WAZAPP_PUBLIC_URL", &format!("http://{address}"))
        .setting("WAZAPP_ALLOW_TARGETS", "127.0.0.0/8")
}

fn found(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{program} is missing: scripts/need docs installs it"))
}

fn helm() -> PathBuf {
    let own = root().join("crates/e2e/deploy/node_modules/.bin/helm");
    if own.exists() { own } else { found("helm") }
}

impl Reader {
    /// A folder with what a reader has in it, and a server that is not started yet.
    pub(super) async fn new() -> Self {
        let meta = Meta::start(simulator::Options { seed: 7, ..simulator::Options::default() }).await;
        let numbers = meta.numbers().await;
        let address = free_address().to_string();
        let url = format!("http://{address}");
        let installation = installed(&meta, &address).await;
        let folder = tempfile::Builder::new().prefix("reader-").tempdir().expect("a folder");
        furnish(folder.path(), installation.data_dir());
        let places = Vec::new();
        Self { meta, numbers, installation, places, server: None, url, folder, words: Vec::new() }
    }

    pub(super) async fn serve(&mut self) {
        self.server = Some(self.installation.serve().await);
    }

    pub(super) async fn stops(&mut self) {
        if let Some(server) = self.server.take() {
            assert!(server.terminate().await.0.success());
        }
    }

    /// An empty place, of the same address.
    pub(super) async fn another(&self) -> Installation {
        installed(&self.meta, self.url.trim_start_matches("http://")).await
    }

    /// Has `./data` be where the reader is.
    pub(super) fn is_here(&self) {
        let link = self.folder.path().join("data");
        std::fs::remove_file(&link).expect("a link");
        symlink(self.installation.data_dir(), link).expect("a link");
    }

    /// What a word of the page is here; in commands the longest is looked for first.
    pub(super) fn means(&mut self, word: &str, here: impl Into<String>) {
        self.words.push((word.into(), here.into()));
    }

    /// Puts a file into the reader's folder.
    pub(super) fn file(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn here(&self, text: &str) -> String {
        let mut words: Vec<_> = self.words.iter().collect();
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        words.into_iter().fold(text.to_owned(), |text, (word, here)| text.replace(word.as_str(), here))
    }

    /// Types a command into bash, where what was exported before still is.
    pub(super) async fn types(&mut self, command: &Command) -> Ran {
        let text = self.here(&command.text);
        let script = format!(
            "set -a\n[ -e .exported ] && . ./.exported\n{text}\ncode=$?\nexport -p | grep -v ' WAZAPP_DATA_DIR=' >\"$READER/.exported\"\nexit $code\n"
        );
        let mut bash = tokio::process::Command::new("bash");
        bash.args(["-o", "pipefail", "-c", &script])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let settings = self.installation.command(&[]);
        for (name, value) in settings.as_std().get_envs() {
            match value {
                Some(value) => bash.env(name, value),
                None => bash.env_remove(name),
            };
        }
        let programs = self.folder.path().join("bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs).chain(std::env::split_paths(&path));
        bash.env("PATH", std::env::join_paths(path).expect("a path"))
            .env("READER", self.folder.path())
            .env("REPOSITORY", root())
            .env("REAL_CURL", found("curl"))
            .env("REAL_MAKE", found("make"))
            .env("REAL_HELM", helm());
        let output = bash.output().await.expect("bash runs");
        let said =
            [&output.stdout[..], &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
        // What was said is looked up by what is typed later.
        let all = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join(".said"));
        std::io::Write::write_all(&mut all.expect("a file"), said.as_bytes()).expect("written");
        Ran { output, said }
    }

    pub(super) async fn end(mut self) {
        self.stops().await;
        self.meta.stop().await;
    }
}

/// What lies around a reader: the program, where the pages say it is, and the repository's folders.
fn furnish(folder: &Path, data_dir: &Path) {
    let make = |path: &str| std::fs::create_dir_all(folder.join(path)).expect("a folder");
    for path in ["bin", "target/release", "usr/local/bin", "etc", "backup"] {
        make(path);
    }
    for (name, does) in PROGRAMS {
        let path = folder.join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{does}\n")).expect("a program");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a program");
    }
    let link = |to: &Path, name: &str| symlink(to, folder.join(name)).expect("a link");
    link(&binary(), "bin/wazapp");
    link(&binary(), "target/release/wazapp");
    link(data_dir, "data");
    for shared in ["examples", "deploy"] {
        link(&root().join(shared), shared);
    }
}
