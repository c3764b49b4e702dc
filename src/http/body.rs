//! A request's body: read as far as it may go, and thrown away where nothing is done with it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// How much of a body that is not wanted is still taken, in bytes, and for how long. A connection
/// that is closed with bytes left unread is reset, and the reset throws the reply away that was
/// already on its way to the caller.
const DISCARD_MAX: usize = 1 << 20;
const DISCARD_FOR: Duration = Duration::from_secs(1);

/// Why there is no body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyError {
    /// It is longer than it may be.
    TooLarge,
    /// The caller did not send all of it.
    Broken,
}

/// All of a body of at most `limit` bytes.
///
/// # Errors
/// [`BodyError`].
pub async fn read(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    match Limited::new(&mut body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(BodyError::TooLarge)
        }
        Err(_) => Err(BodyError::Broken),
    }
}

/// Takes what is left of a body and forgets it, so that the reply arrives.
pub async fn discard(body: Body) {
    let mut rest = Limited::new(body, DISCARD_MAX);
    let all = async { while let Some(Ok(_)) = rest.frame().await {} };
    // A caller that is still at it after that is not listening.
    drop(tokio::time::timeout(DISCARD_FOR, all).await);
}
