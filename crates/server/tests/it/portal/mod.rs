//! The portal: over plain HTTP where headers matter, in a real browser where looks do.

mod asking;
mod browser;
mod pages;
mod sign_in;
