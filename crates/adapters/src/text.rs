//! Foreign text in our messages.

/// At most `max_chars` characters of `text` on one line, with an ellipsis where something was left out.
pub(crate) fn clipped(text: &str, max_chars: usize) -> String {
    let mut characters = text.chars();
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    let mut clipped: String = characters.by_ref().take(max_chars).map(printable).collect();
    if characters.next().is_some() {
        clipped.push('…');
    }
    clipped
}
