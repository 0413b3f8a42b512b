//! The small part of regular expressions that rule sets use: literal characters, `.`, classes such as `[a-z0-9_-]`, the
//! repetitions `*`, `+` and `?`, and the anchors `^` and `$`. Anything else cannot be evaluated.

/// Longest pattern, in characters; it bounds the time to match together with the length of a fact.
const CHARS_MAX: usize = 256;

/// A pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<(Unit, Repeat)>,
    from_begin: bool,
    to_end: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Unit {
    Any,
    Char(char),
    Class { ranges: Vec<(char, char)>, is_negated: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Once,
    Perhaps,
    Often,
    OnceOrMore,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refused = |what: &str| format!("the pattern `{text}` uses {what}, which is not evaluated");
        if text.chars().count() > CHARS_MAX {
            return Err(format!("the pattern has more than {CHARS_MAX} characters"));
        }
        let from_begin = text.starts_with('^');
        let rest = text.strip_prefix('^').unwrap_or(text);
        let to_end = rest.ends_with('$') && !rest.ends_with("\\$");
        let rest = if to_end { rest.strip_suffix('$').unwrap_or(rest) } else { rest };
        let mut parts = Vec::new();
        let mut chars = rest.chars().peekable();
        while let Some(next) = chars.next() {
            let unit = match next {
                '.' => Unit::Any,
                '[' => class(&mut chars).ok_or_else(|| refused("an unfinished class"))?,
                '\\' => match chars.next() {
                    Some('d') => Unit::Class { ranges: vec![('0', '9')], is_negated: false },
                    Some(other) if !other.is_alphanumeric() => Unit::Char(other),
                    _ => return Err(refused("an escape")),
                },
                '(' | ')' | '|' | '{' | '}' | '*' | '+' | '?' | '^' | '$' => {
                    return Err(refused(&format!("`{next}`")));
                }
                other => Unit::Char(other),
            };
            let repeat = match chars.peek() {
                Some('?') => Repeat::Perhaps,
                Some('*') => Repeat::Often,
                Some('+') => Repeat::OnceOrMore,
                _ => Repeat::Once,
            };
            if repeat != Repeat::Once {
                chars.next();
            }
            parts.push((unit, repeat));
        }
        Ok(Self { parts, from_begin, to_end })
    }

    /// Whether a part of the text matches. Every part is tried at all places at once, so that no text takes long.
    pub(super) fn finds(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let mut reached: Vec<bool> = (0..=chars.len()).map(|at| at == 0 || !self.from_begin).collect();
        for (unit, repeat) in &self.parts {
            reached = step(&reached, &chars, unit, *repeat);
        }
        if self.to_end { reached.last().copied().unwrap_or(false) } else { reached.contains(&true) }
    }
}

/// The places that are reached by one part from the places reached before.
fn step(before: &[bool], chars: &[char], unit: &Unit, repeat: Repeat) -> Vec<bool> {
    let may_skip = matches!(repeat, Repeat::Perhaps | Repeat::Often);
    let may_repeat = matches!(repeat, Repeat::Often | Repeat::OnceOrMore);
    let mut after: Vec<bool> = before.iter().map(|reached| *reached && may_skip).collect();
    // Whether the place before the character was reached, or was reached by this part.
    let mut came = before.first().copied().unwrap_or(false);
    for ((at, char), reached) in (1..).zip(chars).zip(before.iter().skip(1)) {
        let is_reached = came && unit.matches(*char);
        if let Some(place) = after.get_mut(at) {
            *place |= is_reached;
        }
        came = *reached || (may_repeat && is_reached);
    }
    after
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Unit> {
    let is_negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match chars.next()? {
            ']' if !ranges.is_empty() => return Some(Unit::Class { ranges, is_negated }),
            '\\' => chars.next().filter(|char| !char.is_alphanumeric())?,
            first => first,
        };
        let mut ahead = chars.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|char| char != ']');
        let last = if is_range {
            chars.next();
            chars.next()?
        } else {
            first
        };
        ranges.push((first, last));
    }
}

impl Unit {
    fn matches(&self, char: char) -> bool {
        match self {
            Self::Any => char != '\n',
            Self::Char(own) => *own == char,
            Self::Class { ranges, is_negated } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&char)) != *is_negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_evaluated_matches_as_usual_and_the_rest_is_refused() {
        let finds = |pattern: &str, text: &str| Pattern::parse(pattern).unwrap().finds(text);
        let worker = "^worker-[a-z]+-[0-9A-Za-z]+$";
        assert!(finds(worker, "worker-scan-7Fa"));
        for text in ["worker-scan-", "worker--1", "a worker-scan-1", "worker-scan-1!", ""] {
            assert!(!finds(worker, text), "{text}");
        }
        assert!(finds("b+c?$", "abbb") && finds("b+c?$", "abc") && !finds("b+c?$", "acc"));
        assert!(finds("^a.*z$", "a to z") && !finds("^a.*z$", "a to y"));
        assert!(finds("[^0-9]", "1a") && !finds("[^0-9]", "12") && finds(r"^v\d+\.\d+$", "v1.20"));
        assert!(finds("[a-]", "-") && finds("", ""));
        for pattern in ["(a|b)", "a{2}", "[a", "a++", r"\w", "*"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
