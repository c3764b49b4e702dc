//! Reads a call's body, as far as it may go. Nothing is proven yet: what strangers may send at once
//! is bounded by itself, so that it takes nothing from those who are known.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use http_body_util::combinators::Collect;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::call::{Arrival, Call, ProviderCall};
use super::shares::Share;
use crate::providers::Failure;

/// Bodies up to so many bytes are read whoever sends them; longer ones count among the bytes that
/// strangers may send.
const SMALL: usize = 8 * 1024;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ReadBody;

impl<S> Layer<S> for ReadBody {
    type Service = Reader<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Reader(inner)
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Reader<S>(S);

impl<S, C> Service<Arrival<C, Request<Body>>> for Reader<S>
where
    C: Call + AsRef<ProviderCall>,
    S: Service<Arrival<C, Request<Bytes>>, Error = C::Refusal> + Clone,
{
    type Response = S::Response;
    type Error = C::Refusal;
    type Future = Reading<S, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, arrival: Arrival<C, Request<Body>>) -> Self::Future {
        let Arrival { call, request } = arrival;
        let (head, body) = request.into_parts();
        let most = call.as_ref().provider.body_max;
        let share = share_of_strangers(call.as_ref(), &head, most);
        let rest = Some(Rest { inner: self.0.clone(), call, head, share });
        Reading::Body { whole: Limited::new(body, most).collect(), rest }
    }
}

/// What waits for the body.
pub struct Rest<S, C> {
    inner: S,
    call: C,
    head: Parts,
    share: Result<Option<Share>, Failure>,
}

/// The share of what strangers may send that the body will take, where it is not small.
fn share_of_strangers(
    call: &ProviderCall,
    head: &Parts,
    most: usize,
) -> Result<Option<Share>, Failure> {
    let length = head.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let wanted = length.unwrap_or(most).min(most);
    if wanted <= SMALL {
        return Ok(None);
    }
    let shares = Arc::clone(&call.edge().unproven_bytes);
    shares.take(call.sender(), wanted).map(Some).ok_or(Failure::Busy)
}

pin_project! {
    /// A call whose body is read, and then the call itself.
    #[project = Stage]
    pub enum Reading<S, C>
    where
        S: Service<Arrival<C, Request<Bytes>>>,
    {
        /// The body is on its way.
        Body {
            #[pin]
            whole: Collect<Limited<Body>>,
            rest: Option<Rest<S, C>>,
        },
        /// It is there.
        Inner {
            #[pin]
            reply: S::Future,
        },
    }
}

impl<S, C> Future for Reading<S, C>
where
    C: Call,
    S: Service<Arrival<C, Request<Bytes>>, Error = C::Refusal>,
{
    type Output = Result<S::Response, C::Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let reply = match self.as_mut().project() {
                Stage::Inner { reply } => return reply.poll(cx),
                Stage::Body { whole, rest } => {
                    if let Some(Rest { share: Err(failure), .. }) = rest {
                        return Poll::Ready(Err(failure.clone().into()));
                    }
                    let body = match ready!(whole.poll(cx)) {
                        Ok(body) => body.to_bytes(),
                        Err(error) => return Poll::Ready(Err(broken(&*error).into())),
                    };
                    let Some(Rest { mut inner, call, head, .. }) = rest.take() else {
                        // Polled after its end, which nobody does.
                        return Poll::Ready(Err(Failure::Internal.into()));
                    };
                    let request = Request::from_parts(head, body);
                    inner.call(Arrival { call, request })
                }
            };
            self.set(Self::Inner { reply });
        }
    }
}

fn broken(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
    if error.is::<LengthLimitError>() {
        Failure::TooLarge
    } else {
        Failure::BadRequest("the body ended too early".to_owned())
    }
}
