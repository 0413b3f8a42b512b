//! The checkout as data: its texts, its manifests and its Rust sources, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::manifest::{CrateManifest, WorkspaceManifest};
use crate::source::Source;

/// Entries of the root that are not part of the repository.
const NOT_OURS: [&str; 2] = [".git", "target"];

/// Every file of a checkout. Paths are relative to its root and written with `/`.
#[derive(Debug, Default)]
pub struct Repo {
    texts: BTreeMap<String, String>,
    binaries: BTreeSet<String>,
    workspace: WorkspaceManifest,
    crates: Vec<Crate>,
    sources: Vec<Source>,
}

/// One crate of the workspace.
#[derive(Debug)]
pub struct Crate {
    /// The crate's folder, such as `crates/domain`.
    pub folder: String,
    /// Its `Cargo.toml`.
    pub manifest: CrateManifest,
}

impl Crate {
    /// The path of a file of this crate, from the root of the repository.
    pub fn path(&self, inside: &str) -> String {
        format!("{}/{inside}", self.folder)
    }

    /// The path of the crate's manifest.
    pub fn manifest_path(&self) -> String {
        self.path("Cargo.toml")
    }
}

impl Repo {
    /// Reads the checkout at `root`.
    pub fn read(root: &Path) -> Result<Self> {
        let mut repo = Self::default();
        repo.walk(root, "")?;
        repo.parse()
    }

    /// A repository of the given `(path, text)` pairs, for tests of the rules.
    pub fn of(files: &[(&str, &str)]) -> Result<Self> {
        let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { texts, ..Self::default() }.parse()
    }

    /// The text of every file that is UTF-8, by path.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether there is a file or a folder at this path; the empty path is the root.
    pub fn exists(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        let is_or_holds = |known: &String| known == path || known.starts_with(&folder);
        path.is_empty() || self.texts.keys().any(is_or_holds) || self.binaries.iter().any(is_or_holds)
    }

    /// The manifest of the workspace; empty when there is none.
    pub fn workspace(&self) -> &WorkspaceManifest {
        &self.workspace
    }

    /// Every crate of the workspace, by folder.
    pub fn crates(&self) -> &[Crate] {
        &self.crates
    }

    /// Every Rust file, by path.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The Rust files of one crate that lie in one of the folders, such as `src`.
    pub fn sources_in<'a>(&'a self, of: &Crate, folders: &[&str]) -> impl Iterator<Item = &'a Source> {
        let prefixes: Vec<String> = folders.iter().map(|folder| of.path(folder) + "/").collect();
        self.sources
            .iter()
            .filter(move |source| prefixes.iter().any(|prefix| source.path().starts_with(prefix)))
    }

    fn walk(&mut self, folder: &Path, inside: &str) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if inside.is_empty() && NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
            if entry.file_type()?.is_dir() {
                self.walk(&entry.path(), &path)?;
                continue;
            }
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read `{path}`"))?;
            match String::from_utf8(bytes) {
                Ok(text) => drop(self.texts.insert(path, text)),
                Err(_) => drop(self.binaries.insert(path)),
            }
        }
        Ok(())
    }

    fn parse(mut self) -> Result<Self> {
        if let Some(text) = self.texts.get("Cargo.toml") {
            self.workspace = WorkspaceManifest::parse(text)?;
        }
        for (path, text) in &self.texts {
            if let Some(folder) = path.strip_suffix("/Cargo.toml") {
                let manifest = CrateManifest::parse(text).with_context(|| format!("cannot read `{path}`"))?;
                self.crates.push(Crate { folder: folder.to_owned(), manifest });
            } else if path.ends_with(".rs") {
                self.sources.push(Source::lex(path, text).with_context(|| format!("cannot read `{path}`"))?);
            }
        }
        Ok(self)
    }
}
