//! What a benchmark is told on its command line.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::place::Kind;

/// What a benchmark is told on its command line.
#[derive(Debug, Clone)]
pub struct Options {
    /// Small numbers: shows that everything works, and nothing about speed.
    pub quick: bool,
    /// The built `cortex-change`.
    pub program: PathBuf,
    /// The databases to measure on.
    pub databases: Vec<Kind>,
    ceiling: Option<PathBuf>,
}

impl Options {
    /// Reads `--program FILE [--ceiling FILE] [--database sqlite|postgresql] [--quick]`.
    ///
    /// # Errors
    /// When an option is unknown or the program is not named.
    pub fn read() -> Result<Self> {
        let (mut quick, mut program, mut ceiling) = (false, None, None);
        let mut databases = Kind::ALL.to_vec();
        let mut arguments = std::env::args().skip(1);
        while let Some(option) = arguments.next() {
            match option.as_str() {
                "--quick" => quick = true,
                "--program" => program = arguments.next().map(PathBuf::from),
                "--ceiling" => ceiling = arguments.next().map(PathBuf::from),
                "--database" => {
                    let name = arguments.next();
                    databases.retain(|kind| {
                        name.as_ref().is_some_and(|name| kind.to_string().eq_ignore_ascii_case(name))
                    });
                    if databases.is_empty() {
                        bail!("`--database` takes `sqlite` or `postgresql`");
                    }
                }
                // Added by `cargo bench`.
                "--bench" => {}
                other => bail!(
                    "`{other}` is unknown: expected `--program FILE [--ceiling FILE] [--database sqlite|postgresql] [--quick]`, or use scripts/bench"
                ),
            }
        }
        let program =
            program.context("`--program` is missing: name the built cortex-change, or use scripts/bench")?;
        Ok(Self { quick, program, databases, ceiling })
    }

    /// One number for a full measurement, another for a quick one.
    pub fn count(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// The built benchmark of the store.
    ///
    /// # Errors
    /// When it was not named.
    pub fn ceiling(&self) -> Result<PathBuf> {
        self.ceiling
            .clone()
            .context("`--ceiling` is missing: name the store's built benchmark, or use scripts/bench")
    }
}
