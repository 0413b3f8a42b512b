//! A bound on how deeply a policy is nested.
//!
//! The engine's parser recurses into brackets and branches without a bound of its own and overflows the stack, at
//! about 40 brackets on a thread of 2 MiB. So depth is measured here first, by a scan that does not recurse.

/// Most open brackets plus branches of one policy.
pub(crate) const NESTING_MAX: usize = 16;

/// The offset at which brackets and branches become too many.
pub(crate) fn too_deep_at(text: &str) -> Option<usize> {
    let (mut brackets, mut branches) = (0_usize, 0_usize);
    let mut previous = ' ';
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => {
                let mut escaped = false;
                chars.find(|(_, char)| {
                    let ends = *char == '"' && !escaped;
                    escaped = *char == '\\' && !escaped;
                    ends
                });
            }
            '/' if previous == '/' => {
                chars.find(|(_, char)| *char == '\n');
            }
            '(' | '[' | '{' => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            ';' => branches = 0,
            'f' if is_branch(text, at) => branches += 1,
            _ => {}
        }
        previous = char;
        if brackets + branches > NESTING_MAX {
            return Some(at);
        }
    }
    None
}

/// Whether the `f` at this offset ends the word `if`.
fn is_branch(text: &str, at: usize) -> bool {
    let in_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let before = text.get(..at).and_then(|before| before.strip_suffix('i'));
    let after = text.get(at + 1..).unwrap_or_default();
    before.is_some_and(|before| !before.ends_with(in_word)) && !after.starts_with(in_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_branches_count_and_texts_and_comments_do_not() {
        let shallow = [
            "(".repeat(NESTING_MAX),
            "()".repeat(100),
            format!("\"{}\"", "(".repeat(100)),
            format!("\"\\\"{}\"", "(".repeat(100)),
            format!("// {}\n", "(".repeat(100)),
            "if true then 1 else 2;".repeat(100),
            "notif iffy if_ ".repeat(100),
        ];
        for text in shallow {
            assert_eq!(too_deep_at(&text), None, "{text}");
        }
        assert_eq!(too_deep_at(&"(".repeat(100)), Some(NESTING_MAX));
        assert_eq!(too_deep_at(&"[{".repeat(100)), Some(NESTING_MAX));
        assert_eq!(too_deep_at(&"if(1)".repeat(100)), Some(5 * NESTING_MAX + 1 - 5 + 1));
        assert_eq!(too_deep_at(&format!("\"\\\\\"{}", "(".repeat(100))), Some(4 + NESTING_MAX));
        assert_eq!(too_deep_at(&format!("// x\n{}", "(".repeat(100))), Some(5 + NESTING_MAX));
    }
}
