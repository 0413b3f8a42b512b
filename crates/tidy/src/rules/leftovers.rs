//! Nothing unfinished is committed, and nothing that is true on one machine only.

use crate::source::{Source, Token};
use crate::{Repo, Violation};

/// Notes to oneself. Spelt in two parts, as this file keeps the rule too.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Macros that stand for code that is not there.
const MISSING_CODE: [&str; 2] = ["todo", "unimplemented"];

/// Folders that are somebody's own. Spelt in two parts, as this file keeps the rule too.
const MACHINE_FOLDERS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// No file has a note to oneself, and no code stands for missing code.
pub fn nothing_is_left_open(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, line, text) in lines(repo) {
        let words = || text.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(note) = NOTES.into_iter().find(|note| words().any(|word| word == *note)) {
            found.push(Violation::at(path, line, format!("a `{note}`: do it, or say what is true today")));
        }
    }
    for source in repo.sources() {
        for word in MISSING_CODE {
            let message = || format!("`{word}!` stands for code that is not there: write it");
            let places = source.find(&[word, "!"]).into_iter();
            found.extend(places.map(|line| Violation::at(source.path(), line, message())));
        }
    }
    found
}

/// Every test and every example in the documentation runs.
pub fn no_test_is_ignored(repo: &Repo) -> Vec<Violation> {
    const MESSAGE: &str = "an ignored test: let it assert what happens today, with a comment";
    let tests = repo.sources().iter().flat_map(|source| {
        ignored_in(source).into_iter().map(|line| Violation::at(source.path(), line, MESSAGE))
    });
    let fence = concat!("```", "ignore");
    let examples = lines(repo).filter(|(path, _, text)| path.ends_with(".rs") && text.contains(fence));
    tests.chain(examples.map(|(path, line, _)| Violation::at(path, line, MESSAGE))).collect()
}

/// No file names a folder that exists on one machine only.
pub fn no_machine_is_named(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, line, text) in lines(repo) {
        if let Some(folder) = MACHINE_FOLDERS.into_iter().find(|folder| names_folder(text, folder)) {
            let message =
                format!("`{folder}` is a folder of one machine: write a path that holds on every one");
            found.push(Violation::at(path, line, message));
        }
    }
    found
}

fn lines(repo: &Repo) -> impl Iterator<Item = (&str, usize, &str)> {
    repo.texts().iter().flat_map(|(path, text)| {
        text.lines().enumerate().map(move |(at, line)| (path.as_str(), at + 1, line))
    })
}

/// Lines of `#[ignore]`, also within `#[cfg_attr(…, ignore)]`.
fn ignored_in(source: &Source) -> Vec<usize> {
    let tokens = source.tokens();
    let attributes = tokens.windows(3).filter_map(|window| match window {
        [hash, open, first] if hash.token.is("#") => match &open.token {
            Token::Open('[', close) => Some((first, *close)),
            Token::Open(..) | Token::Word(_) | Token::Mark(_) | Token::Literal(_) | Token::Close(_) => None,
        },
        _ => None,
    });
    let ignoring = attributes.filter(|(first, close)| {
        let conditional = first.token.is("cfg_attr");
        let mut inside =
            tokens.iter().take(*close).rev().take_while(|located| !std::ptr::eq(*located, *first));
        first.token.is("ignore") || (conditional && inside.any(|located| located.token.is("ignore")))
    });
    ignoring.map(|(first, _)| first.line).collect()
}

/// Whether a line names an absolute folder, rather than a part of a longer path or address.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && !"/._-~{}*)".contains(c))
    })
}
