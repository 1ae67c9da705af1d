//! Who is connected, and who gives way when there is no more room.
//!
//! Nobody is kept out because others came first: a new connection is let in, and the one whose client has kept us waiting
//! longest ends for it. One peer has a share of the places; among its own it gives way to itself. What we are at work
//! for is never ended.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;

use super::client::Size;
use super::link::{Link, Stage};
use super::proxies::Proxies;

/// One peer has at most this part of the places.
const PEERS_PART: usize = 4;

/// Of a peer's connections that wait, so many are looked at for the one that has waited longest.
const LOOKED_AT: usize = 64;

/// A body that takes longer than this to arrive may give its memory to others.
const SLOW: Duration = Duration::from_millis(500);

/// An IPv4 address, or the network of an IPv6 one: whoever has one address there has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer(IpAddr);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 => v4,
        })
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

/// Everyone who is connected.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    places: usize,
    proxies: Proxies,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    groups: HashMap<Owner, HashMap<u64, Arc<Link>>>,
    total: usize,
    next: u64,
}

/// Whose share a connection counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Peer(Peer),
    /// A trusted proxy's, which speaks for many.
    Proxy,
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    peers: Peers,
    address: IpAddr,
    id: u64,
    home: Owner,
    owner: Mutex<Owner>,
    link: Arc<Link>,
}

impl Peers {
    pub(super) fn new(places: usize, proxies: Proxies) -> Self {
        Self { places, proxies, table: Arc::default() }
    }

    /// A place for a connection from this address; `None`: all are taken, and we are at work for each of them.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Place> {
        self.admit_since(address, Instant::now())
    }

    fn admit_since(&self, address: IpAddr, began: Instant) -> Option<Place> {
        self.give_place(address, Link::new(began))
    }

    fn give_place(&self, address: IpAddr, link: Link) -> Option<Place> {
        let home = if self.proxies.trust(address) { Owner::Proxy } else { Owner::Peer(address.into()) };
        let link = Arc::new(link);
        let mut table = self.table();
        if !table.has_room(self, home) {
            counter!("wazapp_connections_refused_total").increment(1);
            return None;
        }
        table.next += 1;
        let id = table.next;
        table.insert(home, id, link.clone());
        drop(table);
        Some(Place { peers: self.clone(), address, id, home, owner: Mutex::new(home), link })
    }

    /// Ends slow bodies, of whoever holds most, or of one peer alone, until so many bytes of the memory for this size come
    /// free.
    pub(super) fn make_room(&self, (bytes, size): (usize, Size), except: &Arc<Link>, only: Option<Peer>) {
        let mut table = self.table();
        let mut slow: Vec<_> = Vec::new();
        let asked = |owner: &Owner| only.is_none_or(|peer| *owner == Owner::Peer(peer));
        for (owner, links) in table.groups.iter().filter(|(owner, _)| asked(owner)) {
            let of_group: usize = links.values().map(|link| link.held(size)).sum();
            for (id, link) in links {
                let waits = link.waits().filter(|waits| *waits >= SLOW && link.stage() == Stage::Receiving);
                if let Some(waits) = waits.filter(|_| link.held(size) > 0 && !Arc::ptr_eq(link, except)) {
                    slow.push((of_group, link.held(size), waits, *owner, *id));
                }
            }
        }
        slow.sort_by_key(|(of_group, held, waits, ..)| std::cmp::Reverse((*of_group, *held, *waits)));
        let mut freed = 0;
        for (_, held, _, owner, id) in slow {
            if freed >= bytes {
                return;
            }
            table.cut(owner, id);
            freed += held;
        }
    }

    fn share(&self) -> usize {
        self.places.div_ceil(PEERS_PART)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn insert(&mut self, owner: Owner, id: u64, link: Arc<Link>) {
        self.groups.entry(owner).or_default().insert(id, link);
        self.total += 1;
    }

    fn remove(&mut self, owner: Owner, id: u64) -> Option<Arc<Link>> {
        let group = self.groups.get_mut(&owner)?;
        let link = group.remove(&id)?;
        if group.is_empty() {
            self.groups.remove(&owner);
        }
        self.total -= 1;
        Some(link)
    }

    fn cut(&mut self, owner: Owner, id: u64) {
        if let Some(link) = self.remove(owner, id) {
            counter!("wazapp_connections_cut_total").increment(1);
            link.cut();
        }
    }

    /// Makes room for one more of this owner's, if there is none.
    fn has_room(&mut self, peers: &Peers, owner: Owner) -> bool {
        let of_owner = self.groups.get(&owner).map_or(0, HashMap::len);
        if matches!(owner, Owner::Peer(_)) && of_owner >= peers.share() && !self.cut_one_of(owner) {
            return false;
        }
        self.total < peers.places || self.cut_one()
    }

    fn cut_one_of(&mut self, owner: Owner) -> bool {
        let Some(group) = self.groups.get(&owner) else { return false };
        let waiting = group.iter().filter_map(|(id, link)| Some((!link.is_proven(), link.waits()?, *id)));
        // Of thousands, these few stand for all: whoever comes again and again is not to keep us counting.
        let worst = waiting.take(LOOKED_AT).max();
        if let Some((.., id)) = worst {
            self.cut(owner, id);
        }
        worst.is_some()
    }

    /// Ends one of whoever has most.
    fn cut_one(&mut self) -> bool {
        let mut worst: Option<((usize, bool, Duration), Owner, u64)> = None;
        for (owner, links) in &self.groups {
            let many = if *owner == Owner::Proxy { 1 } else { links.len() };
            for (id, link) in links {
                let Some(waits) = link.waits() else { continue };
                let rank = (many, !link.is_proven(), waits);
                if worst.is_none_or(|(known, ..)| rank > known) {
                    worst = Some((rank, *owner, *id));
                }
            }
        }
        if let Some((_, owner, id)) = worst {
            self.cut(owner, id);
        }
        worst.is_some()
    }
}

impl Place {
    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(super) fn peers(&self) -> &Peers {
        &self.peers
    }

    /// A place for a stream of this connection, as if it were a connection of its own.
    pub(super) fn admit_stream(&self) -> Option<Place> {
        self.peers.give_place(self.address, Link::stream_of(&self.link, Instant::now()))
    }

    /// A request begins: who makes it, if a proxy says so. Until [`Place::done`] it counts in their share. False: their
    /// share is taken by requests that we are at work for.
    pub(super) fn begin(&self, headers: &http::HeaderMap) -> Option<Peer> {
        let Owner::Proxy = self.home else {
            return Some(self.address.into());
        };
        let Some(address) = self.peers.proxies.client(headers) else {
            return Some(self.address.into());
        };
        let peer = Peer::from(address);
        self.pass_to(Owner::Peer(peer)).then_some(peer)
    }

    /// The request is over.
    pub(super) fn done(&self) {
        self.link.enter(Stage::Idle);
        if self.home == Owner::Proxy {
            self.pass_to(Owner::Proxy);
        }
    }

    fn pass_to(&self, owner: Owner) -> bool {
        let mut now = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == owner {
            return true;
        }
        let mut table = self.peers.table();
        let Some(link) = table.remove(*now, self.id) else {
            return false;
        };
        let room = table.has_room(&self.peers, owner);
        let next = if room { owner } else { *now };
        table.insert(next, self.id, link);
        *now = next;
        room
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let owner = *self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        self.peers.table().remove(owner, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_cut(place: &Place) -> bool {
        futures::FutureExt::now_or_never(place.link.is_cut()).is_some()
    }

    #[test]
    fn a_peer_is_an_address_or_a_network() {
        assert_eq!(Peer::from(address("2001:db8:1:2::1")), Peer::from(address("2001:db8:1:2:ffff::9")));
        assert_ne!(Peer::from(address("2001:db8:1:2::1")), Peer::from(address("2001:db8:1:3::1")));
        assert_eq!(Peer::from(address("::ffff:192.0.2.7")), Peer::from(address("192.0.2.7")));
    }

    fn seconds_ago(seconds: u64) -> Instant {
        Instant::now() - Duration::from_secs(seconds)
    }

    #[test]
    fn a_peers_own_longest_waiting_connection_gives_way() {
        let peers = Peers::new(8, Proxies::default());
        let admit = |from: &str, ago| peers.admit_since(address(from), seconds_ago(ago));
        let mut places = vec![admit("192.0.2.1", 3).unwrap(), admit("192.0.2.1", 2).unwrap()];
        let other = admit("192.0.2.2", 9).unwrap();
        places[0].link.prove();
        places.push(admit("192.0.2.1", 0).unwrap());
        assert_eq!(places.iter().map(is_cut).collect::<Vec<_>>(), [false, true, false], "a proven one stays");
        assert!(!is_cut(&other));
        places.iter().for_each(|place| place.link.enter(Stage::Working));
        assert!(admit("192.0.2.1", 0).is_none(), "we are at work for all it may have");
        assert!(admit("192.0.2.3", 0).is_some(), "others are let in");
    }

    #[test]
    fn when_all_places_are_taken_the_one_with_most_gives_way() {
        let peers = Peers::new(8, Proxies::default());
        let many: Vec<_> = (0..2).map(|_| peers.admit(address("192.0.2.1")).unwrap()).collect();
        let single: Vec<_> = (2..8).map(|nth| peers.admit(address(&format!("192.0.2.{nth}"))).unwrap()).collect();
        assert!(peers.admit(address("192.0.2.99")).is_some());
        assert_eq!(many.iter().filter(|place| is_cut(place)).count(), 1);
        assert!(!single.iter().any(is_cut));
    }

    #[test]
    fn slow_bodies_give_their_memory() {
        let peers = Peers::new(8, Proxies::default());
        let hold = |from: &str, ago, bytes| {
            let place = peers.admit_since(address(from), seconds_ago(ago)).unwrap();
            place.link.receives_since_it_began();
            place.link.hold(Size::Large, bytes);
            place
        };
        let all = [hold("192.0.2.1", 2, 100), hold("192.0.2.2", 2, 300), hold("192.0.2.3", 0, 900)];
        let new = Arc::new(Link::new(Instant::now()));
        // Where nothing of theirs is, nobody gives way.
        peers.make_room((200, Size::Small), &new, None);
        assert_eq!(all.each_ref().map(is_cut), [false; 3]);
        peers.make_room((200, Size::Large), &new, None);
        assert_eq!(all.each_ref().map(is_cut), [false, true, false]);
        peers.make_room((200, Size::Large), &new, Some(address("192.0.2.3").into()));
        assert_eq!(all.each_ref().map(is_cut), [false, true, false], "none of that one's is slow");
        peers.make_room((200, Size::Large), &new, Some(address("192.0.2.1").into()));
        assert_eq!(all.each_ref().map(is_cut), [true, true, false]);
    }

    #[test]
    fn a_proxy_has_no_share_but_those_behind_it_have() {
        let proxies = Proxies::new(|address| address == IpAddr::from([10, 0, 0, 1]));
        let peers = Peers::new(8, proxies);
        let places: Vec<_> = (0..6).map(|_| peers.admit(address("10.0.0.1")).unwrap()).collect();
        let mut headers = http::HeaderMap::new();
        headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        for place in &places[..2] {
            place.link.enter(Stage::Working);
            assert_eq!(place.begin(&headers), Some(address("192.0.2.1").into()));
        }
        assert_eq!(places[2].begin(&headers), None, "its share is at work");
        headers.insert("x-forwarded-for", "192.0.2.2".parse().unwrap());
        assert!(places[2].begin(&headers).is_some());
        places[0].done();
        headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        assert!(places[3].begin(&headers).is_some());
    }
}
