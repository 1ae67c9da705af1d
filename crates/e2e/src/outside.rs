//! What tests take from outside, where there is no [`World`](crate::World) to ask: the time, and HTTP clients, addresses.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use jiff::Timestamp;
use uuid::Uuid;

/// The system's time. A world has its own: [`World::now`](crate::World::now).
#[expect(clippy::disallowed_methods, reason = "the one place where tests ask what time it is")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// An HTTP client of a test's own. No proxy stands between.
#[expect(clippy::disallowed_methods, reason = "the one place where tests begin an HTTP client")]
pub fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

/// Where somebody else's server can listen that is about to start. Of ports that the system gives to no connection: nobody takes it
/// meanwhile. <https://docs.kernel.org/networking/ip-sysctl.html#ip-variables> (`ip_local_port_range`)
pub fn free_address() -> SocketAddr {
    const FIRST: u16 = 10_000;
    const MANY: u16 = 20_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let [.., one, other] = Uuid::now_v7().into_bytes();
        AtomicU16::new(u16::from_le_bytes([one, other]))
    });
    std::iter::repeat_with(|| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % MANY)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("it goes on")
}
