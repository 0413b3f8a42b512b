//! From the text of a condition to its parts.

use crate::rules::Fact;

/// Longest accepted text, in bytes.
const BYTES_MAX: usize = 2_048;
/// Deepest accepted nesting.
const DEPTH_MAX: usize = 32;

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Literal(Fact),
    Name(String),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Compare(Box<Node>, Compare, Box<Node>),
    Arithmetic(Box<Node>, Operator, Box<Node>),
    Call(String, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
}

impl Node {
    /// Every name in it, in order.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Name(name) => vec![name],
            Self::Not(inner) => inner.names(),
            Self::All(parts) | Self::Any(parts) | Self::Call(_, parts) => {
                parts.iter().flat_map(Self::names).collect()
            }
            Self::Compare(left, _, right) | Self::Arithmetic(left, _, right) => {
                [left.names(), right.names()].concat()
            }
        }
    }
}

/// Reads a condition.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("the condition has more than {BYTES_MAX} bytes"));
    }
    let mut parser = Parser { rest: text, depth: 0 };
    let node = parser.any()?;
    if parser.blank().is_empty() { Ok(node) } else { Err(parser.unexpected()) }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn blank(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn unexpected(&mut self) -> String {
        let shown: String = self.blank().chars().take(24).collect();
        if shown.is_empty() {
            "the condition ends too early".to_owned()
        } else {
            format!("`{shown}` is not evaluated")
        }
    }

    fn takes(&mut self, sign: &str) -> bool {
        match self.blank().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Result<Node, String> {
        self.joined("||", Self::all, Node::Any)
    }

    fn all(&mut self) -> Result<Node, String> {
        self.joined("&&", Self::comparison, Node::All)
    }

    fn joined(
        &mut self,
        sign: &str,
        part: fn(&mut Self) -> Result<Node, String>,
        join: fn(Vec<Node>) -> Node,
    ) -> Result<Node, String> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.takes(sign) {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { join(parts) })
    }

    fn comparison(&mut self) -> Result<Node, String> {
        const SIGNS: [(&str, Compare); 6] = [
            ("==", Compare::Equal),
            ("!=", Compare::NotEqual),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ];
        let left = self.sum()?;
        let Some((_, compare)) = SIGNS.into_iter().find(|(sign, _)| self.takes(sign)) else {
            return Ok(left);
        };
        let right = self.sum()?;
        Ok(Node::Compare(Box::new(left), compare, Box::new(right)))
    }

    fn sum(&mut self) -> Result<Node, String> {
        self.calculated(&[("+", Operator::Plus), ("-", Operator::Minus)], Self::product)
    }

    fn product(&mut self) -> Result<Node, String> {
        self.calculated(&[("*", Operator::Times)], Self::single)
    }

    fn calculated(
        &mut self,
        signs: &[(&str, Operator)],
        part: fn(&mut Self) -> Result<Node, String>,
    ) -> Result<Node, String> {
        let mut left = part(self)?;
        while let Some((_, operator)) = signs.iter().find(|(sign, _)| self.takes(sign)) {
            left = Node::Arithmetic(Box::new(left), *operator, Box::new(part(self)?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("the condition is nested deeper than {DEPTH_MAX} levels"));
        }
        let node = self.nested();
        self.depth -= 1;
        node
    }

    fn nested(&mut self) -> Result<Node, String> {
        if self.takes("!") {
            return Ok(Node::Not(Box::new(self.single()?)));
        }
        if self.takes("(") {
            let inner = self.any()?;
            return if self.takes(")") { Ok(inner) } else { Err(self.unexpected()) };
        }
        if self.takes("[") {
            return self.list();
        }
        match self.blank().chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote).map(|text| Node::Literal(Fact::Text(text))),
            Some(digit) if digit.is_ascii_digit() => {
                Ok(Node::Literal(Fact::Text(self.while_is(|c| c.is_ascii_digit() || c == '.'))))
            }
            Some(letter) if letter.is_alphabetic() || letter == '_' => self.name(),
            Some(_) | None => Err(self.unexpected()),
        }
    }

    fn name(&mut self) -> Result<Node, String> {
        let name = self.while_is(|c| c.is_alphanumeric() || c == '_' || c == '.');
        match name.as_str() {
            "true" => return Ok(Node::Literal(Fact::Truth(true))),
            "false" => return Ok(Node::Literal(Fact::Truth(false))),
            _ => {}
        }
        if !self.takes("(") {
            return Ok(Node::Name(name));
        }
        let mut arguments = Vec::new();
        while !self.takes(")") {
            arguments.push(self.any()?);
            if !self.takes(",") && !self.blank().starts_with(')') {
                return Err(self.unexpected());
            }
        }
        Ok(Node::Call(name, arguments))
    }

    fn list(&mut self) -> Result<Node, String> {
        let mut texts = Vec::new();
        while !self.takes("]") {
            match self.single()? {
                Node::Literal(fact) => texts.push(fact.text()),
                _ => return Err("a list holds more than plain values, which is not evaluated".to_owned()),
            }
            if !self.takes(",") && !self.blank().starts_with(']') {
                return Err(self.unexpected());
            }
        }
        Ok(Node::Literal(Fact::List(texts)))
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let inner = self.rest.strip_prefix(quote).unwrap_or_default();
        let (text, rest) = inner.split_once(quote).ok_or("a quote is not closed")?;
        self.rest = rest;
        Ok(text.to_owned())
    }

    fn while_is(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken.to_owned()
    }
}
