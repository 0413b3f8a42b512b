//! What other tools know of our configuration items, as descriptions for the CMDB.
//!
//! Every importer turns files (or the answers of a cluster) into pairs of an item's id and what its source says of it.
//! It stores nothing and withdraws nothing: what to do with the pairs is for the caller to say. What cannot be read is
//! reported with file, line and next step, and everything around it still comes in.
//!
//! Invariant: no value of a secret, of an environment variable or of a configuration file becomes part of an item, a
//! relation or a problem. Names do, and so do the relations that follow from values.
//!
//! To add one: a file here with `pub(super) fn read(&SourceName, &[SourceFile]) -> Imported` that reads documents as
//! `node` trees and collects `draft::Draft`s, a variant of [`Importer`] and its arm, and a golden test in `tests/it/cmdb/`.

mod backstage;
mod cluster;
mod cyclonedx;
mod draft;
mod files;
mod kubernetes;
mod marks;
mod native;
mod node;
mod table;
mod terraform;

use std::fmt;
use std::path::PathBuf;

use domain::cmdb::{Description, SourceName};
use domain::id::CiName;

pub(crate) use cluster::config as cluster_config;
pub use cluster::{ClusterAccess, ClusterError, OBJECTS_MAX};
pub use files::{
    ENTRIES_MAX, FILE_BYTES_MAX, FILES_MAX, FOLDER_DEPTH_MAX, FilesError, SourceFile, TOTAL_BYTES_MAX,
};
pub use native::{WriteError, write};
pub use table::{Mapping, MappingError};

/// Most problems of one import that are told one by one; the others are counted.
pub const PROBLEMS_MAX: usize = 1_000;

/// What is imported, and from where.
#[derive(Debug, Clone)]
pub enum Importer {
    /// Kubernetes manifests: files and folders, several documents a file, lists, YAML and JSON.
    Kubernetes(Vec<PathBuf>),
    /// A live Kubernetes cluster.
    Cluster(ClusterAccess),
    /// A Backstage catalog; in folders, files named `catalog-info.yaml`.
    Backstage(Vec<PathBuf>),
    /// States of Terraform or OpenTofu.
    Terraform(Vec<PathBuf>),
    /// Bills of materials in CycloneDX's JSON form.
    CycloneDx(Vec<PathBuf>),
    /// Tables, with what their columns mean.
    Csv {
        /// The tables.
        paths: Vec<PathBuf>,
        /// What their columns mean.
        mapping: Box<Mapping>,
    },
    /// Our own YAML.
    Yaml(Vec<PathBuf>),
}

/// Why nothing could be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The files cannot be read, or are too many.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The cluster cannot be read.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// What came of an import.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// The items with what the source says of them, by id, each once.
    pub items: Vec<(CiName, Description)>,
    /// What was left out because it could not be understood, by place, at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// How many problems there were beyond those told.
    pub problems_untold: usize,
    /// How many files were read.
    pub files: usize,
    /// What was left out because it is not part of an import.
    pub skipped: Skipped,
}

/// How much was passed over, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Files of other kinds in a folder.
    pub other_files: usize,
    /// Hidden files and folders.
    pub hidden: usize,
    /// Symbolic links inside of folders.
    pub links: usize,
    /// Documents or entries that describe no configuration item, such as a chart's values or a Backstage user.
    pub no_item: usize,
    /// Objects that a controller makes and replaces, such as the pods of a deployment.
    pub controlled: usize,
    /// Selectors that match nothing in the import.
    pub selectors_without_match: usize,
}

/// Something that was left out of an import, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file or other place.
    pub file: String,
    /// The line, counted from 1, unless the whole file is meant.
    pub line: Option<u32>,
    /// What is wrong.
    pub what: String,
    /// What is accepted, or what to do.
    pub next_step: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file)?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        write!(f, ": {}; {}", self.what, self.next_step)
    }
}

impl Imported {
    fn report(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.problems_untold += 1;
        }
    }
}

/// Reads what the importer names, as the given source. Only a cluster is waited for; files are read at once.
///
/// # Errors
/// When nothing can be read at all. What cannot be understood is a problem of the import, not an error.
pub async fn import(from: &Importer, source: &SourceName) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    match from {
        Importer::Kubernetes(paths) => {
            let files = files::read(paths, &[".yaml", ".yml", ".json"], &mut imported)?;
            kubernetes::read(source, &files, &mut imported);
        }
        Importer::Cluster(access) => cluster::read(source, access, &mut imported).await?,
        Importer::Backstage(paths) => {
            let files = files::read(paths, &["catalog-info.yaml", "catalog-info.yml"], &mut imported)?;
            backstage::read(source, &files, &mut imported);
        }
        Importer::Terraform(paths) => {
            let files = files::read(paths, &[".tfstate", ".tfstate.json"], &mut imported)?;
            terraform::read(source, &files, &mut imported);
        }
        Importer::CycloneDx(paths) => {
            let files = files::read(paths, &[".json"], &mut imported)?;
            cyclonedx::read(source, &files, &mut imported);
        }
        Importer::Csv { paths, mapping } => {
            let files = files::read(paths, &[".csv", ".tsv"], &mut imported)?;
            table::read(source, mapping, &files, &mut imported);
        }
        Importer::Yaml(paths) => {
            let files = files::read(paths, &[".yaml", ".yml"], &mut imported)?;
            native::read(source, &files, &mut imported);
        }
    }
    imported.problems.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    Ok(imported)
}
