//! `validate`: checks the result of a change and hands the checks in. A result that does not pass is taken back.

mod scan;

use std::path::PathBuf;
use std::time::Duration;

use adapters::scan::sarif::Severity;
use api::change::Change;
use api::command::{Check, ValidateRequest};
use client::Client;
use domain::change::StateName;
use domain::id::ChangeId;
use runner::Ended;

use super::Outcome;
use crate::args::Seconds;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::running::{How, Machine, MachineArgs, conclude, tell_incidents};
use crate::shell::{Format, Shell, plain};

/// Why a change is taken back after its validation.
const ROLLBACK_REASON: &str = "the validation failed";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change validate $change_id --sla-check --security-scan\n  \
                        cortex-change validate CHG-2026-000123 --security-scan scan.sarif --fail-on error\n\n\
                        Ends with 0 when every check passed, 5 when one did not and the change was rolled back, 6 when it \
                        was not rolled back.")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// Watch the plan's monitors for the soak time, by the rollback conditions; what is done when nothing else is asked
    #[arg(long)]
    sla_check: bool,
    /// How long to watch instead of the plan's soak time: seconds, or a time such as 5m
    #[arg(long, value_name = "TIME")]
    soak: Option<Seconds>,
    /// Check the results of security scans: these files (SARIF, CycloneDX, OSV), those that .cortex-change.yaml names, or every *.sarif here
    #[arg(long, value_name = "FILE", num_args = 0..)]
    security_scan: Option<Vec<PathBuf>>,
    /// The least severity of a finding that fails the check: error, warning or note; critical, high, medium or low
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    fail_on: Severity,
    /// Leave a change whose validation failed as it is
    #[arg(long)]
    no_rollback: bool,
    #[command(flatten)]
    machine: MachineArgs,
}

struct Plan {
    id: ChangeId,
    /// Whether the monitors are watched; for how long, where not for the soak time.
    watch: Option<Option<Duration>>,
    scans: Option<scan::Scans>,
    takes_back: bool,
    machine: MachineArgs,
}

impl Args {
    fn plan(self, shell: &Shell) -> Result<Plan, Failure> {
        let watches = self.sla_check || self.soak.is_some() || self.security_scan.is_none();
        let scans = match self.security_scan {
            Some(files) => Some(scan::Scans::find(&files, self.fail_on, shell)?),
            None => None,
        };
        Ok(Plan {
            id: self.id,
            watch: watches.then_some(self.soak.map(|Seconds(seconds)| Duration::from_secs(seconds))),
            scans,
            takes_back: !self.no_rollback,
            machine: self.machine,
        })
    }
}

/// How the validation came out.
enum Validated {
    Passed,
    /// Not passed, and taken back or tried to.
    TakenBack(Ended),
    /// Not passed, and left as it is.
    Left,
}

pub(crate) fn run(args: Args, shell: &Shell) -> Outcome {
    let plan = args.plan(shell)?;
    let client = shell.client()?;
    let machine = Machine::new(client.clone(), &plan.machine, shell)?;
    // Read before anything is watched: a file that cannot be read would come too late after the soak.
    let scanned: Vec<Check> = plan.scans.iter().flat_map(scan::Scans::checks).collect();
    let (validated, change) =
        machine.run(How { monitor: true, auto_rollback: true }, async |runner, options| {
            require_validating(&client, plan.id).await?;
            let mut checks = Vec::new();
            if let Some(duration) = plan.watch {
                let assignment = client.assignment(&plan.id.to_string()).await?;
                checks.extend(runner.soak_and_check(plan.id, &assignment, duration, options).await);
                if options.stop.is_cancelled() {
                    return Err(Failure::new("stopped before the checks were done; nothing was handed in"));
                }
            }
            checks.extend(scanned);
            show(&checks, shell);
            let change = client.validate(&plan.id.to_string(), &ValidateRequest { checks }).await?;
            let validated = match state(&change)? {
                StateName::Implemented => Validated::Passed,
                StateName::RollingBack if plan.takes_back => {
                    Validated::TakenBack(runner.roll_back(plan.id, ROLLBACK_REASON, options).await?)
                }
                _ => Validated::Left,
            };
            Ok((validated, client.change(&plan.id.to_string()).await?))
        })?;
    if shell.format() == Format::Json {
        shell.json(&change)?;
    }
    end(plan.id, &validated, &change, shell)
}

/// Refuses early what the server would refuse after the soak.
async fn require_validating(client: &Client, id: ChangeId) -> Result<(), Failure> {
    let change = client.change(&id.to_string()).await?;
    let acceptance = change.blockers.iter().find(|blocker| blocker.kind == "user_acceptance");
    match (state(&change)?, acceptance) {
        (StateName::Validating, None) => Ok(()),
        (StateName::Validating, Some(blocker)) => Err(Failure::new(plain(&blocker.missing))
            .accepted(plain(&blocker.cleared_by))
            .next(blocker.next_command.clone().unwrap_or_default())),
        (other, _) => Err(Failure::new(format!(
            "{id} is {}, there is nothing to validate",
            render::words(other.as_str())
        ))
        .next(format!("a change is validated once its plan is done: `cortex-change implement {id}`"))),
    }
}

fn state(change: &Change) -> Result<StateName, Failure> {
    change.state.parse().map_err(|error| Failure::of(&error))
}

fn show(checks: &[Check], shell: &Shell) {
    let paint = shell.talk_paint();
    for Check { name, passed, detail } in checks {
        let sign = if *passed {
            paint.good(paint.sign("✓", "ok"))
        } else {
            paint.bad(paint.sign("✗", "failed"))
        };
        shell.say(format!("{sign} {}: {}", plain(name), plain(detail)));
    }
}

fn end(id: ChangeId, validated: &Validated, change: &Change, shell: &Shell) -> Outcome {
    match validated {
        Validated::Passed => {
            shell.say(render::change::in_a_line(change, shell.talk_paint()));
            Ok(ExitStatus::Done)
        }
        Validated::TakenBack(ended) => {
            tell_incidents(change, shell);
            conclude(change, ended, shell)
        }
        Validated::Left => {
            tell_incidents(change, shell);
            shell.warn(format!(
                "the validation failed and {}",
                render::change::in_a_line(change, shell.talk_paint())
            ));
            shell.warn(format!("`cortex-change rollback {id} --reason TEXT` takes it back"));
            Ok(ExitStatus::NotRolledBack)
        }
    }
}
