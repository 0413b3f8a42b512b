//! What the parts of a create cost that need no database: reading the request, assessing, asking policy.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use api::catalog::{Dependency as Named, FullDependency};
use api::request::ChangeRequest;
use bench::{LARGE, Options, SMALL, Table, catalogue, median, milliseconds, shown};
use domain::Timestamp;
use domain::actor::Scope;
use domain::authorization::Answer;
use domain::catalog::{Dependency, Service, Strength};
use domain::change::{Content, StateName};
use domain::cmdb::Cmdb;
use domain::risk::{Assessment, AssessmentFacts, History, assess};
use policy::{Action, ChangeResource, Context, PolicySet, Principal, PrincipalKind, Question, Resource};

const ROUNDS: usize = 9;
const REPEATS: usize = 2_000;
const QUICK_REPEATS: usize = 50;

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
    Ok(())
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
        parties: BTreeSet::from(["act_pipeline".parse()?, "act_owner".parse()?]),
        services: content.affected_services.clone(),
        environment: content.environment.clone(),
        level: Some(assessment.level),
        score: Some(assessment.score.get()),
        lowest_tier: Some(assessment.blast_radius.highest_tier.number()),
        unknown_facts: !assessment.missing.is_empty(),
        has_test_evidence: content.evidence.tests.is_some(),
        tests_passed: true,
        has_plan: content.plan.is_some(),
        has_rollback_plan: true,
        rollback_automated: true,
        policy_findings: u32::try_from(assessment.findings.len())?,
        approvals_outstanding: 1,
        conditions_outstanding: 0,
        digest_matches: false,
        window_open: true,
        validated: false,
        emergency_authorised: false,
        runner_is_holder: false,
        stopped: false,
    })
}
