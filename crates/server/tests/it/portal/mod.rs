//! The portal: over plain HTTP where headers matter, in a real browser where looks do.

mod browser;
mod pages;
mod raw;
mod sign_in;
