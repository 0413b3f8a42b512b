//! A guarded XML reader for reports.
//!
//! It never fetches anything and expands nothing but the five predefined entities and character references: a
//! document type may be named, as Cobertura does, but one that declares anything of its own is refused.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::report::{Place, Report, ReportError, newlines, shown};

/// How deep elements may nest.
pub const MAX_XML_DEPTH: usize = 64;

/// Why a report is not usable XML.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// Against the grammar.
    #[error("{place}: not well-formed XML; have the tool write the report again")]
    Malformed {
        /// Where the markup starts.
        place: Place,
        /// What the XML reader said.
        source: quick_xml::Error,
    },
    /// The text ended inside an element.
    #[error(
        "{place}: the file ends before `</{element}>`; it is truncated, have the tool write the report again"
    )]
    Truncated {
        /// The last line.
        place: Place,
        /// The innermost element that was not closed.
        element: String,
    },
    /// Elements nest deeper than [`MAX_XML_DEPTH`].
    #[error(
        "{place}: elements nest deeper than {MAX_XML_DEPTH}; this is not a report as test tools write it"
    )]
    TooDeep {
        /// The first element that is too deep.
        place: Place,
    },
    /// A document type with declarations of its own, which could expand without bound.
    #[error(
        "{place}: the document type declares entities or elements, which is refused; remove the part in `[…]`"
    )]
    Declarations {
        /// The document type declaration.
        place: Place,
    },
    /// An entity that XML does not predefine.
    #[error(
        "{place}: unknown entity `&{name};`; only amp, lt, gt, quot, apos and character numbers are accepted"
    )]
    UnknownEntity {
        /// Where it is used.
        place: Place,
        /// Its name.
        name: String,
    },
    /// Text or a second element after the outermost one.
    #[error("{place}: content outside the outermost element; a report is one XML document")]
    OutsideRoot {
        /// Where it starts.
        place: Place,
    },
    /// There is no element at all.
    #[error("{place} holds no XML element; have the tool write the report again")]
    NoElement {
        /// The file.
        place: Place,
    },
    /// An attribute without which the element means nothing.
    #[error("{place}: `<{element}>` has no `{attribute}`; the report is incomplete")]
    MissingAttribute {
        /// The element.
        place: Place,
        /// Its name.
        element: String,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// An attribute that should be a number.
    #[error(transparent)]
    Number(#[from] ReportError),
}

/// One step through a document.
pub(super) enum Node<'a> {
    /// `<name …>`, also for `<name …/>`, which is followed by its [`Node::Close`].
    Open(Element<'a>),
    /// `</name>`.
    Close(String),
    /// A piece of character data; one text may come in several pieces.
    Text(Cow<'a, str>),
    /// The document is complete.
    End,
}

/// A start tag.
pub(super) struct Element<'a> {
    report: &'a Report,
    line: u64,
    tag: BytesStart<'a>,
}

impl Element<'_> {
    /// The name without its namespace prefix.
    pub(super) fn name(&self) -> String {
        self.tag.local_name().as_ref().to_owned()
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn place(&self) -> Place {
        self.report.at(self.line)
    }

    pub(super) fn attribute(&self, name: &str) -> Result<Option<String>, XmlError> {
        let malformed = |source| XmlError::Malformed { place: self.place(), source };
        let mut found = None;
        // All attributes are looked at, so that a repeated one is noticed.
        for attribute in self.tag.attributes() {
            let attribute = attribute.map_err(|error| malformed(error.into()))?;
            if attribute.key.as_ref() == name {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(malformed)?;
                found = Some(value.into_owned());
            }
        }
        Ok(found)
    }

    pub(super) fn required(&self, name: &'static str) -> Result<String, XmlError> {
        match self.attribute(name)? {
            Some(value) if !value.is_empty() => Ok(value),
            _ => {
                Err(XmlError::MissingAttribute { place: self.place(), element: self.name(), attribute: name })
            }
        }
    }

    /// A count: a whole number that is not negative.
    pub(super) fn count(&self, name: &'static str) -> Result<Option<u64>, XmlError> {
        let Some(text) = self.attribute(name)? else { return Ok(None) };
        Ok(Some(self.report.number(self.line, name, &text, 0..=u64::MAX)?))
    }
}

/// Walks through the elements of one report.
pub(super) struct XmlReader<'a> {
    report: &'a Report,
    reader: Reader<&'a [u8]>,
    open: Vec<String>,
    root_closed: bool,
    /// The line that holds the byte at `counted_bytes`.
    line: u64,
    counted_bytes: usize,
}

impl<'a> XmlReader<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        let mut reader = Reader::from_str(report.text());
        reader.config_mut().expand_empty_elements = true;
        Self { report, reader, open: Vec::new(), root_closed: false, line: 1, counted_bytes: 0 }
    }

    /// The next step. Comments, processing instructions and harmless declarations are passed over.
    pub(super) fn next(&mut self) -> Result<Node<'a>, XmlError> {
        loop {
            let line = self.line_at(self.reader.buffer_position());
            let place = self.report.at(line);
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(source) => {
                    let line = self.line_at(self.reader.error_position());
                    return Err(XmlError::Malformed { place: self.report.at(line), source });
                }
            };
            match event {
                Event::Start(tag) | Event::Empty(tag) => return self.enter(tag, line),
                Event::End(_) => {
                    if let Some(name) = self.open.pop() {
                        self.root_closed = self.open.is_empty();
                        return Ok(Node::Close(name));
                    }
                }
                Event::Text(text) => {
                    if let Some(node) = self.text(text.into_inner(), place)? {
                        return Ok(node);
                    }
                }
                Event::CData(text) => {
                    if let Some(node) = self.text(text.into_inner(), place)? {
                        return Ok(node);
                    }
                }
                Event::GeneralRef(entity) => {
                    let text = resolve(&entity, place.clone())?;
                    if let Some(node) = self.text(text, place)? {
                        return Ok(node);
                    }
                }
                Event::DocType(text) if text.contains('[') => return Err(XmlError::Declarations { place }),
                Event::DocType(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => return self.finish(place),
            }
        }
    }

    fn enter(&mut self, tag: BytesStart<'a>, line: u64) -> Result<Node<'a>, XmlError> {
        let element = Element { report: self.report, line, tag };
        if self.root_closed {
            return Err(XmlError::OutsideRoot { place: element.place() });
        }
        if self.open.len() >= MAX_XML_DEPTH {
            return Err(XmlError::TooDeep { place: element.place() });
        }
        self.open.push(element.name());
        Ok(Node::Open(element))
    }

    fn text(&self, text: Cow<'a, str>, place: Place) -> Result<Option<Node<'a>>, XmlError> {
        if !self.open.is_empty() {
            Ok(Some(Node::Text(text)))
        } else if text.trim().is_empty() {
            Ok(None)
        } else {
            Err(XmlError::OutsideRoot { place })
        }
    }

    fn finish(&self, place: Place) -> Result<Node<'a>, XmlError> {
        match self.open.last() {
            Some(element) => Err(XmlError::Truncated { place, element: element.clone() }),
            None if self.root_closed => Ok(Node::End),
            None => Err(XmlError::NoElement { place: self.report.whole() }),
        }
    }

    /// The line of a byte, which is never before the one asked for last time.
    fn line_at(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let passed = self.report.text().as_bytes().get(self.counted_bytes..byte).unwrap_or_default();
        self.line += newlines(passed);
        self.counted_bytes = self.counted_bytes.max(byte);
        self.line
    }
}

fn resolve(entity: &BytesRef<'_>, place: Place) -> Result<Cow<'static, str>, XmlError> {
    match entity.resolve_char_ref() {
        Ok(Some(character)) => Ok(Cow::Owned(character.to_string())),
        Ok(None) => match resolve_predefined_entity(entity) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => Err(XmlError::UnknownEntity { place, name: shown(entity) }),
        },
        Err(source) => Err(XmlError::Malformed { place, source }),
    }
}
