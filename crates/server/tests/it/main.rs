//! The server as its users meet it: a real one on a free port, with its own database and a clock that tests move.

mod harness;
mod story;
