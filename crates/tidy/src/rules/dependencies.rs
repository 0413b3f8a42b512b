//! How crates declare what they depend on, and the lints they obey.

use crate::manifest::Kind;
use crate::repo::Crate;
use crate::{Repo, Violation};

const ROOT: &str = "Cargo.toml";
const SECTION: &str = "[workspace.dependencies]";

/// Every crate says `[lints] workspace = true`.
pub fn lints_are_inherited(repo: &Repo) -> Vec<Violation> {
    let lax = repo.crates().iter().filter(|of| !of.manifest.inherits_lints);
    lax.map(|of| {
        Violation::of(
            &of.manifest_path(),
            "the workspace's lints do not apply: add `[lints] workspace = true`",
        )
    })
    .collect()
}

/// Every line of `[workspace.dependencies]` is one whole dependency, in alphabetical order within its block, and ends
/// in a comment that says why it is there. Our own crates need no reason.
pub fn dependencies_say_why(repo: &Repo) -> Vec<Violation> {
    let text = repo.text(ROOT).unwrap_or_default();
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let section = lines.skip_while(|(_, line)| line.trim() != SECTION).skip(1);
    let mut found = Vec::new();
    let mut previous = String::new();
    for (number, line) in section.take_while(|(_, line)| !line.starts_with('[')) {
        if line.trim().is_empty() {
            previous.clear();
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let Some((name, is_ours)) = dependency_on(line) else {
            found.push(Violation::at(
                ROOT,
                number,
                "not one whole dependency: write each on a line of its own",
            ));
            continue;
        };
        if !is_ours && comment_of(line).is_empty() {
            let message = format!("`{name}` does not say why it is there: end the line in a comment");
            found.push(Violation::at(ROOT, number, message));
        }
        if name < previous {
            found.push(Violation::at(
                ROOT,
                number,
                format!("`{name}` belongs before `{previous}`: sort the lines"),
            ));
        }
        previous = name;
    }
    found
}

/// A crate takes every dependency from the workspace.
pub fn dependencies_are_inherited(repo: &Repo) -> Vec<Violation> {
    let check = |of: &Crate| {
        let own = of.manifest.dependencies.iter().filter(|dependency| !dependency.inherited);
        let violation = |name: &str| {
            let message = format!("`{name}` has its own version: write `{name}.workspace = true`");
            Violation::of(&of.manifest_path(), message)
        };
        own.map(|dependency| violation(&dependency.name)).collect::<Vec<_>>()
    };
    repo.crates().iter().flat_map(check).collect()
}

/// Some crate takes every workspace dependency, and the code of a crate names every dependency it declares.
pub fn dependencies_are_used(repo: &Repo) -> Vec<Violation> {
    let declared = || repo.crates().iter().flat_map(|of| &of.manifest.dependencies);
    let idle =
        repo.workspace().dependencies().filter(|name| declared().all(|dependency| dependency.name != *name));
    let mut found: Vec<Violation> =
        idle.map(|name| Violation::of(ROOT, format!("no crate uses `{name}`: remove its line"))).collect();
    found.extend(repo.crates().iter().flat_map(|of| unused_in(repo, of)));
    found
}

fn unused_in(repo: &Repo, of: &Crate) -> Vec<Violation> {
    let unused = of.manifest.dependencies.iter().filter(|dependency| {
        let folders: &[&str] = match dependency.kind {
            Kind::Normal => &["src"],
            Kind::Dev => &["src", "tests", "benches", "examples"],
            // A build script is a file of its own, and a crate that has one uses what it declares.
            Kind::Build => return false,
        };
        let ident = dependency.ident();
        !repo.sources_in(of, folders).any(|source| source.mentions(&ident))
    });
    let violation = |name: &str, kind| {
        let message = match kind {
            Kind::Dev => format!("no test names `{name}`: remove it"),
            Kind::Normal | Kind::Build => {
                format!("no code under src names `{name}`: remove it or make it a dev-dependency")
            }
        };
        Violation::of(&of.manifest_path(), message)
    };
    unused.map(|dependency| violation(&dependency.name, dependency.kind)).collect()
}

/// The name of the dependency that a line declares, and whether it is one of our own crates.
fn dependency_on(line: &str) -> Option<(String, bool)> {
    let table: toml::Table = toml::from_str(line).ok()?;
    let mut entries = table.into_iter();
    let (name, value) = entries.next()?;
    let is_ours = value.get("path").is_some();
    entries.next().is_none().then_some((name, is_ours))
}

/// The comment at the end of a line of TOML; empty when there is none.
fn comment_of(line: &str) -> &str {
    let mut quoted = false;
    let start = line.find(|c| {
        quoted ^= c == '"';
        c == '#' && !quoted
    });
    start.and_then(|at| line.get(at + 1..)).unwrap_or_default().trim()
}
