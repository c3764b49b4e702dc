pub mod cache;
pub mod core;
pub mod providers;
