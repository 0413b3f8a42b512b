//! A small platform and the life of one change on it, for tests: names and times are those of the specification.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::actor::{ActorEvent, ActorKind, Role, Scope, Token};
use domain::approval::{Approval, ApprovalSettings, Case, requirements};
use domain::canonical::Digest;
use domain::catalog::{Dependency, Service, Strength, Tier};
use domain::change::{Change, ChangeEvent, Content, Grounds, Outcome as Ended, ReviewFinding};
use domain::cmdb::{CiEvent, Description};
use domain::id::{ActorId, ChangeId, CiName, ServiceName};
use domain::number::{Probability, RiskScore, Share};
use domain::plan::{Observation, Outcome, Part, Task};
use domain::risk::{
    Assessment, AssessmentFacts, History, Level, Prediction, PredictionPart, SimilarChange, assess,
};
use domain::text::FreeText;

use crate::known::{Known, RecordedEdit};
use crate::record::{DecidedBy, Envelope, Recorded};
use crate::work::fold;

/// The time at which tests look at things: `2025-12-30T18:00:00Z`.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_767_117_600, 0);
/// The secret of the technical lead's token.
pub(crate) const TOKEN: &str = "cct_fixture";
/// The identifier of that token.
pub(crate) const TOKEN_ID: &str = "tok_lead";

/// The specification's example request, with a plan that can be run.
const REQUEST: &str = r#"{
  "type": "normal",
  "category": "deployment",
  "title": "Deploy new development-master error recovery feature",
  "description": "Implement auto-recovery for YouTube ingestion workflow",
  "impact": "medium",
  "urgency": "medium",
  "implementation_plan": {
    "steps": [
      { "name": "deploy", "run": "make deploy", "undo": "make undeploy" },
      { "name": "smoke test", "check": { "http": "http://localhost/health" } }
    ],
    "estimated_duration": "15m"
  },
  "rollback_plan": {
    "automated": true,
    "steps": [{ "name": "flush cache", "run": ["redis-cli", "flushall"] }],
    "max_duration": "5m"
  },
  "rollback_conditions": {
    "error_rate": { "threshold": "5%", "window": "5m", "action": "immediate_rollback" },
    "latency": { "threshold": "2x_baseline", "window": "10m", "action": "gradual_rollback" }
  },
  "affected_services": ["cortex-chat-backend", "youtube-ingestion"],
  "affected_cis": ["K8S-CORTEX-CHAT", "REDIS-CORTEX-SYSTEM"],
  "evidence": {
    "churn": { "lines": 120, "files": 4, "directories": 2 },
    "coverage_percent": 92.5,
    "tests": { "passed": 214, "failed": 0 },
    "configuration_change": false,
    "schema_change": false
  }
}"#;

/// The technical lead, a person.
pub(crate) fn lead() -> ActorId {
    id("act_lead")
}

/// The requester, an agent whose owner is `act_owner`.
pub(crate) fn orchestrator() -> ActorId {
    id("act_orchestrator")
}

/// The program that implements.
pub(crate) fn deployer() -> ActorId {
    id("act_deployer")
}

/// An identifier.
pub(crate) fn id(text: &str) -> ActorId {
    ActorId::new(text).unwrap()
}

/// A free text.
pub(crate) fn text(text: &str) -> FreeText {
    FreeText::new(text).unwrap()
}

/// So many seconds after 18:00:00 on 30 December 2025.
pub(crate) fn at(seconds: i64) -> Timestamp {
    NOW + jiff::SignedDuration::from_secs(seconds)
}

/// Actors and services of the platform.
pub(crate) fn known() -> Known {
    let mut known = Known::default();
    let people: [(&str, &str, &[Role]); 4] = [
        ("act_lead", "tech-lead@cortex.ai", &[Role::TechnicalLead]),
        ("act_maya", "maya.okafor", &[Role::CabMember]),
        ("act_dan", "dan.reyes", &[Role::CabMember]),
        ("act_owner", "platform-owner", &[Role::TechnicalLead, Role::CabMember]),
    ];
    for (actor, name, roles) in people {
        register(&mut known, actor, name, ActorKind::Human, roles);
    }
    register(&mut known, "act_orchestrator", "cortex-orchestrator", ActorKind::Agent, &[]);
    register(&mut known, "act_deployer", "cortex-deployer", ActorKind::Service, &[Role::Implementer]);
    let token = Token {
        hash: Digest::of_bytes(TOKEN.as_bytes()),
        scopes: BTreeSet::from([Scope::Read]),
        expires_at: at(90 * 86_400),
        label: text("portal"),
        revoked: false,
    };
    apply(&mut known, &lead(), ActorEvent::TokenIssued { token_id: TOKEN_ID.parse().unwrap(), token });
    for (at, (name, tier, needs)) in [
        ("cortex-chat-backend", Tier::Two, None),
        ("youtube-ingestion", Tier::Two, None),
        ("development-master", Tier::One, Some("cortex-chat-backend")),
    ]
    .into_iter()
    .enumerate()
    {
        declare(&mut known, at as u64 + 1, name, tier, needs);
    }
    known
}

fn register(known: &mut Known, actor: &str, name: &str, kind: ActorKind, roles: &[Role]) {
    let owner = match kind {
        ActorKind::Human => None,
        ActorKind::Agent | ActorKind::Service => Some(id("act_owner")),
    };
    let event = ActorEvent::Registered {
        name: text(name),
        kind,
        owner,
        alias_of: None,
        roles: roles.iter().copied().collect(),
        teams: BTreeSet::new(),
        may_act_for: BTreeSet::new(),
    };
    apply(known, &id(actor), event);
}

fn declare(known: &mut Known, version: u64, name: &str, tier: Tier, needs: Option<&str>) {
    let depends_on = needs
        .map(|service| Dependency { service: ServiceName::new(service).unwrap(), strength: Strength::Hard });
    let service = Service {
        name: ServiceName::new(name).unwrap(),
        tier,
        owner: None,
        depends_on: depends_on.into_iter().collect(),
    };
    let event = CiEvent::Described { description: Description::of_service(&service) };
    let recorded = recorded(&ActorId::system(), at(0), 1, event);
    known.apply_edit(&RecordedEdit { version, items: vec![(CiName::from(&service.name), recorded)] });
}

/// Lets something happen to an actor.
pub(crate) fn apply(known: &mut Known, actor: &ActorId, event: ActorEvent) {
    let version = known.directory.get(actor).map_or(0, |actor| actor.version) + 1;
    known.apply_actor(actor, &recorded(&ActorId::system(), at(0), version, event)).unwrap();
}

/// An event as it is recorded; its place in the log is ten times its version.
pub(crate) fn recorded<E>(by: &ActorId, at: Timestamp, version: u64, event: E) -> Recorded<E> {
    let envelope = Envelope { at, actor: by.clone(), on_behalf_of: None, decided_by: DecidedBy::default() };
    Recorded { envelope, event, version, index: version * 10, told: None }
}

/// The life of one change so far.
#[derive(Debug)]
pub(crate) struct Story {
    /// Everything that happened.
    pub(crate) trail: Vec<Recorded<ChangeEvent>>,
}

impl Story {
    /// A change requested by the orchestrator at 18:00:01.
    pub(crate) fn requested(edit: impl FnOnce(&mut Content)) -> Self {
        let request: api::request::ChangeRequest = serde_json::from_str(REQUEST).unwrap();
        let mut content = request.to_domain().unwrap();
        edit(&mut content);
        let digest = content.digest().unwrap();
        let created = ChangeEvent::Created { content: Box::new(content), digest, draft: false };
        Self { trail: Vec::new() }.then(&orchestrator(), 1, created)
    }

    /// The same, assessed at 18:00:15 and waiting for the authorities of `level` until 22:00:15.
    pub(crate) fn awaiting(level: Level, edit: impl FnOnce(&mut Content)) -> Self {
        let story = Self::requested(edit);
        let assessment = assessed(&story.change().content, level);
        story.assessed_as(assessment)
    }

    fn assessed_as(self, assessment: Assessment) -> Self {
        let requirements = requirements(&ApprovalSettings::default(), Case::of(&assessment, false));
        let assessment = Box::new(assessment);
        self.then(&ActorId::system(), 15, ChangeEvent::RiskAssessed { assessment, requirements }).then(
            &ActorId::system(),
            15,
            ChangeEvent::ApprovalRequested { deadline: at(15 + 4 * 3_600) },
        )
    }

    /// Waiting, as a model that is not sure has assessed it, with past changes like it.
    pub(crate) fn predicted() -> Self {
        let story = Self::requested(|_| {});
        let mut assessment = assessed(&story.change().content, Level::Medium);
        let ppm = |ppm| Probability::new(ppm).unwrap();
        let part = |fact: &str, value: &str, thousandths| PredictionPart {
            fact: fact.to_owned(),
            value: value.to_owned(),
            thousandths,
        };
        assessment.failure.prediction = Some(Prediction {
            model: "v3".to_owned(),
            value: ppm(120_000),
            interval_low: ppm(40_000),
            interval_high: ppm(310_000),
            learned_from: 1_700,
            doubts: vec!["too few changes like it are known".to_owned()],
            base_thousandths: -2_642,
            parts: vec![
                part("category_failure_rate", "0.21", 900),
                part("words_of_title_and_description", "5", -250),
            ],
        });
        let similar = |reference: &str, outcome| SimilarChange {
            reference: reference.to_owned(),
            likeness: Share::new(7_400).unwrap(),
            outcome,
            finding: (outcome == Ended::Successful).then_some(ReviewFinding::Failed),
            shared: ["cart", "redis", "cart"].map(text).to_vec(),
        };
        assessment.similar = vec![
            similar("example-past/EX1", Ended::RolledBack),
            similar("CHG-2025-000017", Ended::Successful),
        ];
        story.assessed_as(assessment)
    }

    /// An approval by `by` in `role`.
    pub(crate) fn approved(
        self,
        by: &ActorId,
        role: Role,
        seconds: i64,
        conditions: &[&str],
        complete: bool,
    ) -> Self {
        let digest = self.change().digest;
        let kind = ActorKind::Human;
        let approval = Approval {
            by: by.clone(),
            kind,
            role,
            digest,
            at: at(seconds),
            delegated_by: None,
            instead_of: None,
        };
        let conditions = conditions.iter().map(|condition| text(condition)).collect();
        let grounds = Grounds::Authority { approval, conditions, comment: None };
        self.then(by, seconds, ChangeEvent::Approved { grounds, digest, complete, retrospective_due: None })
    }

    /// The medium change, approved by the technical lead on the condition that staging tests are run, which is met.
    pub(crate) fn started() -> Self {
        Self::started_with(|_| {})
    }

    /// The same with another content.
    pub(crate) fn started_with(edit: impl FnOnce(&mut Content)) -> Self {
        let story = Self::awaiting(Level::Medium, edit).approved(
            &lead(),
            Role::TechnicalLead,
            332,
            &["staging tests required"],
            true,
        );
        let digest = story.change().digest;
        story
            .then(
                &lead(),
                360,
                ChangeEvent::ConditionSatisfied { index: 0, evidence: text("run 9127 passed"), proof: None },
            )
            .then(
                &deployer(),
                400,
                ChangeEvent::ImplementationStarted {
                    digest,
                    fencing_token: 1,
                    auto_rollback: true,
                    holds: false,
                },
            )
    }

    /// An observation of the runner.
    pub(crate) fn observed(self, seconds: i64, observation: Observation) -> Self {
        self.then(&deployer(), seconds, ChangeEvent::Progressed { observation: Box::new(observation) })
    }

    /// A task that was executed.
    pub(crate) fn executed(self, seconds: i64, part: Part, step: &str, outcome: Outcome) -> Self {
        let task = Task::new(part, step.parse().unwrap());
        let log = Some(text(&format!("{step}: done <b>quickly</b>")));
        let ended =
            Observation::Ended { task: task.clone(), attempt: 1, outcome, duration_millis: 2_450, log };
        self.observed(seconds, Observation::Started { task, attempt: 1 }).observed(seconds + 2, ended)
    }

    /// One more event.
    pub(crate) fn then(mut self, by: &ActorId, seconds: i64, event: ChangeEvent) -> Self {
        let version = self.trail.len() as u64 + 1;
        self.trail.push(recorded(by, at(seconds), version, event));
        self
    }

    /// The change as it is then.
    pub(crate) fn change(&self) -> Change {
        let id = ChangeId::new(2025, 1_234).unwrap();
        fold(id, &self.trail).unwrap().unwrap()
    }
}

/// An assessment of `level`; at medium, with the score of the specification's example.
fn assessed(content: &Content, level: Level) -> Assessment {
    let known = known();
    let history = History::default();
    let facts = AssessmentFacts {
        content,
        cmdb: &known.cmdb,
        history: &history,
        prediction: None,
        similar: &[],
        circumstances: &domain::risk::Circumstances::default(),
        covered_by_model: false,
    };
    let score = match level {
        Level::Low => 12,
        Level::Medium => 45,
        Level::High => 72,
        Level::Critical => 97,
    };
    Assessment { level, score: RiskScore::new(score).unwrap(), ..assess(&facts) }
}
