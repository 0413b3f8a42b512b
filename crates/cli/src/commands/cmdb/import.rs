//! `cmdb import`: what other tools know becomes what one source says.
//!
//! The files are read here; the server is sent what they describe, in portions that it accepts, and answers what that
//! changes. Doing it twice is the same as doing it once, so an import that broke off is simply run again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use adapters::cmdb::{ClusterAccess, Imported, Importer, Mapping, Problem, import};
use api::PAGE_ITEMS_MAX;
use api::cmdb::{CiDescription, CmdbEdit, CmdbEdited, DESCRIPTION_BYTES_MAX, EDIT_ITEMS_MAX};
use clap::ValueEnum;
use client::{CiFilter, Client};
use domain::cmdb::SourceName;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::files::read_file_up_to;
use crate::render;
use crate::shell::{Format, Shell};

/// Most bytes of descriptions in one request, well within the server's limit of a body.
const REQUEST_BYTES_MAX: usize = 768 * 1024;
/// The largest mapping, in bytes (1 MiB).
const MAPPING_BYTES_MAX: usize = 1024 * 1024;

/// What the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// Kubernetes manifests: files and folders, YAML and JSON
    Kubernetes,
    /// A live Kubernetes cluster, as `kubectl` would reach it
    Cluster,
    /// Backstage catalogs
    Backstage,
    /// States of Terraform or OpenTofu
    Terraform,
    /// Bills of materials in CycloneDX's JSON form
    #[value(name = "cyclonedx")]
    CycloneDx,
    /// Tables, with a mapping that says what their columns mean
    Csv,
    /// Our own form, as `cmdb show --yaml` writes it
    Yaml,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change cmdb import deploy/ --from kubernetes --source kubernetes:shop --dry-run\n  \
                  cortex-change cmdb import deploy/ --from kubernetes --source kubernetes:shop --withdraw-missing\n  \
                  cortex-change cmdb import --from cluster --context production --source cluster:production\n  \
                  cortex-change cmdb import hosts.csv --from csv --mapping hosts.toml --source cmdb:hosts\n\n\
                  An import replaces what its own source said of each item, and nothing else. What cannot be read is told \
                  with file and line, and the rest is imported: exit status 0. Nothing to import, or a refusal of the \
                  server: exit status 1."
)]
pub(crate) struct Args {
    /// Files and folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What they are
    #[arg(long, value_enum, value_name = "KIND")]
    from: From,
    /// The name under which the import is repeated; the kind when left out, and `manual` for YAML
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// What the columns of a table mean
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// The kubeconfig to reach a cluster by
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Withdraw what the source had before and this import does not have
    #[arg(long, requires = "source")]
    withdraw_missing: bool,
    /// Withdraw also when a part of the input could not be read and may be what is missing
    #[arg(long, requires = "withdraw_missing")]
    despite_problems: bool,
    /// Import nothing when a part of the input cannot be read
    #[arg(long)]
    strict: bool,
}

struct Plan {
    importer: Importer,
    source: SourceName,
    dry_run: bool,
    withdraw_missing: bool,
    despite_problems: bool,
    strict: bool,
}

impl Plan {
    fn of(args: Args, shell: &Shell) -> Result<Self, Failure> {
        let paths: Vec<_> = args.paths.iter().map(|path| shell.environment.path(path)).collect();
        let is_cluster = args.from == From::Cluster;
        if is_cluster != paths.is_empty() {
            return Err(match is_cluster {
                true => Failure::usage("a cluster has no files: leave the paths out"),
                false => Failure::usage("name at least one file or folder to import"),
            });
        }
        if !is_cluster && (args.kubeconfig.is_some() || args.context.is_some()) {
            return Err(Failure::usage("`--kubeconfig` and `--context` go with `--from cluster`"));
        }
        if args.mapping.is_some() != (args.from == From::Csv) {
            return Err(Failure::usage("`--from csv` needs `--mapping`, and nothing else takes one")
                .next("see the mapping in docs/cmdb-import.md"));
        }
        let source = match &args.source {
            Some(name) => {
                SourceName::new(name.as_str()).map_err(|error| Failure::usage(error.to_string()))?
            }
            None => default_source(args.from)?,
        };
        let access = ClusterAccess {
            kubeconfig: args.kubeconfig.as_ref().map(|path| shell.environment.path(path)),
            context: args.context,
        };
        let importer = match args.from {
            From::Kubernetes => Importer::Kubernetes(paths),
            From::Cluster => Importer::Cluster(access),
            From::Backstage => Importer::Backstage(paths),
            From::Terraform => Importer::Terraform(paths),
            From::CycloneDx => Importer::CycloneDx(paths),
            From::Csv => Importer::Csv { paths, mapping: Box::new(mapping(args.mapping.as_ref(), shell)?) },
            From::Yaml => Importer::Yaml(paths),
        };
        Ok(Self {
            importer,
            source,
            dry_run: args.dry_run,
            withdraw_missing: args.withdraw_missing,
            despite_problems: args.despite_problems,
            strict: args.strict,
        })
    }
}

fn default_source(from: From) -> Result<SourceName, Failure> {
    let name = match from {
        From::Kubernetes => "kubernetes",
        From::Cluster => "cluster",
        From::Backstage => "backstage",
        From::Terraform => "terraform",
        From::CycloneDx => "cyclonedx",
        From::Csv => "csv",
        From::Yaml => return Ok(SourceName::manual()),
    };
    SourceName::new(name).map_err(|error| Failure::of(&error))
}

fn mapping(path: Option<&PathBuf>, shell: &Shell) -> Result<Mapping, Failure> {
    let path = shell.environment.path(path.cloned().unwrap_or_default());
    let unreadable = || Failure::new(format!("`{}` cannot be read", path.display()));
    let bytes = read_file_up_to(&path, MAPPING_BYTES_MAX).map_err(|error| unreadable().caused_by(&error))?;
    if bytes.len() > MAPPING_BYTES_MAX {
        return Err(unreadable().accepted("a mapping of at most 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|error| unreadable().caused_by(&error))?;
    Mapping::parse(&path, &text).map_err(|error| Failure::of(&error))
}

pub(super) async fn run(args: Args, shell: &Shell) -> Outcome {
    let plan = Plan::of(args, shell)?;
    let client = shell.client()?;
    let mut imported = import(&plan.importer, &plan.source).await.map_err(|error| Failure::of(&error))?;
    let items = std::mem::take(&mut imported.items);
    let mut describe: Vec<_> = items.iter().map(|(id, said)| CiDescription::of(id, said)).collect();
    describe.retain_mut(|item| fit(item, &mut imported.problems));
    tell_problems(&imported, shell);
    if describe.is_empty() {
        return Err(Failure::new("there is nothing to import")
            .next("check the paths, and `--from` for what they are"));
    }
    let problems = imported.problems.len() + imported.problems_untold;
    if plan.strict && problems > 0 {
        let s = if problems == 1 { "" } else { "s" };
        return Err(Failure::new(format!("nothing was imported, because of {problems} problem{s}"))
            .next("correct what is named above, or leave `--strict` out"));
    }
    let gone = if plan.withdraw_missing && (problems == 0 || plan.despite_problems) {
        missing(&client, &plan.source, &describe).await?
    } else {
        Vec::new()
    };
    let edited = send(&client, &plan, describe, gone, shell).await?;
    tell(&plan, &imported, &edited, shell)?;
    if plan.withdraw_missing && problems > 0 && !plan.despite_problems {
        shell.warn("nothing was withdrawn, because a part of the input could not be read: correct it, or give `--despite-problems`");
    }
    Ok(ExitStatus::Done)
}

/// Whether an item is small enough to be recorded; reasons are left out where that makes it so.
fn fit(item: &mut CiDescription, problems: &mut Vec<Problem>) -> bool {
    let size = |item: &CiDescription| serde_json::to_vec(item).map_or(usize::MAX, |text| text.len());
    let whole = size(item);
    if whole <= DESCRIPTION_BYTES_MAX {
        return true;
    }
    item.relations.iter_mut().for_each(|relation| relation.because = None);
    let fits = size(item) <= DESCRIPTION_BYTES_MAX;
    let left_out = if fits { "the reasons of its relations are left out" } else { "it is left out" };
    problems.push(Problem {
        file: item.location.clone().unwrap_or_else(|| item.id.clone()),
        line: None,
        what: format!(
            "what is said of `{}` takes {whole} bytes, more than {DESCRIPTION_BYTES_MAX}; {left_out}",
            item.id
        ),
        next_step: "describe its parts as items of their own".to_owned(),
    });
    fits
}

fn tell_problems(imported: &Imported, shell: &Shell) {
    for problem in &imported.problems {
        shell.warn(problem.to_string());
    }
    if imported.problems_untold > 0 {
        shell.warn(format!("and {} problems more", imported.problems_untold));
    }
}

/// What the source has and the import has not.
async fn missing(
    client: &Client,
    source: &SourceName,
    describe: &[CiDescription],
) -> Result<Vec<String>, Failure> {
    let kept: BTreeSet<&str> = describe.iter().map(|item| item.id.as_str()).collect();
    let mut filter =
        CiFilter { source: Some(source.to_string()), limit: Some(PAGE_ITEMS_MAX), ..CiFilter::default() };
    let mut gone = Vec::new();
    loop {
        let page = client.list_cis(&filter).await?;
        gone.extend(page.items.into_iter().map(|item| item.id).filter(|id| !kept.contains(id.as_str())));
        match page.next_cursor {
            Some(cursor) => filter.cursor = Some(cursor),
            None => return Ok(gone),
        }
    }
}

/// Sends everything in portions, and adds up what came of them.
async fn send(
    client: &Client,
    plan: &Plan,
    describe: Vec<CiDescription>,
    gone: Vec<String>,
    shell: &Shell,
) -> Result<CmdbEdited, Failure> {
    let bar = progress(describe.len() + gone.len(), shell);
    let source = Some(plan.source.to_string());
    let mut edits = portions(describe)
        .into_iter()
        .map(|describe| CmdbEdit { source: source.clone(), describe, withdraw: Vec::new() })
        .collect::<Vec<_>>();
    edits.extend(gone.chunks(EDIT_ITEMS_MAX).map(|ids| CmdbEdit {
        source: source.clone(),
        describe: Vec::new(),
        withdraw: ids.to_vec(),
    }));
    let mut sum =
        CmdbEdited { source: plan.source.to_string(), dry_run: plan.dry_run, ..CmdbEdited::default() };
    for edit in &edits {
        let edited = client.edit_cmdb(edit, plan.dry_run).await?;
        bar.inc(u64::try_from(edit.describe.len() + edit.withdraw.len()).unwrap_or(u64::MAX));
        sum.new += edited.new;
        sum.changed += edited.changed;
        sum.unchanged += edited.unchanged;
        sum.withdrawn += edited.withdrawn;
        sum.absent += edited.absent;
        sum.items.extend(edited.items);
    }
    bar.finish_and_clear();
    Ok(sum)
}

/// Items in portions that the server accepts.
fn portions(items: Vec<CiDescription>) -> Vec<Vec<CiDescription>> {
    let mut portions = Vec::new();
    let (mut portion, mut bytes) = (Vec::new(), 0);
    for item in items {
        let size = serde_json::to_vec(&item).map_or(REQUEST_BYTES_MAX, |text| text.len());
        if portion.len() == EDIT_ITEMS_MAX || (bytes + size > REQUEST_BYTES_MAX && !portion.is_empty()) {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
        bytes += size;
        portion.push(item);
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}

fn progress(items: usize, shell: &Shell) -> ProgressBar {
    if !shell.shows_live() || items <= EDIT_ITEMS_MAX {
        return ProgressBar::hidden();
    }
    let template = "{bar:30} {pos} of {len} items, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(u64::try_from(items).unwrap_or(u64::MAX)).with_style(style)
}

fn tell(plan: &Plan, imported: &Imported, edited: &CmdbEdited, shell: &Shell) -> Result<(), Failure> {
    match shell.format() {
        Format::Text => {
            if plan.dry_run && !edited.items.is_empty() {
                shell.data(&render::cmdb::differences(edited, shell.data_paint()))?;
            }
            shell.say(render::cmdb::edited(edited));
        }
        Format::Json => {
            let problem = |problem: &Problem| {
                json!({
                    "file": problem.file, "line": problem.line, "what": problem.what,
                    "next_step": problem.next_step,
                })
            };
            let skipped = imported.skipped;
            shell.json(&json!({
                "edited": edited,
                "files": imported.files,
                "problems": imported.problems.iter().map(problem).collect::<Vec<_>>(),
                "problems_untold": imported.problems_untold,
                "skipped": {
                    "other_files": skipped.other_files,
                    "hidden": skipped.hidden,
                    "links": skipped.links,
                    "no_item": skipped.no_item,
                    "controlled": skipped.controlled,
                    "selectors_without_match": skipped.selectors_without_match,
                },
            }))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: usize, relations: usize, because: usize) -> CiDescription {
        let relation = |at| api::cmdb::CiRelation {
            relation_type: Some("uses".to_owned()),
            to: format!("other-{at}"),
            strength: Some("hard".to_owned()),
            because: Some("x".repeat(because)),
        };
        CiDescription {
            id: format!("item-{number}"),
            ci_type: "workload".to_owned(),
            tier: None,
            owner: None,
            environment: None,
            lifecycle: None,
            compliance: Vec::new(),
            attributes: std::collections::BTreeMap::new(),
            relations: (0..relations).map(relation).collect(),
            location: None,
        }
    }

    #[test]
    fn portions_keep_every_item_in_its_order_within_both_limits() {
        for items in [0, 1, 499, 500, 501, 1_001] {
            let portions = portions((0..items).map(|number| item(number, 0, 0)).collect());
            assert!(portions.iter().all(|portion| (1..=EDIT_ITEMS_MAX).contains(&portion.len())));
            let ids: Vec<_> = portions.concat().into_iter().map(|item| item.id).collect();
            assert_eq!(ids, (0..items).map(|number| format!("item-{number}")).collect::<Vec<_>>());
        }
        let large = portions((0..40).map(|number| item(number, 200, 200)).collect());
        assert!(large.len() > 1, "by their size");
        for portion in large {
            assert!(serde_json::to_vec(&portion).unwrap().len() < api::BODY_BYTES_MAX);
        }
    }

    #[test]
    fn an_item_that_is_too_large_loses_its_reasons_or_is_left_out() {
        let mut problems = Vec::new();
        let mut small = item(1, 10, 10);
        assert!(fit(&mut small, &mut problems) && problems.is_empty());
        let mut large = item(2, 500, 200);
        assert!(fit(&mut large, &mut problems));
        assert!(large.relations.iter().all(|relation| relation.because.is_none()));
        let mut larger = item(3, 1_000, 0);
        larger.relations.iter_mut().for_each(|relation| relation.to = "x".repeat(384));
        assert!(!fit(&mut larger, &mut problems));
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(told[0].contains("item-2") && told[0].contains("the reasons of its relations are left out"));
        assert!(told[1].contains("item-3") && told[1].contains("it is left out"), "{told:?}");
    }
}
