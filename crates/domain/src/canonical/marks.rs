//! Objects that stand for something else, and what is written in their place.

use crate::text::{ERASED, ERASED_KEY, TEXT_KEY};

/// What is written where an object is marked: where its only key is one of some, and its value a text.
pub trait Marks {
    /// Whether members are put in order. A text that is only read need not be canonical.
    const ORDERS_MEMBERS: bool = true;

    /// Whether a key marks its object; asked only about keys that begin with `$`.
    fn is_mark(&self, key: &str) -> bool;

    /// Says what stands for a marked object with this text, at this RFC 6901 pointer; nothing where it is not accepted.
    fn replace(&mut self, key: &str, text: &str, pointer: String) -> Option<Replacement>;
}

/// What stands for a marked object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// Its text.
    Bare,
    /// Another text.
    Text(&'static str),
    /// An object with one member.
    Object {
        /// Its key.
        key: &'static str,
        /// Its value.
        text: String,
    },
}

/// No object is marked.
#[derive(Debug)]
pub(super) struct NoMarks;

impl Marks for NoMarks {
    fn is_mark(&self, _key: &str) -> bool {
        false
    }

    fn replace(&mut self, _key: &str, _text: &str, _pointer: String) -> Option<Replacement> {
        None
    }
}

/// Free texts are written as plain strings, as readers expect them, and members in the order in which they are told.
#[derive(Debug)]
pub struct Plain;

impl Marks for Plain {
    const ORDERS_MEMBERS: bool = false;

    fn is_mark(&self, key: &str) -> bool {
        key == TEXT_KEY || key == ERASED_KEY
    }

    fn replace(&mut self, key: &str, _text: &str, _pointer: String) -> Option<Replacement> {
        Some(if key == ERASED_KEY { Replacement::Text(ERASED) } else { Replacement::Bare })
    }
}
