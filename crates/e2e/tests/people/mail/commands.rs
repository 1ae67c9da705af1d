//! Commands that mail, and what is said of the mail server.

use e2e::mail_server::{Asks, MailServer};
use e2e::program::Installation;
use serde_json::Value;

const PASSWORD: &str = "canary-smtp-password";

fn installation(server: &MailServer) -> Installation {
    let url = server.url_at("smtp", "127.0.0.1", &format!("ana:{PASSWORD}"));
    Installation::new().setting("WAZAPP_SMTP_URL", &url).setting("WAZAPP_MAIL_FROM", "wazapp@example.com")
}

async fn found(installation: &Installation, area: &str) -> Vec<Value> {
    let output = installation.run(&["doctor", "--json"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains(PASSWORD), "{said}");
    let answer: Value = serde_json::from_str(&said).expect("JSON");
    let all = answer["findings"].as_array().expect("findings").iter();
    all.filter(|one| one["area"] == area || one["subject"] == "to mail").cloned().collect()
}

/// A command that makes a link has one mailed too, by the server that runs, in the account's language; the doctor says whether
/// the mail server is there.
#[tokio::test(flavor = "multi_thread")]
async fn links_of_commands_are_mailed() {
    let mut server = MailServer::down();
    let installation = installation(&server);
    let running = installation.serve().await;
    installation.json(&["org", "create", "Acme"]).await;
    let create = ["user", "create", "--org", "acme", "--email", "eva@example.com", "--language", "en"];
    let made = installation.json(&create).await;
    assert!(
        made["setup_url"].as_str().is_some_and(|url| url.contains("/password/")) && made["mailed"] == true,
        "{made}"
    );
    e2e::until("it was tried in vain", async || {
        let found = found(&installation, "Mail").await;
        found[1]["says"].as_str().is_some_and(|says| says.contains("cannot be reached"))
    })
    .await;
    let broken = found(&installation, "Mail").await;
    assert_eq!((&broken[0]["level"], &broken[1]["level"]), (&"broken".into(), &"warning".into()), "{broken:?}");

    server.up(Asks { login: Some(("ana", PASSWORD)), ..Asks::default() }).await;
    let reset = installation.run(&["user", "reset", "eva@example.com"]).await;
    let said = String::from_utf8_lossy(&reset.stdout).into_owned();
    assert!(reset.status.success() && said.contains("mails them a link"), "{said}");
    let url = running.url().to_owned();
    e2e::until("the reset is mailed", async || {
        server.mails().iter().any(|mail| mail.subject == "Choose another wazapp password" && mail.path(&url).len() > 40)
    })
    .await;
    let good = found(&installation, "Mail").await;
    assert_eq!(good[0]["level"], "good", "{good:?}");
    let shown = installation.run(&["config", "show"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("smtp://ana:•••@127.0.0.1") && !shown.contains(PASSWORD), "{shown}");
    let (_, _, log) = running.terminate().await;
    assert!(log.contains("a mail was not sent yet") && !log.contains(PASSWORD), "{log}");
}

/// Half of it stops the start, and says what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn both_settings_or_none() {
    for (variable, value, says) in [
        ("WAZAPP_SMTP_URL", format!("smtp://ana:{PASSWORD}@127.0.0.1:25"), "WAZAPP_MAIL_FROM"),
        ("WAZAPP_MAIL_FROM", "wazapp@example.com".to_owned(), "WAZAPP_SMTP_URL"),
        ("WAZAPP_SMTP_URL", format!("http://ana:{PASSWORD}@127.0.0.1"), "smtp://USER:PASSWORD@HOST:587"),
    ] {
        let mut installation = Installation::new().setting(variable, &value);
        if says.starts_with("smtp:") {
            installation = installation.setting("WAZAPP_MAIL_FROM", "wazapp@example.com");
        }
        let output = installation.run(&["serve"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says) && !said.contains(PASSWORD), "{said}");
    }
}
