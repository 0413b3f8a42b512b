//! Which of our crates may use which.

use crate::manifest::Kind;
use crate::repo::Crate;
use crate::{Repo, Violation};

/// What one crate may use of our own.
struct Arrow {
    from: &'static str,
    /// In its code.
    to: &'static [&'static str],
    /// In its tests besides.
    tests_to: &'static [&'static str],
}

/// The whole graph. A crate that is not here does not belong to the workspace yet.
const ARROWS: [Arrow; 16] = [
    Arrow { from: "adapters", to: &["domain"], tests_to: &["testkit"] },
    Arrow { from: "api", to: &["domain"], tests_to: &[] },
    Arrow { from: "audit", to: &[], tests_to: &[] },
    Arrow {
        from: "bench",
        to: &["api", "client", "domain", "server", "store", "testkit"],
        tests_to: &["audit", "policy", "prediction"],
    },
    Arrow { from: "chaos", to: &["api", "client", "testkit"], tests_to: &[] },
    Arrow { from: "client", to: &["api"], tests_to: &[] },
    Arrow {
        from: "cortex-change",
        to: &[
            "adapters",
            "api",
            "audit",
            "client",
            "domain",
            "policy",
            "prediction",
            "runner",
            "server",
            "store",
        ],
        tests_to: &["testkit"],
    },
    Arrow { from: "domain", to: &[], tests_to: &[] },
    Arrow { from: "policy", to: &["domain"], tests_to: &[] },
    Arrow { from: "prediction", to: &[], tests_to: &[] },
    Arrow { from: "prover", to: &["policy", "server"], tests_to: &["client"] },
    Arrow { from: "runner", to: &["adapters", "api", "client", "domain"], tests_to: &["testkit"] },
    // The server's tests call it as its users do, through the client.
    Arrow {
        from: "server",
        to: &["adapters", "api", "audit", "domain", "policy", "prediction", "store"],
        tests_to: &["client", "testkit"],
    },
    Arrow { from: "store", to: &["audit", "domain"], tests_to: &["testkit"] },
    Arrow { from: "testkit", to: &[], tests_to: &[] },
    Arrow { from: "tidy", to: &[], tests_to: &[] },
];

/// Our crates use one another only along `ARROWS`, and the table names no crate that is gone.
pub fn arrows_point_one_way(repo: &Repo) -> Vec<Violation> {
    let mut found: Vec<Violation> = repo.crates().iter().flat_map(|user| misuses(repo, user)).collect();
    let gone = ARROWS.iter().filter(|arrow| !is_ours(repo, arrow.from));
    found.extend(gone.map(|arrow| {
        Violation::of(
            "crates/tidy/src/rules/arrows.rs",
            format!("there is no crate `{}`: remove its arrows", arrow.from),
        )
    }));
    found
}

fn misuses(repo: &Repo, user: &Crate) -> Vec<Violation> {
    let name = &user.manifest.package;
    let path = user.manifest_path();
    let Some(arrow) = ARROWS.iter().find(|arrow| arrow.from == name) else {
        return vec![Violation::of(
            &path,
            format!("crate `{name}` has no arrows: add it to the table in tidy"),
        )];
    };
    let ours = user.manifest.dependencies.iter().filter(|dependency| is_ours(repo, &dependency.name));
    let misused = ours.filter(|dependency| {
        let to = dependency.name.as_str();
        let in_tests = dependency.kind == Kind::Dev && arrow.tests_to.contains(&to);
        !in_tests && !arrow.to.contains(&to)
    });
    let message = |to: &str| format!("`{name}` must not use `{to}`; it may use {}", listed(arrow.to));
    misused.map(|dependency| Violation::of(&path, message(&dependency.name))).collect()
}

fn is_ours(repo: &Repo, name: &str) -> bool {
    repo.crates().iter().any(|known| known.manifest.package == name)
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none of ours".to_owned(),
        names => names.join(", "),
    }
}
