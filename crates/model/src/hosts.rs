//! The addresses of one PostgreSQL: of several, as clusters with a failover have them, the one that takes what is written.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Beside an address that has not answered for so long the next one is tried: a machine that is gone refuses nobody.
const HEAD_START: Duration = Duration::from_millis(500);

/// An open connection.
pub(crate) struct Opened {
    pub(crate) client: Client,
    /// Drives it until the client is dropped.
    pub(crate) driven: JoinHandle<()>,
    /// What the server notifies it of; ends when the connection does.
    pub(crate) heard: UnboundedReceiver<String>,
}

/// Opens a connection to the first of the addresses that answers as it should. That one of them only reads is told before what
/// the others lack.
pub(crate) async fn open(config: &Config, tls: Option<&MakeRustlsConnect>) -> Result<Opened, Error> {
    let mut rest = each(config).into_iter();
    let mut under_way = FuturesUnordered::new();
    let mut failed: Option<Error> = None;
    loop {
        under_way.extend(rest.next().map(|one| open_one(one, tls.cloned())));
        let more = rest.len() > 0;
        tokio::select! {
            Some(opened) = under_way.next() => {
                let error = match opened {
                    Ok(opened) => return Ok(opened),
                    Err(error) => failed.take().filter(only_reads).unwrap_or(error),
                };
                if !more && under_way.is_empty() {
                    return Err(error);
                }
                failed = Some(error);
            }
            () = tokio::time::sleep(HEAD_START), if more => {}
        }
    }
}

/// Whether a server was reached that takes nothing that is written.
pub(crate) fn only_reads(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    // What the system denies has a number.
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none())
}

/// Whether several addresses are named.
pub(crate) fn are_several(config: &Config) -> bool {
    config.get_hosts().len().max(config.get_hostaddrs().len()) > 1
}

async fn open_one(config: Config, tls: Option<MakeRustlsConnect>) -> Result<Opened, Error> {
    match tls {
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            Ok(drive(client, connection))
        }
        Some(tls) => {
            let (client, connection) = config.connect(tls).await?;
            Ok(drive(client, connection))
        }
    }
}

/// The same for each address by itself.
fn each(config: &Config) -> Vec<Config> {
    if !are_several(config) {
        return vec![config.clone()];
    }
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let one = |nth: usize| {
        let mut one = nowhere(config);
        match hosts.get(nth) {
            Some(Host::Tcp(name)) => _ = one.host(name),
            Some(Host::Unix(path)) => _ = one.host_path(path),
            None => {}
        }
        if let Some(address) = addresses.get(nth) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(nth).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    (0..hosts.len().max(addresses.len())).map(one).collect()
}

/// All but the addresses.
fn nowhere(config: &Config) -> Config {
    let mut other = Config::new();
    if let Some(user) = config.get_user() {
        other.user(user);
    }
    if let Some(password) = config.get_password() {
        other.password(password);
    }
    if let Some(database) = config.get_dbname() {
        other.dbname(database);
    }
    if let Some(options) = config.get_options() {
        other.options(options);
    }
    if let Some(name) = config.get_application_name() {
        other.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        other.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        other.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        other.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        other.keepalives_retries(retries);
    }
    other
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding());
    other
}

fn drive<S, T>(client: Client, mut connection: Connection<S, T>) -> Opened
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (tell, heard) = unbounded_channel();
    let driven = tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message {
                // Most do not listen.
                let _ = tell.send(notification.payload().to_owned());
            }
        }
    });
    Opened { client, driven, heard }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_postgres::config::TargetSessionAttrs;

    use super::*;

    #[test]
    fn each_address_keeps_all_else() {
        let url = "postgres://me:word@one:1,two:2,three/db?connect_timeout=7&target_session_attrs=read-write";
        let config: Config = url.parse().unwrap();
        let each = each(&config);
        let ports: Vec<&[u16]> = each.iter().map(Config::get_ports).collect();
        assert_eq!(ports, [[1], [2], [5432]]);
        for (one, name) in each.iter().zip(["one", "two", "three"]) {
            assert_eq!(one.get_hosts(), [Host::Tcp(name.into())]);
            assert_eq!((one.get_user(), one.get_password()), (Some("me"), Some("word".as_bytes())));
            assert_eq!((one.get_dbname(), one.get_connect_timeout()), (Some("db"), Some(&Duration::from_secs(7))));
            assert_eq!(one.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        }
        let alone: Config = "postgres://me@one/db".parse().unwrap();
        assert_eq!((super::each(&alone), are_several(&alone)), (vec![alone], false));
    }

    /// One that takes the connection and says nothing holds nobody up: the next one answers, if only by refusing.
    #[tokio::test]
    async fn an_address_that_says_nothing_is_passed() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (asked, mut came) = unbounded_channel();
        let listening = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let last = listening.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listening.accept().await.unwrap();
            asked.send(()).unwrap();
            drop(stream);
        });
        let url = format!("postgres://me@{},{closed},{last}/db", silent.local_addr().unwrap());
        let config: Config = url.parse().unwrap();
        let opening = tokio::spawn(async move { open(&config, None).await.map(|_| ()) });
        came.recv().await.expect("the last one is asked");
        assert!(!opening.is_finished(), "the first may still answer");
        opening.abort();
    }
}
