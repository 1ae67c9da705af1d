//! The mail server: how it is reached, and the dialog with it, in stages that say who an answer is about.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::HEXLOWER_PERMISSIVE;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use secrecy::{ExposeSecret, SecretString};

/// How long the server may take to be reached, and how long for the whole of a mail.
const CONNECT: Duration = Duration::from_secs(15);
const WHOLE: Duration = Duration::from_secs(60);

/// How the connection is encrypted from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    /// In the clear, and encrypted before anything is said (STARTTLS).
    Smtp,
    /// From the first byte.
    Smtps,
}

/// A mail server, as `smtp(s)://user:password@host:port` names it.
#[derive(Clone, Debug)]
pub struct Smtp {
    scheme: Scheme,
    host: String,
    port: u16,
    login: Option<(String, SecretString)>,
}

/// What is no such URL. It never says a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the URL of a mail server: write smtp://USER:PASSWORD@HOST:587 (STARTTLS) or smtps://USER:PASSWORD@HOST:465, with odd \
     characters of user and password as %XX"
)]
pub struct NoSmtp;

impl FromStr for Smtp {
    type Err = NoSmtp;

    fn from_str(text: &str) -> Result<Self, NoSmtp> {
        let (scheme, rest) = text.split_once("://").ok_or(NoSmtp)?;
        let (scheme, usual) = match scheme {
            "smtp" => (Scheme::Smtp, 587),
            "smtps" => (Scheme::Smtps, 465),
            _ => return Err(NoSmtp),
        };
        // A password may hold an @ or a slash.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login.split_once(':').ok_or(NoSmtp)?), place),
            None => (None, rest),
        };
        let login = match login {
            Some((user, password)) => Some((decoded(user)?, SecretString::from(decoded(password)?))),
            None => None,
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| NoSmtp)?),
            _ => (place, usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let odd = |char: char| !(char.is_alphanumeric() || "-._:".contains(char));
        let fits = !host.is_empty() && !host.contains(odd) && port != 0;
        fits.then_some(Self { scheme, host, port, login }).ok_or(NoSmtp)
    }
}

fn decoded(text: &str) -> Result<String, NoSmtp> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        bytes.extend(HEXLOWER_PERMISSIVE.decode(&digits).ok().filter(|byte| byte.len() == 1).ok_or(NoSmtp)?);
    }
    let text = String::from_utf8(bytes).map_err(|_| NoSmtp)?;
    (!text.is_empty() && !text.contains(char::is_control)).then_some(text).ok_or(NoSmtp)
}

impl std::fmt::Display for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How far a mail came that was not taken, and what it means.
#[derive(Debug, thiserror::Error)]
pub enum Failing {
    /// The server is not reached, or breaks off.
    #[error("the mail server cannot be reached, or breaks off")]
    Unreachable(#[source] Error),
    /// It takes too long.
    #[error("the mail server does not answer in time")]
    Slow,
    /// It does not encrypt, or its certificate is not good.
    #[error("the mail server offers no encryption that can be trusted")]
    Untrusted(#[source] Error),
    /// It refuses user and password.
    #[error("the mail server refuses the sign-in of this server")]
    SignIn(#[source] Error),
    /// It does not take mail from this sender.
    #[error("the mail server takes no mail from this server's sender")]
    Sender(#[source] Error),
    /// It refuses the recipient, or the mail itself, for good.
    #[error("{0}")]
    Refused(String),
    /// It takes it later.
    #[error("the mail server takes this mail later")]
    Later(#[source] Error),
}

impl Failing {
    /// Whether the next mail would end the same.
    pub(super) fn is_the_servers(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Later(_))
    }

    /// With what lies below, for whoever runs this server.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut below = std::error::Error::source(self);
        while let Some(why) = below {
            text = format!("{text}: {why}");
            below = why.source();
        }
        one_line(&text)
    }
}

/// What a server said, short enough to be shown, and one line.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(300).collect()
}

/// Whether a connection fails by what was said to encrypt it, such as a certificate that is not good.
fn is_of_encryption(error: &Error) -> bool {
    let mut below = std::error::Error::source(error);
    while let Some(why) = below {
        let said = why.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if said == Some(std::io::ErrorKind::InvalidData) {
            return true;
        }
        below = why.source();
    }
    error.is_tls()
}

/// An answer that is about the recipient, or about what is written.
fn about_mail(error: Error) -> Failing {
    let said = one_line(&error.to_string());
    if error.is_permanent() {
        Failing::Refused(said)
    } else if error.is_transient() {
        Failing::Later(error)
    } else {
        Failing::Unreachable(error)
    }
}

impl Smtp {
    /// Whether it is on this machine: then it needs no certificate, nor to encrypt.
    fn is_here(&self) -> bool {
        let is_loopback = self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback || self.host.eq_ignore_ascii_case("localhost")
    }

    fn tls(&self) -> Result<TlsParameters, Failing> {
        let here = self.is_here();
        let store = if here { CertificateStore::None } else { CertificateStore::Default };
        let parameters = TlsParameters::builder(self.host.clone()).certificate_store(store);
        let parameters = parameters.dangerous_accept_invalid_certs(here).dangerous_accept_invalid_hostnames(here);
        parameters.build_rustls().map_err(Failing::Untrusted)
    }

    /// A connection that is encrypted and signed in.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Failing> {
        let unreachable = |error: Error| match is_of_encryption(&error) {
            true => Failing::Untrusted(error),
            false => Failing::Unreachable(error),
        };
        let (name, place) = (ClientId::default(), (self.host.as_str(), self.port));
        let wrapped = match self.scheme {
            Scheme::Smtps => Some(self.tls()?),
            Scheme::Smtp => None,
        };
        let connecting = AsyncSmtpConnection::connect_tokio1(place, Some(CONNECT), &name, wrapped, None);
        let mut connection = connecting.await.map_err(unreachable)?;
        // Where the server is another machine, one that does not offer it is told nothing.
        if self.scheme == Scheme::Smtp && (connection.can_starttls() || !self.is_here()) {
            connection.starttls(self.tls()?, &name).await.map_err(Failing::Untrusted)?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let signed_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            signed_in.map_err(Failing::SignIn)?;
        }
        Ok(connection)
    }

    /// Whether it takes a connection and this server's sign-in.
    pub async fn check(&self) -> Result<(), Failing> {
        let checked = async {
            let mut connection = self.connect().await?;
            let _ = connection.quit().await;
            Ok(())
        };
        tokio::time::timeout(WHOLE, checked).await.unwrap_or(Err(Failing::Slow))
    }

    /// Hands over one mail. Where no whole answer came behind it, it may have been taken.
    pub(super) async fn send(&self, sender: &Address, recipient: &Address, mail: &[u8]) -> Result<(), Failing> {
        let sent = async {
            let mut connection = self.connect().await?;
            let mut options = Vec::new();
            if !AsRef::<str>::as_ref(sender).is_ascii() || !AsRef::<str>::as_ref(recipient).is_ascii() {
                if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                    let _ = connection.quit().await;
                    return Err(Failing::Refused("it takes no addresses beyond ASCII (SMTPUTF8)".into()));
                }
                options.push(MailParameter::SmtpUtfEight);
            }
            connection.command(Mail::new(Some(sender.clone()), options)).await.map_err(Failing::Sender)?;
            connection.command(Rcpt::new(recipient.clone(), Vec::new())).await.map_err(about_mail)?;
            connection.command(Data).await.map_err(about_mail)?;
            connection.message(mail).await.map_err(about_mail)?;
            let _ = connection.quit().await;
            Ok(())
        };
        tokio::time::timeout(WHOLE, sent).await.unwrap_or(Err(Failing::Slow))
    }
}

/// Whom mail of this server's is from.
#[derive(Clone, Debug)]
pub struct Sender(pub(super) Mailbox);

/// What is no sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sender: write an address like wazapp@example.com, or Name <wazapp@example.com>")]
pub struct NoSender;

impl FromStr for Sender {
    type Err = NoSender;

    fn from_str(text: &str) -> Result<Self, NoSender> {
        let odd = text.contains(char::is_control);
        text.parse().ok().filter(|_| !odd).map(Self).ok_or(NoSender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Smtp {
        url.parse().unwrap_or_else(|_| panic!("{url} is one"))
    }

    #[test]
    fn a_url_names_the_server_and_shows_no_password() {
        let smtp = read("smtp://ana%40example.com:p%C3%A1ss:w@rd/x@mail.example.com:2525");
        let (user, password) = smtp.login.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("ana@example.com", "páss:w@rd/x"));
        assert_eq!(smtp.to_string(), "mail.example.com:2525");
        assert!(!format!("{smtp:?}").contains("ss:w"), "{smtp:?}");
        assert_eq!(read("smtps://u:p@mail.example.com").port, 465);
        assert_eq!(read("smtp://localhost").port, 587);
        assert_eq!(read("smtp://u:p@[::1]:25").host, "::1");
        for bad in [
            "",
            "mail.example.com",
            "http://u:p@h:1",
            "smtp://u@h",
            "smtp://u:p@",
            "smtp://u:@h",
            "smtp://u:%zz@h",
            "smtp://u:p@h:x",
            "smtp://u:p@h:0",
            "smtp://u:p@a b",
            "smtp://u:p%0d%0aX@h",
        ] {
            assert_eq!(bad.parse::<Smtp>().err(), Some(NoSmtp), "{bad}");
        }
    }

    #[test]
    fn only_on_this_machine_nothing_needs_to_be_proved() {
        for here in ["smtp://127.0.0.1:25", "smtp://localhost:25", "smtps://[::1]:465"] {
            assert!(read(here).is_here(), "{here}");
        }
        for elsewhere in ["smtp://mail.example.com", "smtp://10.0.0.7", "smtp://localhost.example.com"] {
            assert!(!read(elsewhere).is_here(), "{elsewhere}");
        }
    }

    #[test]
    fn a_sender_is_an_address_with_a_name_or_without() {
        for good in ["wazapp@example.com", "La Espiga <hola@example.com>"] {
            assert!(good.parse::<Sender>().is_ok(), "{good}");
        }
        for bad in ["", "wazapp", "a@b\r\nBcc: c@d.e", "a@b, c@d"] {
            assert!(bad.parse::<Sender>().is_err(), "{bad:?}");
        }
    }
}
