//! Networks, as whoever runs the server names them.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::address;

/// A network, like `10.0.0.0/8`; a lone address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// What is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a network: write like 10.0.0.0/8 or 192.0.2.7")]
pub struct NoNetwork(String);

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let problem = || NoNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| problem())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| problem())?,
            None => longest,
        };
        (prefix <= longest).then_some(Self { address, prefix }).ok_or_else(problem)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

impl Network {
    /// Whether it is all addresses of its kind.
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }

    /// Is the address in this network? IPv4 in IPv6 clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

/// Networks beside the public ones that organizations' addresses may be in.
#[derive(Debug, Clone, Default)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// These.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// This machine.
    pub fn loopback() -> Self {
        let v4 = Network { address: IpAddr::from([127, 0, 0, 0]), prefix: 8 };
        let v6 = Network { address: IpAddr::from(Ipv6Addr::LOCALHOST), prefix: 128 };
        Self(vec![v4, v6])
    }

    /// These, or where there are none, others.
    pub fn or(self, others: Self) -> Self {
        if self.any() { self } else { others }
    }

    /// The one that is all addresses of its kind, if there is one.
    pub fn everybody(&self) -> Option<&Network> {
        self.0.iter().find(|network| network.is_everybody())
    }

    /// Whether there are some.
    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether an address is in one of them.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Whether an address may be called.
    pub(crate) fn admit(&self, address: IpAddr) -> bool {
        address::is_public(address) || self.contain(address)
    }
}
