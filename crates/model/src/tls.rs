//! TLS to an external PostgreSQL, with the meanings libpq gives to `sslmode`.
//! <https://www.postgresql.org/docs/current/libpq-ssl.html>

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::{DatabaseError, Result};
use crate::hosts;

/// Whether and how the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A Unix socket, or `sslmode=disable`.
    Off,
    /// `prefer` and `require`: encrypted, the certificate is not checked.
    Encrypt,
    /// `verify-ca` and `verify-full`: the certificate must chain to a system root and name the host.
    Verify,
}

impl Mode {
    pub(crate) fn connector(self) -> Result<Option<MakeRustlsConnect>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| DatabaseError::Unfit(format!("TLS cannot be set up: {error}")))?;
        let config = match self {
            Self::Off => return Ok(None),
            Self::Encrypt => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unchecked(algorithms)))
                .with_no_client_auth(),
            Self::Verify => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        Ok(Some(MakeRustlsConnect::new(config)))
    }
}

/// The way to a PostgreSQL that is none of wazapp's.
#[derive(Clone)]
pub struct Way {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Way(••••)")
    }
}

impl Way {
    /// Reads a URL, which this variable says. A connection that is lost without a word is noticed within a minute.
    pub fn read(url: &str, variable: &str) -> Result<Self> {
        let (mut config, mode) = parse(url, variable)?;
        config
            .connect_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(20))
            .tcp_user_timeout(Duration::from_secs(30));
        Ok(Self { config, tls: mode.connector()? })
    }

    /// Opens a connection, driven until the client is dropped.
    pub async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        Ok(hosts::open(&self.config, self.tls.as_ref()).await?.client)
    }
}

/// Splits `sslmode` and `target_session_attrs` off, which tokio-postgres knows only in part.
pub(crate) fn parse_url(url: &str) -> Result<(Config, Mode)> {
    parse(url, "WAZAPP_DATABASE_URL")
}

fn parse(url: &str, variable: &str) -> Result<(Config, Mode)> {
    let (mut mode, mut target) = (None, None);
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| match pair.split_once('=') {
            Some(("sslmode", value)) => {
                mode = Some(value.to_owned());
                false
            }
            Some(("target_session_attrs", value)) => {
                target = Some(value.to_owned());
                false
            }
            Some(("pgbouncer", _)) => false,
            _ => !pair.is_empty(),
        })
        .collect();
    let rebuilt = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
    // The parser's own message may quote the URL, and with it the password.
    let mut config: Config = rebuilt.parse().map_err(|_| {
        DatabaseError::Unfit(format!("{variable} is not a PostgreSQL URL: postgres://user:password@host:5432/database"))
    })?;
    config.application_name("wazapp");
    let (ssl, mode) = match mode.as_deref() {
        Some("disable") => (SslMode::Disable, Mode::Off),
        None | Some("allow" | "prefer") => (SslMode::Prefer, Mode::Encrypt),
        Some("require") => (SslMode::Require, Mode::Encrypt),
        Some("verify-ca" | "verify-full") => (SslMode::Require, Mode::Verify),
        Some(other) => {
            return Err(DatabaseError::Unfit(format!(
                "{variable}: sslmode={other} is unknown; use disable, prefer, require, verify-ca or verify-full"
            )));
        }
    };
    config.ssl_mode(ssl);
    match target.as_deref() {
        None | Some("any" | "read-write" | "primary") => {}
        Some(other) => {
            return Err(DatabaseError::Unfit(format!(
                "{variable}: target_session_attrs={other} leads to what only reads: leave it out, or use read-write"
            )));
        }
    }
    // Of several addresses the one that takes what is written is the only one of use.
    if hosts::are_several(&config) || matches!(target.as_deref(), Some("read-write" | "primary")) {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok((config, mode))
}

/// Opens one connection outside the pools and keeps it driven until the client is dropped.
pub(crate) async fn connect(config: &Config, mode: &Mode) -> Result<Client> {
    Ok(connect_hearing(config, mode).await?.0)
}

/// The same, with what the server notifies it of; that ends when the connection does.
pub(crate) async fn connect_hearing(config: &Config, mode: &Mode) -> Result<(Client, UnboundedReceiver<String>)> {
    let opened = hosts::open(config, mode.connector()?.as_ref()).await.map_err(|error| {
        if hosts::only_reads(&error) {
            return DatabaseError::OnlyReads;
        }
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        DatabaseError::Unreachable(format!("{error}{cause}"))
    })?;
    Ok((opened.client, opened.heard))
}

/// Accepts any certificate, as libpq does below `verify-ca`.
#[derive(Debug)]
struct Unchecked(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
