//! With nothing in hand but an address.

use std::time::Duration;

use e2e::{Options, World, body};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use whatsapp::signature::{HEADER, sign};

use super::{ANA, AT, NUMBER, Street, connect_from, is_over, rest, sent};

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];
const PROXY: [u8; 4] = [127, 0, 0, 9];

/// A webhook's head with a signature that might be good, and the beginning of its body.
fn begun(length: usize, body: usize) -> Vec<u8> {
    let signature = sign("not the secret", b"");
    let head =
        format!("POST /webhook HTTP/1.1\r\nhost: w\r\n{HEADER}: {signature}\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), &vec![b'{'; body]].concat()
}

/// Both ends of every connection are files of this process.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Each unit of a budget was taken by one byte, and connections beyond the limit waited: every webhook was answered 503, or
/// not at all, for 20 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn connections_with_one_byte_each_keep_nobody_out() {
    let mut street = Street::with(Options { connections: Some(64), ..Options::default() }).await;
    for address in [HERE, ELSEWHERE] {
        let mut slow = Vec::new();
        for _ in 0..100 {
            slow.push(sent(&street.world, address, &begun(100, 1)).await);
        }
        street.neighbour_lives().await;
        // One address has a quarter of the places.
        let left = async || slow.iter().filter(|stream| !is_over(stream)).count() <= 16;
        street.world.until("the others of this address ended", left).await;
        street.neighbour_lives().await;
    }
    street.end().await;
}

/// What one byte costs is a byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_byte_costs_a_byte() {
    raise_file_limit();
    let mut street = Street::with(Options { connections: Some(20_000), ..Options::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..1500 {
        slow.push(sent(&street.world, ELSEWHERE, &begun(60_000, 1)).await);
    }
    street.neighbour_lives().await;
    assert!(!slow.iter().any(is_over), "none of them had to end for it");
    street.end().await;
}

/// Who fills the memory for bodies fills a share of it; of the same address, slow bodies give theirs up. Small ones need
/// none.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_in_memory_keep_nobody_out() {
    raise_file_limit();
    let mut street = Street::with(Options { connections: Some(20_000), ..Options::default() }).await;
    let long = "hola ".repeat(8_000);
    for address in [ELSEWHERE, HERE] {
        let mut slow = Vec::new();
        for _ in 0..600 {
            slow.push(sent(&street.world, address, &begun(65_000, 64_000)).await);
        }
        street.neighbour_lives().await;
        street.message_comes(&long).await;
    }
    street.end().await;
}

/// More than their memory holds at once: whoever waits for us is not slow.
#[tokio::test(flavor = "multi_thread")]
async fn whole_bodies_that_come_at_once_are_all_taken() {
    let street = Street::with(Options::default()).await;
    let long = "hola ".repeat(600_000);
    let all = (0..12).map(|nth| {
        let text = body::text(NUMBER, ANA, &format!("wamid.long{nth}"), AT + nth, &long);
        street.world.post(body::bytes(&text))
    });
    assert_eq!(futures::future::join_all(all).await, [200; 12]);
    street.end().await;
}

/// What is refused whatever its body is, is refused before the body comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_good_is_not_waited_for() {
    let street = Street::with(Options::default()).await;
    let whole = String::from_utf8(begun(1000, 1)).expect("ASCII");
    for refused in [
        whole.replacen("/webhook", "/webhook/4711", 1),
        whole.replacen(&format!("{HEADER}: "), "x-other: ", 1),
        whole.replacen("sha256=", "sha1=", 1),
    ] {
        let mut stream = sent(&street.world, HERE, refused.as_bytes()).await;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("an answer before the body is there");
        assert_eq!(&status, b"HTTP/1.1 401");
    }
    street.end().await;
}

/// Unread downloads held their places for good.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_cut_off_and_who_reads_slowly_is_not() {
    let mut street = Street::with(Options { connections: Some(64), ..Options::default() }).await;
    let asked = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: w\r\n\r\n".repeat(20);
    let slowly = connect_from(&street.world, ELSEWHERE).await;
    let reading = tokio::spawn(read_slowly(slowly));
    let mut unread = Vec::new();
    for _ in 0..100 {
        unread.push(sent(&street.world, HERE, asked.as_bytes()).await);
    }
    street.neighbour_lives().await;
    let (read, length) = reading.await.expect("it reads");
    assert_eq!(read, length, "who reads slowly has all of it");

    // A single one, which nobody needs the place of.
    let alone = Street::with(Options::default()).await;
    let stream = sent(&alone.world, HERE, asked.as_bytes()).await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    let answers = rest(stream).await;
    assert!(answers.matches("HTTP/1.1 200").count() < 20, "it was cut off before all was sent");
    alone.end().await;
    street.end().await;
}

/// Some kilobytes now and then, longer than an unread answer is waited for.
async fn read_slowly(mut stream: TcpStream) -> (usize, usize) {
    let asked = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n";
    stream.write_all(asked).await.expect("sent");
    let (mut read, mut length, mut piece) = (0, 0, vec![0; 48 << 10]);
    loop {
        let count = stream.read(&mut piece).await.expect("it is not cut off");
        if count == 0 {
            return (read, length);
        }
        if length == 0 {
            let text = String::from_utf8_lossy(&piece[..count]).to_ascii_lowercase();
            let (head, _) = text.split_once("\r\n\r\n").expect("a head");
            let body = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            length = head.len() + 4 + body.and_then(|digits| digits.parse::<usize>().ok()).expect("a length");
        }
        read += count;
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
}

/// Behind a proxy every connection comes from its address: those behind it have the shares.
#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_speaks_for_many() {
    let options = Options { connections: Some(64), proxy_trusted: true, ..Options::default() };
    let mut street = Street::with(options).await;
    let by = |client: &str| {
        let text = String::from_utf8(begun(100, 1)).expect("ASCII");
        text.replacen("host: w", &format!("host: w\r\nx-forwarded-for: 6.6.6.6, {client}"), 1)
    };
    let mut others = Vec::new();
    for nth in 1..=20 {
        others.push(sent(&street.world, PROXY, by(&format!("192.0.2.{nth}")).as_bytes()).await);
    }
    let mut greedy = Vec::new();
    for _ in 0..30 {
        greedy.push(sent(&street.world, PROXY, by("198.51.100.7").as_bytes()).await);
    }
    let left = async || greedy.iter().filter(|stream| !is_over(stream)).count() <= 16;
    street.world.until("the greedy one has its share", left).await;
    assert!(!others.iter().any(is_over), "the others behind the proxy keep theirs");
    street.neighbour_lives().await;
    street.end().await;
}

/// Whoever guesses keys waits longer each time; a good key from the same address is answered at once.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_answered_later_and_later() {
    let mut street = Street::with(Options::default()).await;
    let guess = async |world: &World, path: &str| {
        let began = tokio::time::Instant::now();
        let asked = world.client().get(format!("{}{path}", world.url())).bearer_auth("wz_guess");
        assert_eq!(asked.send().await.expect("an answer").status().as_u16(), 401);
        began.elapsed()
    };
    for nth in 0..5 {
        guess(&street.world, ["/api/v1/me", "/v23.0/me"][nth % 2]).await;
    }
    let (sixth, seventh) = (guess(&street.world, "/api/v1/me").await, guess(&street.world, "/v23.0/123").await);
    assert!(sixth >= Duration::from_millis(100) && seventh >= Duration::from_millis(200), "{sixth:?}, {seventh:?}");
    street.neighbour_lives().await;
    street.end().await;
}
