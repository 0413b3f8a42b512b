//! `catalog`: the service catalogue, from which assessments take tiers and dependencies.

use api::catalog::CatalogFile;
use api::read;
use clap::Subcommand;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: CatalogCommand,
}

#[derive(Debug, Subcommand)]
enum CatalogCommand {
    /// Declare the services of a file, and retire those that it names
    Apply(ApplyArgs),
    /// List the services
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change catalog apply services.yaml\n\nThe file:\n  services:\n    - name: cart\n      \
                        tier: 2\n      owner: shop-team\n      depends_on:\n        - redis\n        - service: search\n          \
                        strength: soft\n  retire: [old-cart]"
)]
struct ApplyArgs {
    /// The file, `-` for standard input
    file: String,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change catalog list --output json")]
struct ListArgs {}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    match command {
        CatalogCommand::Apply(args) => {
            let file = read(&args.file, shell)?;
            let applied = shell.client()?.apply_catalog(&file, args.dry_run).await?;
            match shell.format() {
                Format::Text => {
                    let would = if args.dry_run { "would be done: " } else { "" };
                    shell.say(format!("{would}{}", render::catalog::applied(&applied)));
                }
                Format::Json => shell.json(&applied)?,
            }
        }
        CatalogCommand::List(ListArgs {}) => {
            let catalog = shell.client()?.catalog().await?;
            match shell.format() {
                Format::Text => shell.data(&render::catalog::list(&catalog, shell.data_paint()))?,
                Format::Json => shell.json(&catalog)?,
            }
        }
    }
    Ok(ExitStatus::Done)
}

fn read(file: &str, shell: &Shell) -> Result<CatalogFile, Failure> {
    read::yaml(&shell.read_input(file)?).map_err(|error| {
        let shown = if file == "-" { "standard input" } else { file };
        Failure::unreadable(shown, error)
            .next("see `cortex-change catalog apply --help` for the form of the file")
    })
}
