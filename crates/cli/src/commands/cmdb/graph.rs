//! `cmdb graph`: the surroundings of an item, as a tree or for a drawing program.

use clap::ValueEnum;
use domain::id::CiName;

use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

/// Which way relations are followed.
const DIRECTIONS: [&str; 3] = ["dependencies", "dependents", "both"];

/// In which form a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    // For people.
    Tree,
    // For Graphviz.
    Dot,
    // For pages that draw Mermaid diagrams.
    Mermaid,
    // For programs: exactly what the server answers.
    Json,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change cmdb graph Deployment/shop/cart --direction dependencies --depth 3\n  \
                        cortex-change cmdb graph Deployment/shop/cart --format dot | dot -Tsvg > cart.svg"
)]
pub(crate) struct Args {
    /// The item in the middle
    id: CiName,
    /// Most relations in between
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8))]
    depth: Option<u32>,
    /// Only what it leans on, only what leans on it, or both
    #[arg(long, value_parser = DIRECTIONS)]
    direction: Option<String>,
    /// Form of the graph: a tree for people, or the text of a drawing program
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<GraphFormat>,
}

pub(super) async fn run(Args { id, depth, direction, format }: Args, shell: &Shell) -> Outcome {
    let graph = shell.client()?.ci_graph(id.as_str(), depth, direction.as_deref()).await?;
    let format = format.unwrap_or(match shell.format() {
        Format::Text => GraphFormat::Tree,
        Format::Json => GraphFormat::Json,
    });
    match format {
        GraphFormat::Tree => shell.data(&render::cmdb::tree(&graph, shell.data_paint()))?,
        GraphFormat::Dot => shell.data(&render::cmdb::dot(&graph))?,
        GraphFormat::Mermaid => shell.data(&render::cmdb::mermaid(&graph))?,
        GraphFormat::Json => shell.json(&graph)?,
    }
    if graph.cut {
        shell.warn("there is more than the server shows: ask for less `--depth` or one `--direction`");
    }
    Ok(ExitStatus::Done)
}
