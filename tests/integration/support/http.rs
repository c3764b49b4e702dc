//! A lean HTTP client: whole requests over kept connections, and bytes of any shape over one.

use super::patience::PATIENCE;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Where to call, and with what. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint {
    /// The address.
    pub address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// How long it took.
    pub took: Duration,
}

/// Nothing came back that is a reply: the node is not there, or went away.
#[derive(Clone, Debug)]
pub struct NoReply(String);

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Endpoint {
    /// An endpoint with connections of its own.
    pub fn at(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new())
            // Below the time after which a node closes a quiet connection.
            .pool_idle_timeout(Duration::from_secs(2))
            .build_http();
        Self { address, client }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`NoReply`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, NoReply> {
        let mut request =
            Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        let started = Instant::now();
        let whole = async {
            let response = self.client.request(request).await.map_err(|e| format!("{e:?}"))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|e| format!("{e:?}"))?.to_bytes();
            Ok(Reply { status: head.status, headers: head.headers, body, took: started.elapsed() })
        };
        match tokio::time::timeout(PATIENCE, whole).await {
            Ok(result) => result.map_err(NoReply),
            Err(_) => Err(NoReply(format!("nothing within {PATIENCE:?}"))),
        }
    }

    /// Posts a body of that type.
    ///
    /// # Errors
    /// [`NoReply`].
    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Reply, NoReply> {
        self.send(Method::POST, path, &[("content-type", content_type)], body).await
    }

    /// Gets a page that has to be there.
    pub async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Gets a page.
    ///
    /// # Errors
    /// [`NoReply`].
    pub async fn try_get(&self, path: &str) -> Result<Reply, NoReply> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, which it has to be.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// One connection on which anything can be sent.
pub struct Wire(TcpStream);

impl Wire {
    /// Connects.
    pub async fn to(endpoint: &Endpoint) -> Self {
        Self(TcpStream::connect(endpoint.address).await.expect("a connection"))
    }

    /// Sends bytes; false when the other side has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Everything that comes until the other side closes.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset after the reply is as good an end as any.
        let read = self.0.read_to_end(&mut bytes);
        let _ = tokio::time::timeout(PATIENCE, read).await.expect("the other side closes");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What has come as soon as that text is in it.
    pub async fn until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let read = async {
            let mut part = [0; 4096];
            while !String::from_utf8_lossy(&seen).contains(text) {
                let count = self.0.read(&mut part).await.unwrap_or_default();
                assert!(count > 0, "closed before {text:?}: {}", String::from_utf8_lossy(&seen));
                seen.extend_from_slice(&part[..count]);
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no {text:?}"));
        String::from_utf8_lossy(&seen).into_owned()
    }
}
