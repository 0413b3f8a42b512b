//! Takes secrets out of text before it leaves the runner.
//!
//! Two kinds of secrets are found: *known* ones, whose values the runner holds (see [`ExecutionContext`]), and ones
//! that are recognised by their form: tokens with a well-known beginning, `Authorization` values, bearer tokens,
//! passwords in addresses, assignments to names such as `PASSWORD`, AWS access key ids and private keys.
//! In doubt a text is masked: a log that says too little can be repeated, a leaked secret cannot be taken back.
//!
//! Masking works on the bytes that were read, before anything is cut away: a secret that lies across the place of a
//! cut is masked whole. What is read beyond the cut for that purpose is `Masker::margin`.
//!
//! [`ExecutionContext`]: crate::execute::ExecutionContext

use std::fmt;
use std::ops::Range;

/// What a secret is replaced by.
pub const MASK: &str = "***";
/// A known secret shorter than this, in bytes, is left alone: masking every `1` would make a log unreadable.
pub const KNOWN_SECRET_BYTES_MIN: usize = 4;
/// Longest secret that is recognised by its form across a cut, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;
/// Shortest token after `Bearer`, in bytes, so that the word in a sentence is left alone.
const BEARER_BYTES_MIN: usize = 8;
/// Length of what follows the first four characters of an AWS access key id, in bytes.
const AWS_KEY_ID_REST_BYTES: usize = 16;

/// Beginnings of tokens, and how many token characters must follow.
const TOKEN_PREFIXES: &[(&[u8], usize)] = &[
    (b"cct_", 4),
    (b"eyJ", 20),
    (b"ghp_", 16),
    (b"gho_", 16),
    (b"ghu_", 16),
    (b"ghs_", 16),
    (b"ghr_", 16),
    (b"github_pat_", 16),
    (b"glpat-", 16),
    (b"xoxb-", 16),
    (b"xoxp-", 16),
];

/// Parts of names that say that the value is a secret.
const SECRET_WORDS: &[&str] = &[
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "API_KEY",
    "API-KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
];
/// Parts that say so in the name of an environment variable, but not in running text.
const SECRET_VARIABLE_WORDS: &[&str] = &["KEY", "AUTH", "CREDS"];
/// Values of secret-looking variables that are settings, not secrets.
const PLAIN_VALUES: &[&[u8]] = &[b"true", b"false", b"none", b"null"];

/// Whether an environment variable of this name is taken to hold a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_WORDS.iter().chain(SECRET_VARIABLE_WORDS).any(|word| name.contains(word))
}

/// Replaces secrets by [`MASK`].
#[derive(Clone, Default)]
pub struct Masker {
    known: Vec<Vec<u8>>,
}

/// Whether bytes before or after the given ones are missing, so that what touches that end may be half a secret.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cut {
    pub(crate) before: bool,
    pub(crate) after: bool,
}

impl Masker {
    /// A masker that knows these secrets. Every line of a secret counts as one, because programs print line by line.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut known = Vec::new();
        for secret in secrets {
            known.extend(secret.as_ref().split(|b| *b == b'\n').map(<[u8]>::trim_ascii).map(<[u8]>::to_vec));
        }
        known.retain(|line| line.len() >= KNOWN_SECRET_BYTES_MIN && !PLAIN_VALUES.contains(&line.as_slice()));
        known.sort_unstable();
        known.dedup();
        Self { known }
    }

    /// This masker with more known secrets.
    #[must_use]
    pub fn knowing<S: AsRef<[u8]>>(&self, secrets: impl IntoIterator<Item = S>) -> Self {
        let mut known = self.known.clone();
        known.append(&mut Self::new(secrets).known);
        known.sort_unstable();
        known.dedup();
        Self { known }
    }

    /// The text with every secret replaced.
    pub fn mask(&self, text: &str) -> String {
        let spans = self.spans(text.as_bytes(), Cut::default());
        render(text.as_bytes(), 0..text.len(), &spans)
    }

    /// How many bytes beyond a cut must be seen, so that no secret that lies across it is overlooked.
    pub(crate) fn margin(&self) -> usize {
        self.known.iter().map(Vec::len).max().unwrap_or(0).max(FORM_BYTES_MAX)
    }

    /// Where the secrets are, in order and without overlaps.
    pub(crate) fn spans(&self, bytes: &[u8], cut: Cut) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        for secret in &self.known {
            spans.extend(occurrences(bytes, secret).map(|at| at..at + secret.len()));
        }
        for rule in
            [tokens, authorizations, bearers, assignments, address_passwords, aws_key_ids, private_keys]
        {
            rule(bytes, &mut spans);
        }
        if cut.before {
            spans.push(0..run_length(bytes, |b| !b.is_ascii_whitespace()));
        }
        if cut.after {
            let run = bytes.iter().rev().take_while(|b| !b.is_ascii_whitespace()).count();
            spans.push(bytes.len() - run..bytes.len());
        }
        merged(spans)
    }
}

impl fmt::Debug for Masker {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").field("known", &self.known.len()).finish()
    }
}

/// The `visible` part of `bytes` as text, with every span replaced that touches it. Bytes that are not UTF-8 become
/// `?`, so that the text is not longer than the bytes.
pub(crate) fn render(bytes: &[u8], visible: Range<usize>, spans: &[Range<usize>]) -> String {
    let mut out = Vec::with_capacity(visible.len());
    let mut at = visible.start;
    for span in spans {
        if span.end <= at || span.start >= visible.end || span.is_empty() {
            continue;
        }
        out.extend_from_slice(bytes.get(at..span.start).unwrap_or_default());
        out.extend_from_slice(MASK.as_bytes());
        at = span.end;
    }
    out.extend_from_slice(bytes.get(at..visible.end).unwrap_or_default());
    out.utf8_chunks()
        .map(|chunk| [chunk.valid(), if chunk.invalid().is_empty() { "" } else { "?" }].concat())
        .collect()
}

fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            Some(_) | None => merged.push(span),
        }
    }
    merged
}

/// Positions at which `needle` begins, also overlapping ones.
fn occurrences<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(needle.len()).enumerate().filter(move |(_, window)| *window == needle).map(|(at, _)| at)
}

/// Positions right after `word`, whatever its case.
fn ends_of_word<'a>(bytes: &'a [u8], word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let word = word.as_bytes();
    let matches = move |(_, window): &(usize, &[u8])| window.eq_ignore_ascii_case(word);
    bytes.windows(word.len()).enumerate().filter(matches).map(move |(at, _)| at + word.len())
}

fn run_length(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|b| belongs(**b)).count()
}

/// Length of the run from `at` on.
fn run_from(bytes: &[u8], at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    run_length(bytes.get(at..).unwrap_or_default(), belongs)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.~+/=%".contains(&byte)
}

fn tokens(bytes: &[u8], spans: &mut Vec<Range<usize>>) {
    for (prefix, rest_min) in TOKEN_PREFIXES {
        for at in occurrences(bytes, prefix) {
            let rest = run_from(bytes, at + prefix.len(), is_token_byte);
            if rest >= *rest_min {
                spans.push(at..at + prefix.len() + rest);
            }
        }
    }
}

/// `Authorization: …` as a header, in JSON or as an argument: everything up to the end of the line or the quote.
fn authorizations(bytes: &[u8], spans: &mut Vec<Range<usize>>) {
    for name_end in ends_of_word(bytes, "authorization") {
        let separator = run_from(bytes, name_end, |b| b"\"' :=".contains(&b));
        let between = bytes.get(name_end..name_end + separator).unwrap_or_default();
        if !between.iter().any(|b| b":=".contains(b)) {
            continue;
        }
        let start = name_end + separator;
        spans.push(start..start + run_from(bytes, start, |b| !b"\r\n\"'".contains(&b)));
    }
}

fn bearers(bytes: &[u8], spans: &mut Vec<Range<usize>>) {
    for word_end in ends_of_word(bytes, "bearer") {
        let blanks = run_from(bytes, word_end, |b| b == b' ' || b == b'\t');
        let token = run_from(bytes, word_end + blanks, is_token_byte);
        if blanks > 0 && token >= BEARER_BYTES_MIN {
            spans.push(word_end + blanks..word_end + blanks + token);
        }
    }
}

/// `DB_PASSWORD=…`, `?access_token=…` and `"client_secret": "…"`.
fn assignments(bytes: &[u8], spans: &mut Vec<Range<usize>>) {
    for word in SECRET_WORDS {
        for word_end in ends_of_word(bytes, word) {
            let name_end =
                word_end + run_from(bytes, word_end, |b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
            if let Some(span) = assigned_value(bytes, name_end) {
                spans.push(span);
            }
        }
    }
}

/// The value behind `=`, or behind `":`; in quotes up to the closing one.
fn assigned_value(bytes: &[u8], name_end: usize) -> Option<Range<usize>> {
    let separator_end = match bytes.get(name_end)? {
        b'=' => name_end + 1,
        b'"' | b'\'' => {
            let colon = name_end + 1 + run_from(bytes, name_end + 1, |b| b == b' ');
            if bytes.get(colon)? != &b':' {
                return None;
            }
            colon + 1 + run_from(bytes, colon + 1, |b| b == b' ')
        }
        _ => return None,
    };
    let first = *bytes.get(separator_end)?;
    let start = separator_end + usize::from(first == b'"' || first == b'\'');
    let length = if start > separator_end {
        run_from(bytes, start, |b| b != first && b != b'\n')
    } else {
        run_from(bytes, start, |b| !b.is_ascii_whitespace() && !b"&;,\"'".contains(&b))
    };
    Some(start..start + length)
}

/// `scheme://user:password@host`; without a colon the whole part before `@`, because it may be a token.
fn address_passwords(bytes: &[u8], spans: &mut Vec<Range<usize>>) {
    for at in occurrences(bytes, b"://") {
        let start = at + 3;
        let length = run_from(bytes, start, |b| !b.is_ascii_whitespace() && !b"/?#\"'<>".contains(&b));
        let authority = bytes.get(start..start + length).unwrap_or_default();
        let Some(user_length) = authority.iter().rposition(|b| *b == b'@') else { continue };
        let password =
            authority.iter().take(user_length).position(|b| *b == b':').map_or(0, |colon| colon + 1);
        spans.push(start + password..start + user_length);
    }
}

fn aws_key_ids(bytes: &[u8], spans: &mut Vec<Range<usize>>) {
    for prefix in [b"AKIA", b"ASIA"] {
        for at in occurrences(bytes, prefix) {
            let inside_word =
                at.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_alphanumeric);
            let rest = run_from(bytes, at + prefix.len(), |b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if !inside_word && rest >= AWS_KEY_ID_REST_BYTES {
                spans.push(at..at + prefix.len() + rest);
            }
        }
    }
}

/// From `-----BEGIN … PRIVATE KEY-----` to its end. A key whose other end is missing hides everything on that side.
fn private_keys(bytes: &[u8], spans: &mut Vec<Range<usize>>) {
    const DASHES: &[u8] = b"-----";
    let mut begin = None;
    let mut seen_any = false;
    for at in occurrences(bytes, DASHES) {
        let label_at = at + DASHES.len();
        let label_length = run_from(bytes, label_at, |b| b.is_ascii_uppercase() || b == b' ');
        let label = bytes.get(label_at..label_at + label_length).unwrap_or_default();
        if occurrences(label, b"PRIVATE KEY").next().is_none() {
            continue;
        }
        if label.starts_with(b"BEGIN ") {
            begin.get_or_insert(at);
            seen_any = true;
        } else if label.starts_with(b"END ") {
            let end = (label_at + label_length + DASHES.len()).min(bytes.len());
            let start = if seen_any { begin.take().unwrap_or(at) } else { 0 };
            seen_any = true;
            spans.push(start..end);
        }
    }
    if let Some(start) = begin {
        spans.push(start..bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Masker::new(["hunter2-known"]).mask(text), expected);
    }

    #[test]
    fn known_values_are_masked_wherever_they_are() {
        check("a hunter2-known b", "a *** b");
        check("xhunter2-knownx hunter2-known", "x***x ***");
        check("hunter2-knowhunter2-known", "hunter2-know***");
        check("nothing here", "nothing here");
    }

    #[test]
    fn each_line_of_a_known_secret_is_one() {
        let masker = Masker::new(["first-line\r\n  second-line\nab"]);
        assert_eq!(masker.mask("got second-line, then first-line"), "got ***, then ***");
        assert_eq!(masker.mask("ab"), "ab", "too short to be masked everywhere");
    }

    #[test]
    fn words_that_are_settings_are_no_secrets() {
        assert_eq!(Masker::new(["true", "false", "abc"]).mask("true false abc"), "true false abc");
        assert_eq!(Masker::new(["1234"]).mask("pin 1234"), "pin ***");
    }

    #[test]
    fn more_secrets_can_be_added() {
        let masker = Masker::new(["alpha-secret"]).knowing(["beta-secret"]);
        assert_eq!(masker.mask("alpha-secret beta-secret"), "*** ***");
        assert_eq!(format!("{masker:?}"), "Masker { known: 2 }");
    }

    #[test]
    fn tokens_are_recognised_by_their_beginning() {
        check("token cct_aB3dE6fG9h, please", "token ***, please");
        check("cct_ab", "cct_ab");
        check("push with ghp_0123456789abcdefABCD", "push with ***");
        check("glpat-0123456789abcdefABCD.", "***");
        check("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", "jwt ***");
    }

    #[test]
    fn bearer_tokens_and_authorization_headers_are_masked() {
        check("Bearer abc.def-ghi", "Bearer ***");
        check("the bearer of news", "the bearer of news");
        check("> Authorization: Basic dXNlcjpwYXNz\n> Host: x", "> Authorization: ***\n> Host: x");
        check(r#"{"authorization": "ApiKey 12 34", "a": 1}"#, r#"{"authorization": "***", "a": 1}"#);
        check("authorization was refused", "authorization was refused");
    }

    #[test]
    fn assignments_to_secret_names_are_masked() {
        check("DB_PASSWORD=s3cr3t next", "DB_PASSWORD=*** next");
        check("export API_KEY='a b c'; run", "export API_KEY='***'; run");
        check("GET /x?access_token=abcd&page=2", "GET /x?access_token=***&page=2");
        check(r#"{"client_secret" : "a,b", "n": 1}"#, r#"{"client_secret" : "***", "n": 1}"#);
        check("unexpected token: `;`", "unexpected token: `;`");
    }

    #[test]
    fn passwords_in_addresses_are_masked() {
        check("postgres://app:p%40ss@db:5432/x", "postgres://app:***@db:5432/x");
        check("https://sometoken@host/path", "https://***@host/path");
        check("https://host/path?mail=a@b.example", "https://host/path?mail=a@b.example");
        check("redis://:pw@cache", "redis://:***@cache");
    }

    #[test]
    fn aws_access_key_ids_are_masked() {
        check("id AKIAIOSFODNN7EXAMPLE.", "id ***.");
        check("ASIAIOSFODNN7EXAMPLE", "***");
        check("BAKIAIOSFODNN7EXAMPLE", "BAKIAIOSFODNN7EXAMPLE");
        check("AKIASHORT", "AKIASHORT");
    }

    #[test]
    fn private_keys_are_masked_also_when_an_end_is_missing() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
        check(&format!("a\n{key}\nb\n{key}\nc"), "a\n***\nb\n***\nc");
        check("a\n-----BEGIN PRIVATE KEY-----\nMIIE", "a\n***");
        check("MIIE\n-----END PRIVATE KEY-----\nb", "***\nb");
        let public = "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----";
        check(public, public);
    }

    #[test]
    fn what_touches_a_missing_part_is_masked() {
        let masker = Masker::default();
        let bytes = b"half-a middle ha";
        let spans = masker.spans(bytes, Cut { before: true, after: true });
        assert_eq!(render(bytes, 0..bytes.len(), &spans), "*** middle ***");
    }

    #[test]
    fn a_secret_across_the_visible_end_is_masked_whole() {
        let masker = Masker::new(["0123456789"]);
        let bytes = b"ab 0123456789 cd";
        let spans = masker.spans(bytes, Cut::default());
        assert_eq!(render(bytes, 0..6, &spans), "ab ***");
        assert_eq!(render(bytes, 6..bytes.len(), &spans), "*** cd");
    }

    #[test]
    fn bytes_that_are_not_text_become_question_marks() {
        assert_eq!(render(b"a\xff\xfeb\xc3", 0..5, &[]), "a??b?");
    }

    #[test]
    fn names_that_hold_secrets_are_recognised() {
        for name in
            ["CORTEX_CHANGE_TOKEN", "db_password", "SSH_KEY", "AWS_SECRET_ACCESS_KEY", "GIT_CREDENTIALS"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["PATH", "HOME", "PWD", "LANG", "DATABASE_URL", "SHELL"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
