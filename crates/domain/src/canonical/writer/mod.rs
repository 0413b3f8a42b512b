//! The serialiser: values become canonical JSON as they are told, without a tree of them in between.
//!
//! Members are written where they come and moved into order when their object ends. Keys, members and the way to the
//! present value lie on stacks that all objects share, so that nothing is allocated per object. Nothing is moved where members
//! come in order, which is why the parts of an assessment, of which an event has many, declare their fields by name.
//!
//! Budget: 2 ns per byte.

mod serialize;

use std::borrow::Cow;

use serde::Serialize;

use super::form::{utf16_order, write_text};
use super::{DEPTH_MAX, Marks, NotCanonical, Replacement};

/// Room made at first. Most events have between one and eight kilobytes.
const CAPACITY_BYTES: usize = 4096;
/// Room made at first for keys of open objects, in bytes.
const KEYS_CAPACITY_BYTES: usize = 512;
/// Room made at first for members of open objects.
const MEMBERS_CAPACITY: usize = 48;

/// Writes one value.
pub(super) struct Writer<'m, M> {
    marks: &'m mut M,
    out: Vec<u8>,
    /// Keys of the objects that are open, one after the other.
    keys: String,
    /// Whether all of them so far are ASCII: then members have the order of their keys' bytes.
    is_ascii: bool,
    /// Members of the objects that are open, those of the innermost last.
    members: Vec<Member>,
    /// The way to the value that is written.
    steps: Vec<Step>,
    /// An object's members while they are moved.
    moved: Vec<u8>,
    /// A text while it is put together.
    text: String,
}

/// A part of the keys.
#[derive(Debug, Clone, Copy)]
struct Span {
    begin: usize,
    end: usize,
}

/// A member of an open object, and where it and its value begin and end.
#[derive(Debug, Clone, Copy)]
struct Member {
    key: Span,
    begin: usize,
    value: usize,
    end: usize,
}

/// One step from a value to a part of it.
#[derive(Debug, Clone, Copy)]
enum Step {
    Member(Span),
    Item(usize),
}

/// Where an object begins, in all that is shared.
#[derive(Debug, Clone, Copy)]
struct Frame {
    out: usize,
    keys: usize,
    members: usize,
}

impl<'m, M: Marks> Writer<'m, M> {
    pub(super) fn new(marks: &'m mut M) -> Self {
        Self {
            marks,
            out: Vec::with_capacity(CAPACITY_BYTES),
            keys: String::with_capacity(KEYS_CAPACITY_BYTES),
            is_ascii: true,
            members: Vec::with_capacity(MEMBERS_CAPACITY),
            steps: Vec::new(),
            moved: Vec::new(),
            text: String::new(),
        }
    }

    /// What was written, and the members of the whole where it is an object: each key with the place of its value.
    pub(super) fn into_parts(self) -> (Vec<u8>, Vec<(String, std::ops::Range<usize>)>) {
        let named = |member: &Member| (key(&self.keys, member.key).to_owned(), member.value..member.end);
        let members = self.members.iter().map(named).collect();
        (self.out, members)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn open(&mut self) -> Frame {
        let frame = Frame { out: self.out.len(), keys: self.keys.len(), members: self.members.len() };
        self.out.push(b'{');
        frame
    }

    fn push_key(&mut self, key: &str) -> Span {
        let begin = self.keys.len();
        self.keys.push_str(key);
        self.is_ascii &= key.is_ascii();
        Span { begin, end: self.keys.len() }
    }

    /// Takes the key of a map, which need not be a text in memory: numbers and truth values are written as texts.
    fn push_map_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<Span, NotCanonical> {
        let begin = self.out.len();
        key.serialize(&mut *self)?;
        let json = text_of(&self.out, begin, self.out.len());
        let text = match json.as_bytes().first() {
            Some(b'"') => unquoted(json),
            Some(b'0'..=b'9' | b'-' | b't' | b'f') => Cow::Borrowed(json),
            Some(_) | None => return Err(NotCanonical::Value("a key must be a text".to_owned())),
        };
        let keys_begin = self.keys.len();
        self.keys.push_str(&text);
        self.is_ascii &= text.is_ascii();
        self.out.truncate(begin);
        Ok(Span { begin: keys_begin, end: self.keys.len() })
    }

    fn begin_member(&mut self, frame: Frame, span: Span) -> Result<Member, NotCanonical> {
        if self.members.len() > frame.members {
            self.out.push(b',');
        }
        let begin = self.out.len();
        write_text(key(&self.keys, span), &mut self.out);
        self.out.push(b':');
        self.steps.push(Step::Member(span));
        if !self.is_mark(span) {
            self.check_depth()?;
        }
        Ok(Member { key: span, begin, value: self.out.len(), end: begin })
    }

    fn end_member(&mut self, member: Member) {
        self.steps.pop();
        self.members.push(Member { end: self.out.len(), ..member });
    }

    fn check_depth(&self) -> Result<(), NotCanonical> {
        if self.steps.len() > DEPTH_MAX { Err(NotCanonical::TooDeep) } else { Ok(()) }
    }

    fn is_mark(&self, span: Span) -> bool {
        bytes(&self.keys, span).first() == Some(&b'$') && self.marks.is_mark(key(&self.keys, span))
    }

    /// Ends an object.
    fn close(&mut self, frame: Frame) -> Result<(), NotCanonical> {
        let members = self.members.get(frame.members..).unwrap_or_default();
        match members.iter().find(|member| self.is_mark(member.key)).copied() {
            Some(member) => self.replace(frame, member)?,
            None => self.sort(frame)?,
        }
        // Those of the whole stay, for whoever wants them by name.
        if !self.steps.is_empty() {
            self.members.truncate(frame.members);
            self.keys.truncate(frame.keys);
        }
        Ok(())
    }

    /// Puts the members of an object in order.
    fn sort(&mut self, frame: Frame) -> Result<(), NotCanonical> {
        let Self { members, keys, out, moved, is_ascii, .. } = self;
        let members = members.get_mut(frame.members..).unwrap_or_default();
        let order = |a: &Member, b: &Member| {
            if *is_ascii {
                bytes(keys, a.key).cmp(bytes(keys, b.key))
            } else {
                utf16_order(key(keys, a.key), key(keys, b.key))
            }
        };
        if M::ORDERS_MEMBERS && !members.is_sorted_by(|a, b| order(a, b).is_lt()) {
            members.sort_unstable_by(order);
            if let Some([twice, _]) = members.array_windows().find(|[a, b]| order(a, b).is_eq()) {
                return Err(NotCanonical::KeyTwice { key: key(keys, twice.key).to_owned() });
            }
            moved.clear();
            moved.extend_from_slice(out.get(frame.out..).unwrap_or_default());
            out.truncate(frame.out + 1);
            for (at, member) in members.iter_mut().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                let begin = out.len();
                let bytes = moved.get(member.begin - frame.out..member.end - frame.out);
                out.extend_from_slice(bytes.unwrap_or_default());
                let value = begin + (member.value - member.begin);
                *member = Member { key: member.key, begin, value, end: out.len() };
            }
        }
        out.push(b'}');
        Ok(())
    }

    /// Ends a marked object: writes what stands for it.
    fn replace(&mut self, frame: Frame, member: Member) -> Result<(), NotCanonical> {
        let pointer = self.pointer();
        let json = text_of(&self.out, member.value, member.end);
        if self.members.len() != frame.members + 1 || !json.starts_with('"') {
            return Err(NotCanonical::NotAText { pointer });
        }
        let text = unquoted(json);
        let replaced = self.marks.replace(key(&self.keys, member.key), &text, pointer);
        let replaced = replaced.ok_or(NotCanonical::Refused)?;
        if matches!(replaced, Replacement::Bare) {
            drop(self.out.drain(frame.out..member.value));
            return Ok(());
        }
        self.out.truncate(frame.out);
        match replaced {
            Replacement::Bare => {}
            Replacement::Text(text) => write_text(text, &mut self.out),
            Replacement::Object { key, text } => {
                self.out.push(b'{');
                write_text(key, &mut self.out);
                self.out.push(b':');
                write_text(&text, &mut self.out);
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    /// The way to the present value as an RFC 6901 pointer.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.steps {
            pointer.push('/');
            match step {
                Step::Item(index) => pointer.push_str(&index.to_string()),
                Step::Member(span) => {
                    pointer.push_str(&key(&self.keys, *span).replace('~', "~0").replace('/', "~1"));
                }
            }
        }
        pointer
    }
}

fn bytes(keys: &str, span: Span) -> &[u8] {
    keys.as_bytes().get(span.begin..span.end).unwrap_or_default()
}

fn key(keys: &str, span: Span) -> &str {
    keys.get(span.begin..span.end).unwrap_or_default()
}

/// A part of what was written, which is UTF-8.
fn text_of(out: &[u8], begin: usize, end: usize) -> &str {
    out.get(begin..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// The text of a JSON string.
fn unquoted(json: &str) -> Cow<'_, str> {
    let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    if inner.contains('\\') {
        serde_json::from_str(json).map_or(Cow::Borrowed(inner), Cow::Owned)
    } else {
        Cow::Borrowed(inner)
    }
}
