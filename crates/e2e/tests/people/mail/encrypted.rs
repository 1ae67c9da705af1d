//! What is told to whom: encryption, certificates, and passwords.

use std::net::UdpSocket;

use e2e::mail_server::{Asks, MailServer, post};
use worker::mail::Failing;

const LOGIN: Option<(&str, &str)> = Some(("ana", "secret-word"));

/// An address of this machine that is not its loopback, where it has one.
fn outer_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: it only asks the way.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

/// On this machine a certificate that nobody vouches for will do, by either way of encrypting, and none as well.
#[tokio::test(flavor = "multi_thread")]
async fn on_this_machine_nobody_vouches() {
    for (scheme, encrypts, implicit) in [("smtp", false, false), ("smtp", true, false), ("smtps", true, true)] {
        let server = MailServer::start(Asks { login: LOGIN, encrypts, implicit }).await;
        let good = post(&server.url_at(scheme, "127.0.0.1", "ana:secret-word"));
        good.smtp.check().await.unwrap_or_else(|failing| panic!("{scheme} {encrypts}: {}", failing.in_full()));
        let bad = post(&server.url_at(scheme, "127.0.0.1", "ana:other-word"));
        let failing = bad.smtp.check().await.expect_err("it is the wrong password");
        assert!(matches!(failing, Failing::SignIn(_)), "{failing:?}");
        assert!(!failing.in_full().contains("other-word") && !format!("{failing:?}").contains("other-word"));
    }
}

/// Another machine that does not encrypt, or whose certificate nobody vouches for, never sees the password.
#[tokio::test(flavor = "multi_thread")]
async fn elsewhere_the_password_is_told_to_nobody_unproved() {
    let Some(host) = outer_address() else {
        eprintln!("SKIPPED: this machine has no address beside its loopback");
        return;
    };
    for (scheme, encrypts, implicit) in [("smtp", false, false), ("smtp", true, false), ("smtps", true, true)] {
        let server = MailServer::start(Asks { login: LOGIN, encrypts, implicit }).await;
        let failing = post(&server.url_at(scheme, &host, "ana:secret-word")).smtp.check().await;
        let failing = failing.expect_err("nothing proves who that is");
        assert!(matches!(failing, Failing::Untrusted(_)), "{scheme} {encrypts}: {failing:?}");
        assert_eq!(server.sign_ins(), "", "{scheme} {encrypts}");
    }
}
