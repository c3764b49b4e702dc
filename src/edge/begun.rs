//! A call that was handed over is begun, whatever becomes of its connection. A caller may send a whole
//! request and hang up in the same moment: then the connection is at its end before anybody has looked
//! at the call, which would be neither counted nor logged.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

pin_project! {
    /// A future that is polled once at least, if need be when it is dropped.
    pub struct Begun<F: Future> {
        #[pin]
        reply: F,
        is_begun: bool,
    }

    impl<F: Future> PinnedDrop for Begun<F> {
        fn drop(this: Pin<&mut Self>) {
            if !this.is_begun {
                // Nobody is there to be woken: it goes as far as it can without waiting.
                let _: Poll<F::Output> = this.poll(&mut Context::from_waker(Waker::noop()));
            }
        }
    }
}

impl<F: Future> Begun<F> {
    /// Of a future that contains its panics: one while it is dropped could end the process.
    pub const fn new(reply: F) -> Self {
        Self { reply, is_begun: false }
    }
}

impl<F: Future> Future for Begun<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        *this.is_begun = true;
        this.reply.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn what_is_dropped_before_it_was_begun_is_begun_then_and_anything_else_is_left_alone() {
        for polled in 0..3 {
            let polls = Cell::new(0);
            let mut begun = Box::pin(Begun::new(poll_fn(|_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            })));
            for _ in 0..polled {
                assert!(begun.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            drop(begun);
            assert_eq!(polls.get(), polled.max(1));
        }
    }
}
