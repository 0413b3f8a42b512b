//! Which subject is known to which crate: SQL to the store, Cedar to the policy, HTTP clients to two.

use crate::manifest::{Dependency, Kind};
use crate::repo::Crate;
use crate::source::{Source, Token};
use crate::{Repo, Violation};

/// Where a library may be a dependency.
struct Home {
    library: &'static str,
    /// Crates whose code may use it.
    code: &'static [&'static str],
    /// Crates whose tests may use it besides.
    tests: &'static [&'static str],
}

const HOMES: [Home; 8] = [
    Home { library: "postgres", code: &["store"], tests: &[] },
    Home { library: "rusqlite", code: &["store"], tests: &[] },
    Home { library: "tokio-postgres", code: &["store"], tests: &[] },
    Home { library: "tokio-postgres-rustls", code: &["store"], tests: &[] },
    Home { library: "cedar-policy", code: &["policy", "prover"], tests: &[] },
    Home { library: "cedar-policy-symcc", code: &["prover"], tests: &[] },
    // Tests of the server and of the program also play callers that are not our client.
    Home { library: "reqwest", code: &["adapters", "client"], tests: &["server", "cortex-change"] },
    Home { library: "thirtyfour", code: &[], tests: &["server", "cortex-change"] },
];

/// Where SQL may be: the store, and the step that migrates other databases.
const SQL_HOMES: [&str; 2] = ["crates/store/", "crates/adapters/src/execute/sql/"];

/// How a statement of SQL begins, and a word that follows in it.
const STATEMENTS: [(&str, &str); 8] = [
    ("SELECT", "FROM"),
    ("INSERT", "INTO"),
    ("UPDATE", "SET"),
    ("DELETE", "FROM"),
    ("CREATE", "TABLE"),
    ("ALTER", "TABLE"),
    ("DROP", "TABLE"),
    ("WITH", "SELECT"),
];

/// A library that knows one subject is a dependency of that subject's crates only.
pub fn libraries_stay_home(repo: &Repo) -> Vec<Violation> {
    let check = |user: &Crate| {
        let strayed = user.manifest.dependencies.iter().filter_map(|dependency| strayed(user, dependency));
        strayed.collect::<Vec<_>>()
    };
    repo.crates().iter().flat_map(check).collect()
}

/// No crate but the store has SQL, in files or in strings.
pub fn sql_stays_home(repo: &Repo) -> Vec<Violation> {
    let outside = |path: &str| !SQL_HOMES.iter().any(|home| path.starts_with(home));
    let files = repo.texts().keys().filter(|path| path.ends_with(".sql") && outside(path));
    let mut found: Vec<Violation> =
        files.map(|path| Violation::of(path, "SQL outside the store: move it to `crates/store`")).collect();
    for source in repo.sources().iter().filter(|source| outside(source.path())) {
        found.extend(statements_in(source).map(|line| {
            Violation::at(
                source.path(),
                line,
                "a statement of SQL outside the store: ask a function of `store` instead",
            )
        }));
    }
    found
}

fn strayed(user: &Crate, dependency: &Dependency) -> Option<Violation> {
    let home = HOMES.iter().find(|home| home.library == dependency.name)?;
    let name = user.manifest.package.as_str();
    let in_tests = dependency.kind == Kind::Dev && home.tests.contains(&name);
    if home.code.contains(&name) || in_tests {
        return None;
    }
    let message = format!(
        "`{name}` must not use `{}`: it belongs to the code of [{}] and the tests of [{}]",
        home.library,
        home.code.join(", "),
        home.tests.join(", ")
    );
    Some(Violation::of(&user.manifest_path(), message))
}

fn statements_in(source: &Source) -> impl Iterator<Item = usize> {
    source.tokens().iter().filter_map(|located| match &located.token {
        Token::Literal(text) if is_statement(text) => Some(located.line),
        Token::Literal(_) | Token::Word(_) | Token::Mark(_) | Token::Open(..) | Token::Close(_) => None,
    })
}

fn is_statement(literal: &str) -> bool {
    let text = literal.trim_start_matches(['r', '#', '"']).replace("\\n", " ");
    STATEMENTS.iter().any(|(begins, follows)| {
        let rest = text.trim_start().strip_prefix(begins).unwrap_or_default();
        rest.starts_with(char::is_whitespace)
            && rest.split(|c: char| !c.is_alphanumeric()).any(|word| word == *follows)
    })
}
