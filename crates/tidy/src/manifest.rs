//! The parts of `Cargo.toml` that the rules look at.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use toml::Value;

/// The manifest at the root of the workspace.
#[derive(Debug, Default)]
pub struct WorkspaceManifest {
    dependencies: BTreeMap<String, Value>,
}

impl WorkspaceManifest {
    /// Parses the root's `Cargo.toml`.
    pub fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Root {
            workspace: Workspace,
        }
        #[derive(Deserialize)]
        struct Workspace {
            #[serde(default)]
            dependencies: BTreeMap<String, Value>,
        }
        let root: Root = toml::from_str(text).context("cannot read the workspace's `Cargo.toml`")?;
        Ok(Self { dependencies: root.workspace.dependencies })
    }

    /// The names in `[workspace.dependencies]`.
    pub fn dependencies(&self) -> impl Iterator<Item = &str> {
        self.dependencies.keys().map(String::as_str)
    }
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `[dependencies]`: part of the program.
    Normal,
    /// `[dev-dependencies]`: tests, benches and examples only.
    Dev,
    /// `[build-dependencies]`: the build script only.
    Build,
}

/// One dependency of a crate.
#[derive(Debug)]
pub struct Dependency {
    /// Its name in the manifest.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Whether it is `workspace = true`, so that version and features are stated once.
    pub inherited: bool,
}

impl Dependency {
    /// The name that Rust code calls it by.
    pub fn ident(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// The manifest of a crate.
#[derive(Debug)]
pub struct CrateManifest {
    /// The package's name.
    pub package: String,
    /// Whether `[lints] workspace = true` is there.
    pub inherits_lints: bool,
    /// Every dependency, of every kind and platform.
    pub dependencies: Vec<Dependency>,
    /// Paths of targets that the manifest names, such as `src/main.rs`.
    pub target_paths: Vec<String>,
    /// Whether it declares test targets by hand.
    pub declares_tests: bool,
}

impl CrateManifest {
    /// Parses a crate's `Cargo.toml`.
    pub fn parse(text: &str) -> Result<Self> {
        let raw: RawManifest = toml::from_str(text)?;
        let mut dependencies = raw.sections.listed();
        dependencies.extend(raw.platforms.values().flat_map(Sections::listed));
        let targets = [&raw.bins, &raw.tests, &raw.benches, &raw.examples];
        let target_paths = raw.lib.iter().chain(targets.into_iter().flatten());
        Ok(Self {
            package: raw.package.name,
            inherits_lints: raw.lints.is_some_and(|lints| lints.workspace),
            dependencies,
            target_paths: target_paths.filter_map(|target| target.path.clone()).collect(),
            declares_tests: !raw.tests.is_empty(),
        })
    }
}

#[derive(Deserialize)]
struct RawManifest {
    package: RawPackage,
    lints: Option<RawLints>,
    #[serde(flatten)]
    sections: Sections,
    #[serde(default, rename = "target")]
    platforms: BTreeMap<String, Sections>,
    lib: Option<RawTarget>,
    #[serde(default, rename = "bin")]
    bins: Vec<RawTarget>,
    #[serde(default, rename = "test")]
    tests: Vec<RawTarget>,
    #[serde(default, rename = "bench")]
    benches: Vec<RawTarget>,
    #[serde(default, rename = "example")]
    examples: Vec<RawTarget>,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
}

#[derive(Deserialize)]
struct RawLints {
    #[serde(default)]
    workspace: bool,
}

#[derive(Deserialize)]
struct RawTarget {
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sections {
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Value>,
    #[serde(default)]
    build_dependencies: BTreeMap<String, Value>,
}

impl Sections {
    fn listed(&self) -> Vec<Dependency> {
        let sections = [
            (Kind::Normal, &self.dependencies),
            (Kind::Dev, &self.dev_dependencies),
            (Kind::Build, &self.build_dependencies),
        ];
        let listed = sections.into_iter().flat_map(|(kind, section)| {
            section.iter().map(move |(name, value)| Dependency {
                name: name.clone(),
                kind,
                inherited: value.get("workspace").and_then(Value::as_bool) == Some(true),
            })
        });
        listed.collect()
    }
}
