//! Requests, one after the other: who writes next, and the bytes of it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::body::{Random, Shape, Writer, body};

/// The App's secret of every run.
pub(crate) const SECRET: &str = "a secret for the bench alone";

/// How many requests a repeated webhook may lie back.
const RECENT: usize = 256;

/// Who writes next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pick {
    /// Anyone, equally often.
    Anyone,
    /// Anyone of the first so many organizations, equally often.
    Among(u32),
    /// Everyone once, the organizations in turn, the marker last; then nobody.
    Everyone,
    /// Always the same contact.
    One(Writer),
}

/// Makes requests one after the other. Building and signing one takes about 2 µs, so none are made ahead of time and
/// every message carries the time it is sent.
pub(crate) struct Source {
    signer: Hmac<Sha256>,
    random: Random,
    shape: Shape,
    pick: Pick,
    picked: u64,
    duplicates: f64,
    numbers: Arc<AtomicU64>,
    recent: Vec<(u64, Vec<u8>)>,
}

impl Source {
    /// `numbers` gives every message of the run its own; `duplicates` is the share of requests that are sent again.
    pub(crate) fn new(shape: Shape, pick: Pick, duplicates: f64, seed: u64, numbers: Arc<AtomicU64>) -> Self {
        let signer = Hmac::new_from_slice(SECRET.as_bytes()).expect("any length will do as a key");
        let recent = Vec::with_capacity(RECENT);
        Self { signer, random: Random(seed), shape, pick, picked: 0, duplicates, numbers, recent }
    }

    /// Puts the next request into `out` and answers its message's number; `None` when everyone has written.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        out.clear();
        if self.recent.len() == RECENT && self.random.unit() < self.duplicates {
            let (n, request) = &self.recent[self.random.below(RECENT as u64) as usize];
            out.extend_from_slice(request);
            return Some(*n);
        }
        let writer = self.next_writer()?;
        let n = self.numbers.fetch_add(1, Ordering::Relaxed);
        let body = body(writer, n, &mut self.random);
        self.request(&body, out);
        if self.duplicates > 0.0 {
            self.remember(n, out);
        }
        Some(n)
    }

    fn next_writer(&mut self) -> Option<Writer> {
        let Shape { organizations, contacts } = self.shape;
        let nth = self.picked;
        self.picked += 1;
        match self.pick {
            Pick::One(writer) => Some(writer),
            Pick::Anyone => Some(self.anyone(organizations, contacts)),
            Pick::Among(few) => Some(self.anyone(few.min(organizations), contacts)),
            Pick::Everyone if nth < self.shape.conversations() => Some(Writer {
                organization: (nth % u64::from(organizations)) as u32,
                contact: (nth / u64::from(organizations)) as u32,
            }),
            Pick::Everyone => (nth == self.shape.conversations()).then_some(self.shape.marker()),
        }
    }

    fn anyone(&mut self, organizations: u32, contacts: u32) -> Writer {
        let mut below = |count: u32| self.random.below(count.into()) as u32;
        Writer { organization: below(organizations), contact: below(contacts) }
    }

    fn request(&self, body: &str, out: &mut Vec<u8>) {
        let mut signer = self.signer.clone();
        signer.update(body.as_bytes());
        out.extend_from_slice(
            b"POST /webhook HTTP/1.1\r\nHost: wazapp\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\n\
              Content-Type: application/json\r\nX-Hub-Signature-256: sha256=",
        );
        for byte in signer.finalize().into_bytes() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        write!(out, "\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("memory takes every write");
    }

    fn remember(&mut self, n: u64, request: &[u8]) {
        if self.recent.len() < RECENT {
            self.recent.push((n, request.to_vec()));
        } else {
            let (old, bytes) = &mut self.recent[n as usize % RECENT];
            *old = n;
            bytes.clear();
            bytes.extend_from_slice(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{parse_wamid, phone_number_id};
    use crate::clock;

    const SHAPE: Shape = Shape { organizations: 1000, contacts: 100 };

    fn source(pick: Pick, duplicates: f64) -> Source {
        Source::new(SHAPE, pick, duplicates, 1, Arc::default())
    }

    fn split(request: &[u8]) -> (&str, &str) {
        std::str::from_utf8(request).unwrap().split_once("\r\n\r\n").unwrap()
    }

    #[test]
    fn signs_as_meta_does() {
        let mut signer: Hmac<Sha256> = Hmac::new_from_slice(b"test_app_secret").unwrap();
        signer.update(br#"{"object":"whatsapp_business_account","entry":[]}"#);
        let hex: String = signer.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756");
    }

    #[test]
    fn a_request_is_complete_and_its_signature_is_of_its_body() {
        let mut out = Vec::new();
        let n = source(Pick::Anyone, 0.05).fill(&mut out).unwrap();
        let (head, body) = split(&out);
        assert!(head.contains(&format!("Content-Length: {}", body.len())));

        let mut signer: Hmac<Sha256> = Hmac::new_from_slice(SECRET.as_bytes()).unwrap();
        signer.update(body.as_bytes());
        let hex: String = signer.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(head.contains(&format!("X-Hub-Signature-256: sha256={hex}")));

        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let value = &json["entry"][0]["changes"][0]["value"];
        let wamid = value["messages"][0]["id"].as_str().unwrap();
        let (writer, read) = parse_wamid(wamid).unwrap();
        assert_eq!(read, n);
        assert!(wamid.len() >= 56);
        assert_eq!(value["metadata"]["phone_number_id"], phone_number_id(writer.organization));
        assert_eq!(value["contacts"][0]["wa_id"], writer.wa_id());
        assert_eq!(value["messages"][0]["from"], writer.wa_id());
    }

    #[test]
    fn bodies_are_as_long_as_metas() {
        let (mut source, mut out, mut total) = (source(Pick::Anyone, 0.0), Vec::new(), 0);
        for _ in 0..1000 {
            source.fill(&mut out);
            total += split(&out).1.len();
        }
        let mean = total / 1000;
        assert!((640..=700).contains(&mean), "{mean} bytes");
    }

    #[test]
    fn some_are_repeated_byte_for_byte() {
        let (mut source, mut out) = (source(Pick::Anyone, 0.05), Vec::new());
        let mut seen = std::collections::HashMap::new();
        let mut repeated = 0;
        for _ in 0..20_000 {
            let n = source.fill(&mut out).unwrap();
            if let Some(first) = seen.insert(n, out.clone()) {
                assert_eq!(first, out);
                repeated += 1;
            }
        }
        assert!((800..1200).contains(&repeated), "{repeated} of 20,000");
    }

    #[test]
    fn everyone_writes_once_and_the_marker_too() {
        let shape = Shape { organizations: 7, contacts: 3 };
        let mut source = Source::new(shape, Pick::Everyone, 0.0, 1, Arc::default());
        let mut writers = std::collections::BTreeSet::new();
        let mut out = Vec::new();
        while source.fill(&mut out).is_some() {
            let json: serde_json::Value = serde_json::from_str(split(&out).1).unwrap();
            let id = &json["entry"][0]["changes"][0]["value"]["messages"][0]["id"];
            assert!(writers.insert(parse_wamid(id.as_str().unwrap()).unwrap().0));
        }
        assert_eq!(writers.len(), 22);
        assert!(writers.contains(&shape.marker()));
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        let writers = |seed| {
            let mut source = Source::new(SHAPE, Pick::Anyone, 0.0, seed, Arc::default());
            (0..20).filter_map(|_| source.next_writer()).collect::<Vec<_>>()
        };
        assert_eq!(writers(1), writers(1));
        assert_ne!(writers(1), writers(2));
    }

    #[test]
    #[ignore = "a measurement: cargo test --release -- --ignored --nocapture"]
    fn what_one_request_costs() {
        let (mut source, mut out) = (source(Pick::Anyone, 0.05), Vec::new());
        let began = clock::now();
        for _ in 0..200_000 {
            source.fill(&mut out);
        }
        println!("{:.2} µs a request", began.elapsed().as_secs_f64() * 1e6 / 200_000.0);
    }
}
