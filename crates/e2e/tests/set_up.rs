//! `wazapp setup`: from a bare server to the first conversation.

use std::process::{Output, Stdio};
use std::time::Duration;

use e2e::meta::{Meta, SimulatedNumber};
use e2e::program::Installation;
use e2e::until;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

struct There {
    meta: Meta,
    number: SimulatedNumber,
    /// The simulated Meta's App.
    id: String,
    secret: String,
    installation: Installation,
}

/// A bare server, which knows nothing but where Meta is.
async fn bare(seed: u64) -> There {
    let meta = Meta::start(simulator::Options { seed, ..simulator::Options::default() }).await;
    let number = meta.numbers().await.remove(0);
    let app = meta.state().await["app"].clone();
    let word = |name: &str| app[name].as_str().expect("a word").to_owned();
    let (id, secret) = (word("id"), word("secret"));
    let installation = Installation::new().setting("WAZAPP_GRAPH_URL", meta.url());
    There { meta, number, id, secret, installation }
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a customer writes from now on is there.
async fn a_customer_is_heard(there: &There, url: &str, organization: &str) {
    let key = there.installation.json(&["key", "create", "--org", organization]).await["key"].clone();
    there.meta.customer_says(&there.number, "34600111222", "hola").await;
    let http = e2e::outside::http().build().expect("a client");
    until("the conversation is there", async || {
        let asked = http.get(format!("{url}/api/v1/conversations")).bearer_auth(key.as_str().expect("a key"));
        let Ok(answer) = asked.send().await else { return false };
        answer.text().await.is_ok_and(|text| text.contains("hola"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_lead_from_a_bare_server_to_a_conversation() {
    let there = bare(21).await;
    let server = there.installation.serve().await;
    let (id, secret, number) = (there.id.as_str(), there.secret.as_str(), &there.number);
    let all = [
        "setup",
        "--app-id",
        id,
        "--app-secret",
        secret,
        "--org",
        "Acme Rosario",
        "--owner",
        "ana@acme.example",
        "--phone-number-id",
        &number.phone_number_id,
        "--waba-id",
        &number.waba_id,
        "--token",
        &number.token,
    ];
    let done = there.installation.json(&all).await;
    assert_eq!(done["app"]["callback_url"], json!(format!("{}/webhook/{id}", server.url())), "{done}");
    assert_eq!(
        (&done["app"]["changed"], &done["organization"]["slug"]),
        (&json!(true), &json!("acme-rosario")),
        "{done}"
    );
    assert_eq!(done["number"]["status"], "connected", "{done}");
    let link = done["owner"]["setup_url"].as_str().expect("a link");
    assert!(link.starts_with(&format!("{}/password/", server.url())), "{link}");
    a_customer_is_heard(&there, server.url(), "acme-rosario").await;
    // Nothing is left to do: the App hears of all that connecting looks for, and the doctor tries where it calls.
    assert_eq!(done["app"]["fields"].as_array().map(Vec::len), Some(11), "{done}");
    let fields = done["number"]["steps"].as_array().into_iter().flatten().find(|step| step["name"] == "fields");
    assert_eq!(fields.map(|step| &step["state"]), Some(&json!("done")), "{done}");
    let doctor = there.installation.json(&["doctor"]).await;
    let of = |level: &str| -> Vec<&Value> {
        doctor["findings"].as_array().expect("a list").iter().filter(|finding| finding["level"] == level).collect()
    };
    let warnings: Vec<&str> = of("warning").iter().filter_map(|finding| finding["subject"].as_str()).collect();
    assert_eq!((warnings, of("broken")), (vec!["public_url", "graph_url", "schedule"], Vec::new()), "{doctor:#}");
    let callback = json!(format!("{}/webhook/{id}", server.url()));
    let tried = |finding: &&&Value| finding["area"] == "Callback" && finding["subject"] == callback;
    assert!(of("good").iter().any(|finding| tried(&finding)), "{doctor:#}");
    assert!(of("good").iter().any(|finding| finding["says"] == "none; the database has 1 App"), "{doctor:#}");
    // They own the organization, and run the server.
    let users = there.installation.json(&["user", "list"]).await;
    assert_eq!((&users[0]["email"], &users[0]["is_operator"]), (&json!("ana@acme.example"), &json!(true)), "{users}");

    // Once more: what is there is passed over, and nothing is asked for that is known.
    let again = there.installation.json(&["setup"]).await;
    assert_eq!(again["app"]["changed"], false, "{again}");
    assert_eq!(again["organization"], done["organization"]);
    assert_eq!((&again["owner"]["email"], &again["owner"]["setup_url"]), (&json!("ana@acme.example"), &Value::Null));
    assert_eq!(again["number"]["id"], done["number"]["id"]);
    assert_eq!(there.installation.json(&["org", "list"]).await.as_array().map(Vec::len), Some(1));
    assert!(server.terminate().await.0.success());
}

/// Without a flag and without a terminal, the flag is named; what is wrong is said with whose move it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong_is_named() {
    let there = bare(22).await;
    let asked = complained(&there.installation.run(&["setup"]).await);
    assert!(asked.contains("App ID? Say it with --app-id"), "{asked}");
    let server = there.installation.serve().await;
    let wrong = ["setup", "--app-id", &there.id, "--app-secret", "not-it", "--org", "Acme"];
    let refused = complained(&there.installation.run(&wrong).await);
    assert!(refused.contains("does not take App") && !refused.contains("not-it"), "{refused}");
    let odd = complained(&there.installation.run(&["setup", "--app-id", "my app"]).await);
    assert!(odd.contains("digits only"), "{odd}");
    // Of the real Meta, the address is asked first.
    let real = Installation::new().setting("WAZAPP_GRAPH_URL", "https://graph.facebook.com");
    let asked = complained(&real.run(&["setup"]).await);
    assert!(asked.contains("--domain or --public-url"), "{asked}");
    assert!(server.terminate().await.0.success());
}

/// Runs a command at a terminal of its own, at which each question is answered once it is asked.
async fn at_a_terminal(command: &Command, answers: &[(&str, &str)]) -> (bool, String) {
    let command = command.as_std();
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().expect("a word")))
        .collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    terminal.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = terminal.spawn().expect("script is part of each Linux");
    let (mut keys, mut screen) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    let (mut said, mut unread) = (String::new(), 0);
    let (mut answers, mut bytes) = (answers.iter(), [0; 4096]);
    let mut next = answers.next();
    loop {
        let read = tokio::time::timeout(Duration::from_secs(60), screen.read(&mut bytes)).await;
        let length = read.unwrap_or_else(|_| panic!("it waits for {next:?}: {said}")).expect("it can be read");
        if length == 0 {
            break;
        }
        said.push_str(&String::from_utf8_lossy(&bytes[..length]));
        while let Some((question, answer)) = next {
            let Some(at) = said[unread..].find(question) else { break };
            unread += at + question.len();
            keys.write_all(format!("{answer}\n").as_bytes()).await.expect("typed");
            next = answers.next();
        }
    }
    assert_eq!(next, None, "all is asked: {said}");
    (child.wait().await.expect("it ends").success(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_it_asks() {
    let there = bare(23).await;
    let server = there.installation.serve().await;
    let number = &there.number;
    let answers = [
        ("App ID: ", there.id.as_str()),
        ("App secret (it is not shown): ", &there.secret),
        ("What it is called: ", "Acme"),
        ("with which they sign in: ", "ana@acme.example"),
        ("Phone number ID: ", &number.phone_number_id),
        ("WhatsApp Business Account ID: ", &number.waba_id),
        ("Access token (it is not shown): ", &number.token),
    ];
    let (done, said) = at_a_terminal(&there.installation.command(&["setup"]), &answers).await;
    assert!(done, "{said}");
    for words in
        ["App ID", "Create App", "1. Where", "6. Its number", "the callback proves itself", "/password/", "/inbox"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    a_customer_is_heard(&there, server.url(), "acme").await;
    assert!(server.terminate().await.0.success());
}
