//! `init`: writes a commented `.cortex-change.yaml`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use adapters::git::{GitError, Repository};

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::repository_file::{FILE_NAME, TEMPLATE};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change init\n\nThe file goes into the root of the git checkout, or into the \
                        working folder where there is none."
)]
pub(crate) struct Args {
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

struct Plan {
    path: PathBuf,
    replaces: bool,
}

impl Args {
    fn plan(self, shell: &Shell) -> Result<Plan, Failure> {
        let folder = shell.environment.working_folder();
        let root = match Repository::discover(folder) {
            Ok(repository) => repository.root().to_owned(),
            Err(GitError::NotARepository { .. } | GitError::NotInstalled) => folder.to_owned(),
            Err(error) => return Err(Failure::of(&error)),
        };
        Ok(Plan { path: root.join(FILE_NAME), replaces: self.force })
    }
}

pub(crate) fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { path, replaces } = args.plan(shell)?;
    let mut options = OpenOptions::new();
    options.write(true);
    if replaces {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(&path).and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
    let shown = path.display();
    match written {
        Ok(()) => {
            shell.say(format!("wrote {shown}: adapt the steps and probes, then commit it"));
            Ok(ExitStatus::Done)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Failure::new(format!("`{shown}` is there already"))
                .next("edit it, or replace it with `--force`"))
        }
        Err(error) => Err(Failure::new(format!("`{shown}` cannot be written")).caused_by(&error)),
    }
}
