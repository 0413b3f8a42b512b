//! The window in which a change may be started, as it is typed: two instants with a slash between them.

use std::str::FromStr;

use api::request::Window;
use jiff::Timestamp;

/// A window that has been typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowArg {
    start: Timestamp,
    end: Timestamp,
}

/// A text that is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidWindow {
    #[error("expected two instants with a slash between them, as 2026-01-31T14:00:00Z/2026-01-31T16:00:00Z")]
    Form,
    #[error("`{0}` is not an instant: expected a form like 2026-01-31T14:00:00Z")]
    Instant(String),
    #[error("the end is not after the start")]
    Order,
}

impl WindowArg {
    pub(crate) fn to_wire(self) -> Window {
        Window { start: self.start.to_string(), end: self.end.to_string() }
    }
}

impl FromStr for WindowArg {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let (start, end) = text.split_once('/').ok_or(InvalidWindow::Form)?;
        let instant =
            |text: &str| text.parse::<Timestamp>().map_err(|_| InvalidWindow::Instant(text.to_owned()));
        let window = Self { start: instant(start)?, end: instant(end)? };
        if window.start < window.end { Ok(window) } else { Err(InvalidWindow::Order) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instants_in_order_are_a_window_in_utc() {
        let window: WindowArg = "2026-01-31T14:00:00+01:00/2026-01-31T16:00:00Z".parse().unwrap();
        let wire = window.to_wire();
        assert_eq!(
            (wire.start.as_str(), wire.end.as_str()),
            ("2026-01-31T13:00:00Z", "2026-01-31T16:00:00Z")
        );
    }

    #[test]
    fn other_texts_are_refused_for_their_fault() {
        let refusal = |text: &str| text.parse::<WindowArg>().unwrap_err();
        assert_eq!(refusal("tonight"), InvalidWindow::Form);
        assert_eq!(refusal("2026-01-31/2026-02-01"), InvalidWindow::Instant("2026-01-31".to_owned()));
        assert_eq!(refusal("2026-01-31T16:00:00Z/2026-01-31T14:00:00Z"), InvalidWindow::Order);
    }
}
