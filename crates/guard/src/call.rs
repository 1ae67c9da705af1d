//! Calling a [`Target`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::timeout_at;

use crate::network::Networks;
use crate::target::Target;

/// How long it takes to be connected, and the whole of a call.
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);

/// So much of an answer is read.
const READ: usize = 64 << 10;

/// How many idle connections to one host are kept, and for how long.
const IDLE: usize = 8;
const IDLE_FOR: Duration = Duration::from_secs(30);

/// Calls targets. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Guard {
    encrypted: reqwest::Client,
    /// In the clear, to allowed networks alone.
    plain: reqwest::Client,
    resolver: Arc<dyn Resolver>,
    allowed: Networks,
}

/// What says for which addresses a name stands. Whatever it says, and however often it says something else, is looked at before
/// anything is connected to.
trait Resolver: std::fmt::Debug + Send + Sync {
    fn addresses(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>>;
}

/// The one of this machine.
#[derive(Debug)]
struct System;

impl Resolver for System {
    fn addresses(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

/// What a target answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of its body.
    pub body: Bytes,
    /// Why that is not all of it, where it did not end well.
    pub broke_off: Option<Failing>,
    /// How long it took.
    pub took: Duration,
}

/// Why there was no answer, or not all of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failing {
    /// Its name stands for no address that is public.
    #[error("the name stands for no public address")]
    Private,
    /// Its name is not known.
    #[error("the name is not known")]
    Unknown,
    /// It took too long.
    #[error("no whole answer within {} seconds", WHOLE.as_secs())]
    Slow,
    /// Its certificate is not good, or it speaks no TLS.
    #[error("no connection that can be trusted: {0}")]
    Untrusted(String),
    /// It is not reached.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// It breaks off.
    #[error("the answer broke off: {0}")]
    BrokeOff(String),
}

impl Guard {
    /// Calls public addresses, and those in these networks.
    ///
    /// # Errors
    ///
    /// The system's certificates cannot be read.
    pub fn new(allowed: Networks) -> Result<Self, reqwest::Error> {
        Self::asking(Arc::new(System), allowed)
    }

    fn asking(resolver: Arc<dyn Resolver>, allowed: Networks) -> Result<Self, reqwest::Error> {
        let names = |only_allowed| Names { resolver: resolver.clone(), allowed: allowed.clone(), only_allowed };
        let (encrypted, plain) = (client(names(false))?, client(names(true))?);
        Ok(Self { encrypted, plain, resolver, allowed })
    }

    /// What it may call beside the public Internet.
    pub fn allowed(&self) -> &Networks {
        &self.allowed
    }

    /// Makes one request, and reads the beginning of the answer. A redirect is an answer like any other, and so is one whose
    /// body breaks off or does not end in time: its status was said.
    ///
    /// # Errors
    ///
    /// There is no address that may be called, or no answer. Whether the target heard of it is not known then.
    pub async fn call(
        &self,
        method: Method,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Failing> {
        if target.address().is_some_and(|address| !self.may_call(target, address)) {
            return Err(Failing::Private);
        }
        let client = if target.is_plain() { &self.plain } else { &self.encrypted };
        let (began, until) = (Instant::now(), tokio::time::Instant::now() + WHOLE);
        let request = client.request(method, target.url().clone()).headers(headers).body(body);
        let answer = timeout_at(until, request.send()).await.map_err(|_| Failing::Slow)?;
        let answer = answer.map_err(|error| failing(&error))?;
        let (status, headers, mut body) = (answer.status(), answer.headers().clone(), BytesMut::new());
        let read = timeout_at(until, beginning(answer, &mut body)).await.unwrap_or(Err(Failing::Slow));
        Ok(Answer { status, headers, body: body.freeze(), broke_off: read.err(), took: began.elapsed() })
    }

    /// Whether the target's name stands for an address that may be called, asked now.
    ///
    /// # Errors
    ///
    /// It stands for none.
    pub async fn resolve(&self, target: &Target) -> Result<(), Failing> {
        if let Some(address) = target.address() {
            return if self.may_call(target, address) { Ok(()) } else { Err(Failing::Private) };
        }
        let (resolver, allowed) = (self.resolver.clone(), self.allowed.clone());
        let names = Names { resolver, allowed, only_allowed: target.is_plain() };
        let host = target.url().host_str().unwrap_or_default();
        tokio::time::timeout(CONNECT, names.addresses(host))
            .await
            .unwrap_or(Err(NoAddress::Unknown))
            .map(drop)
            .map_err(Into::into)
    }

    fn may_call(&self, target: &Target, address: std::net::IpAddr) -> bool {
        if target.is_plain() { self.allowed.contain(address) } else { self.allowed.admit(address) }
    }
}

async fn beginning(answer: reqwest::Response, read: &mut BytesMut) -> Result<(), Failing> {
    let mut stream = answer.bytes_stream();
    while read.len() < READ
        && let Some(part) = stream.next().await
    {
        let part = part.map_err(|error| Failing::BrokeOff(below(&error)))?;
        read.extend_from_slice(&part[..part.len().min(READ - read.len())]);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one place where clients of organizations' addresses begin")]
fn client(names: Names) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(IDLE)
        .pool_idle_timeout(IDLE_FOR)
        .dns_resolver(Arc::new(names))
        .build()
}

/// Resolves names, and drops what may not be called.
#[derive(Clone, Debug)]
struct Names {
    resolver: Arc<dyn Resolver>,
    allowed: Networks,
    only_allowed: bool,
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum NoAddress {
    #[error("the name stands for no public address")]
    Private,
    #[error("the name is not known")]
    Unknown,
}

impl From<NoAddress> for Failing {
    fn from(why: NoAddress) -> Self {
        match why {
            NoAddress::Private => Self::Private,
            NoAddress::Unknown => Self::Unknown,
        }
    }
}

impl Names {
    async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, NoAddress> {
        let all = self.resolver.addresses(host.to_owned()).await.map_err(|_| NoAddress::Unknown)?;
        let (allowed, only) = (&self.allowed, self.only_allowed);
        if all.is_empty() {
            return Err(NoAddress::Unknown);
        }
        let may = |at: &SocketAddr| if only { allowed.contain(at.ip()) } else { allowed.admit(at.ip()) };
        let left: Vec<SocketAddr> = all.into_iter().filter(may).collect();
        if left.is_empty() { Err(NoAddress::Private) } else { Ok(left) }
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let addresses = names.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn failing(error: &reqwest::Error) -> Failing {
    let mut why: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = why {
        if let Some(none) = error.downcast_ref::<NoAddress>() {
            return (*none).into();
        }
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData) {
            return Failing::Untrusted(below(error));
        }
        why = error.source();
    }
    match error {
        error if error.is_timeout() => Failing::Slow,
        error if error.is_connect() => Failing::Unreachable(below(error)),
        error => Failing::BrokeOff(below(error)),
    }
}

/// The innermost reason: what stands above names the URL, which may hold a secret.
fn below(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request could not be made".to_owned(),
        None => innermost.to_string().chars().filter(|char| !char.is_control()).take(200).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};

    use axum::Router;
    use axum::serve::ListenerExt;
    use tokio::net::TcpListener;

    use super::*;

    const ALLOWED: [u8; 4] = [127, 0, 0, 2];
    const TRAP: [u8; 4] = [127, 0, 0, 1];

    /// Says something else each time, and the last thing from then on.
    #[derive(Debug)]
    struct Rebinding(Mutex<VecDeque<Vec<[u8; 4]>>>);

    impl Resolver for Rebinding {
        fn addresses(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
            let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = if left.len() > 1 { left.pop_front() } else { left.front().cloned() };
            let said = now.into_iter().flatten().map(|four| (IpAddr::from(four), 0).into()).collect();
            Box::pin(std::future::ready(Ok(said)))
        }
    }

    /// Listens at an address, and counts who connects.
    async fn counting(address: [u8; 4], port: u16) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind((IpAddr::from(address), port)).await.expect("an address of this machine");
        let (port, count) = (listener.local_addr().expect("bound").port(), Arc::new(AtomicUsize::new(0)));
        let seen = count.clone();
        tokio::spawn(async move {
            let hook = Router::new().fallback(async || "ok");
            axum::serve(
                listener.tap_io(move |_| {
                    seen.fetch_add(1, Ordering::SeqCst);
                }),
                hook,
            )
            .await
        });
        (port, count)
    }

    /// A name that stands for a public address when it is looked at, and for one of ours when it is called.
    #[tokio::test]
    async fn a_name_that_changes_what_it_stands_for_leads_nowhere() {
        let (port, trapped) = counting(TRAP, 0).await;
        let (_, reached) = counting(ALLOWED, port).await;
        let allowed = Networks::new(vec!["127.0.0.2/32".parse().expect("a network")]);
        let target = Target::read(&format!("http://rebinding.internal:{port}/"), &allowed).expect("a target");
        let guard = |said: &[&[[u8; 4]]]| {
            let said = said.iter().map(|addresses| addresses.to_vec()).collect();
            Guard::asking(Arc::new(Rebinding(Mutex::new(said))), allowed.clone()).expect("a guard")
        };
        let call = async |guard: &Guard| guard.call(Method::GET, &target, HeaderMap::new(), Bytes::new()).await;

        // Looked at, then called: what it stood for before counts for nothing.
        let rebound = guard(&[&[ALLOWED], &[TRAP]]);
        rebound.resolve(&target).await.expect("it may be called now");
        assert!(matches!(call(&rebound).await, Err(Failing::Private)));
        // Both at once: only what may be called is.
        let both = guard(&[&[TRAP, ALLOWED]]);
        both.resolve(&target).await.expect("one may be called");
        assert_eq!(call(&both).await.expect("an answer").status, StatusCode::OK);
        // Back and forth, over whatever connections are kept.
        let turns: Vec<&[[u8; 4]]> = [&[ALLOWED][..], &[TRAP][..]].into_iter().cycle().take(20).collect();
        let turning = guard(&turns);
        for _ in 0..20 {
            let _ = call(&turning).await;
        }
        // None at all.
        assert!(matches!(call(&guard(&[&[]])).await, Err(Failing::Unknown)));
        assert_eq!(trapped.load(Ordering::SeqCst), 0);
        assert!(reached.load(Ordering::SeqCst) >= 2);
    }
}
