//! What pages are tested with, besides the change whose life `view::fixture` tells.

use super::frame::{Frame, Viewed};
use super::theme::Theme;

pub(super) use crate::view::fixture::*;

/// The frame of a page that the technical lead looks at.
pub(super) fn frame(address: &str) -> Frame {
    let known = known();
    let viewer = known.directory.get(&lead()).map(Viewed::of);
    Frame { theme: Theme::System, address: address.to_owned(), viewer, log: None, is_live: false }
}
