//! `risk what-if`: what would be if facts of a change were different, and what would lower its level.

use std::str::FromStr;

use api::risk::WhatIfRequest;
use domain::Timestamp;
use domain::id::{ChangeId, CiName, EnvironmentName, ServiceName};

use super::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::request::WindowArg;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cortex-change risk what-if CHG-2026-000123\n  \
    cortex-change risk what-if CHG-2026-000123 --coverage 85 --tests passed\n  \
    cortex-change risk what-if CHG-2026-000123 --services cart --rollback-plan automated\n  \
    cortex-change risk what-if CHG-2026-000123 --lines 120 --at 2026-03-03T10:00:00Z --output json\n\n\
    Everything is assessed anew by the server, as if it were handed in, and nothing is written. Without options it only \
    looks for what would lower the level.")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// Share of the changed lines that tests cover
    #[arg(long, value_name = "PERCENT", value_parser = percent, allow_hyphen_values = true)]
    coverage: Option<f64>,
    /// How the tests end
    #[arg(long, value_name = "HOW", value_parser = ["passed", "failed"])]
    tests: Option<String>,
    /// All services that are changed
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    services: Option<Vec<ServiceName>>,
    /// All further configuration items that are changed
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    items: Option<Vec<CiName>>,
    /// Lines added and deleted
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    lines: Option<u64>,
    /// Files touched
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    files: Option<u64>,
    /// Whether a setting is changed
    #[arg(long, value_name = "ANSWER", value_parser = ["yes", "no"])]
    settings: Option<String>,
    /// Whether a database schema is changed
    #[arg(long, value_name = "ANSWER", value_parser = ["yes", "no"])]
    schema: Option<String>,
    /// Where it is changed
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// When it may be started
    #[arg(long, value_name = "START/END")]
    window: Option<WindowArg>,
    /// When it is handed in
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
    /// How it is taken back
    #[arg(long, value_name = "HOW", value_parser = ["automated", "manual", "none"])]
    rollback_plan: Option<String>,
    /// How the plan is carried out
    #[arg(long, value_name = "HOW", value_parser = ["automated"])]
    plan: Option<String>,
    /// A monitor judges the result
    #[arg(long)]
    monitored: bool,
    /// What scanners and policies found
    #[arg(long, value_name = "WHAT", value_parser = ["none"])]
    findings: Option<String>,
}

impl Args {
    fn request(&self) -> WhatIfRequest {
        let is_yes = |answer: &String| answer == "yes";
        WhatIfRequest {
            coverage_percent: self.coverage,
            tests: self.tests.clone(),
            lines: self.lines,
            files: self.files,
            configuration_change: self.settings.as_ref().map(is_yes),
            schema_change: self.schema.as_ref().map(is_yes),
            affected_services: self.services.as_deref().map(texts),
            affected_cis: self.items.as_deref().map(texts),
            environment: self.environment.as_ref().map(ToString::to_string),
            window: self.window.map(WindowArg::to_wire),
            handed_in_at: self.at.map(|at| at.to_string()),
            rollback_plan: self.rollback_plan.clone(),
            plan_automated: self.plan.is_some(),
            monitored: self.monitored,
            findings_resolved: self.findings.is_some(),
        }
    }
}

fn texts<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim_end().parse::<f64>().ok();
    let inside = number.filter(|number| (0.0..=100.0).contains(number));
    inside.ok_or_else(|| "expected a percentage from 0 to 100, for example 85 or 92.5".to_owned())
}

fn count(text: &str) -> Result<u64, String> {
    u64::from_str(text).map_err(|_| "expected a whole number from 0 on, for example 120".to_owned())
}

pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "expected an instant, for example 2026-03-03T10:00:00Z".to_owned())
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let answer = shell.client()?.what_if(&args.id.to_string(), &args.request()).await?;
    match shell.format() {
        Format::Text => shell.data(&render::what_if::what_if(&answer, shell.data_paint()))?,
        Format::Json => shell.json(&answer)?,
    }
    Ok(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_make_sense_are_taken() {
        assert_eq!(percent("85"), Ok(85.0));
        assert_eq!(percent("92.5 %"), Ok(92.5));
        for text in ["NaN", "-1", "101", "inf", "", "a lot"] {
            assert!(percent(text).is_err(), "{text}");
        }
        assert_eq!(count("0"), Ok(0));
        for text in ["-1", "1.5", "many"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
