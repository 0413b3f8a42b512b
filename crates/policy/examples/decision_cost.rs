//! Prints what one warm decision costs, beside its budget, and what loading the shipped policies costs.
//!
//! Run with `cargo run --release -p policy --example decision_cost`.

use std::collections::BTreeSet;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use domain::actor::{Role, Scope};
use domain::change::{Category, ChangeType, Outcome, StateName};
use domain::plan::Reversibility;
use domain::risk::Level;
use policy::{Action, ChangeResource, Context, PolicySet, Principal, PrincipalKind, Question, Resource};

const BUDGET_NANOS: u128 = 50_000;
const ROUNDS: u32 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let policies = PolicySet::shipped()?;
    println!("{:<20} {:>8} µs", "load", started.elapsed().as_micros());
    let principal = Principal {
        id: "act_bob".parse()?,
        kind: PrincipalKind::Human,
        roles: BTreeSet::from([Role::TechnicalLead, Role::CabMember, Role::Implementer]),
        scopes: Scope::ALL.iter().copied().collect(),
        teams: BTreeSet::from(["platform".parse()?]),
        owner: None,
        active: true,
        delegated: false,
        delegator: None,
    };
    let change = Resource::Change(Box::new(change()?));
    let context = Context {
        authority: Some(Role::TechnicalLead),
        outcome: Some(Outcome::Successful),
        ..Context::default()
    };
    let system = Principal::system();
    let cases = [
        (&principal, Action::Create, &Resource::System),
        (&system, Action::PreApprove, &change),
        (&principal, Action::Approve, &change),
        (&principal, Action::Start, &change),
        (&principal, Action::Progress, &change),
        (&principal, Action::Close, &change),
        (&principal, Action::Amend, &change),
    ];
    for (principal, action, resource) in cases {
        let question = Question { principal, action, resource, context };
        let started = Instant::now();
        for _ in 0..ROUNDS {
            black_box(policies.decide(black_box(&question)));
        }
        let nanos = started.elapsed().as_nanos() / u128::from(ROUNDS);
        let percent = nanos * 100 / BUDGET_NANOS;
        println!("{action:<20} {:>5}.{} µs, {percent} % of the budget", nanos / 1_000, nanos % 1_000 / 100);
    }
    Ok(())
}

fn change() -> Result<ChangeResource, Box<dyn Error>> {
    Ok(ChangeResource {
        id: "CHG-2026-000001".parse()?,
        change_type: ChangeType::Normal,
        category: Category::Deployment,
        state: StateName::AwaitingApproval,
        requester: "act_ann".parse()?,
        asked_by_agent: false,
        parties: BTreeSet::from(["act_ann".parse()?, "act_annbot".parse()?, "act_carol".parse()?]),
        services: BTreeSet::from(["shop".parse()?, "cart".parse()?]),
        environment: Some("production".parse()?),
        compliance: BTreeSet::new(),
        level: Some(Level::Low),
        score: Some(12),
        lowest_tier: Some(2),
        unknown_facts: false,
        has_test_evidence: true,
        tests_passed: true,
        has_plan: true,
        reversibility: Some(Reversibility::Compensatable),
        rehearsed: false,
        has_rollback_plan: true,
        rollback_automated: true,
        encryption_checked: false,
        within_agent_budget: true,
        policy_findings: 0,
        approvals_outstanding: 0,
        approved_by: BTreeSet::new(),
        conditions_outstanding: 0,
        digest_matches: true,
        window_open: true,
        validated: true,
        emergency_authorised: false,
        runner_is_holder: true,
        stopped: false,
        in_freeze: false,
        outside_maintenance: false,
        in_conflict: false,
        withdrawn_since_assessed: false,
        goes_back: false,
    })
}
