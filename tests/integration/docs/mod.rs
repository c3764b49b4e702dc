//! The API's documents and the page that shows them.

mod documents;
mod fields;
mod page;
mod served;
