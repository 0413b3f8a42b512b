//! Which files are schema migrations or configuration, judged by their path alone.
//!
//! This is the one place that lists them. All names are in lower case and compared without regard to case.

/// What a changed file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// Changes a database's schema or data when it is deployed. Comes before configuration: a changelog is often YAML.
    SchemaMigration,
    /// Sets how something runs: settings, manifests, infrastructure, policies.
    Configuration,
    /// Code, prose and everything else.
    Other,
}

/// Prose and pictures are neither, wherever they lie.
const PROSE_EXTENSIONS: &[&str] = &["adoc", "gif", "jpg", "md", "pdf", "png", "rst", "svg", "txt"];

/// A folder of this name holds migrations, whatever their format.
const MIGRATION_FOLDERS: &[&str] = &["alembic", "flyway", "liquibase", "migrate", "migration", "migrations"];
/// Files with these extensions are migrations wherever they lie.
const MIGRATION_EXTENSIONS: &[&str] = &["ddl", "sql"];
/// The schema of Rails and Prisma, from which databases are created and changed.
const MIGRATION_FILES: &[&str] = &["schema.prisma", "schema.rb"];
/// In a folder of this name, files in the formats of changelogs are migrations; its code is not.
const DATABASE_FOLDERS: &[&str] = &["database", "db"];
/// The formats of changelogs.
const CHANGELOG_EXTENSIONS: &[&str] = &["json", "rb", "xml", "yaml", "yml"];

/// Files with these extensions are configuration.
const CONFIGURATION_EXTENSIONS: &[&str] = &[
    "cedar",
    "cfg",
    "cnf",
    "conf",
    "config",
    "dockerfile",
    "env",
    "hcl",
    "ini",
    "json",
    "json5",
    "jsonc",
    "properties",
    "rego",
    "service",
    "tf",
    "tfvars",
    "timer",
    "toml",
    "tpl",
    "yaml",
    "yml",
];
/// Files with these names are configuration, also with a suffix: `Dockerfile.release`, `.env.production`.
const CONFIGURATION_FILES: &[&str] = &[".env", "containerfile", "dockerfile", "jenkinsfile", "procfile"];
/// Written by package managers, and implied by the change of another file.
const LOCK_FILES: &[&str] =
    &["composer.lock", "npm-shrinkwrap.json", "package-lock.json", "packages.lock.json", "pnpm-lock.yaml"];

impl FileKind {
    /// What a file is for, by its path in the repository.
    pub fn of(path: &str) -> Self {
        let path = path.to_lowercase();
        let mut parts: Vec<&str> = path.split('/').collect();
        let name = parts.pop().unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let lies_in = |folders: &[&str]| parts.iter().any(|part| folders.contains(part));

        let is_migration = lies_in(MIGRATION_FOLDERS)
            || MIGRATION_EXTENSIONS.contains(&extension)
            || MIGRATION_FILES.contains(&name)
            || is_flyway(name)
            || (lies_in(DATABASE_FOLDERS) && CHANGELOG_EXTENSIONS.contains(&extension));
        let is_configuration = CONFIGURATION_EXTENSIONS.contains(&extension) || has_configuration_name(name);

        if PROSE_EXTENSIONS.contains(&extension) || LOCK_FILES.contains(&name) {
            Self::Other
        } else if is_migration {
            Self::SchemaMigration
        } else if is_configuration {
            Self::Configuration
        } else {
            Self::Other
        }
    }
}

/// `V1__create.sql`, `U2.1__undo.java`, `R__views.py`: a letter, a version unless repeatable, two underscores.
fn is_flyway(name: &str) -> bool {
    let Some((prefix, _)) = name.split_once("__") else { return false };
    let version = match prefix.strip_prefix(['v', 'u', 'b']) {
        Some(version) => version,
        None => return prefix == "r",
    };
    !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'))
}

fn has_configuration_name(name: &str) -> bool {
    CONFIGURATION_FILES.iter().any(|known| {
        name.strip_prefix(known).is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('.'))
    })
}
