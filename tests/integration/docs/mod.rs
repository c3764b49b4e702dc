//! The API's documents and the page that shows them.

mod documents;
mod page;
mod served;
