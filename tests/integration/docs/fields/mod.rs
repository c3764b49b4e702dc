//! The documents, held field by field against the program: what they allow is taken, what they do
//! not is refused, and what comes back is what they say.

mod document;
mod protocols;
mod replies;
mod requests;
mod stage;
