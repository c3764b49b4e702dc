//! All calls of a connection in the connection's own task. A batch answers many of them at once:
//! in tasks of their own each would be woken by itself, wake the connection, and be sent by itself.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream};
use hyper::rt::Executor;

use crate::edge::panic::contain;

/// Where a connection leaves the calls that have just come in.
#[derive(Clone, Default)]
pub struct Arrivals(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Arrivals {
    fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F> Executor<F> for Arrivals
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        // A panic outside of what the layers contain ends its call and no other.
        let call = contain(call, "a gRPC connection").map(drop);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(call));
    }
}

/// The calls of a connection that are not over.
pub struct Streams {
    arrivals: Arrivals,
    calls: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Streams {
    /// Those that come in through `arrivals`.
    pub fn new(arrivals: Arrivals) -> Self {
        Self { arrivals, calls: FuturesUnordered::new() }
    }

    /// Runs the connection and its calls until the connection is over.
    pub async fn beside<C: Future + Unpin>(&mut self, connection: &mut C) -> C::Output {
        poll_fn(|cx| self.poll_beside(connection, cx)).await
    }

    /// Calls before the connection, which then sends at once whatever they have answered.
    fn poll_beside<C: Future + Unpin>(
        &mut self,
        connection: &mut C,
        cx: &mut Context<'_>,
    ) -> Poll<C::Output> {
        loop {
            while let Poll::Ready(Some(())) = Pin::new(&mut self.calls).poll_next(cx) {}
            if let Poll::Ready(over) = Pin::new(&mut *connection).poll(cx) {
                return Poll::Ready(over);
            }
            let arrived = self.arrivals.take();
            if arrived.is_empty() {
                return Poll::Pending;
            }
            self.calls.extend(arrived);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    /// A connection that brings these calls and is over when so many of them are.
    fn connection(
        arrivals: &Arrivals,
        calls: Vec<BoxFuture<'static, ()>>,
        done: &Arc<AtomicUsize>,
        wanted: usize,
    ) -> impl Future<Output = ()> + Unpin + use<> {
        let (arrivals, done) = (arrivals.clone(), Arc::clone(done));
        let mut calls = Some(calls);
        poll_fn(move |_| {
            for call in calls.take().unwrap_or_default() {
                arrivals.execute(call);
            }
            match done.load(Ordering::Relaxed) {
                over if over == wanted => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
    }

    #[tokio::test]
    async fn a_call_that_panics_ends_alone() {
        let (arrivals, done) = (Arrivals::default(), Arc::new(AtomicUsize::new(0)));
        let (answer, answered) = oneshot::channel();
        let counted = Arc::clone(&done);
        let calls: Vec<BoxFuture<'static, ()>> = vec![
            Box::pin(async { panic!("a call's own affair") }),
            Box::pin(async move {
                let _: Result<(), oneshot::error::RecvError> = answered.await;
                counted.fetch_add(1, Ordering::Relaxed);
            }),
        ];
        let mut connection = connection(&arrivals, calls, &done, 1);
        let mut streams = Streams::new(arrivals);
        let ((), ()) = tokio::join!(streams.beside(&mut connection), async {
            tokio::task::yield_now().await;
            answer.send(()).expect("a call that waits");
        });
    }

    #[tokio::test]
    async fn what_several_calls_have_answered_is_sent_at_once() {
        let (arrivals, done) = (Arrivals::default(), Arc::new(AtomicUsize::new(0)));
        let (answers, calls): (Vec<_>, Vec<BoxFuture<'static, ()>>) = (0..8)
            .map(|_| {
                let (answer, answered) = oneshot::channel::<()>();
                let done = Arc::clone(&done);
                let call = async move {
                    let _: Result<(), oneshot::error::RecvError> = answered.await;
                    done.fetch_add(1, Ordering::Relaxed);
                };
                let call: BoxFuture<'static, ()> = Box::pin(call);
                (answer, call)
            })
            .unzip();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut inner = connection(&arrivals, calls, &done, 8);
        let (noted, counted) = (Rc::clone(&seen), Arc::clone(&done));
        let mut connection = poll_fn(move |cx| {
            noted.borrow_mut().push(counted.load(Ordering::Relaxed));
            Pin::new(&mut inner).poll(cx)
        });
        let mut streams = Streams::new(arrivals);
        let ((), ()) = tokio::join!(streams.beside(&mut connection), async {
            tokio::task::yield_now().await;
            for answer in answers {
                answer.send(()).expect("a call that waits");
            }
        });
        assert!(seen.borrow().iter().all(|over| [0, 8].contains(over)), "{seen:?}");
    }
}
