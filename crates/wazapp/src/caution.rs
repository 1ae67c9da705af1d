//! What is allowed, and makes promises hollow: the server says it in its log when it starts, and `wazapp doctor` shows it.
//!
//! A check is a function in one of the tables, and answers what is so and what mends it. What cannot be lived with is refused
//! elsewhere: in the configuration, and in `model::migrate`.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use model::inspect::AtStart;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{CertificateSource, Config};

/// Windows and tokens are told by our clock, retention by the database's.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Whoever tries words has tried all shorter ones soon.
const SHORT_SECRET: usize = 12;
const SHORT_WORD: usize = 6;

/// Where containers get their secrets: nobody else is in there.
const OF_CONTAINERS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

/// One thing that a person should weigh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caution {
    /// A setting, a flag or a file.
    pub(crate) subject: String,
    pub(crate) says: String,
    /// What mends it: a setting or a command.
    pub(crate) fix: String,
}

impl Caution {
    fn new(subject: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { subject: subject.into(), says: says.into(), fix: fix.into() }
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}; {}", self.subject, self.says, self.fix)
    }
}

type Check = fn(&Config) -> Vec<Caution>;

const CHECKS: [Check; 9] = [
    plain_to_all,
    trusts_all,
    calls_all,
    metrics_to_all,
    open_files,
    on_the_command_line,
    guessable_key,
    short_secret,
    short_word,
];

/// What doctor shows by itself, at more length.
const CHECKS_AT_START: [Check; 2] = [open_directory, plain_name];

/// Of the configuration.
pub(crate) fn of(config: &Config) -> Vec<Caution> {
    CHECKS.iter().flat_map(|check| check(config)).collect()
}

/// The same, and what only a server's log says.
pub(crate) fn at_start(config: &Config) -> Vec<Caution> {
    CHECKS_AT_START.iter().flat_map(|check| check(config)).chain(of(config)).collect()
}

/// Of the database.
pub(crate) fn of_database(found: &AtStart) -> Vec<Caution> {
    [found.superuser.as_deref().map(superuser), clock("the database's", found.ahead)].into_iter().flatten().collect()
}

/// A login above everybody. The role of each transaction holds all the same: policies ask who is at work, not who logged in.
pub(crate) fn superuser(login: &str) -> Caution {
    Caution::new(
        "login",
        format!(
            "{login} of WAZAPP_DATABASE_URL is a superuser: organizations are kept apart as long as each transaction stays in its role, \
             and a statement that left it could do anything, on PostgreSQL's machine too"
        ),
        "log in as an owner that is none: CREATE ROLE wazapp_owner LOGIN CREATEROLE (docs/operate.md, External)",
    )
}

/// A clock that is far from ours.
pub(crate) fn clock(whose: &str, ahead: SignedDuration) -> Option<Caution> {
    let fix = "let both machines keep time by NTP: timedatectl set-ntp true";
    (ahead.abs() > SKEW).then(|| Caution::new("clock", skew(whose, ahead), fix))
}

/// How far a clock is from ours.
pub(crate) fn skew(whose: &str, ahead: SignedDuration) -> String {
    let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
    format!("{whose} runs {:.1} s {direction} ours", ahead.abs().as_secs_f64())
}

/// A file with a secret that others can read.
pub(crate) fn open_file(path: &Path, reader: u32) -> Option<Caution> {
    let found = fs::metadata(path).ok()?;
    let mode = found.permissions().mode() & 0o777;
    let shown = path.display();
    // Where it is somebody else's, closed alone it would be closed to the server too.
    let own = if found.uid() == reader { String::new() } else { format!("chown {reader} {shown} && ") };
    (mode & 0o007 != 0).then(|| {
        let says = format!("holds a secret, and can be read by others (mode {mode:04o})");
        Caution::new(shown.to_string(), says, format!("{own}chmod 600 {shown}"))
    })
}

/// Who runs the server: whose the data directory is.
fn server_user(config: &Config) -> u32 {
    fs::metadata(&config.data_dir).map_or_else(|_| rustix::process::geteuid().as_raw(), |found| found.uid())
}

/// Whoever reaches this machine speaks to the server in the clear, and no proxy is known that would not.
fn plain_to_all(config: &Config) -> Vec<Caution> {
    let address = config.listen;
    if address.ip().is_loopback() || !config.trusted_proxies.is_empty() {
        return Vec::new();
    }
    let says = format!(
        "{address} is open to whoever reaches this machine, without TLS: passwords and keys can be read on the way"
    );
    let fix = match config.https {
        Some(_) => "WAZAPP_LISTEN=127.0.0.1:8080: HTTPS has an address of its own, WAZAPP_HTTPS_LISTEN",
        None => {
            "WAZAPP_DOMAIN=YOUR.NAME for HTTPS by itself; behind a proxy WAZAPP_TRUSTED_PROXIES=its addresses, or \
             WAZAPP_LISTEN=127.0.0.1:8080 where it is on this machine"
        }
    };
    vec![Caution::new("listen", says, fix)]
}

fn trusts_all(config: &Config) -> Vec<Caution> {
    let everybody = config.trusted_proxies.iter().find(|network| network.is_everybody());
    let says = |network| {
        format!(
            "{network} is everybody: whoever calls says in X-Forwarded-For who they are, past limits and into the record"
        )
    };
    let fix = "WAZAPP_TRUSTED_PROXIES=the addresses of the proxy alone, like 127.0.0.1";
    everybody.map(|network| Caution::new("trusted_proxies", says(network), fix)).into_iter().collect()
}

fn calls_all(config: &Config) -> Vec<Caution> {
    let says = |network| {
        format!("{network} is everything: organizations' endpoints may be in networks that only this machine reaches")
    };
    let fix = "WAZAPP_ALLOW_TARGETS=the one network that is meant, like 10.1.2.0/24; public addresses need none";
    let everything = config.allow_targets.everybody();
    everything.map(|network| Caution::new("allow_targets", says(network), fix)).into_iter().collect()
}

fn metrics_to_all(config: &Config) -> Vec<Caution> {
    let open = config.metrics_listen.filter(|address| address.ip().is_unspecified());
    // A pod has no other address to give, and is reached from within the cluster.
    let open = open.filter(|_| std::env::var_os("KUBERNETES_SERVICE_HOST").is_none());
    let caution = |address| {
        let says = format!("{address} shows metrics and details to whoever reaches this machine, without a password");
        Caution::new("metrics_listen", says, "WAZAPP_METRICS_LISTEN=127.0.0.1:9090, or the address that is asked at")
    };
    open.map(caution).into_iter().collect()
}

/// All that a setting names as a file with a secret.
fn secret_files(config: &Config) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = config.exposed.files.iter().cloned().collect();
    if let Some(CertificateSource::Files { key, .. }) = config.https.as_ref().map(|https| &https.certificate) {
        files.push(key.clone());
    }
    files.retain(|path| !OF_CONTAINERS.iter().any(|place| path.starts_with(place)));
    files
}

fn open_files(config: &Config) -> Vec<Caution> {
    let reader = server_user(config);
    secret_files(config).iter().filter_map(|path| open_file(path, reader)).collect()
}

fn on_the_command_line(config: &Config) -> Vec<Caution> {
    let caution = |flag: &String| {
        let says = "the secret stands on the command line, where everybody on this machine sees it (ps)";
        let variable = flag.trim_start_matches('-').replace('-', "_").to_uppercase();
        let fix = format!("WAZAPP_{variable}, WAZAPP_{variable}_FILE, or {flag} - which reads it from standard input");
        Caution::new(flag, says, fix)
    };
    config.exposed.flags.iter().map(caution).collect()
}

fn guessable_key(config: &Config) -> Vec<Caution> {
    let caution = || {
        Caution::new(
            "master_key",
            "one that is soon guessed, of bytes that repeat: what it seals is open to whoever has a backup or the database",
            "put a key of `openssl rand -hex 32` before it, then wazapp key-ring rotate (docs/operate.md, The master key)",
        )
    };
    config.has_guessable_key().then(caution).into_iter().collect()
}

fn short_secret(config: &Config) -> Vec<Caution> {
    let is_short = |secret: &SecretString| secret.expose_secret().chars().count() < SHORT_SECRET;
    let caution = || {
        Caution::new(
            "meta_app_secret",
            format!("has fewer than {SHORT_SECRET} characters: whoever guesses it signs webhooks as Meta does"),
            "WAZAPP_META_APP_SECRET=… as Meta made it, 32 characters (Meta's App dashboard, App settings, Basic)",
        )
    };
    config.said_app_secrets().iter().any(is_short).then(caution).into_iter().collect()
}

fn short_word(config: &Config) -> Vec<Caution> {
    let word = config.meta_verify_token.as_ref();
    let is_short = |word: &&SecretString| word.expose_secret().chars().count() < SHORT_WORD;
    let caution = |_| {
        Caution::new(
            "meta_verify_token",
            format!("has fewer than {SHORT_WORD} characters: whoever guesses it has the callback prove itself to them"),
            "WAZAPP_META_VERIFY_TOKEN=… of `openssl rand -hex 16`, the same in the App's dashboard, WhatsApp, Configuration",
        )
    };
    word.filter(is_short).map(caution).into_iter().collect()
}

fn open_directory(config: &Config) -> Vec<Caution> {
    let shown = config.data_dir.display().to_string();
    let Ok(found) = fs::metadata(&config.data_dir) else { return Vec::new() };
    let mode = found.permissions().mode() & 0o7777;
    let caution = || {
        let says =
            format!("everybody can write it (mode {mode:04o}), and put another key in the place of the server's");
        Caution::new(&shown, says, format!("chmod go-w {shown}"))
    };
    (mode & 0o002 != 0).then(caution).into_iter().collect()
}

fn plain_name(config: &Config) -> Vec<Caution> {
    let url = config.public_url(config.listen);
    let Some(host) = url.strip_prefix("http://").filter(|_| config.is_said("public_url")) else { return Vec::new() };
    if is_here(host) {
        return Vec::new();
    }
    let says = format!("{url} is not HTTPS: passwords and keys can be read on the way, and Meta calls no such address");
    let fix = format!(
        "WAZAPP_PUBLIC_URL=https://{host}, and WAZAPP_DOMAIN or a TLS proxy in front (docs/operate.md, TLS proxy)"
    );
    vec![Caution::new("public_url", says, fix)]
}

/// Whether a host, with its port, is this machine to itself.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for here in ["localhost", "localhost:8080", "wa.localhost", "127.0.0.1:1", "127.1.2.3", "[::1]:8080", "[::1]"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in ["wa.example.org", "192.0.2.7:8080", "[2001:db8::1]:80", "notlocalhost"] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn clocks_a_few_seconds_apart_are_nothing() {
        for seconds in [0, 4, -5] {
            assert_eq!(clock("the database's", SignedDuration::from_secs(seconds)), None);
        }
        let said = clock("the database's", SignedDuration::from_secs(-6)).expect("a caution").to_string();
        assert!(said.contains("6.0 s behind ours") && said.contains("NTP"), "{said}");
    }
}
