//! The operator's document, held field by field against the program: what it allows is taken, what
//! it does not is refused, and what comes back is what it says.

mod document;
mod replies;
mod requests;
mod stage;
