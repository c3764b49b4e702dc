//! Files of any length: rows are written as they are read, and read only as fast as they are
//! taken.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use csv::{Terminator, WriterBuilder};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::{docs, error};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::LookupError;
use crate::store::ledger::currency::RowWithCurrency;

/// Chunks of rows between the database and the client. With the chunk at either end that is all
/// that the node holds of an export.
const CHUNKS_WAITING: usize = 1;
/// So long a refusal of the database's can still be said as a problem; after it the file begins.
const FIRST_CHUNK_WITHIN: Duration = Duration::from_secs(2);

/// What an export is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Format {
    /// For sheets.
    Csv,
    /// For programs.
    Ndjson,
}

impl Format {
    /// The format that the path names.
    ///
    /// # Errors
    /// Where there is no such format.
    pub fn named(name: &str) -> Result<Self, Problem> {
        match name {
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err(docs::in_path("format", "must be csv or ndjson")),
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// A line: these cells, or this value. A line without a value is none in NDJSON.
    ///
    /// # Errors
    /// A fault of ours.
    pub fn line<C: AsRef<str>, V: Serialize>(
        self,
        cells: &[C],
        value: Option<&V>,
    ) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Csv => {
                let mut line =
                    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
                let written = line.write_record(cells.iter().map(|cell| cell.as_ref().as_bytes()));
                written.map_err(|_| error::internal())?;
                line.into_inner().map_err(|_| error::internal())
            }
            Self::Ndjson => {
                let Some(value) = value else { return Ok(Vec::new()) };
                let mut line = serde_json::to_vec(value).map_err(|_| error::internal())?;
                line.push(b'\n');
                Ok(line)
            }
        }
    }
}

/// How many rows there are, in the last line of a file.
pub fn counted(rows: u64) -> String {
    format!("rows: {rows}")
}

/// What a file looks like.
pub struct Shape {
    /// The beginning of its name.
    pub name: &'static str,
    /// Before everything.
    pub columns: Vec<u8>,
    /// Each row.
    pub line: fn(Format, RowWithCurrency) -> Result<Vec<u8>, Problem>,
}

/// The last line of a file, made of the number of rows in it.
pub type Tail = Box<dyn FnOnce(u64) -> Result<Vec<u8>, Problem> + Send>;

/// What stands around the rows.
pub struct Edges {
    /// Before them.
    pub head: Vec<u8>,
    /// After them: a file without it is not whole, by whatever it was sent and wherever it was
    /// kept meanwhile.
    pub tail: Tail,
}

/// Where everything goes that is read.
pub struct Sink {
    /// Before the first row.
    pub edges: oneshot::Sender<Edges>,
    /// The rows.
    pub rows: mpsc::Sender<Vec<RowWithCurrency>>,
}

/// Sends a file of the rows that `read` sends on.
///
/// # Errors
/// A problem, where the rows fail before the first.
pub async fn send<F>(
    app: &App,
    format: Format,
    shape: Shape,
    read: impl FnOnce(Sink) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Result<(), LookupError>> + Send + 'static,
{
    let place = Arc::clone(&app.back_office.exports).try_acquire_owned();
    let place = place.map_err(|_| error::too_many_exports())?;
    let (rows, mut chunks) = mpsc::channel(CHUNKS_WAITING);
    let (to_edges, mut edges) = oneshot::channel();
    let reading = read(Sink { edges: to_edges, rows });
    let reading = async move {
        // Taken while the database is read, which has an end, however slowly the client reads.
        let _place = place;
        reading.await
    };
    let reading = tokio::spawn(timeout(app.back_office.export_timeout, reading));
    let first = match timeout(FIRST_CHUNK_WITHIN, chunks.recv()).await {
        Ok(Some(rows)) => Some(rows),
        // Nothing at all, or nothing but an error.
        Ok(None) => {
            let read = reading.await.map_err(|_| error::internal())?;
            read.map_err(|_| error::export_too_long())?.map_err(refused)?;
            let Edges { head, tail } = edges.try_recv().map_err(|_| error::internal())?;
            let whole = [shape.columns, head, tail(0)?].concat();
            return Ok(respond(format, shape.name, Body::from(whole)));
        }
        Err(_) => None,
    };
    let file = File {
        format,
        start: Some(Start { columns: shape.columns, edges, first }),
        line: shape.line,
        tail: None,
        chunks,
        reading: Some(reading),
        rows: 0,
    };
    let body = Body::from_stream(stream::unfold(file, |mut file| async {
        let piece = file.next().await?;
        Some((piece, file))
    }));
    Ok(respond(format, shape.name, body))
}

fn refused(error: LookupError) -> Problem {
    match error {
        LookupError::TooSlow => error::export_too_long(),
        error => error.into(),
    }
}

fn respond(format: Format, name: &str, body: Body) -> Response {
    let now = Utc::now().format("%Y%m%dT%H%M%SZ");
    let disposition = format!("attachment; filename=\"{name}-{now}.{}\"", format.extension());
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// What a file begins with.
struct Start {
    columns: Vec<u8>,
    edges: oneshot::Receiver<Edges>,
    /// Rows that have come already.
    first: Option<Vec<RowWithCurrency>>,
}

/// A file that is being sent.
struct File {
    format: Format,
    /// What is sent first.
    start: Option<Start>,
    line: fn(Format, RowWithCurrency) -> Result<Vec<u8>, Problem>,
    /// `None` until the start was sent, and once it was sent itself.
    tail: Option<Tail>,
    chunks: mpsc::Receiver<Vec<RowWithCurrency>>,
    /// `None` once it has been heard of.
    reading: Option<JoinHandle<Result<Result<(), LookupError>, tokio::time::error::Elapsed>>>,
    rows: u64,
}

/// An export that breaks off: the client finds its last chunk missing.
#[derive(Debug, thiserror::Error)]
#[error("the export broke off")]
struct BrokenOff;

impl File {
    async fn next(&mut self) -> Option<Result<Bytes, BrokenOff>> {
        if let Some(Start { columns, edges, first }) = self.start.take() {
            // Where reading has failed there are none, which `end` is going to say.
            let Ok(Edges { head, tail }) = edges.await else { return self.end().await };
            self.tail = Some(tail);
            return Some(self.written([columns, head].concat(), first.unwrap_or_default()));
        }
        match self.chunks.recv().await {
            Some(rows) => Some(self.written(Vec::new(), rows)),
            None => self.end().await,
        }
    }

    fn written(
        &mut self,
        mut piece: Vec<u8>,
        rows: Vec<RowWithCurrency>,
    ) -> Result<Bytes, BrokenOff> {
        for row in rows {
            self.rows = self.rows.saturating_add(1);
            piece.extend((self.line)(self.format, row).map_err(|_| BrokenOff)?);
        }
        Ok(Bytes::from(piece))
    }

    async fn end(&mut self) -> Option<Result<Bytes, BrokenOff>> {
        let read = self.reading.take()?.await;
        let tail = self.tail.take().and_then(|tail| tail(self.rows).ok());
        if let (Ok(Ok(Ok(()))), Some(tail)) = (&read, tail) {
            tracing::info!(rows = self.rows, "an export is done");
            return Some(Ok(Bytes::from(tail)));
        }
        tracing::warn!(rows = self.rows, ?read, "an export broke off");
        Some(Err(BrokenOff))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_quoted_where_it_has_to_be() {
        let line = Format::Csv.line(&["a", "b,c", "say \"d\"", ""], None::<&()>);
        assert_eq!(line.ok().as_deref(), Some(b"a,\"b,c\",\"say \"\"d\"\"\",\r\n".as_slice()));
        let line = Format::Ndjson.line(&["a"], Some(&"b\nc"));
        assert_eq!(line.ok().as_deref(), Some(b"\"b\\nc\"\n".as_slice()));
        assert_eq!(Format::Ndjson.line(&["a"], None::<&()>).ok(), Some(Vec::new()));
    }
}
