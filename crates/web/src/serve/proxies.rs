//! Whom `X-Forwarded-For` is believed.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;

/// The proxies in front of this server.
#[derive(Clone)]
pub struct Proxies(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl Proxies {
    /// Those that `trusted` names.
    pub fn new(trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(trusted))
    }

    /// Whether the address is a proxy's.
    pub(super) fn trust(&self, address: IpAddr) -> bool {
        (self.0)(address.to_canonical())
    }

    /// The last address that a proxy vouches for: what stands before it anybody may have written.
    pub(super) fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        for hop in hops {
            let address = address(hop.trim())?;
            if !self.trust(address) {
                return Some(address);
            }
        }
        None
    }
}

/// Some proxies add a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
}

/// Nobody is believed.
impl Default for Proxies {
    fn default() -> Self {
        Self::new(|_| false)
    }
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proxies")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_last_whom_no_proxy_of_ours_is() {
        let proxies = Proxies::new(|address| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10));
        for (lines, client) in [
            (&["192.0.2.7"][..], Some("192.0.2.7")),
            (&["6.6.6.6, 192.0.2.7"], Some("192.0.2.7")),
            (&["6.6.6.6", "192.0.2.7, 10.0.0.2"], Some("192.0.2.7")),
            (&["192.0.2.7", "junk"], None),
            (&["192.0.2.7:4711"], Some("192.0.2.7")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["10.0.0.3"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            lines.iter().for_each(|line| _ = headers.append("x-forwarded-for", line.parse().unwrap()));
            assert_eq!(proxies.client(&headers), client.map(|text| text.parse().unwrap()), "{lines:?}");
        }
    }
}
