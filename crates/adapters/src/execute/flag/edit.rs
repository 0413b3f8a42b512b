//! One flag in a file of flag definitions as flagd reads it, JSON or YAML: its words are replaced where they stand, and
//! every other byte stays. What came out is read again, so that nothing is written that says something else.

use std::borrow::Cow;
use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle};

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 64;
const ENABLED: &str = "ENABLED";
const DISABLED: &str = "DISABLED";
/// Words that a plain scalar of YAML must not be, because readers take them for something else than a text.
const NOT_PLAIN: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// What is wanted of a flag.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) flag: String,
    pub(super) enabled: Option<bool>,
    pub(super) variant: Option<String>,
}

/// A file's new content.
#[derive(Debug)]
pub(super) struct Switched {
    pub(super) content: Vec<u8>,
    /// What was and is, in a sentence.
    pub(super) said: String,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Unswitchable {
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("it is neither JSON nor YAML: {0}")]
    Unreadable(String),
    #[error("it has no flag `{flag}` below `flags`")]
    NoFlag { flag: String },
    #[error("the flag `{flag}` has no `{key}`: write one into the file first")]
    NoKey { flag: String, key: &'static str },
    #[error("the flag `{flag}` has no variant `{variant}`: it has {known}")]
    NoVariant { flag: String, variant: String, known: String },
    #[error(
        "the flag `{flag}` cannot be changed where it stands: write it without anchors, tags and line breaks"
    )]
    Entangled { flag: String },
}

/// A word of the file, with its place and form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    bytes: Range<usize>,
    is_plain: bool,
}

/// What the file says about one flag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Found {
    is_there: bool,
    /// It says something twice, or shares it with another place.
    is_entangled: bool,
    state: Option<Word>,
    variant: Option<Word>,
    variants: Vec<String>,
}

/// The file with the flag as wanted.
pub(super) fn switched(content: &[u8], wanted: &Wanted) -> Result<Switched, Unswitchable> {
    let text = std::str::from_utf8(content).map_err(|_| Unswitchable::NotText)?;
    let found = find(text, &wanted.flag)?;
    let flag = || wanted.flag.clone();
    if !found.is_there {
        return Err(Unswitchable::NoFlag { flag: flag() });
    }
    let mut edits: Vec<(Word, String)> = Vec::new();
    if let Some(enabled) = wanted.enabled {
        let state = found.state.clone().ok_or_else(|| Unswitchable::NoKey { flag: flag(), key: "state" })?;
        edits.push((state, if enabled { ENABLED } else { DISABLED }.to_owned()));
    }
    if let Some(variant) = &wanted.variant {
        if !found.variants.contains(variant) {
            let (variant, known) = (variant.clone(), found.variants.join(", "));
            return Err(Unswitchable::NoVariant { flag: flag(), variant, known });
        }
        let word = found.variant.clone();
        let word = word.ok_or_else(|| Unswitchable::NoKey { flag: flag(), key: "defaultVariant" })?;
        edits.push((word, variant.clone()));
    }
    let said = edits.iter().map(|(was, is)| format!("{} -> {is}", was.text)).collect::<Vec<_>>().join(", ");
    edits.sort_by_key(|(word, _)| std::cmp::Reverse(word.bytes.start));
    let mut edited = text.to_owned();
    for (word, wanted) in &edits {
        edited.replace_range(word.bytes.clone(), &written(wanted, word.is_plain));
    }
    let again = find(&edited, &wanted.flag)?;
    let says = |word: &Option<Word>| word.as_ref().map(|word| word.text.clone());
    let state = wanted.enabled.map(|enabled| if enabled { ENABLED } else { DISABLED }.to_owned());
    let is_as_wanted = says(&again.state) == state.or_else(|| says(&found.state))
        && says(&again.variant) == wanted.variant.clone().or_else(|| says(&found.variant))
        && again.variants == found.variants;
    if !is_as_wanted {
        return Err(Unswitchable::Entangled { flag: flag() });
    }
    Ok(Switched { content: edited.into_bytes(), said: format!("{}: {said}", wanted.flag) })
}

/// A word as the file's language writes it.
fn written(word: &str, is_plain: bool) -> Cow<'_, str> {
    let is_fit = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let starts_well = word.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let is_word = starts_well && word.bytes().all(is_fit);
    if is_plain && is_word && !NOT_PLAIN.contains(&word.to_ascii_lowercase().as_str()) {
        Cow::Borrowed(word)
    } else {
        // A text of JSON is one of YAML, too.
        Cow::Owned(serde_json::Value::from(word).to_string())
    }
}

/// An open list or map: the key whose value comes next, where one is known.
#[derive(Debug)]
enum Open {
    List,
    Map { key: Option<String> },
}

/// Follows a text to what it says about one flag.
#[derive(Debug)]
struct Reader<'a> {
    flag: &'a str,
    open: Vec<Open>,
    found: Found,
}

/// Reads what stands at `flags`, then the flag's name, then `state`, `defaultVariant` and the keys of `variants`.
fn find(text: &str, flag: &str) -> Result<Found, Unswitchable> {
    let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let byte_of = |chars: usize| offsets.get(chars).copied().unwrap_or(text.len());
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader { flag, open: Vec::new(), found: Found::default() };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Unswitchable::Unreadable(error.info().to_owned()))?;
        match event {
            Event::Scalar(word, style, anchor, _) => {
                let bytes = byte_of(span.start.index())..byte_of(span.end.index());
                let is_plain = style == ScalarStyle::Plain;
                let is_shared = anchor > 0;
                reader.scalar(Word { text: word.into_owned(), bytes, is_plain }, is_shared);
            }
            Event::MappingStart(..) => reader.begin(Open::Map { key: None })?,
            Event::SequenceStart(..) => reader.begin(Open::List)?,
            Event::MappingEnd | Event::SequenceEnd => {
                reader.open.pop();
                reader.complete();
            }
            Event::Alias(_) => reader.complete(),
            // Beginnings and ends of documents.
            _ => {}
        }
    }
    if reader.found.is_entangled {
        return Err(Unswitchable::Entangled { flag: flag.to_owned() });
    }
    Ok(reader.found)
}

impl Reader<'_> {
    /// The keys that lead to what comes next; lists have none.
    fn path(&self) -> Vec<&str> {
        let mut keys = Vec::with_capacity(self.open.len());
        for open in &self.open {
            match open {
                Open::List => keys.push("[]"),
                Open::Map { key } => keys.extend(key.as_deref()),
            }
        }
        keys
    }

    fn begin(&mut self, open: Open) -> Result<(), Unswitchable> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Unswitchable::Unreadable(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let is_flag = matches!(open, Open::Map { .. }) && self.path() == ["flags", self.flag];
        self.found.is_entangled |= is_flag && self.found.is_there;
        self.found.is_there |= is_flag;
        self.open.push(open);
        Ok(())
    }

    /// A key, or a value.
    fn scalar(&mut self, word: Word, is_shared: bool) {
        if let Some(Open::Map { key: key @ None }) = self.open.last_mut() {
            *key = Some(word.text);
            let variant = match self.path().as_slice() {
                ["flags", flag, "variants", variant] if *flag == self.flag => Some((*variant).to_owned()),
                _ => None,
            };
            self.found.variants.extend(variant);
            return;
        }
        let slot = match self.path().as_slice() {
            ["flags", flag, "state"] if *flag == self.flag => Some(&mut self.found.state),
            ["flags", flag, "defaultVariant"] if *flag == self.flag => Some(&mut self.found.variant),
            _ => None,
        };
        if let Some(slot) = slot {
            let is_second = slot.replace(word).is_some();
            self.found.is_entangled |= is_shared || is_second;
        }
        self.complete();
    }

    /// A value has ended: the map around it waits for its next key.
    fn complete(&mut self) {
        if let Some(Open::Map { key }) = self.open.last_mut() {
            *key = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "flags": {
    "new-checkout": { "state":"DISABLED",   "variants": { "on": true, "off": false },
        "defaultVariant": "off", "targeting": { "if": [true, "on", "off"] } },
    "other": {"state": "ENABLED", "defaultVariant": "off", "variants": {"off": 1}}
  }
}
"#;
    const YAML: &str = "# kept\nflags:\n  new-checkout:   # this one\n    state: DISABLED\n    defaultVariant: 'off' # for now\n    \
                        variants:\n      \"on\": 1\n      \"off\": 2\n      blue: 3\n";

    fn wanted(enabled: Option<bool>, variant: Option<&str>) -> Wanted {
        Wanted { flag: "new-checkout".to_owned(), enabled, variant: variant.map(ToOwned::to_owned) }
    }

    fn edited(text: &str, wanted: &Wanted) -> String {
        String::from_utf8(switched(text.as_bytes(), wanted).unwrap().content).unwrap()
    }

    fn refused(text: &str, wanted: &Wanted) -> String {
        switched(text.as_bytes(), wanted).unwrap_err().to_string()
    }

    #[test]
    fn only_the_words_of_the_flag_change() {
        let both = wanted(Some(true), Some("on"));
        let expected = JSON.replacen("\"DISABLED\"", "\"ENABLED\"", 1);
        let expected = expected.replacen("\"defaultVariant\": \"off\"", "\"defaultVariant\": \"on\"", 1);
        assert_eq!(edited(JSON, &both), expected);
        let expected = YAML.replace("DISABLED", "ENABLED").replace("'off'", "\"on\"");
        assert_eq!(edited(YAML, &both), expected);
        let blue = wanted(None, Some("blue"));
        assert_eq!(edited(&YAML.replace("'off'", "off"), &blue), YAML.replace("'off'", "blue"));
        assert_eq!(edited(YAML, &wanted(Some(false), None)), YAML, "it is as wanted already");
        assert_eq!(
            edited(
                "{\"flags\":{\"ü\":1,\"new-checkout\":{\"state\":\"ENABLED\"}}}",
                &wanted(Some(false), None)
            ),
            "{\"flags\":{\"ü\":1,\"new-checkout\":{\"state\":\"DISABLED\"}}}"
        );
        let said = switched(JSON.as_bytes(), &both).unwrap().said;
        assert_eq!(said, "new-checkout: DISABLED -> ENABLED, off -> on");
    }

    #[test]
    fn what_cannot_be_switched_is_told() {
        let on = wanted(Some(true), None);
        assert!(refused("{", &on).starts_with("it is neither JSON nor YAML: "));
        assert_eq!(refused("{}", &on), "it has no flag `new-checkout` below `flags`");
        assert_eq!(
            refused("flags: {new-checkout: {}}", &on),
            "the flag `new-checkout` has no `state`: write one into the file first"
        );
        assert_eq!(
            refused(JSON, &wanted(None, Some("of"))),
            "the flag `new-checkout` has no variant `of`: it has on, off"
        );
        for entangled in [
            "flags:\n  new-checkout: {state: &s DISABLED}\n  other: {state: *s}\n",
            "{\"flags\":{\"new-checkout\":{\"state\":\"ENABLED\",\"state\":\"DISABLED\"}}}",
        ] {
            assert!(refused(entangled, &on).contains("cannot be changed where it stands"), "{entangled}");
        }
    }
}
