//! Server-sent events, read piece by piece.
//!
//! Only what our server sends is understood: `id`, `event`, `data` and comments. An event without data is none.

use std::collections::VecDeque;

/// Longest line and longest event, in bytes.
pub(crate) const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// One event as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RawEvent {
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    pub(crate) data: String,
}

/// An event or line that is longer than [`EVENT_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Puts events together from the pieces in which they arrive.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The line that has begun.
    line: Vec<u8>,
    /// Whether the last byte was a carriage return, so that a line feed after it belongs to it.
    after_return: bool,
    event: RawEvent,
    has_data: bool,
}

impl Parser {
    /// Takes the next piece; whole events are added to `events`.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut VecDeque<RawEvent>) -> Result<(), TooLong> {
        for byte in bytes {
            let is_second_half = self.after_return && *byte == b'\n';
            self.after_return = *byte == b'\r';
            match byte {
                b'\n' if is_second_half => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    self.end_line(&String::from_utf8_lossy(&line), events)?;
                }
                _ if self.line.len() >= EVENT_BYTES_MAX => return Err(TooLong),
                _ => self.line.push(*byte),
            }
        }
        Ok(())
    }

    fn end_line(&mut self, line: &str, events: &mut VecDeque<RawEvent>) -> Result<(), TooLong> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                events.push_back(event);
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.kind),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments, which keep the connection alive, and fields that are not ours.
            _ => {}
        }
        if self.event.data.len() > EVENT_BYTES_MAX { Err(TooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nid: 7\nevent: change.approved\ndata: {\"a\":\ndata: 1}\n\n\
                          event:x\r\ndata:é\r\n\r\nid: 9\n\nretry: 5\rdata\r\r";

    fn read(pieces: &[&[u8]]) -> Vec<RawEvent> {
        let (mut parser, mut events) = (Parser::default(), VecDeque::new());
        for piece in pieces {
            parser.push(piece, &mut events).unwrap();
        }
        events.into()
    }

    #[test]
    fn the_same_events_are_read_however_the_stream_is_cut() {
        let event = |id: Option<&str>, kind: &str, data: &str| RawEvent {
            id: id.map(ToOwned::to_owned),
            kind: kind.to_owned(),
            data: data.to_owned(),
        };
        let expected = vec![
            event(Some("7"), "change.approved", "{\"a\":\n1}"),
            event(None, "x", "é"),
            event(None, "", ""),
        ];
        let bytes = STREAM.as_bytes();
        for cut in 0..=bytes.len() {
            assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single), expected);
    }

    #[test]
    fn an_event_that_has_not_ended_is_none() {
        assert_eq!(read(&[b"id: 1\ndata: half"]), []);
        assert_eq!(read(&[b"id: 1\ndata: half\n"]), []);
    }

    #[test]
    fn lines_and_events_without_end_are_refused() {
        let (mut parser, mut events) = (Parser::default(), VecDeque::new());
        let long = vec![b'x'; EVENT_BYTES_MAX + 1];
        assert_eq!(parser.push(&long, &mut events), Err(TooLong));

        let mut parser = Parser::default();
        let line = [b"data:".as_slice(), &vec![b'x'; EVENT_BYTES_MAX / 2], b"\n"].concat();
        let pushed: Vec<_> = (0..3).map(|_| parser.push(&line, &mut events)).collect();
        assert_eq!(pushed, [Ok(()), Err(TooLong), Err(TooLong)]);
    }
}
