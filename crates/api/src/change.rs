//! Changes as they are read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::TrailEntry;
use crate::rehearsal::RehearsalView;
use crate::request::ChangeRequest;

/// A change in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeSummary {
    /// Its identifier.
    pub change_id: String,
    /// Where it is in its life.
    pub state: String,
    /// ITIL change type.
    #[serde(rename = "type")]
    pub change_type: String,
    /// What kind of thing is changed.
    pub category: String,
    /// One line.
    pub title: String,
    /// Readable name of the requester.
    pub requested_by: String,
    /// Score and level; absent before the assessment.
    pub risk: Option<RiskSummary>,
    /// P1 to P5.
    pub priority: Option<String>,
    /// Services that are changed.
    pub affected_services: Vec<String>,
    /// Where it is changed.
    pub environment: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When its last event happened.
    pub updated_at: String,
    /// The next deadline, where there is one.
    pub deadline: Option<String>,
    /// Labels of the runner that is to carry it out by itself; none where a pipeline or a person starts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs_on: Vec<String>,
    /// Number of events.
    pub version: u64,
}

/// Score and level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RiskSummary {
    /// 0 to 100.
    pub score: u8,
    /// low, medium, high or critical.
    pub level: String,
}

/// A change in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Its identifier.
    pub change_id: String,
    /// Where it is in its life.
    pub state: String,
    /// How it ended, where it has.
    pub outcome: Option<String>,
    /// What a review found that the outcome truly was, where one has said so; the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<ReviewFinding>,
    /// Who or what refused it before its start: authority, expired or policy; absent unless it is rejected.
    pub rejection: Option<String>,
    /// Number of events.
    pub version: u64,
    /// When it was created.
    pub created_at: String,
    /// Readable name of who created it.
    pub created_by: String,
    /// Readable name of whom it was created for, when not for the creator.
    pub on_behalf_of: Option<String>,
    /// When its last event happened.
    pub updated_at: String,
    /// Digest to which approvals are bound.
    pub digest: String,
    /// P1 to P5.
    pub priority: Option<String>,
    /// The identifier that another system gave to this change.
    pub external_id: Option<String>,
    /// What was asked for, in the fields of the request.
    #[serde(flatten)]
    pub request: ChangeRequest,
    /// The assessment; absent before it.
    pub risk: Option<Risk>,
    /// Approvals: required, given, outstanding.
    pub approval: Option<ApprovalView>,
    /// What stands between the change and its start.
    pub blockers: Vec<Blocker>,
    /// Why nobody takes it on by itself: it is approved for runners with labels, and none of those that are online may and can
    /// carry it out. Whoever may can still start it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits_runner: Option<String>,
    /// Whether what the plan compares takes a worse version back by itself; absent where it compares nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<crate::calibration::Comparison>,
    /// How far the plan has come; absent before the start.
    pub implementation: Option<Implementation>,
    /// The newest rehearsal; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<RehearsalView>,
    /// The retrospective review of an emergency change; absent where none is required.
    pub retrospective: Option<Retrospective>,
    /// Incidents that the change led to.
    pub incidents: Vec<String>,
    /// The change that completes a partial one.
    pub follow_up: Option<String>,
    /// Everything that happened, oldest first.
    pub audit_trail: Vec<TrailEntry>,
}

/// An assessment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Risk {
    /// 0 to 100.
    pub score: u8,
    /// low, medium, high or critical.
    pub level: String,
    /// Impact × probability × complexity − testing × automation, before it is limited to 0 to 100.
    pub raw: f64,
    /// Level of the score alone.
    pub band_level: String,
    /// Level of the classification matrix alone.
    pub matrix_level: String,
    /// Rules that keep the level from being lower, each in a sentence.
    #[serde(default)]
    pub level_floors: Vec<String>,
    /// component, single_service, multi_service or system_wide.
    pub blast_radius: String,
    /// Why, in a sentence.
    #[serde(default)]
    pub blast_radius_reason: String,
    /// How many services hard-depend on what is changed.
    #[serde(default)]
    pub dependents_count: u32,
    /// Services that hard-depend on what is changed, the most critical first, each with the path that explains it.
    pub reached: Vec<String>,
    /// The five factors.
    pub factors: Vec<Factor>,
    /// Probability that the change fails.
    pub probability: Probability,
    /// Past changes like it, the most alike first.
    #[serde(default)]
    pub similar: Vec<SimilarChange>,
    /// Rule books that what is changed or reached falls under.
    #[serde(default)]
    pub compliance: Vec<String>,
    /// Terms that add up to the raw score.
    pub explanation: Vec<Term>,
    /// Facts that were missing, each with the cautious value taken.
    pub missing: Vec<String>,
    /// What the evidence lacks for this level.
    pub findings: Vec<Finding>,
    /// Other changes that were planned for the same time when it was assessed, each in a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// Tests that the level requires.
    pub testing_requirement: String,
    /// Whether a rollback plan is optional, required or mandatory.
    pub rollback_requirement: String,
    /// reversible, compensatable or irreversible: the worst of the plan's steps; absent where there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversibility: Option<String>,
    /// Steps that say of themselves that nothing takes them back: they need the authority above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub irreversible_steps: Vec<String>,
}

/// One factor of the formula.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Factor {
    /// impact, probability, complexity, testing_coverage or automation_level.
    pub name: String,
    /// 0 to 10.
    pub value: f64,
    /// Contributions that add up to the value.
    pub contributions: Vec<Term>,
}

/// A named amount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// What it comes from.
    pub source: String,
    /// How much it adds; negative where it takes away.
    pub value: f64,
    /// The same in a sentence.
    pub sentence: String,
    /// The record of the CMDB that it rests on; absent where it rests on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<SourceFact>,
}

/// A record of the CMDB that a number rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceFact {
    /// The item that it is about.
    pub item: String,
    /// The source that says so: an import, a catalogue, a person.
    pub source: String,
    /// Since when it says so.
    pub at: String,
}

/// A probability with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Probability {
    /// Per cent.
    pub percent: f64,
    /// 90 % credible interval, per cent.
    pub interval_percent: [f64; 2],
    /// Where it comes from.
    pub source: String,
    /// Past changes it rests on.
    pub past_changes: u64,
    /// What a trained model says, and why; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Prediction>,
}

/// What a trained model says of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Prediction {
    /// Version of the model.
    pub model: String,
    /// The calibrated probability of failure, per cent.
    pub percent: f64,
    /// Its interval, per cent.
    pub interval_percent: [f64; 2],
    /// Past changes that the model learned from.
    pub past_changes: u64,
    /// Why the model is not sure, each in a sentence; with any of them the change goes to a person.
    pub doubts: Vec<String>,
    /// Log-odds of a failure before anything is known of the change.
    pub base: f64,
    /// What each fact adds to the log-odds, what matters most first.
    pub parts: Vec<PredictionPart>,
}

/// What one fact adds to a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PredictionPart {
    /// The fact.
    pub fact: String,
    /// Its value.
    pub value: String,
    /// What it adds to the log-odds; negative where it makes a failure less probable.
    pub log_odds: f64,
}

/// A past change like the one assessed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimilarChange {
    /// Its id; of an imported change its source and its id there.
    pub change: String,
    /// How alike the two are, per cent.
    pub likeness_percent: f64,
    /// How it was closed.
    pub outcome: String,
    /// What a review had found by then that the outcome truly was: succeeded or failed; absent where none had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// What the two share, what says most first.
    pub shared: Vec<String>,
}

/// Something the evidence lacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// The rule in a sentence.
    pub sentence: String,
    /// What to do.
    pub next_step: String,
    /// The control it belongs to.
    pub control: Option<String>,
    /// The rule of the organisation that is broken; absent for findings of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<BrokenRule>,
}

/// A rule of the organisation's own rule sets that a change breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BrokenRule {
    /// Its id.
    pub rule: String,
    /// The field that breaks it.
    pub field: Option<String>,
    /// What that field held when the change was assessed.
    pub value: Option<String>,
}

/// Approvals of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// Whether policy may approve it without a person.
    pub automated: bool,
    /// Gates to be passed.
    pub required: Vec<Gate>,
    /// Approvals given.
    pub given: Vec<GivenApproval>,
    /// Gates still to be passed.
    pub outstanding: Vec<Gate>,
    /// Stages one after the other, each with its gates; a single one where all are asked at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// Roles that may decide too, because the time of those who are asked is nearly over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalated_to: Vec<String>,
    /// Automated decisions that an authority overrode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverriddenDecision>,
    /// Conditions to be met before the start.
    pub conditions: Vec<Condition>,
    /// Until when authorities may decide; absent once they have.
    pub deadline: Option<String>,
    /// The standing decision that stands for the approval of the CAB; absent where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingApproval>,
}

/// A standing decision that stands for the approval of the CAB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StandingApproval {
    /// Its identifier.
    pub standing_id: String,
    /// What it is, in words.
    pub text: String,
}

/// A stage of approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    /// Its number, from 1.
    pub number: u8,
    /// How many there are.
    pub of: u8,
    /// complete, open or later: a later one opens once the earlier ones are complete.
    pub state: String,
    /// Gates to be passed.
    pub required: Vec<Gate>,
    /// Time to decide, in seconds from its opening.
    pub seconds: u64,
    /// Until when; only of the one that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
}

/// An automated decision that an authority overrode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverriddenDecision {
    /// pre_approval, rejection or level.
    pub decision: String,
    /// The level before, or why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The level from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Readable name of who overrode it.
    pub by: String,
    /// The role exercised.
    pub role: String,
    /// When.
    pub at: String,
    /// Why.
    pub reason: String,
}

/// A number of approvals in a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gate {
    /// The role.
    pub role: String,
    /// How many.
    pub count: u8,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GivenApproval {
    /// Readable name of the approver.
    pub by: String,
    /// The role exercised.
    pub role: String,
    /// When.
    pub at: String,
    /// Digest of what was approved.
    pub digest: String,
    /// Readable name of the one whose authority was exercised, where it was lent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place_of: Option<String>,
    /// The role below whose gate it passed, where that one had let its time run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}

/// A condition of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Condition {
    /// Position, from 0.
    pub index: usize,
    /// What must be met.
    pub text: String,
    /// Readable name of who set it.
    pub set_by: String,
    /// open or met.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// What shows that it is met; absent while it is not.
    pub evidence: Option<String>,
    /// The page where that can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// SHA-256 of the file that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Readable name of who said that it is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_at: Option<String>,
}

/// What stands between a change and its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blocker {
    /// What kind: submission, assessment, stop, freeze, maintenance, approval, condition, window, plan or digest.
    pub kind: String,
    /// What is missing, in a sentence.
    pub missing: String,
    /// The role that must approve; absent where it is not an approval that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The stage of approval that is missing, from 1, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u8>,
    /// Who can clear it, in words.
    pub cleared_by: String,
    /// Roles whose holders can clear it; empty where it is not a matter of a role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Readable names of those who can clear it, when they are few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// Until when.
    pub deadline: Option<String>,
    /// The command that clears it, for whoever can; absent where it clears by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_command: Option<String>,
}

/// How far a plan has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Implementation {
    /// Readable name of the runner; absent where nobody works on it.
    pub runner: Option<String>,
    /// When it was started.
    pub started_at: String,
    /// When the plan was done.
    pub finished_at: Option<String>,
    /// Whether a failure is undone without asking.
    pub auto_rollback: bool,
    /// Phase of the run.
    pub phase: String,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
    /// The step being worked on.
    pub current: Option<String>,
    /// What waits for a person.
    pub waiting_for: Option<String>,
    /// Every step of the plan, then every step of a rollback that has begun, and where each is.
    #[serde(default)]
    pub steps: Vec<StepProgress>,
    /// Every stage of the plan, and where each is; empty where the strategy has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageProgress>,
    /// The bake that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<BakeProgress>,
    /// What became of a demanded quarantine, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// Targets that failed while the others went on, as the plan tolerates it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_targets: Vec<String>,
    /// Why everything is or was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_cause: Option<String>,
    /// Steps that are not taken back although they should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_undone: Vec<String>,
}

/// Where one stage is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageProgress {
    /// Its name.
    pub name: String,
    /// Share of the traffic that it gives to the new version, where it sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// pending, under_way, holding, baking, passed, stuck or taken_back.
    pub status: String,
}

/// A bake that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BakeProgress {
    /// The bake.
    pub step: String,
    /// When it began.
    pub since: String,
    /// When it ends, where all is well then.
    pub until: String,
    /// When it ends at the latest, while nothing can be said.
    pub at_latest: String,
    /// pass, fail or inconclusive, were it to end now; absent before the runner has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Why, with figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Where one step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepProgress {
    /// `step`, or `rollback_step` for a step of the rollback plan.
    pub part: String,
    /// The step.
    pub name: String,
    /// pending, started, asked, succeeded, retrying, failed, unknown, undoing, undone, left_in_place, skipped and the like.
    pub status: String,
}

/// What a review found that the outcome of a change truly was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewFinding {
    /// succeeded or failed.
    pub finding: String,
    /// Readable name of the reviewer.
    pub by: String,
    /// When.
    pub at: String,
}

/// The retrospective review of an emergency change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retrospective {
    /// due, overdue or done.
    pub state: String,
    /// Until when, or when it was done.
    pub at: String,
}
