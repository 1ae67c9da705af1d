//! The files for containers, clusters and panels: they are made of one source, what they name is there, compose and Helm read them,
//! and what Helm makes of the chart is what Kubernetes takes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::program::Installation;

const COMPOSE: [&str; 2] = ["compose.yml", "compose.external.yml"];
const PANELS: [&str; 3] = ["coolify.yml", "dokploy/docker-compose.yml", "easypanel/index.ts"];
const URL: &str = "publicUrl=https://wa.example.org";
const IMAGE: &str = concat!("wazapp:", env!("CARGO_PKG_VERSION"));

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

fn folder() -> PathBuf {
    root().join("deploy/container")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect(name)
}

/// What Helm makes of the chart; or why it makes nothing.
fn chart(values: &str) -> Result<String, String> {
    let output = helm(&["template", "wazapp", "deploy/helm/wazapp", "--set", values]);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn helm(arguments: &[&str]) -> Output {
    let own = root().join("crates/e2e/deploy/node_modules/.bin/helm");
    let mut helm = Command::new(if own.exists() { own } else { "helm".into() });
    helm.current_dir(root()).args(arguments).output().expect("Helm runs: scripts/need helm installs it")
}

/// A chart of many pods, with all that it may have.
fn external() -> String {
    let more = "database=external,replicas=3,secret=s,settings.media_url=s3://b/w,ingress.enabled=true,networkPolicy.enabled=true";
    chart(&format!("{URL},{more}")).expect("it renders")
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
    let files = COMPOSE.into_iter().chain(["Containerfile"]).map(|name| (name, read(name)));
    let panels = PANELS.into_iter().map(|name| (name, read(&format!("../panels/{name}"))));
    for (name, text) in files.chain(panels).chain([("the chart", external())]) {
        let words = text.split(|char: char| !(char.is_ascii_uppercase() || char == '_'));
        let named: BTreeSet<&str> = words.filter(|word| word.starts_with("WAZAPP_")).collect();
        assert!(named.len() >= 2, "{name}: {named:?}");
        for setting in named {
            assert!(keys.contains(setting), "{name} sets {setting}, which is no setting");
        }
        assert!(text.contains(IMAGE), "{name} is of another version");
    }
}

/// Nothing is taken as it happens to be on the day.
#[test]
fn what_they_take_from_elsewhere_has_a_version() {
    let (mut images, mut folders) = (Vec::new(), vec![root().join("deploy")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                images.extend(named(&std::fs::read_to_string(path).expect("text")));
            }
        }
    }
    images.extend(named(&external()));
    assert!(images.iter().filter(|image| image.ends_with(IMAGE)).count() >= 7, "{images:?}");
    for image in images {
        let version = image.rsplit_once(':').map_or("", |(_, version)| version);
        assert!(version.split(['.', '-']).filter(|part| part.parse::<u32>().is_ok()).count() >= 2, "{image}");
    }
}

/// The images that a file names. CapRover puts its variables in; what Helm puts in is seen once it did.
fn named(text: &str) -> Vec<String> {
    let asked = text.split_once("- id: $$cap_app_version").and_then(|(_, rest)| rest.split_once("defaultValue: "));
    let asked = asked.and_then(|(_, rest)| rest.lines().next()).unwrap_or_default().trim_matches('"');
    let images = text.lines().filter_map(|line| {
        let line = line.trim();
        let image = line.strip_prefix("image: ").or_else(|| line.strip_prefix("\"image\": "));
        image.or_else(|| line.strip_prefix("FROM ")?.split_whitespace().next())
    });
    let images = images.filter(|image| !image.starts_with('{')).map(|image| image.trim_matches(['"', '\'', '`', ',']));
    images.map(|image| image.replace("$$cap_app_version", asked)).collect()
}

/// Nobody changes by hand what is made of one source.
#[test]
fn they_are_what_their_source_makes() {
    let check = |root: &Path| Command::new(root.join("scripts/deploy-files")).arg("--check").output().expect("it runs");
    let output = check(&root());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let copy = tempfile::tempdir().expect("a folder");
    let what = ["Cargo.toml", "deploy", "scripts/deploy-files", "crates/web/assets/img/mark.svg"];
    let copied = Command::new("cp").args(["-r", "--parents"]).args(what).arg(copy.path()).current_dir(root()).status();
    assert!(copied.expect("cp runs").success() && check(copy.path()).status.success());
    std::fs::write(copy.path().join("deploy/panels/caprover.yml"), "by hand").expect("written");
    let output = check(copy.path());
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("deploy/panels/caprover.yml"));
}

#[test]
fn panels_take_them() {
    let mut panels = Command::new(root().join("target/tools-kubernetes/bin/python3"));
    let output = panels.args(["crates/e2e/deploy/panels.py", "deploy/panels"]).current_dir(root()).output();
    let output = output.expect("scripts/need helm installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn kubernetes_takes_what_the_chart_makes() {
    let output = helm(&["lint", "--strict", "deploy/helm/wazapp", "--set", URL]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let (embedded, external) = (chart(URL).expect("it renders"), external());
    let one = ["kind: StatefulSet", "volumeClaimTemplates:", "/dev/shm"];
    let many = ["kind: Deployment", "kind: PodDisruptionBudget", "kind: Ingress", "kind: NetworkPolicy"];
    for (text, has, lacks) in [(&embedded, &one[..], &many[..]), (&external, &many[..], &one[..])] {
        assert!(has.iter().all(|line| text.contains(line)) && !lacks.iter().any(|line| text.contains(line)), "{text}");
        assert!(text.contains("readOnlyRootFilesystem: true") && text.contains("runAsNonRoot: true"), "{text}");
        // No image but its own, and nothing that runs before it.
        assert!(named(text) == [IMAGE] && !text.contains("initContainers"), "{text}");
        for version in ["1.25", "1.37"] {
            assert_eq!(faults(text, version), "");
        }
    }
    // It would notice.
    assert!(faults(&embedded.replace("httpGet", "httpGot"), "1.37").contains("httpGot"));
}

/// What a version of Kubernetes has against it, by its own schemas.
fn faults(text: &str, version: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("chart.yaml"), text).expect("written");
    let mut validate = Command::new(root().join("target/tools-kubernetes/bin/kubernetes-validate"));
    validate.args(["--strict", "--quiet", "-k", version]).arg(folder.path().join("chart.yaml"));
    let output = validate.output().expect("scripts/need helm installs it");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() == said.is_empty(), "{}", String::from_utf8_lossy(&said));
    String::from_utf8_lossy(&said).into_owned()
}

/// Whoever asks for what cannot run hears what to say instead.
#[test]
fn the_chart_refuses_what_cannot_run() {
    for (values, why) in [
        ("replicas=1".to_owned(), "publicUrl: say how others call this server"),
        (format!("{URL},replicas=2"), "set database: external"),
        (format!("{URL},database=external"), "secret: name the Secret"),
        (format!("{URL},database=external,secret=s"), "set settings.media_url to s3://BUCKET/PREFIX, or mediaClaim"),
        (format!("{URL},image.tag=latest"), "/image/tag"),
        (format!("{URL},settings.listen=x"), "invalid propertyName 'listen'"),
        (format!("{URL},replica=2"), "additional properties 'replica' not allowed"),
    ] {
        let said = chart(&values).expect_err(&values);
        assert!(said.contains(why), "{values}: {said}");
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
