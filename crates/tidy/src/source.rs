//! A Rust file as a flat list of tokens, so that rules see code and never strings or comments.
//!
//! Tokens rather than a syntax tree, because code inside macros (`proptest!`, `html!`) has to keep the rules too.

use std::str::FromStr as _;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A name or a keyword.
    Word(String),
    /// One character of punctuation.
    Mark(char),
    /// A number, character or string, as written. A doc comment is the literal in `#[doc = "…"]`.
    Literal(String),
    /// An opening bracket and the index of its closing one.
    Open(char, usize),
    /// A closing bracket.
    Close(char),
}

impl Token {
    /// Whether this token is written so: `fn`, `:`, `{`. A literal is never equal to anything.
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Word(word) => word == text,
            Self::Mark(mark) | Self::Open(mark, _) | Self::Close(mark) => text.chars().eq([*mark]),
            Self::Literal(_) => false,
        }
    }
}

/// A token and its line, counted from 1.
#[derive(Debug, Clone)]
pub struct Located {
    /// The token.
    pub token: Token,
    /// The line where it begins.
    pub line: usize,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, without the type or module around it.
    pub name: String,
    /// The line of its `fn`.
    pub line: usize,
    /// How many lines there are from `fn` to the closing brace.
    pub lines: usize,
}

/// A Rust file.
#[derive(Debug)]
pub struct Source {
    path: String,
    lines: usize,
    tokens: Vec<Located>,
}

impl Source {
    /// Splits a file into tokens.
    pub fn lex(path: &str, text: &str) -> Result<Self> {
        let stream = TokenStream::from_str(text).map_err(|error| {
            let start = error.span().start();
            anyhow!("line {} is not Rust: {error}", start.line)
        })?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Ok(Self { path: path.to_owned(), lines: text.lines().count(), tokens })
    }

    /// Where the file is, from the root of the repository.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How many lines it has.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Its tokens in order.
    pub fn tokens(&self) -> &[Located] {
        &self.tokens
    }

    /// The lines where these tokens follow one another, such as `["todo", "!"]`.
    pub fn find(&self, pattern: &[&str]) -> Vec<usize> {
        let matches =
            |window: &&[Located]| window.iter().zip(pattern).all(|(found, text)| found.token.is(text));
        self.tokens.windows(pattern.len()).filter(matches).filter_map(|w| w.first()).map(|t| t.line).collect()
    }

    /// Whether the file says this word in code, or names it in a literal such as `#[serde(with = "hex::serde")]`.
    pub fn mentions(&self, word: &str) -> bool {
        let in_literal = format!("\"{word}::");
        self.tokens.iter().any(|located| match &located.token {
            Token::Word(found) => found == word,
            Token::Literal(text) => text.starts_with(&in_literal),
            Token::Mark(_) | Token::Open(..) | Token::Close(_) => false,
        })
    }

    /// What is taken from a root such as `std`: its name after `std::`, or the names in `std::{…}`.
    pub fn taken_from(&self, root: &str) -> Vec<(&str, usize)> {
        let mut taken = Vec::new();
        for (at, window) in self.tokens.windows(4).enumerate() {
            let [first, colon, colon_too, next] = window else { continue };
            if !(first.token.is(root) && colon.token.is(":") && colon_too.token.is(":")) {
                continue;
            }
            match &next.token {
                Token::Word(name) => taken.push((name.as_str(), next.line)),
                Token::Open('{', close) => taken.extend(self.names_between(at + 3, *close)),
                Token::Open(..) | Token::Close(_) | Token::Mark(_) | Token::Literal(_) => {}
            }
        }
        taken
    }

    /// Every function that has a body, also nested ones and those inside macros.
    pub fn functions(&self) -> Vec<Function> {
        let starts = self.tokens.iter().enumerate().filter(|(_, located)| located.token.is("fn"));
        starts.filter_map(|(at, located)| self.function(at, located.line)).collect()
    }

    fn function(&self, at: usize, line: usize) -> Option<Function> {
        let name = self.tokens.iter().skip(at + 1).take(2).find_map(|located| match &located.token {
            Token::Word(name) => Some(name.clone()),
            Token::Mark(_) | Token::Literal(_) | Token::Open(..) | Token::Close(_) => None,
        });
        // `fn(u8) -> u8` is a type, not a function.
        if self.tokens.get(at + 1)?.token.is("(") {
            return None;
        }
        let end = self.tokens.get(self.body_end(at)?)?;
        Some(Function { name: name?, line, lines: end.line + 1 - line })
    }

    /// The index of the brace that closes the body of the function whose `fn` is at `start`.
    fn body_end(&self, start: usize) -> Option<usize> {
        let mut at = start;
        loop {
            at += 1;
            match &self.tokens.get(at)?.token {
                Token::Open('{', close) if !self.is_const_argument(at, *close) => return Some(*close),
                Token::Open(_, close) => at = *close,
                Token::Mark(';') | Token::Close(_) => return None,
                Token::Word(_) | Token::Mark(_) | Token::Literal(_) => {}
            }
        }
    }

    /// Whether a braced group is an argument of a type, as in `Array<{ N }>`.
    fn is_const_argument(&self, open: usize, close: usize) -> bool {
        let neighbour = |at: Option<usize>| at.and_then(|at| self.tokens.get(at));
        neighbour(open.checked_sub(1)).is_some_and(|before| before.token.is("<"))
            || neighbour(close.checked_add(1)).is_some_and(|after| after.token.is(">"))
    }

    /// The first name of each element of a braced list such as `{fs, path::Path}`.
    fn names_between(&self, open: usize, close: usize) -> Vec<(&str, usize)> {
        let mut names = Vec::new();
        let mut at = open;
        let mut element_begins = true;
        while at + 1 < close {
            at += 1;
            let Some(located) = self.tokens.get(at) else { break };
            match &located.token {
                Token::Word(name) if element_begins => names.push((name.as_str(), located.line)),
                Token::Open(_, inner) => at = *inner,
                Token::Word(_) | Token::Mark(_) | Token::Literal(_) | Token::Close(_) => {}
            }
            element_begins = located.token.is(",");
        }
        names
    }
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Located>) {
    for tree in stream {
        let line = tree.span().start().line;
        let token = match tree {
            TokenTree::Ident(ident) => Token::Word(ident.to_string()),
            TokenTree::Punct(punct) => Token::Mark(punct.as_char()),
            TokenTree::Literal(literal) => Token::Literal(literal.to_string()),
            TokenTree::Group(group) => {
                flatten_group(&group, tokens);
                continue;
            }
        };
        tokens.push(Located { token, line });
    }
}

fn flatten_group(group: &Group, tokens: &mut Vec<Located>) {
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ('(', ')'),
        Delimiter::Brace => ('{', '}'),
        Delimiter::Bracket => ('[', ']'),
        Delimiter::None => return flatten(group.stream(), tokens),
    };
    let at = tokens.len();
    let line = group.span_open().start().line;
    tokens.push(Located { token: Token::Open(open, at), line });
    flatten(group.stream(), tokens);
    let end = tokens.len();
    if let Some(opening) = tokens.get_mut(at) {
        opening.token = Token::Open(open, end);
    }
    tokens.push(Located { token: Token::Close(close), line: group.span_close().start().line });
}
