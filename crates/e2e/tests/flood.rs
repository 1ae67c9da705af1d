//! One wants everything: thousands of connections, all of the memory, a line to itself. The neighbours go on.

mod anonymous;
mod framing;
mod one_key;
mod search;

use std::net::SocketAddr;
use std::time::Duration;

use e2e::{Options, Organization, World, body};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

/// The neighbour's number.
const NUMBER: &str = "106540352242922";
const ANA: &str = "34600111222";
const AT: i64 = 1_795_000_000;

/// No neighbour waits longer; on an idle machine it is milliseconds.
const SOON: Duration = Duration::from_secs(3);

/// A world with a neighbour who wants nothing but their messages.
struct Street {
    world: World,
    neighbour: Organization,
    posted: usize,
}

impl Street {
    async fn with(options: Options) -> Self {
        let world = World::with(options).await;
        let neighbour = world.organization("Neighbour").await;
        world.connect(&neighbour, NUMBER, "200", None).await;
        Self { world, neighbour, posted: 0 }
    }

    /// A message comes, can be read, and an answer of the API comes, all of it soon.
    async fn neighbour_lives(&mut self) {
        self.message_comes("hola").await;
        let began = Instant::now();
        assert_eq!(self.world.get(&self.neighbour, "/me").await.0, 200);
        assert!(began.elapsed() < SOON, "answered after {:?}", began.elapsed());
    }

    /// A message comes, and can be read soon.
    async fn message_comes(&mut self, text: &str) {
        self.posted += 1;
        let wamid = format!("wamid.neighbour{}", self.posted);
        let text = body::text(NUMBER, ANA, &wamid, AT + i64::try_from(self.posted).expect("few"), text);
        let began = Instant::now();
        assert_eq!(self.world.post(body::bytes(&text)).await, 200, "the neighbour's webhook is stored");
        let path = format!("/messages?wamid={wamid}");
        let (world, neighbour) = (&self.world, &self.neighbour);
        world.until("the neighbour's message is visible", async || world.get(neighbour, &path).await.0 == 200).await;
        assert!(began.elapsed() < SOON, "visible after {:?}", began.elapsed());
    }

    async fn end(self) {
        self.world.end().await;
    }
}

/// A connection from an address of this machine's choice.
async fn connect_from(world: &World, address: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((address, 0))).expect("an address of the loopback network");
    socket.connect(world.address()).await.expect("a connection")
}

/// The same that has sent something.
async fn sent(world: &World, address: [u8; 4], bytes: &[u8]) -> TcpStream {
    let mut stream = connect_from(world, address).await;
    let _ = stream.write_all(bytes).await;
    stream
}

/// All that the server says until it hangs up.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the server hangs up");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether the server has hung up.
fn is_over(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0; 64]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}
