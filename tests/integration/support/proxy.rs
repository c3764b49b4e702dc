//! A wire between the nodes and a server, which a test makes slow, cuts, lays to another server,
//! or lets lose what comes back.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// A TCP port of this machine, and behind it the socket of a server.
pub struct Proxy {
    /// Where to connect.
    pub address: SocketAddr,
    wire: Arc<Wire>,
    listening: JoinHandle<()>,
}

struct Wire {
    server: Mutex<PathBuf>,
    delay_ms: AtomicU64,
    refusing: AtomicBool,
    losing: AtomicBool,
    lost: AtomicU64,
    /// Counts the cuts; a connection ends with the next one.
    cuts: watch::Sender<u64>,
}

impl Proxy {
    /// A good wire to the server behind that socket.
    pub async fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let wire = Arc::new(Wire {
            server: Mutex::new(socket.to_owned()),
            delay_ms: AtomicU64::new(0),
            refusing: AtomicBool::new(false),
            losing: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            cuts: watch::Sender::new(0),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&wire)));
        Self { address, wire, listening }
    }

    /// Everything arrives later by that much, in both directions.
    pub fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).expect("not that long");
        self.wire.delay_ms.store(millis, Ordering::Relaxed);
    }

    /// Ends every connection; new ones are made as before.
    pub fn cut(&self) {
        self.wire.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Ends every connection, and each new one at once.
    pub fn refuse(&self) {
        self.wire.refusing.store(true, Ordering::Relaxed);
        self.cut();
    }

    /// From now on everything arrives and nothing comes back.
    pub fn lose_replies(&self) {
        self.wire.losing.store(true, Ordering::Relaxed);
    }

    /// Pieces of replies that were lost.
    pub fn lost(&self) -> u64 {
        self.wire.lost.load(Ordering::Relaxed)
    }

    /// From now on the way leads to another server.
    pub fn lead_to(&self, socket: &Path) {
        *self.wire.server.lock().unwrap_or_else(PoisonError::into_inner) = socket.to_owned();
        self.cut();
    }

    /// A good wire again. What was broken stays so: connections that have lost something end.
    pub fn heal(&self) {
        self.wire.delay_ms.store(0, Ordering::Relaxed);
        self.wire.refusing.store(false, Ordering::Relaxed);
        if self.wire.losing.swap(false, Ordering::Relaxed) {
            self.cut();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

async fn listen(listener: TcpListener, wire: Arc<Wire>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if !wire.refusing.load(Ordering::Relaxed) {
            tokio::spawn(connect(client, Arc::clone(&wire)));
        }
    }
}

async fn connect(client: TcpStream, wire: Arc<Wire>) {
    let mut cuts = wire.cuts.subscribe();
    let socket = wire.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Ok(server) = UnixStream::connect(socket).await else { return };
    let _ = client.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = carry(from_client, to_server, &wire, false) => {}
        () = carry(from_server, to_client, &wire, true) => {}
        _ = cuts.changed() => {}
    }
}

/// Carries what comes, until either end has closed. A delay holds up every piece, and no piece
/// the next one.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    wire: &Wire,
    replies: bool,
) {
    let (sender, mut line) = mpsc::channel::<(Instant, Vec<u8>)>(64);
    let read = async move {
        let mut piece = vec![0; 64 * 1024];
        // A stream that has lost something stays useless.
        let mut broken = false;
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            let delay = Duration::from_millis(wire.delay_ms.load(Ordering::Relaxed));
            broken |= replies && wire.losing.load(Ordering::Relaxed);
            if broken {
                wire.lost.fetch_add(1, Ordering::Relaxed);
            } else if sender.send((Instant::now() + delay, piece[..count].to_vec())).await.is_err()
            {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = line.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::pin!(write);
    tokio::select! {
        () = read => write.await,
        () = &mut write => {}
    }
}
