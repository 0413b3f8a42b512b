//! Every Rust file is compiled: it is a target's root, or a `mod` line leads to it.

use std::collections::BTreeSet;

use crate::repo::Crate;
use crate::source::{Located, Source, Token};
use crate::{Repo, Violation};

/// Folders in which every file, or every folder with a `main.rs`, is a target.
const TARGET_FOLDERS: [&str; 4] = ["src/bin", "tests", "benches", "examples"];

/// There is no `.rs` file that the compiler never sees.
pub fn every_file_is_reached(repo: &Repo) -> Vec<Violation> {
    let mut reached = BTreeSet::new();
    for of in repo.crates() {
        for root in repo.sources().iter().filter(|source| is_root(of, source.path())) {
            follow(repo, root, true, &mut reached);
        }
    }
    let dead = repo.sources().iter().filter(|source| !reached.contains(source.path()));
    dead.map(|source| Violation::of(source.path(), "no `mod` line leads here: add one or remove the file"))
        .collect()
}

fn is_root(of: &Crate, path: &str) -> bool {
    let Some(inside) = path.strip_prefix(&of.path("")) else { return false };
    if ["src/lib.rs", "src/main.rs", "build.rs"].contains(&inside) {
        return true;
    }
    if of.manifest.target_paths.iter().any(|target| target == inside) {
        return true;
    }
    let in_folder = |folder| inside.strip_prefix(folder).and_then(|rest: &str| rest.strip_prefix('/'));
    TARGET_FOLDERS.into_iter().filter_map(in_folder).any(|rest| match rest.split_once('/') {
        None => true,
        Some((_, file)) => file == "main.rs",
    })
}

/// Marks a file and everything that its `mod` and `include!` lines lead to.
fn follow(repo: &Repo, source: &Source, is_root: bool, reached: &mut BTreeSet<String>) {
    if !reached.insert(source.path().to_owned()) {
        return;
    }
    let (folder, file) = source.path().rsplit_once('/').unwrap_or_default();
    let stem = file.trim_end_matches(".rs");
    let children = if is_root || stem == "mod" { folder.to_owned() } else { format!("{folder}/{stem}") };
    let mut leads = Leads { folder, paths: Vec::new() };
    leads.gather(source.tokens(), 0, source.tokens().len(), &children);
    for source in repo.sources().iter().filter(|source| leads.paths.iter().any(|path| path == source.path()))
    {
        follow(repo, source, false, reached);
    }
}

/// Paths of files that a file leads to.
struct Leads<'a> {
    folder: &'a str,
    paths: Vec<String>,
}

impl Leads<'_> {
    /// Gathers from the tokens between two indexes, whose modules lie in the folder `children`.
    fn gather(&mut self, tokens: &[Located], start: usize, end: usize, children: &str) {
        let mut stated_path = None;
        let mut at = start;
        while at < end {
            let window: Vec<&Token> = tokens.iter().skip(at).take(4).map(|located| &located.token).collect();
            match window.as_slice() {
                [Token::Word(mod_word), Token::Word(name), Token::Mark(';'), ..] if mod_word == "mod" => {
                    match stated_path.take() {
                        Some(path) => self.paths.push(format!("{}/{path}", self.folder)),
                        None => {
                            self.paths.extend(["", "/mod"].map(|tail| format!("{children}/{name}{tail}.rs")))
                        }
                    }
                }
                [Token::Word(mod_word), Token::Word(name), Token::Open('{', close), ..]
                    if mod_word == "mod" =>
                {
                    stated_path = None;
                    self.gather(tokens, at + 3, *close, &format!("{children}/{name}"));
                    at = *close;
                }
                [Token::Open('[', _), Token::Word(path), Token::Mark('='), Token::Literal(text)]
                    if path == "path" =>
                {
                    stated_path = Some(text.trim_matches('"'));
                }
                [Token::Word(include), Token::Mark('!'), Token::Open(..), Token::Literal(text)]
                    if include == "include" =>
                {
                    self.paths.push(format!("{}/{}", self.folder, text.trim_matches('"')));
                }
                _ => {}
            }
            at += 1;
        }
    }
}
