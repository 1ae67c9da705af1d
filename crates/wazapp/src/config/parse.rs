//! Text to type. An error says what is wrong and what to write instead, and
//! never repeats a secret.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use guard::{Network, NoNetwork};
use model::quota::Limit;
use model::retention::{Days, FEWEST_DAYS, MOST_DAYS};
use secrecy::{SecretBox, SecretString};
use worker::mail::{NoSender, NoSmtp, Sender, Smtp};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Where media bytes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaUrl {
    /// In this directory.
    File(PathBuf),
    /// In an S3 bucket.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// What every key starts with; may be empty.
        prefix: String,
    },
}

impl MediaUrl {
    /// `file:DIR` or `s3://BUCKET/PREFIX`.
    pub fn read(text: &str) -> Result<Self, String> {
        media_url(text)
    }
}

impl fmt::Display for MediaUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "file:{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(out, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(out, "s3://{bucket}/{prefix}"),
        }
    }
}

pub(super) fn network(text: &str) -> Result<Network, String> {
    text.parse().map_err(|error: NoNetwork| error.to_string())
}

pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse().map_err(|_| {
        format!("\"{text}\" is not an address: write IP:PORT, like 127.0.0.1:8080, or 0.0.0.0:8080 for all interfaces")
    })
}

pub(super) fn smtp_url(text: &str) -> Result<Smtp, String> {
    text.parse().map_err(|problem: NoSmtp| problem.to_string())
}

pub(super) fn sender(text: &str) -> Result<Sender, String> {
    text.parse().map_err(|problem: NoSender| problem.to_string())
}

pub(super) fn number<T: FromStr + PartialOrd + fmt::Display>(
    text: &str,
    range: &RangeInclusive<T>,
) -> Result<T, String> {
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("\"{text}\" is not a whole number from {} to {}: write one", range.start(), range.end())),
    }
}

pub(crate) fn limit(text: &str) -> Result<Limit, String> {
    match text.parse() {
        _ if text == "none" => Ok(Limit(None)),
        Ok(most) if i64::try_from(most).is_ok() => Ok(Limit(Some(most))),
        _ => Err(format!("\"{text}\" is no limit: write a whole number, or none")),
    }
}

pub(crate) fn days(text: &str) -> Result<Days, String> {
    match text.parse() {
        _ if text == "forever" => Ok(Days(None)),
        Ok(days @ FEWEST_DAYS..=MOST_DAYS) => Ok(Days(Some(days))),
        _ => Err(format!(
            "\"{text}\" is no retention: write a number of days from {FEWEST_DAYS} to {MOST_DAYS}, or forever"
        )),
    }
}

pub(super) fn word(text: &str) -> Result<String, String> {
    match text.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char)) {
        true => Ok(text.to_owned()),
        false => Err(format!("\"{text}\" is not an id: write letters and digits only")),
    }
}

pub(super) fn secret(text: &str) -> Result<SecretString, String> {
    match text.trim() {
        "" => Err("holds an empty secret: remove it".to_owned()),
        text => Ok(SecretString::from(text)),
    }
}

/// Master keys, the one that is to seal first: with commas, blanks or line ends between them.
pub(super) fn master_keys(text: &str) -> Result<Vec<SecretBox<[u8; 32]>>, String> {
    let between = |char: char| char == ',' || char.is_whitespace();
    let keys = text.split(between).filter(|text| !text.is_empty()).map(master_key).collect::<Result<Vec<_>, _>>()?;
    match keys.is_empty() {
        true => master_key("").map(|key| vec![key]),
        false => Ok(keys),
    }
}

/// 32 bytes as 64 hex digits or base64.
fn master_key(text: &str) -> Result<SecretBox<[u8; 32]>, String> {
    let text = text.trim().as_bytes();
    let bytes = HEXLOWER_PERMISSIVE
        .decode(text)
        .or_else(|_| BASE64.decode(text))
        .or_else(|_| BASE64_NOPAD.decode(text))
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    match bytes {
        Some(bytes) => Ok(SecretBox::new(Box::new(bytes))),
        None => {
            Err("is not a key: write 64 hex digits or 32 bytes in base64, like from `openssl rand -hex 32`".to_owned())
        }
    }
}

pub(super) fn database_url(text: &str) -> Result<SecretString, String> {
    match text.starts_with("postgres://") || text.starts_with("postgresql://") {
        true => Ok(SecretString::from(text)),
        false => Err("is not a PostgreSQL URL: write postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned()),
    }
}

pub(super) fn absolute_path(text: &str) -> Result<PathBuf, String> {
    match Path::new(text).is_absolute() {
        true => Ok(PathBuf::from(text)),
        false => Err(format!("\"{text}\" is not an absolute path: start it with /")),
    }
}

/// An http or https URL, its trailing slash cut.
pub(super) fn http_url(text: &str) -> Result<String, String> {
    // Before an @ there may be a password.
    let shown = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://•••@{rest}"),
        (None, Some((_, rest))) => format!("•••@{rest}"),
        (_, None) => text.to_owned(),
    };
    let problem = || format!("\"{shown}\" is not a web address: write like https://example.org");
    let url: http::Uri = text.parse().map_err(|_| problem())?;
    let scheme = url.scheme_str().unwrap_or_default();
    let usable = ["http", "https"].contains(&scheme)
        && url.host().is_some_and(|host| !host.is_empty())
        && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && url.query().is_none()
        && !text.contains('#');
    // The scheme may be written in either case (RFC 3986, section 3.1); whoever reads it on compares small letters.
    let rest = text.split_once("://").filter(|_| usable).map(|(_, rest)| rest.trim_end_matches('/'));
    rest.map(|rest| format!("{scheme}://{rest}")).ok_or_else(problem)
}

/// An http or https URL without a path.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let url = http_url(text)?;
    let host = url.split_once("://").map_or("", |(_, host)| host);
    match host.contains('/') {
        false => Ok(url),
        true => Err(format!("\"{text}\" has a path: write only scheme and host, like https://example.org")),
    }
}

pub(super) fn graph_version(text: &str) -> Result<String, String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = text.strip_prefix('v').and_then(|numbers| numbers.split_once('.'));
    match numbers {
        Some((major, minor)) if digits(major) && digits(minor) => Ok(text.to_owned()),
        _ => Err(format!("\"{text}\" is not a version: write like v26.0")),
    }
}

pub(super) fn media_url(text: &str) -> Result<MediaUrl, String> {
    let problem = || format!("\"{text}\" is not a place for media: write file:DIR or s3://BUCKET/PREFIX");
    if let Some(rest) = text.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        return match bucket.is_empty() {
            true => Err(problem()),
            false => Ok(MediaUrl::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() }),
        };
    }
    let path = text.strip_prefix("file:").ok_or_else(problem)?;
    match path.strip_prefix("//").unwrap_or(path) {
        "" => Err(problem()),
        path => Ok(MediaUrl::File(path.into())),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "\"{text}\" is not a log filter: write error, warn, info, debug, trace, or like wazapp=debug,info"
        )),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("\"{text}\" is not a log format: write auto, text or json")),
    }
}
