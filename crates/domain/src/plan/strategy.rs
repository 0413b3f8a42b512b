//! Strategies: how the targets of a change are reached one part after the other.
//!
//! A strategy is not interpreted while it runs. It is spread out once, when the change is requested, into the steps
//! that the run follows anyway: set a weight, hold for a person, bake, set the next weight. So whoever approves sees and
//! approves every single step, a later version of this file changes no approved plan, and retries, undos in reverse
//! order, unknown ends, takeovers and rollbacks need no second implementation. Rejected: a machine of stages above the
//! machine of steps; each of its states would have had to say again what a failure, a stop and a lost runner mean in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::definition::{Plan, STEP_TIMEOUT_SECONDS_MAX, STEPS_MAX, Step, StepKind};
use super::tolerance::{Member, Tolerance};
use crate::canonical::Digest;
use crate::change::kind::words;
use crate::id::{ServiceName, StepName};
use crate::number::Share;
use crate::rollback::{Percent, Reaction};

/// Most stages of a canary.
pub const STAGES_MAX: usize = 50;
/// Most targets of a rolling change.
pub const TARGETS_MAX: usize = 100;
/// What stands for the target in a template of a rolling change.
pub const TARGET: &str = "{{target}}";
/// Longest name of a target, in bytes.
pub const TARGET_BYTES_MAX: usize = 64;
/// Pause before a repetition of a step of the strategy's own, in milliseconds. It is what a plan has that says nothing.
const RETRY_DELAY_MILLIS: u64 = 1_000;
/// Time for a bake's verdict besides watching, in seconds.
const VERDICT_SECONDS: u64 = 60;

words!(
    /// In which order the targets are changed.
    Strategy, "strategy", {
        /// Every step once, in order.
        AllAtOnce = "all_at_once",
        /// One batch of targets after the other.
        Rolling = "rolling",
        /// A growing share of the traffic.
        Canary = "canary",
        /// A second side is prepared, all traffic is switched to it, and the first side is kept warm for a time.
        BlueGreen = "blue_green",
    }
);

words!(
    /// What follows when a bake's time and its extension are over and still nothing can be said.
    Undecided, "answer to an undecided bake", {
        /// It counts as failed: the change is taken back where a failure is.
        RollBack = "roll_back",
        /// A person is asked, whatever happens to failures: bake again, or give up.
        Ask = "ask",
    }
);

words!(
    /// When a hold holds.
    HoldWhen, "time to hold", {
        /// In every run.
        Always = "always",
        /// In a run for which it was demanded when it began, as for changes of agents.
        Demanded = "demanded",
    }
);

/// Watching before going on. It succeeds only when everything that is watched is well; no data is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bake {
    /// How long it is watched, in milliseconds.
    pub duration_millis: u64,
    /// How much longer at most, while it cannot be said whether all is well, in milliseconds.
    pub extension_millis: u64,
    /// What follows when it cannot be said even then.
    pub undecided: Undecided,
    /// How what has changed is compared with what has not; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
}

/// A statistical comparison of the two arms of every monitor that has two: see [`crate::canary`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analysis {
    /// Chance that it rolls a version back that is as good as the one before.
    pub budget: Share,
    /// The smallest ratio of odds whose absence must be shown before it passes, in hundredths.
    pub matters_hundredths: u32,
    /// What to do when the version is worse.
    pub action: Reaction,
    /// The service whose calibration it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// That calibration. Without one a worse version is not taken back before a person has decided so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Digest>,
}

/// A person's look before going on. Nobody's hand is needed to take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// What to look at and decide.
    pub instructions: String,
    /// When it holds.
    pub when: HoldWhen,
}

/// A part of a plan that is reached as one: a weight of a canary, a batch of targets, the switch to the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Unique within the plan.
    pub name: StepName,
    /// Share of the traffic that the new version gets, where the stage sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Share>,
    /// Its steps, in the plan's order.
    pub steps: Vec<StepName>,
}

/// A strategy spread out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread {
    /// Everything that runs, in order.
    pub steps: Vec<Step>,
    /// What belongs together.
    pub stages: Vec<Stage>,
    /// How many targets may fail, where any may.
    pub tolerance: Option<Tolerance>,
}

/// What a template is filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filling<'a> {
    /// The shares of the traffic that the new version gets and had.
    Weight {
        /// From now on.
        weight: Share,
        /// Before.
        previous: Share,
    },
    /// One target.
    Target(&'a str),
}

/// Why a strategy cannot be spread out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unspreadable {
    /// A list that is empty or too long.
    #[error("`{field}` has {given} entries: expected 1 to {limit}")]
    Count {
        /// Which list.
        field: &'static str,
        /// Its length.
        given: usize,
        /// The limit.
        limit: usize,
    },
    /// Weights that do not grow.
    #[error("`stages`: {given} comes after {before}: expected weights that grow, from above 0% to 100%")]
    Weights {
        /// The weight.
        given: Percent,
        /// The one before it.
        before: Percent,
    },
    /// A budget that cannot be shared out among the bakes.
    #[error(
        "`analysis.budget`: {given} is too little for {bakes} bakes that compare: expected at least 0.01% for each"
    )]
    Budget {
        /// The budget.
        given: Percent,
        /// How many bakes share it.
        bakes: usize,
    },
    /// A target whose name is not accepted.
    #[error(
        "`targets`: `{given}` is not accepted: expected different names of 1 to {TARGET_BYTES_MAX} letters, digits and `._:/@-`"
    )]
    Target {
        /// The name, shortened.
        given: String,
    },
    /// A batch of nothing.
    #[error("`batch` is {given}: expected a number of targets such as `2`, or a share such as `25%`")]
    Batch {
        /// What was given.
        given: String,
    },
    /// As many failures as there are targets.
    #[error("`max_failures` is {given} of {targets} targets: expected fewer than there are")]
    Failures {
        /// How many may fail.
        given: usize,
        /// How many targets there are.
        targets: usize,
    },
    /// More steps than a plan may have, once every target has its own.
    #[error(
        "`steps` comes to more than {limit} steps for {targets} targets: expected fewer steps or targets"
    )]
    Steps {
        /// How many targets there are.
        targets: usize,
        /// The limit.
        limit: usize,
    },
    /// A generated name that no step can have.
    #[error("`{given}` is no name for a step: {reason}; choose shorter names")]
    Name {
        /// The name.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// One stage of a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryStage {
    /// Share of the traffic that the new version gets.
    pub weight: Share,
    /// How it is watched then.
    pub bake: Option<Bake>,
    /// Whether a person decides before.
    pub hold: bool,
}

/// A growing share of the traffic, and a watch at each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// What makes the new version ready for its first request.
    pub prepare: Vec<Step>,
    /// From the smallest weight to the largest.
    pub stages: Vec<CanaryStage>,
    /// How the bakes compare the two versions. The budget is that of the whole rollout.
    pub analysis: Option<Analysis>,
    /// What follows the last stage.
    pub promote: Vec<Step>,
}

/// A number of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// So many.
    Count(u16),
    /// So many of all.
    Share(Share),
}

/// One batch of targets after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rolling {
    /// What comes before the first target.
    pub prepare: Vec<Step>,
    /// All targets, in order.
    pub targets: Vec<String>,
    /// How many at a time.
    pub batch: Batch,
    /// How many may fail without stopping it; of a share, what is left of it rounded down.
    pub max_failures: Batch,
    /// How each batch is watched before the next.
    pub bake: Option<Bake>,
    /// What follows the last batch.
    pub finish: Vec<Step>,
}

/// All traffic to the other side at once, and back at once while the first side is warm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlueGreen {
    /// What makes the idle side ready.
    pub prepare: Vec<Step>,
    /// Whether a person decides before the switch.
    pub hold: bool,
    /// Sends all traffic to it.
    pub switch: Step,
    /// How it is watched while the first side is kept warm.
    pub keep_warm: Bake,
    /// What ends the first side.
    pub retire: Vec<Step>,
}

impl Bake {
    /// Longest time that an attempt may take, in whole seconds.
    pub fn timeout_seconds(&self) -> u64 {
        self.longest_seconds().saturating_add(VERDICT_SECONDS).min(STEP_TIMEOUT_SECONDS_MAX)
    }

    /// How long it watches at most, in whole seconds.
    pub fn longest_seconds(&self) -> u64 {
        self.duration_millis.saturating_add(self.extension_millis).div_ceil(1_000)
    }
}

impl Plan {
    /// What compares two versions, bake by bake.
    pub fn analyses(&self) -> impl Iterator<Item = (&Bake, &Analysis)> {
        self.steps.iter().filter_map(|step| {
            let StepKind::Bake(bake) = &step.kind else { return None };
            Some((bake, bake.analysis.as_ref()?))
        })
    }

    /// The same, to be completed.
    pub fn analyses_mut(&mut self) -> impl Iterator<Item = &mut Analysis> {
        self.steps.iter_mut().filter_map(|step| {
            let StepKind::Bake(bake) = &mut step.kind else { return None };
            bake.analysis.as_mut()
        })
    }
}

impl Analysis {
    /// The same for one of `bakes`, so that all of them together keep within the budget.
    fn split(self, bakes: usize) -> Result<Self, Unspreadable> {
        let of_each = i64::try_from(bakes.max(1)).map(|bakes| i64::from(self.budget.get()) / bakes);
        let of_each = of_each.ok().filter(|share| *share > 0).and_then(|share| Share::new(share).ok());
        let budget = of_each.ok_or(Unspreadable::Budget { given: Percent(self.budget), bakes })?;
        Ok(Self { budget, ..self })
    }
}

impl Canary {
    /// The canary as steps: prepare, for each stage hold, set the weight and bake, then promote. `shift` fills the template that
    /// sets a weight.
    ///
    /// Before the stage with which everybody gets the new version there is always a hold, which holds where that is
    /// demanded. Where no stage gives it to everybody, that is before the promotion.
    ///
    /// # Errors
    /// When the stages are no canary or the template cannot be filled.
    pub fn spread<E: From<Unspreadable>>(
        self,
        mut shift: impl FnMut(&Filling<'_>) -> Result<Step, E>,
    ) -> Result<Spread, E> {
        count("stages", self.stages.len(), STAGES_MAX)?;
        // With all of the traffic there is nothing left to compare with.
        let is_compared = |stage: &CanaryStage| stage.bake.is_some() && stage.weight < Share::MAX;
        let compared = self.stages.iter().filter(|stage| is_compared(stage)).count();
        let analysis = self.analysis.map(|analysis| analysis.split(compared)).transpose()?;
        let mut spread = Spread { steps: self.prepare, ..Spread::default() };
        let last = self.stages.len() - 1;
        let mut previous = Share::ZERO;
        for (at, stage) in self.stages.iter().enumerate() {
            let weight = stage.weight;
            let shown = Percent(weight);
            if weight <= previous {
                return Err(Unspreadable::Weights { given: shown, before: Percent(previous) }.into());
            }
            let mut steps = Vec::new();
            let is_full = at == last && weight == Share::MAX;
            if stage.hold || is_full {
                let when = if stage.hold { HoldWhen::Always } else { HoldWhen::Demanded };
                let now = Percent(previous);
                let instructions = format!(
                    "The new version has {now} of the traffic. Look at how it does there, then decide whether it gets {shown}."
                );
                steps.push(hold(&format!("hold before {shown}"), instructions, when)?);
            }
            let step = shift(&Filling::Weight { weight, previous })?;
            steps.push(Step { name: named(&format!("{} {shown}", step.name))?, ..step });
            if let Some(bake) = &stage.bake {
                let analysis = analysis.clone().filter(|_| is_compared(stage));
                steps.push(baking(&format!("bake at {shown}"), &Bake { analysis, ..bake.clone() })?);
            }
            spread.stage(&shown.to_string(), Some(weight), steps)?;
            previous = weight;
        }
        if previous != Share::MAX {
            let instructions = format!(
                "The new version has {} of the traffic. Look at how it does there, then decide whether everybody gets it.",
                Percent(previous)
            );
            spread.steps.push(hold("hold before promotion", instructions, HoldWhen::Demanded)?);
        }
        spread.steps.extend(self.promote);
        Ok(spread)
    }
}

impl Rolling {
    /// The rolling change as steps: prepare, the targets batch by batch with a bake after each batch, then finish.
    /// `target` fills the templates for one target, their names included.
    ///
    /// # Errors
    /// When there are no targets or the templates cannot be filled.
    pub fn spread<E: From<Unspreadable>>(
        self,
        mut target: impl FnMut(&Filling<'_>) -> Result<Vec<Step>, E>,
    ) -> Result<Spread, E> {
        count("targets", self.targets.len(), TARGETS_MAX)?;
        check_targets(&self.targets)?;
        let size = self.batch.size(self.targets.len())?;
        let max_failures = self.may_fail()?;
        let mut members = Vec::new();
        let mut spread = Spread { steps: self.prepare, ..Spread::default() };
        for (number, batch) in (1..).zip(self.targets.chunks(size)) {
            let mut steps = Vec::new();
            for one in batch {
                let filled = target(&Filling::Target(one))?;
                // Asked for each target, so that nothing much larger than a plan is ever made.
                if spread.steps.len() + steps.len() + filled.len() > STEPS_MAX {
                    return Err(Unspreadable::Steps { targets: self.targets.len(), limit: STEPS_MAX }.into());
                }
                let names = filled.iter().map(|step| step.name.clone()).collect();
                members.push(Member { name: one.clone(), steps: names });
                steps.extend(filled);
            }
            if let Some(bake) = &self.bake {
                steps.push(baking(&format!("bake after batch {number}"), bake)?);
            }
            spread.stage(&format!("batch {number}"), None, steps)?;
        }
        spread.steps.extend(self.finish);
        spread.tolerance = (max_failures > 0).then_some(Tolerance { max_failures, targets: members });
        Ok(spread)
    }

    /// How many targets may fail: fewer than there are.
    fn may_fail(&self) -> Result<u16, Unspreadable> {
        let targets = self.targets.len();
        let failures = match self.max_failures {
            Batch::Count(count) => usize::from(count),
            Batch::Share(share) => targets * usize::from(share.get()) / usize::from(Share::MAX.get()),
        };
        let fewer = u16::try_from(failures).ok().filter(|_| failures < targets);
        fewer.ok_or(Unspreadable::Failures { given: failures, targets })
    }
}

impl BlueGreen {
    /// The change of sides as steps: prepare, hold, switch, keep warm, retire. The switch is undone before anything that
    /// was prepared is.
    ///
    /// # Errors
    /// When a generated name cannot be one.
    pub fn spread(self) -> Result<Spread, Unspreadable> {
        let mut spread = Spread { steps: self.prepare, ..Spread::default() };
        let mut steps = Vec::new();
        if self.hold {
            let instructions =
                "The idle side is ready. Look at it, then decide whether all traffic is switched to it.";
            steps.push(hold("hold before the switch", instructions.to_owned(), HoldWhen::Always)?);
        }
        steps.push(self.switch);
        steps.push(baking("keep warm", &self.keep_warm)?);
        spread.stage("switch", Some(Share::MAX), steps)?;
        spread.steps.extend(self.retire);
        Ok(spread)
    }
}

impl Batch {
    /// How many of `targets` that is; at least one.
    fn size(self, targets: usize) -> Result<usize, Unspreadable> {
        match self {
            Self::Count(0) => Err(Unspreadable::Batch { given: "0".to_owned() }),
            Self::Count(count) => Ok(usize::from(count)),
            Self::Share(Share::ZERO) => Err(Unspreadable::Batch { given: "0%".to_owned() }),
            Self::Share(share) => {
                Ok((targets * usize::from(share.get())).div_ceil(usize::from(Share::MAX.get())).max(1))
            }
        }
    }
}

impl Spread {
    fn stage(&mut self, name: &str, weight: Option<Share>, steps: Vec<Step>) -> Result<(), Unspreadable> {
        let names = steps.iter().map(|step| step.name.clone()).collect();
        self.stages.push(Stage { name: named(name)?, weight, steps: names });
        self.steps.extend(steps);
        Ok(())
    }
}

impl Filling<'_> {
    /// Placeholders and what stands in their place. Weights are percentages without the sign.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Weight { weight, previous } => {
                let rest = i64::from(Share::MAX.get()) - i64::from(weight.get());
                let rest = Share::new(rest).unwrap_or(Share::ZERO);
                let percent = |share: Share| Percent(share).to_string().trim_end_matches('%').to_owned();
                vec![
                    ("{{weight}}", percent(*weight)),
                    ("{{rest}}", percent(rest)),
                    ("{{previous}}", percent(*previous)),
                ]
            }
            Self::Target(target) => vec![(TARGET, (*target).to_owned())],
        }
    }

    /// A text with everything filled in.
    pub fn fill(&self, text: &str) -> String {
        self.words()
            .into_iter()
            .fold(text.to_owned(), |text, (placeholder, word)| text.replace(placeholder, &word))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

fn named(name: &str) -> Result<StepName, Unspreadable> {
    StepName::new(name).map_err(|error| Unspreadable::Name {
        given: name.chars().take(160).collect(),
        reason: error.to_string(),
    })
}

fn count(field: &'static str, given: usize, limit: usize) -> Result<(), Unspreadable> {
    if (1..=limit).contains(&given) { Ok(()) } else { Err(Unspreadable::Count { field, given, limit }) }
}

/// Targets go into shell lines and addresses, so their names have nothing that means something there.
fn check_targets(targets: &[String]) -> Result<(), Unspreadable> {
    let mut seen = std::collections::BTreeSet::new();
    for target in targets {
        if !is_target_name(target) || !seen.insert(target) {
            return Err(Unspreadable::Target { given: target.chars().take(80).collect() });
        }
    }
    Ok(())
}

/// Whether a target may be called so.
pub(super) fn is_target_name(name: &str) -> bool {
    let is_accepted = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
    (1..=TARGET_BYTES_MAX).contains(&name.len()) && name.chars().all(is_accepted) && !name.starts_with('-')
}

/// A step of the strategy's own, which changes nothing outside.
fn own(name: &str, kind: StepKind, timeout_seconds: u64) -> Result<Step, Unspreadable> {
    Ok(Step {
        name: named(name)?,
        kind,
        undo: None,
        check: None,
        timeout_seconds,
        retries: 0,
        retry_delay_millis: RETRY_DELAY_MILLIS,
        idempotent: false,
        captures: Vec::new(),
        reversibility: None,
    })
}

fn hold(name: &str, instructions: String, when: HoldWhen) -> Result<Step, Unspreadable> {
    own(name, StepKind::Hold(Hold { instructions, when }), STEP_TIMEOUT_SECONDS_MAX)
}

fn baking(name: &str, bake: &Bake) -> Result<Step, Unspreadable> {
    own(name, StepKind::Bake(bake.clone()), bake.timeout_seconds())
}
