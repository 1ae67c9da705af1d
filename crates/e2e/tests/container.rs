//! The files for containers: what they name is there, and compose reads them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::program::Installation;

const COMPOSE: [&str; 2] = ["compose.yml", "compose.external.yml"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/container")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect(name)
}

#[tokio::test]
async fn what_they_set_are_settings() {
    let shown = Installation::new().json(&["config", "show"]).await;
    let keys: BTreeSet<String> = shown
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| format!("WAZAPP_{}", line["key"].as_str().expect("a key").to_uppercase()))
        .collect();
    for name in COMPOSE.into_iter().chain(["Containerfile"]) {
        let text = read(name);
        let words = text.split(|char: char| !(char.is_ascii_uppercase() || char == '_'));
        let named: BTreeSet<&str> = words.filter(|word| word.starts_with("WAZAPP_")).collect();
        assert!(named.len() >= 2, "{name}: {named:?}");
        for setting in named {
            assert!(keys.contains(setting), "{name} sets {setting}, which is no setting");
        }
        assert!(text.contains(concat!("wazapp:", env!("CARGO_PKG_VERSION"))), "{name} is of another version");
    }
}

/// Nothing is taken as it happens to be on the day.
#[test]
fn what_they_take_from_elsewhere_has_a_version() {
    let lines = [read("Containerfile"), read(COMPOSE[0]), read(COMPOSE[1])].join("\n");
    let images = lines.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("FROM ").or_else(|| line.strip_prefix("image: "))?.split_whitespace().next()
    });
    let images: Vec<&str> = images.collect();
    assert!(images.len() >= 5, "{images:?}");
    for image in images {
        let version = image.rsplit_once(':').map_or("", |(_, version)| version);
        assert!(version.split(['.', '-']).filter(|part| part.parse::<u32>().is_ok()).count() >= 2, "{image}");
    }
}

#[test]
fn compose_reads_them() {
    for name in COMPOSE {
        let mut compose = Command::new("docker-compose");
        compose.arg("-f").arg(folder().join(name)).args(["config", "--quiet"]);
        let known = [("WAZAPP_PUBLIC_URL", "https://wa.example.org"), ("POSTGRES_PASSWORD", "p")];
        let output = compose.envs(known).output().expect("docker-compose runs: scripts/need compose installs it");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        // Whoever forgets what it must know hears of it.
        let mut compose = Command::new("docker-compose");
        compose.arg("-f").arg(folder().join(name)).args(["config", "--quiet"]);
        let output = compose.env_remove("WAZAPP_PUBLIC_URL").env("POSTGRES_PASSWORD", "p").output().expect("it runs");
        assert!(String::from_utf8_lossy(&output.stderr).contains("set it to https:// and your domain"), "{name}");
    }
}
