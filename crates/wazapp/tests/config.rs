//! The configuration, from the outside.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Parser;
use secrecy::ExposeSecret;
use wazapp::config::{CertificateSource, Config, Flags, LogFormat, MediaUrl, SETTINGS, Shown};

#[derive(Debug, Parser)]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Serve,
    Simulator {
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
}

fn command_line(arguments: &[&str]) -> CommandLine {
    let arguments = ["wazapp"].iter().chain(arguments);
    CommandLine::try_parse_from(arguments).expect("a command line")
}

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    variables.iter().map(owned).collect()
}

fn load(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, String> {
    let flags = command_line(arguments).flags;
    Config::load_from(&flags, &environment(variables)).map_err(|error| error.to_string())
}

fn loaded(arguments: &[&str], variables: &[(&str, &str)]) -> Config {
    load(arguments, variables).expect("a configuration")
}

fn shown(config: &Config, key: &str) -> Shown {
    let shown = config.show();
    let found = shown.into_iter().find(|shown| shown.key == key);
    found.expect("a setting")
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn the_defaults_are_usable() {
    let config = loaded(&[], &[]);
    assert_eq!(config.data_dir, Path::new("./data"));
    assert!(config.database_url.is_none());
    assert_eq!(config.listen, "127.0.0.1:8080".parse().expect("an address"));
    assert_eq!(config.graph_url, "https://graph.facebook.com");
    assert_eq!(config.graph_version, "v26.0");
    assert_eq!(config.media_url, MediaUrl::File("./data/media".into()));
    assert_eq!(config.log_format, LogFormat::Auto);
    assert_eq!(config.inbound_queue, 4096);
    assert_eq!(config.inbound_retention_days, 14);
    assert_eq!(shown(&config, "listen").source, "default");
    assert_eq!(shown(&config, "database_url").value, None);
    let public_url = shown(&config, "public_url").value;
    assert_eq!(public_url.as_deref(), Some("http://127.0.0.1:8080"));
}

#[test]
fn flag_beats_environment_beats_toml_beats_default() {
    let directory = tempfile::tempdir().expect("a directory");
    let toml = file(
        directory.path(),
        "wazapp.toml",
        "listen = '127.0.0.1:1'\ninbound_batch = 7\nlog = 'warn'\nmeta_app_secret = ['new', 'old']\n",
    );
    let config = loaded(
        &["serve", "--listen", "127.0.0.1:3", "--config", &toml],
        &[("WAZAPP_LISTEN", "127.0.0.1:2"), ("WAZAPP_LOG", "debug")],
    );
    assert_eq!(config.listen.port(), 3);
    assert_eq!(shown(&config, "listen").source, "--listen");
    assert_eq!(config.log, "debug");
    assert_eq!(shown(&config, "log").source, "WAZAPP_LOG");
    assert_eq!(config.inbound_batch, 7);
    assert_eq!(shown(&config, "inbound_batch").source, toml);
    assert_eq!(config.inbound_writers, 1);
    let secrets = config.default_app_secrets().expect("secrets").value;
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, ["new", "old"]);

    let config = loaded(&[], &[("WAZAPP_CONFIG", &toml), ("WAZAPP_LOG", "")]);
    assert_eq!(config.log, "warn", "an empty variable is not set");
}

#[test]
fn a_variable_may_name_a_file_with_the_value() {
    let directory = tempfile::tempdir().expect("a directory");
    let value = file(directory.path(), "token", "Geheim 1\r\n");
    let config = loaded(&[], &[("WAZAPP_META_VERIFY_TOKEN_FILE", &value)]);
    let token = config.meta_verify_token.as_ref().expect("a token");
    assert_eq!(token.expose_secret(), "Geheim 1");
    let token = shown(&config, "meta_verify_token");
    assert_eq!(token.value.as_deref(), Some("••• (set)"));
    assert!(token.source.starts_with("WAZAPP_META_VERIFY_TOKEN_FILE="));
}

const ISSUER: (&str, &str) = ("WAZAPP_OIDC_ISSUER", "https://id.example.org/realms/acme");
const ID: (&str, &str) = ("WAZAPP_OIDC_CLIENT_ID", "wazapp");
const SECRET: (&str, &str) = ("WAZAPP_OIDC_CLIENT_SECRET", "hunter2");

#[test]
fn an_identity_provider_is_three_settings_or_none() {
    assert!(loaded(&[], &[]).provider.is_none());
    let provider = loaded(&[], &[ISSUER, ID, SECRET]).provider.expect("a provider");
    assert_eq!((provider.issuer.as_str(), provider.name.as_str()), (ISSUER.1, "id.example.org"));
    assert_eq!(provider.scopes, ["email", "profile"]);
    assert!(!format!("{provider:?}").contains("hunter2"));
    let more = [("WAZAPP_OIDC_NAME", "Acme SSO"), ("WAZAPP_OIDC_JOIN", "a.org=b:agent, groups:c=b:admin")];
    let provider = loaded(&[], &[&[ISSUER, ID, SECRET], &more[..]].concat()).provider.expect("a provider");
    assert_eq!((provider.name.as_str(), provider.join.len()), ("Acme SSO", 2));
    // Some name themselves with a slash at the end, and by nothing else; only on this machine may it do without HTTPS.
    for issuer in ["https://id.example.org/", "http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost"] {
        let provider = loaded(&[], &[("WAZAPP_OIDC_ISSUER", issuer), ID, SECRET]).provider.expect("a provider");
        assert_eq!(provider.issuer, issuer);
    }
    assert_eq!(shown(&loaded(&[], &[ISSUER, ID, SECRET]), "oidc_client_secret").value.as_deref(), Some("••• (set)"));
}

#[test]
fn a_domain_brings_along_what_https_needs() {
    let config = loaded(&["--domain", "WA.example.org, b.example.org,wa.example.org"], &[]);
    assert_eq!(shown(&config, "public_url").value.as_deref(), Some("https://wa.example.org"));
    assert_eq!(shown(&config, "redirect_listen").value.as_deref(), Some("[::]:80"));
    let https = config.https.expect("HTTPS");
    assert_eq!((https.listen.port(), https.redirect.map(|address| address.port())), (443, Some(80)));
    let CertificateSource::Acme(acme) = https.certificate else { panic!("it gets its certificate by itself") };
    assert_eq!(acme.domains, ["wa.example.org", "b.example.org"]);
    assert!(acme.directory.starts_with("https://acme-v02.api.letsencrypt.org/") && acme.email.is_none());
    let callers =
        loaded(&["--domain", "a.org"], &[("WAZAPP_WEBHOOK_CLIENT_CA", "a.pem, b.pem")]).https.expect("HTTPS").callers;
    let callers = callers.expect("the webhook takes few");
    assert_eq!((callers.files.len(), callers.name.as_str()), (2, "client.webhooks.fbclientcerts.com"));
    let said = [("WAZAPP_REDIRECT_LISTEN", "none"), ("WAZAPP_PUBLIC_URL", "https://b.example.org")];
    let config = loaded(&["--domain", "wa.example.org"], &said);
    assert_eq!(shown(&config, "public_url").value.as_deref(), Some("https://b.example.org"));
    assert!(config.https.is_some_and(|https| https.redirect.is_none()));
}

#[test]
fn a_mistake_is_one_line_with_key_source_and_fix() {
    let directory = tempfile::tempdir().expect("a directory");
    let misspelt = file(directory.path(), "misspelt.toml", "lissten = '127.0.0.1:1'\n");
    let nested = file(directory.path(), "nested.toml", "[listen]\nport = 1\n");
    let broken = file(directory.path(), "broken.toml", "log = 'info'\nlisten = 127.0.0.1\n");
    let empty = file(directory.path(), "empty", "\n");

    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: &[Case] = &[
        (&[], &[("WAZAPP_LISTN", "1")], &["WAZAPP_LISTN", "did you mean WAZAPP_LISTEN?"]),
        (&[], &[("WAZAPP_LISTN_FILE", "1")], &["WAZAPP_LISTN_FILE", "not a setting"]),
        (&[], &[("WAZAPP_listen", "1")], &["WAZAPP_listen"]),
        (&[], &[("WAZAPP_SOMETHING_ELSE", "1")], &["WAZAPP_SOMETHING_ELSE", "unset it"]),
        (&["--config", &misspelt], &[], &["lissten", &misspelt, "did you mean listen?"]),
        (&["--config", &nested], &[], &["listen", &nested, "write a string"]),
        (&["--config", &broken], &[], &[&broken, "line 2"]),
        (&["--config", "/nowhere/wazapp.toml"], &[], &["/nowhere/wazapp.toml", "check --config"]),
        (&["--listen", "banana"], &[], &["listen", "--listen", "\"banana\"", "write IP:PORT"]),
        (&[], &[("WAZAPP_LISTEN", ":8080")], &["WAZAPP_LISTEN", "0.0.0.0:8080"]),
        (&[], &[("WAZAPP_LISTEN", "example.org:80")], &["WAZAPP_LISTEN"]),
        (&[], &[("WAZAPP_INBOUND_WRITERS", "9")], &["WAZAPP_INBOUND_WRITERS", "from 1 to 8"]),
        (&[], &[("WAZAPP_DATABASE_POOL", "many")], &["WAZAPP_DATABASE_POOL", "from 1 to 200"]),
        (&[], &[("WAZAPP_PUBLIC_URL", "https://a.org/b")], &["WAZAPP_PUBLIC_URL", "path"]),
        (&[], &[("WAZAPP_PUBLIC_URL", "a.org")], &["WAZAPP_PUBLIC_URL", "https://"]),
        (&[], &[("WAZAPP_GRAPH_VERSION", "26")], &["WAZAPP_GRAPH_VERSION", "v26.0"]),
        (&[], &[("WAZAPP_MEDIA_URL", "/srv")], &["WAZAPP_MEDIA_URL", "file:DIR"]),
        (&[], &[("WAZAPP_MEDIA_URL", "s3:///x")], &["WAZAPP_MEDIA_URL", "s3://BUCKET"]),
        (&[], &[("WAZAPP_LOG_FORMAT", "xml")], &["WAZAPP_LOG_FORMAT", "auto, text or json"]),
        (&[], &[("WAZAPP_LOG", "a=b=c")], &["WAZAPP_LOG", "write error"]),
        (&[], &[("WAZAPP_TRUSTED_PROXIES", "10.0.0.0/33")], &["WAZAPP_TRUSTED_PROXIES"]),
        (&[], &[("WAZAPP_POSTGRES_BIN", "bin")], &["WAZAPP_POSTGRES_BIN", "start it with /"]),
        (&[], &[("WAZAPP_DATABASE_URL", "mysql://x")], &["WAZAPP_DATABASE_URL", "postgres://"]),
        (&[], &[("WAZAPP_META_APP_SECRET", "a,,b")], &["WAZAPP_META_APP_SECRET", "empty"]),
        (&[], &[("WAZAPP_MASTER_KEY", "abc")], &["WAZAPP_MASTER_KEY", "openssl rand -hex 32"]),
        (&[], &[("WAZAPP_LOG_FILE", "/nowhere")], &["WAZAPP_LOG_FILE", "check the path"]),
        (&[], &[("WAZAPP_LOG_FILE", &empty)], &["WAZAPP_LOG_FILE", "empty"]),
        (
            &[],
            &[("WAZAPP_LOG", "info"), ("WAZAPP_LOG_FILE", &misspelt)],
            &["WAZAPP_LOG and WAZAPP_LOG_FILE", "unset one"],
        ),
        (
            &[],
            &[("WAZAPP_DATABASE_DIRECT_URL", "postgres://u@h/d")],
            &["WAZAPP_DATABASE_DIRECT_URL", "WAZAPP_DATABASE_URL"],
        ),
        (&["--meta-app-id", "1"], &[], &["--meta-app-id", "WAZAPP_META_APP_SECRET"]),
        (
            &[],
            &[("WAZAPP_OIDC_ISSUER", "https://id.example.org"), ("WAZAPP_OIDC_CLIENT_ID", "a")],
            &["WAZAPP_OIDC_ISSUER", "set without WAZAPP_OIDC_CLIENT_SECRET:"],
        ),
        (&[], &[("WAZAPP_OIDC_CLIENT_SECRET", "a")], &["WAZAPP_OIDC_ISSUER and WAZAPP_OIDC_CLIENT_ID"]),
        (&[], &[("WAZAPP_OIDC_JOIN", "a.org=b:agent")], &["WAZAPP_OIDC_JOIN", "set without WAZAPP_OIDC_ISSUER"]),
        (
            &[],
            &[("WAZAPP_OIDC_ISSUER", "http://id.example.org"), ID, SECRET],
            &["WAZAPP_OIDC_ISSUER", "write https://"],
        ),
        (&[], &[("WAZAPP_OIDC_ISSUER", "id.example.org"), ID, SECRET], &["WAZAPP_OIDC_ISSUER", "not a web address"]),
        (&[], &[ISSUER, ID, SECRET, ("WAZAPP_OIDC_JOIN", "a.org")], &["WAZAPP_OIDC_JOIN", "example.com=acme:agent"]),
        (&[], &[ISSUER, ID, SECRET, ("WAZAPP_OIDC_JOIN", "a.org=b:owner")], &["WAZAPP_OIDC_JOIN", "owner"]),
        (&[], &[("WAZAPP_TLS_CERT", "c.pem")], &["WAZAPP_TLS_CERT", "WAZAPP_TLS_KEY"]),
        (&[], &[("WAZAPP_TLS_KEY", "k.pem")], &["WAZAPP_TLS_KEY", "WAZAPP_TLS_CERT"]),
        (
            &["--public-url", "http://wa.example.org"],
            &[("WAZAPP_TLS_CERT", "c.pem"), ("WAZAPP_TLS_KEY", "k.pem")],
            &["WAZAPP_TLS_CERT", "WAZAPP_PUBLIC_URL", "https://"],
        ),
        (&[], &[("WAZAPP_REDIRECT_LISTEN", "127.0.0.1:0")], &["WAZAPP_REDIRECT_LISTEN", "WAZAPP_TLS_CERT"]),
        (
            &["--domain", "a.org", "--public-url", "https://a.org"],
            &[("WAZAPP_TLS_CERT", "c.pem"), ("WAZAPP_TLS_KEY", "k.pem")],
            &["--domain", "WAZAPP_TLS_CERT", "unset WAZAPP_DOMAIN"],
        ),
        (&["--domain", "a.org", "--public-url", "http://a.org"], &[], &["--domain", "WAZAPP_PUBLIC_URL", "https://"]),
        (&["--domain", "a.org,*.b.org"], &[], &["--domain", "wildcard", "WAZAPP_TLS_CERT"]),
        (&["--domain", "192.0.2.7"], &[], &["--domain", "IP address"]),
        (&["--domain", "a.org", "--acme-email", "nobody"], &[], &["--acme-email", "admin@example.com"]),
        (&["--domain", "a.org", "--acme-directory", "http://b.org"], &[], &["--acme-directory", "https://"]),
        (&["--acme-email", "a@b.org"], &[], &["--acme-email", "WAZAPP_DOMAIN"]),
        (&["--acme-ca", "ca.pem"], &[], &["--acme-ca", "WAZAPP_DOMAIN"]),
        (&["--acme-eab-key-id", "a", "--domain", "a.org"], &[], &["--acme-eab-key-id", "WAZAPP_ACME_EAB_KEY"]),
        (
            &["--acme-eab-key-id", "a", "--domain", "a.org"],
            &[("WAZAPP_ACME_EAB_KEY", "hunter2!")],
            &["WAZAPP_ACME_EAB_KEY", "base64url"],
        ),
        (&["--webhook-client-ca", "ca.pem"], &[], &["--webhook-client-ca", "a proxy", "WAZAPP_DOMAIN"]),
        (
            &["--webhook-client-ca", "ca.pem,", "--domain", "a.org"],
            &[],
            &["--webhook-client-ca", "leave the comma out"],
        ),
        (
            &["--webhook-client-name", "meta.org", "--domain", "a.org"],
            &[],
            &["--webhook-client-name", "WAZAPP_WEBHOOK_CLIENT_CA"],
        ),
    ];
    for (arguments, variables, words) in cases {
        let line = load(arguments, variables).expect_err("a mistake");
        for word in *words {
            assert!(line.contains(word), "{word:?} is not in: {line}");
        }
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn an_error_never_repeats_a_secret() {
    for (variable, value) in [("WAZAPP_MASTER_KEY", "hunter2"), ("WAZAPP_DATABASE_URL", "mysql://root:hunter2@host/db")]
    {
        let line = load(&[], &[(variable, value)]).expect_err("a mistake");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[test]
fn variables_of_tests_are_not_settings() {
    loaded(&[], &[("WAZAPP_TEST_ANYTHING", "1"), ("PATH", "/bin")]);
}

#[test]
fn a_database_password_is_never_shown() {
    for (url, shown_url) in [
        ("postgres://u:p@h:1/d", "postgres://u:•••@h:1/d"),
        ("postgres://u:p@q/r?s@h/d", "postgres://u:•••@h/d"),
        ("postgres://u@h/d?sslmode=require", "postgres://u@h/d?sslmode=require"),
        ("postgresql://h/d?user=u&password=p", "postgresql://h/d?user=u&password=•••"),
    ] {
        let config = loaded(&[], &[("WAZAPP_DATABASE_URL", url)]);
        assert_eq!(shown(&config, "database_url").value.as_deref(), Some(shown_url));
        let given = config.database_url.as_ref().map(ExposeSecret::expose_secret);
        assert_eq!(given, Some(url));
        assert!(!format!("{config:?}").contains(":p@"));
    }
}

#[test]
fn the_manual_lists_every_setting_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.default.toml");
    let manual = fs::read_to_string(path).expect("the manual");
    let setting_line = |line: &&str| {
        let key = line.strip_prefix("# ").and_then(|line| line.split_once(" = "));
        key.is_some_and(|(key, _)| !key.contains(' '))
    };
    let lines: Vec<&str> = manual.lines().filter(setting_line).collect();
    let uncommented: Vec<&str> = lines.iter().map(|line| &line[2..]).collect();

    let keys: Vec<&str> = uncommented.iter().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    let known: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
    let (mut sorted, mut known_sorted) = (keys.clone(), known.clone());
    sorted.sort_unstable();
    known_sorted.sort_unstable();
    assert_eq!(sorted, known_sorted);

    let directory = tempfile::tempdir().expect("a directory");
    let toml = file(directory.path(), "all.toml", &uncommented.join("\n"));
    let value = |shown: Shown| (shown.key, shown.value);
    let by_manual: Vec<_> = loaded(&["--config", &toml], &[]).show().into_iter().map(value).collect();
    let by_default: Vec<_> = loaded(&[], &[]).show().into_iter().map(value).collect();
    assert_eq!(by_manual, by_default);
}

#[test]
fn a_subcommand_may_have_an_argument_named_like_a_setting() {
    let line = command_line(&["simulator", "--listen", "127.0.0.1:9"]);
    let Some(Command::Simulator { listen: Some(listen) }) = line.command else {
        panic!("{line:?}");
    };
    assert_eq!(listen.port(), 9);
    let config = Config::load_from(&line.flags, &BTreeMap::new()).expect("a configuration");
    assert_eq!(config.listen.port(), 8080);
}

#[test]
fn every_setting_is_a_flag_of_every_command_and_in_the_listing() {
    let help = Flags::listing();
    for setting in SETTINGS.iter() {
        assert!(help.contains(&setting.flag()), "{}", setting.key);
        assert!(help.contains(&setting.variable()), "{}", setting.key);
    }
    let config = loaded(&["serve", "--inbound-batch", "3"], &[]);
    assert_eq!(config.inbound_batch, 3);
}

#[test]
fn the_public_url_follows_the_address_really_bound() {
    let config = loaded(&[], &[("WAZAPP_LISTEN", "0.0.0.0:0")]);
    let bound = |text: &str| config.public_url(text.parse().expect("an address"));
    assert_eq!(bound("0.0.0.0:41"), "http://127.0.0.1:41");
    assert_eq!(bound("[::]:41"), "http://[::1]:41");
    assert_eq!(bound("192.0.2.1:41"), "http://192.0.2.1:41");
    let config = loaded(&["--public-url", "https://wa.example.org/"], &[]);
    assert_eq!(config.public_url(config.listen), "https://wa.example.org");
    let config =
        loaded(&["--public-url", "HTTPS://wa.example.org"], &[("WAZAPP_TLS_CERT", "c"), ("WAZAPP_TLS_KEY", "k")]);
    assert_eq!(config.public_url(config.listen), "https://wa.example.org");
}

#[test]
fn a_proxy_is_trusted_by_network() {
    let config = loaded(&["--trusted-proxies", "10.0.0.0/8, ::1"], &[]);
    let trusted = |text: &str| {
        let address = text.parse().expect("an address");
        config.trusted_proxies.iter().any(|network| network.contains(address))
    };
    assert!(trusted("10.255.0.1"));
    assert!(trusted("::ffff:10.0.0.1"));
    assert!(trusted("::1"));
    assert!(!trusted("11.0.0.1"));
    assert!(!trusted("::2"));
}

fn in_directory(directory: &Path) -> Config {
    loaded(&["--data-dir", &directory.display().to_string()], &[])
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn secrets_are_made_once_and_closed_to_others() {
    let parent = tempfile::tempdir().expect("a directory");
    let data_dir = parent.path().join("some/data");
    let key = in_directory(&data_dir).master_keys().expect("a key");
    let again = in_directory(&data_dir).master_keys().expect("a key");
    assert_eq!(key.value[0].expose_secret(), again.value[0].expose_secret());
    assert_eq!(key.warning, None);
    assert_eq!(mode(&data_dir), 0o700);
    assert_eq!(mode(&data_dir.join("master-key")), 0o600);

    let secrets = in_directory(&data_dir).default_app_secrets().expect("secrets");
    assert_eq!(secrets.value.len(), 1);
    assert_eq!(secrets.value[0].expose_secret().len(), 64);
    assert_eq!(mode(&data_dir.join("app-secret")), 0o600);
}

#[test]
fn a_master_key_is_hex_or_base64() {
    for text in [&"0F".repeat(32), "Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8="] {
        let config = loaded(&["--data-dir", "/nowhere"], &[("WAZAPP_MASTER_KEY", text)]);
        let key = config.master_keys().expect("a key");
        assert_eq!(key.value[0].expose_secret(), &[15; 32]);
    }
}

/// The one that is to seal first; between them stands what people and files put there.
#[test]
fn several_master_keys_are_a_list() {
    let (new, old) = ("0f".repeat(32), "Dg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4=");
    for text in [format!("{new},{old}"), format!("{new}, {old}"), format!("{new}\n{old}\n"), format!("{new} {old}")] {
        let config = loaded(&["--data-dir", "/nowhere"], &[("WAZAPP_MASTER_KEY", &text)]);
        let keys: Vec<[u8; 32]> =
            config.master_keys().expect("keys").value.iter().map(|key| *key.expose_secret()).collect();
        assert_eq!(keys, [[15; 32], [14; 32]]);
    }
}

#[test]
fn many_at_once_agree_on_one_secret() {
    let parent = tempfile::tempdir().expect("a directory");
    let data_dir: PathBuf = parent.path().join("data");
    let make = || *in_directory(&data_dir).master_keys().expect("a key").value[0].expose_secret();
    let keys: Vec<[u8; 32]> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a key")).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    let left: Vec<_> = fs::read_dir(&data_dir).expect("files").collect();
    assert_eq!(left.len(), 1, "drafts are cleared away: {left:?}");
}

#[test]
fn a_secret_open_to_others_is_a_warning_and_a_broken_one_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file(directory.path(), "master-key", &"ab".repeat(32));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("chmod");
    let key = in_directory(directory.path()).master_keys().expect("a key");
    let warning = key.warning.expect("a warning");
    assert!(warning.contains("chmod 600"), "{warning}");

    fs::write(&path, "short\n").expect("a file");
    let error = in_directory(directory.path()).master_keys().expect_err("an error");
    assert!(error.to_string().contains(&path), "{error}");
}
