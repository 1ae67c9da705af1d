//! `wazapp webhook post`: signs bodies as Meta does and posts them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use whatsapp::signature;

use crate::config::Config;
use crate::open;
use crate::print::Print;
use crate::serve::running_here;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign webhook bodies as Meta does, and post them.
    Post {
        /// Files with one body each. JSON is sent compact and ASCII-escaped, as Meta sends it.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The App to sign for, if not the default one.
        #[arg(long)]
        app: Option<String>,
        /// Where to post [default: the server that runs on this data directory].
        #[arg(long)]
        url: Option<String>,
        /// Send the bytes of the files as they are.
        #[arg(long)]
        raw: bool,
    },
}

pub(crate) async fn run(config: &Config, print: &Print, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Post { files, app, url, raw } = command;
    let app = app.filter(|app| config.meta_app_id.as_deref() != Some(app.as_str()));
    let url = match url {
        Some(url) => url,
        None => default_url(config, app.as_deref())?,
    };
    let secret = secret(config, app.as_deref()).await?;
    let client = crate::outside::http().timeout(Duration::from_secs(30)).build()?;
    let mut all_stored = true;
    for file in &files {
        let body = read(file, raw)?;
        let header = signature::sign(secret.expose_secret(), &body);
        let size = body.len();
        let answer = client
            .post(&url)
            .header("content-type", "application/json")
            .header(signature::HEADER, header)
            .body(body)
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("{url} does not answer: is the server running?"))?;
        let status = answer.status();
        all_stored &= status == 200;
        print.answer(&json!({ "file": file, "bytes": size, "status": status.as_u16() }), || {
            format!("{status}  {} ({size} bytes)", file.display())
        });
    }
    Ok(if all_stored { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn default_url(config: &Config, app: Option<&str>) -> anyhow::Result<String> {
    let Some(here) = running_here(&config.data_dir) else {
        bail!("no server runs on {}: start wazapp serve, or name one with --url", config.data_dir.display());
    };
    Ok(match app {
        None => format!("{here}/webhook"),
        Some(app) => format!("{here}/webhook/{app}"),
    })
}

async fn secret(config: &Config, app: Option<&str>) -> anyhow::Result<SecretString> {
    let Some(app) = app else {
        let kept = config.default_app_secrets()?;
        return kept.value.into_iter().next().context("WAZAPP_META_APP_SECRET names no secret");
    };
    let (apps, _) = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let credentials = model::app::credentials(&tx, &opened.keyring).await?;
        tx.close();
        Ok(credentials)
    })
    .await?;
    apps.into_iter()
        .find(|known| known.id == app)
        .and_then(|known| known.secrets.into_iter().next())
        .with_context(|| format!("there is no App {app} with a secret: see wazapp app list"))
}

fn read(file: &Path, raw: bool) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    if raw {
        return Ok(bytes);
    }
    let value: Value = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not JSON: --raw sends it as it is", file.display()))?;
    Ok(as_meta_writes(&value).into_bytes())
}

/// Compact JSON in ASCII: everything else as `\uXXXX`, slashes escaped.
/// <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads>
fn as_meta_writes(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        match character {
            // Outside strings JSON has no slash and no character beyond ASCII, so nothing else is touched.
            '/' => text.push_str("\\/"),
            ascii if ascii.is_ascii() => text.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_written_as_meta_writes_them() {
        let value = json!({ "a": "ñ 😀 </b>", "b": [1, 2.5, null] });
        let text = as_meta_writes(&value);
        assert_eq!(text, r#"{"a":"\u00f1 \ud83d\ude00 <\/b>","b":[1,2.5,null]}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
