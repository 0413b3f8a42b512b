//! JSON. `serde_json` says whether a text is JSON; the walk after it finds the lines, which `serde_json` does not tell.

use serde::de::IgnoredAny;

use super::{Broken, DEPTH_MAX, Key, NODES_MAX, Node, Value, line_number};

/// Reads one JSON text.
pub(in super::super) fn read(text: &str) -> Result<Node, Broken> {
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| Broken { line: line_number(error.line()), what: format!("not JSON: {error}") })?;
    Walk { rest: text, line: 1, lines_counted: 1, nodes: 0 }.value(0)
}

/// Reads one JSON text whose lines mean nothing to anybody, such as an answer over the network: every line is 0.
pub(in super::super) fn read_without_lines(text: &str) -> Result<Node, Broken> {
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| Broken { line: 0, what: format!("not JSON: {error}") })?;
    Walk { rest: text, line: 0, lines_counted: 0, nodes: 0 }.value(0)
}

/// A walk over a text that is known to be JSON.
struct Walk<'a> {
    rest: &'a str,
    line: usize,
    /// How much one line counts: nothing where lines are not told.
    lines_counted: usize,
    nodes: usize,
}

impl Walk<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, Broken> {
        self.skip_blanks();
        self.nodes += 1;
        let line = line_number(self.line);
        if depth > DEPTH_MAX {
            return Err(Broken { line, what: format!("nested deeper than {DEPTH_MAX} levels") });
        }
        if self.nodes > NODES_MAX {
            return Err(Broken { line, what: format!("more than {NODES_MAX} values in one document") });
        }
        let value = match self.rest.bytes().next() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text { text: self.string()?, is_quoted: true },
            Some(_) | None => self.word(),
        };
        Ok(Node { line, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut entries = Vec::new();
        self.skip(1);
        while !self.has_ended('}') {
            let line = line_number(self.line);
            let text = self.string()?;
            self.skip_blanks();
            self.skip(1);
            entries.push((Key { text, line }, self.value(depth + 1)?));
        }
        Ok(Value::Map(entries))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut list = Vec::new();
        self.skip(1);
        while !self.has_ended(']') {
            list.push(self.value(depth + 1)?);
        }
        Ok(Value::List(list))
    }

    /// Steps over a comma or the end of what is open. The end of the text counts as an end, too.
    fn has_ended(&mut self, end: char) -> bool {
        self.skip_blanks();
        if self.rest.starts_with(',') {
            self.skip(1);
            self.skip_blanks();
        }
        let ended = self.rest.starts_with(end);
        if ended {
            self.skip(1);
        }
        ended || self.rest.is_empty()
    }

    fn string(&mut self) -> Result<String, Broken> {
        let mut is_escaped = false;
        let closing = self.rest.bytes().skip(1).position(|byte| {
            let closes = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            closes
        });
        let length = closing.map_or(self.rest.len(), |at| at + 2);
        let written = self.rest.get(..length).unwrap_or_default();
        let line = line_number(self.line);
        let text = serde_json::from_str(written)
            .map_err(|error| Broken { line, what: format!("not a JSON text: {error}") })?;
        self.skip(length);
        Ok(text)
    }

    fn word(&mut self) -> Value {
        let length =
            self.rest.find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(self.rest.len());
        let text = self.rest.get(..length).unwrap_or_default().to_owned();
        self.skip(length);
        if text == "null" { Value::Null } else { Value::Text { text, is_quoted: false } }
    }

    fn skip_blanks(&mut self) {
        let trimmed = self.rest.trim_start();
        let blanks = self.rest.get(..self.rest.len() - trimmed.len()).unwrap_or_default();
        self.line += self.lines_counted * blanks.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = trimmed;
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}
