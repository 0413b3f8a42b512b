//! What a script may not say: it runs inside a transaction of ours, and in a `psql` that would also obey commands.

/// Words with which a statement begins or ends a transaction.
const TRANSACTION_WORDS: [&str; 7] = ["begin", "start", "commit", "end", "abort", "rollback", "prepare"];
/// How much of a statement a message repeats, in characters.
const SHOWN_CHARS: usize = 40;

/// A script that cannot be run as one step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnfitScript {
    #[error("line {line}: `{begins}` begins or ends a transaction: the step is one already, remove it")]
    Transaction { line: usize, begins: String },
    #[error("line {line}: `\\` begins a command of psql: use SQL only")]
    Command { line: usize },
    #[error("line {line}: {what} is not closed")]
    Open { line: usize, what: &'static str },
}

/// Checks that a script keeps to one transaction and to SQL.
pub(super) fn check(script: &str) -> Result<(), UnfitScript> {
    let mut rest = script;
    let mut is_beginning = true;
    loop {
        let line = || 1 + script.len().checked_sub(rest.len()).map_or(0, |at| lines_before(script, at));
        let Some(first) = rest.chars().next() else { return Ok(()) };
        let length = match first {
            '\\' => return Err(UnfitScript::Command { line: line() }),
            _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => closed(comment(rest), line(), "a comment")?,
            '\'' => closed(quoted(rest, '\'', false), line(), "a text")?,
            'e' | 'E' if rest.get(1..2) == Some("'") => {
                is_beginning = false;
                1 + closed(quoted(rest.get(1..).unwrap_or_default(), '\'', true), line(), "a text")?
            }
            '"' => closed(quoted(rest, '"', false), line(), "a name")?,
            '$' => match dollar_tag(rest) {
                Some(tag) => closed(dollar_quoted(rest, tag), line(), "a dollar-quoted text")?,
                None => 1,
            },
            ';' => {
                is_beginning = true;
                1
            }
            c if c.is_alphanumeric() || c == '_' => {
                let word = word(rest);
                let begins = word.to_ascii_lowercase();
                if is_beginning && TRANSACTION_WORDS.contains(&begins.as_str()) && !is_plain(&begins, rest) {
                    let begins = rest.lines().next().unwrap_or_default().chars().take(SHOWN_CHARS).collect();
                    return Err(UnfitScript::Transaction { line: line(), begins });
                }
                is_beginning = false;
                word.len()
            }
            c => c.len_utf8(),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// `PREPARE` prepares a statement where no `TRANSACTION` follows.
fn is_plain(begins: &str, statement: &str) -> bool {
    let second = statement.split_whitespace().nth(1).unwrap_or_default();
    begins == "prepare" && !second.eq_ignore_ascii_case("transaction")
}

fn lines_before(text: &str, at: usize) -> usize {
    text.get(..at).map_or(0, |before| before.matches('\n').count())
}

fn closed(length: Option<usize>, line: usize, what: &'static str) -> Result<usize, UnfitScript> {
    length.ok_or(UnfitScript::Open { line, what })
}

/// Comments nest.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth.saturating_sub(1), at + 2);
        } else {
            at += rest.chars().next()?.len_utf8();
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// From a quote to the one that closes it: a doubled one does not, nor one behind a backslash where those count.
fn quoted(text: &str, quote: char, has_escapes: bool) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if has_escapes && character == '\\' {
            characters.next();
        } else if character == quote {
            match characters.peek() {
                Some((_, next)) if *next == quote => {
                    characters.next();
                }
                Some(_) | None => return Some(at + quote.len_utf8()),
            }
        }
    }
    None
}

/// The tag that opens a dollar-quoted text, `$$` or `$name$`.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text.get(1..)?.find('$')? + 2;
    let name = text.get(1..end - 1)?;
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
    (is_name && starts_well).then(|| text.get(..end)).flatten()
}

fn dollar_quoted(text: &str, tag: &str) -> Option<usize> {
    let inside = text.get(tag.len()..)?;
    inside.find(tag).map(|at| at + 2 * tag.len())
}

/// A word to its end; dollars inside it belong to it.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_keep_to_one_transaction_and_to_sql() {
        for fit in [
            "",
            "create table a (b text default 'commit; \\ ''');  -- commit\n/* commit; /* \\! rm */ */ insert into a values (E'\\'; commit');",
            "create function f() returns void language plpgsql as $body$ begin perform 1; end; $body$;",
            "do $$ begin null; end $$; select 1 as \"end\"; savepoint x; release x;",
            "prepare p as select $1::int; select a$b from c where d = $1",
            "create table end_of_day (); comment on table end_of_day is 'x'",
        ] {
            assert_eq!(check(fit), Ok(()), "{fit}");
        }
        for (unfit, expected) in [
            (
                "select 1;\n  COMMIT;",
                "line 2: `COMMIT;` begins or ends a transaction: the step is one already, remove it",
            ),
            ("begin;", "line 1: `begin;` begins or ends"),
            ("/* x */ START transaction", "line 1: `START transaction` begins or ends"),
            ("prepare transaction 'x'", "begins or ends a transaction"),
            ("select 1 \\gexec", "line 1: `\\` begins a command of psql: use SQL only"),
            ("\\! rm -rf /", "begins a command of psql"),
            ("select 'x", "line 1: a text is not closed"),
            ("\n\nselect $a$ x $b$", "line 3: a dollar-quoted text is not closed"),
            ("/* /* */", "a comment is not closed"),
            ("select \"x", "a name is not closed"),
        ] {
            let error = check(unfit).unwrap_err().to_string();
            assert!(error.contains(expected), "{unfit}: {error}");
        }
    }
}
