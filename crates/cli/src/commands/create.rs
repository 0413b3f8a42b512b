//! `create`: asks for a change and prints its id, and nothing else, on standard output.

use std::path::PathBuf;

use api::request::ChangeRequest;

use super::Outcome;
use crate::ci::{self, Sameness};
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::request::{Assembled, RequestArgs};
use crate::shell::{Format, Shell};

/// Random part of a key, in bytes.
const KEY_BYTES: usize = 16;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    change_id=$(cortex-change create --type normal --category deployment --service cart)\n  \
    cortex-change create --type normal --category deployment --service cart --coverage lcov.info --test-results junit.xml\n  \
    cortex-change create --type normal --category deployment --service cart --findings trivy.sarif --findings bom.cdx.json\n  \
    cortex-change create --file request.json\n\n\
    In a git checkout title, description, size and author come from the commit, plan and monitors from the repository's \
    .cortex-change.yaml. In a pipeline `change_id` is handed to the following steps: through GITHUB_ENV and \
    GITHUB_OUTPUT, or on GitLab through the dotenv file cortex-change.env.")]
pub(crate) struct Args {
    #[command(flatten)]
    request: RequestArgs,
    /// Keep it as a draft, to be handed in with `cortex-change submit`
    #[arg(long)]
    draft: bool,
    /// Word by which a repeated request is known; in a pipeline it comes from the run
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// File to which `change_id=ID` is written for the following steps
    #[arg(long, value_name = "FILE")]
    dotenv: Option<PathBuf>,
}

struct Plan {
    request: ChangeRequest,
    notes: Vec<String>,
    key: String,
    dotenv: Option<PathBuf>,
}

impl Args {
    fn plan(self, shell: &Shell) -> Result<Plan, Failure> {
        let Assembled { mut request, notes } = self.request.assemble(shell)?;
        request.draft |= self.draft;
        let key = match self.idempotency_key {
            Some(key) => key,
            None => key_of(&request, shell)?,
        };
        Ok(Plan { request, notes, key, dotenv: self.dotenv })
    }
}

/// The key of this pipeline run, or outside one a key of its own, so that a lost answer can be asked for again.
fn key_of(request: &ChangeRequest, shell: &Shell) -> Result<String, Failure> {
    let source = request.source.as_ref();
    let same = Sameness {
        repository: source.and_then(|source| source.repository.as_deref()),
        commit: source.and_then(|source| source.commit.as_deref()),
        services: &request.affected_services,
        environment: request.environment.as_deref(),
    };
    if let Some(key) = ci::idempotency_key(&shell.environment, same).map_err(|error| Failure::of(&error))? {
        return Ok(key);
    }
    random_key()
}

/// A key of its own, so that a lost answer can be asked for again.
pub(super) fn random_key() -> Result<String, Failure> {
    let mut random = [0; KEY_BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::new("the operating system gives no random numbers").caused_by(&error))?;
    Ok(format!("once-{}", hex::encode(random)))
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    // Without a token nothing could be asked for, so that comes first.
    let client = shell.client()?;
    let Plan { request, notes, key, dotenv } = args.plan(shell)?;
    notes.iter().for_each(|note| shell.warn(note));
    let change = client.create_change(&request, &key).await?;
    match shell.format() {
        Format::Text => shell.data(&format!("{}\n", change.change_id))?,
        Format::Json => shell.json(&change)?,
    }
    shell.say(render::change::in_a_line(&change, shell.talk_paint()));
    render::change::outstanding(&change).iter().for_each(|line| shell.say(format!("  {line}")));

    let id = change.change_id.parse().map_err(|error| Failure::of(&error))?;
    ci::hand_over(&shell.environment, dotenv.as_deref(), id).map_err(|error| {
        Failure::new(format!("{id} was created, but the following steps cannot learn its id"))
            .caused_by(&error)
            .next("make the file writable and run the same command again: it gives the same change")
    })?;
    Ok(ExitStatus::Done)
}
