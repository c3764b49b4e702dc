//! Pragmatic Play as it calls: real forms to real nodes.
//!
//! - [`calls`]: every call that the provider makes.
//! - [`table`]: what each call is answered in each situation, and whether money moves.
//! - [`rounds`]: bets, wins and refunds in every order.
//! - [`prizes`]: free rounds, prize drops, jackpots and campaigns.
//! - [`wire`]: forms, amounts, paths and what a reply holds.
//! - [`hash`]: known hashes, and a day of calls signed elsewhere.

mod calls;
mod hash;
mod prizes;
mod rounds;
mod table;
mod wire;
