//! What the parts of a create cost that need no database: reading the request, assessing, asking policy.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use api::catalog::{Dependency as Named, FullDependency};
use api::request::ChangeRequest;
use bench::{LARGE, Options, SMALL, Table, catalogue, median, milliseconds, shown};
use domain::Timestamp;
use domain::actor::{Role, Scope};
use domain::authorization::Answer;
use domain::catalog::{Dependency, Service, Strength};
use domain::change::{Content, StateName};
use domain::cmdb::Cmdb;
use domain::risk::{Assessment, AssessmentFacts, History, assess};
use policy::{Action, ChangeResource, Context, PolicySet, Principal, PrincipalKind, Question, Resource};

const ROUNDS: usize = 9;
const REPEATS: usize = 2_000;
const QUICK_REPEATS: usize = 50;
/// Actors who ask in turn.
const ACTORS: usize = 1_000;
/// Questions of each kind.
const QUESTIONS: usize = 100_000;
const QUICK_QUESTIONS: usize = 2_000;
/// What one authorisation may cost.
const AUTHORISATION_BUDGET: Duration = Duration::from_micros(100);
/// What is authorised, with the role that is exercised.
const AUTHORISED: [(Action, Option<Role>); 5] = [
    (Action::Read, None),
    (Action::Amend, None),
    (Action::Approve, Some(Role::TechnicalLead)),
    (Action::Start, None),
    (Action::Close, None),
];

fn main() -> Result<()> {
    let options = Options::read()?;
    let repeats = options.count(REPEATS, QUICK_REPEATS);
    let cmdb = cmdb()?;
    let mut table = Table::new(&["", "small change", "large change"]);
    let [small, large] = [SMALL, LARGE].map(|text| Subject::read(text, &cmdb));
    let (small, large) = (small?, large?);
    let mut row = |name: &str, cost: &dyn Fn(&Subject) -> Duration| {
        table.row([name.to_owned(), shown(cost(&small)), shown(cost(&large))]);
    };
    row("read the request", &|subject| per_call(repeats, || request(subject.text).is_ok()));
    row("make it a domain value", &|subject| per_call(repeats, || subject.request.to_domain().is_ok()));
    row("assess", &|subject| per_call(repeats, || subject.assess(&cmdb)));
    let policies = PolicySet::shipped()?;
    for (name, action) in [
        ("policy: may it be created", Action::Create),
        ("policy: may it be assessed", Action::Assess),
        ("policy: may it be approved without a person", Action::PreApprove),
    ] {
        row(name, &|subject| per_call(repeats, || subject.ask(&policies, action)));
    }
    let decided = small.ask(&policies, Action::PreApprove);
    ensure!(matches!(decided, Answer::Allowed { .. }), "the small change is not approved: {decided:?}");
    println!("{table}");
    authorise(&policies, small.resource, options.count(QUESTIONS, QUICK_QUESTIONS))
}

/// A full authorisation for each of many actors in turn: the actor's entity with its roles, teams and scopes, the change's,
/// the request, and the decision of all shipped policies for the action.
fn authorise(policies: &PolicySet, resource: Resource, questions: usize) -> Result<()> {
    let actors = (0..ACTORS).map(actor).collect::<Result<Vec<_>>>()?;
    let mut table = Table::new(&["authorise, one of 1000 actors", "p50", "p99", "of the budget at p99"]);
    for (action, authority) in AUTHORISED {
        let context = Context { authority, ..Context::default() };
        let mut took: Vec<Duration> = (0..questions)
            .zip(actors.iter().cycle())
            .map(|(_, principal)| {
                let began = Instant::now();
                let question = Question { principal, action, resource: &resource, context };
                black_box(policies.decide(black_box(&question)));
                began.elapsed()
            })
            .collect();
        took.sort_unstable();
        let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
        let share = at(99).as_nanos() * 100 / AUTHORISATION_BUDGET.as_nanos();
        table.row([action.to_string(), shown(at(50)), shown(at(99)), format!("{share} %")]);
    }
    println!("{table}");
    Ok(())
}

/// An actor with the roles, teams and owner that its number gives it.
fn actor(number: usize) -> Result<Principal> {
    let is_agent = number % 4 == 3;
    let roles = Role::ALL.iter().copied().cycle().skip(number).take(number % 4);
    Ok(Principal {
        id: format!("act_{number:04}").parse()?,
        kind: if is_agent { PrincipalKind::Agent } else { PrincipalKind::Human },
        roles: roles.collect(),
        scopes: Scope::ALL.iter().copied().collect(),
        teams: BTreeSet::from([format!("team-{}", number % 40).parse()?]),
        owner: is_agent.then(|| format!("act_{:04}", number - 1).parse()).transpose()?,
        active: number % 50 != 49,
        delegated: false,
        delegator: None,
    })
}

/// Time of one call: the median of some rounds.
fn per_call<T>(repeats: usize, mut call: impl FnMut() -> T) -> Duration {
    let rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..repeats {
                black_box(call());
            }
            milliseconds(began.elapsed()) / repeats as f64
        })
        .collect();
    Duration::from_secs_f64(median(&rounds) / 1_000.0)
}

/// A request and what follows from it.
struct Subject {
    text: &'static str,
    request: ChangeRequest,
    content: Content,
    resource: Resource,
    requester: Principal,
}

impl Subject {
    fn read(text: &'static str, cmdb: &Cmdb) -> Result<Self> {
        let request = request(text)?;
        let content = request.to_domain()?;
        let facts = AssessmentFacts {
            content: &content,
            cmdb,
            history: &History::default(),
            prediction: None,
            similar: &[],
            circumstances: &domain::risk::Circumstances::default(),
            covered_by_model: false,
        };
        let resource = Resource::Change(Box::new(change(&content, &assess(&facts))?));
        let requester = Principal {
            id: "act_pipeline".parse()?,
            kind: PrincipalKind::Service,
            roles: BTreeSet::new(),
            scopes: BTreeSet::from([Scope::Read, Scope::Request]),
            teams: BTreeSet::new(),
            owner: Some("act_owner".parse()?),
            active: true,
            delegated: false,
            delegator: None,
        };
        Ok(Self { text, request, content, resource, requester })
    }

    fn assess(&self, cmdb: &Cmdb) -> Assessment {
        let history = History::default();
        assess(&AssessmentFacts {
            content: &self.content,
            cmdb,
            history: &history,
            prediction: None,
            similar: &[],
            circumstances: &domain::risk::Circumstances::default(),
            covered_by_model: false,
        })
    }

    fn ask(&self, policies: &PolicySet, action: Action) -> Answer {
        let system = Principal::system();
        let (principal, resource) = match action {
            Action::Create => (&self.requester, &Resource::System),
            _ => (&system, &self.resource),
        };
        policies.decide(&Question { principal, action, resource, context: Context::default() })
    }
}

fn request(text: &str) -> Result<ChangeRequest> {
    Ok(api::read::json(text.as_bytes(), api::BODY_BYTES_MAX)?)
}

fn cmdb() -> Result<Cmdb> {
    let mut services = Vec::new();
    for service in catalogue().services {
        let mut depends_on = Vec::new();
        for needed in &service.depends_on {
            let (Named::Name(name) | Named::Full(FullDependency { service: name, .. })) = needed;
            depends_on.push(Dependency { service: name.parse()?, strength: Strength::Hard });
        }
        services.push(Service {
            name: service.name.parse()?,
            tier: service.tier.try_into()?,
            owner: None,
            depends_on,
        });
    }
    let mut cmdb = Cmdb::default();
    for change in cmdb.plan_services(&services, &BTreeSet::new())?.changes {
        cmdb.evolve(&change.name, &change.event, Timestamp::UNIX_EPOCH);
    }
    Ok(cmdb)
}

/// The change as policy sees it once it is assessed.
fn change(content: &Content, assessment: &Assessment) -> Result<ChangeResource> {
    Ok(ChangeResource {
        id: "CHG-2026-000001".parse()?,
        change_type: content.change_type,
        category: content.category,
        state: StateName::Assessing,
        requester: "act_pipeline".parse()?,
        asked_by_agent: false,
        parties: BTreeSet::from(["act_pipeline".parse()?, "act_owner".parse()?]),
        services: content.affected_services.clone(),
        environment: content.environment.clone(),
        compliance: BTreeSet::new(),
        level: Some(assessment.level),
        score: Some(assessment.score.get()),
        lowest_tier: Some(assessment.blast_radius.highest_tier.number()),
        unknown_facts: !assessment.missing.is_empty(),
        has_test_evidence: content.evidence.tests.is_some(),
        tests_passed: true,
        has_plan: content.plan.is_some(),
        reversibility: content.plan.as_ref().map(|plan| plan.reversibility(content.rollback_plan.as_ref())),
        rehearsed: false,
        has_rollback_plan: true,
        rollback_automated: true,
        encryption_checked: false,
        within_agent_budget: true,
        policy_findings: u32::try_from(assessment.findings.len())?,
        approvals_outstanding: 1,
        approved_by: BTreeSet::new(),
        conditions_outstanding: 0,
        digest_matches: false,
        window_open: true,
        validated: false,
        emergency_authorised: false,
        runner_is_holder: false,
        stopped: false,
        in_freeze: false,
        outside_maintenance: false,
        in_conflict: false,
        withdrawn_since_assessed: false,
        goes_back: false,
    })
}
