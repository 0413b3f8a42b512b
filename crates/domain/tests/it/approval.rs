//! Who must approve, and whose approvals count.

use domain::Timestamp;
use domain::actor::{ActorKind, Role};
use domain::approval::{
    Approval, ApprovalSettings, Case, Gate, Outstanding, Period, Quorum, Requirements, outstanding,
    requirements,
};
use domain::canonical::Digest;
use domain::change::ChangeType;
use domain::id::ActorId;
use domain::risk::Level;
use proptest::prelude::*;

fn case(routed_as: ChangeType, level: Level, clear: bool, pre_approval_permitted: bool) -> Case {
    Case { routed_as, level, clear, health_information: false, irreversible: false, pre_approval_permitted }
}

fn all_cases() -> impl Iterator<Item = Case> {
    let yes_no = [true, false];
    ChangeType::ALL.iter().flat_map(move |routed_as| {
        Level::ALL.iter().flat_map(move |level| {
            yes_no
                .into_iter()
                .flat_map(move |clear| yes_no.map(|permitted| case(*routed_as, *level, clear, permitted)))
        })
    })
}

fn describe(requirements: &Requirements) -> String {
    let list = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(" + ") };
    let of_stage = |stage| {
        let gates = requirements.gates.iter().filter(|gate| gate.stage == stage);
        let hours = requirements.stage_seconds(stage) / 3_600;
        let gates = list(gates.map(ToString::to_string).collect());
        if requirements.stages.is_empty() { gates } else { format!("{gates} ({hours} h)") }
    };
    let stages: Vec<_> = (0..requirements.stage_count()).map(of_stage).collect();
    let gates = stages.join(", then ");
    let inform = list(requirements.inform.iter().map(ToString::to_string).collect());
    let retrospective =
        requirements.retrospective_seconds.map_or("-".to_owned(), |s| format!("{} h", s / 3_600));
    let who = if requirements.automated { "automated".to_owned() } else { gates };
    format!(
        "{who} | {} h | inform {inform} | retrospective {retrospective}",
        requirements.deadline_seconds / 3_600
    )
}

#[test]
fn the_rules_by_type_and_level() {
    let line = |case: &Case| {
        let required = requirements(&ApprovalSettings::default(), *case);
        format!("{:<9} {:<8} {}", case.routed_as.as_str(), case.level.as_str(), describe(&required))
    };
    let clear: Vec<_> = all_cases()
        .filter(|case| case.clear && case.pre_approval_permitted)
        .map(|case| line(&case))
        .collect();
    insta::assert_snapshot!(clear.join("\n"));
}

#[test]
fn health_information_brings_the_hipaa_authority_in_but_for_emergencies() {
    let required = |case| requirements(&ApprovalSettings::default(), case);
    for without in all_cases() {
        let with = required(Case { health_information: true, ..without });
        let gates = with.gates.iter().filter(|gate| gate.role == Role::HipaaAuthority && gate.count == 1);
        let expected = usize::from(without.routed_as != ChangeType::Emergency);
        assert_eq!(gates.count(), expected, "{without:?}");
        assert!(!with.automated, "{without:?}");
    }
}

#[test]
fn what_nothing_takes_back_needs_the_authority_above_but_for_emergencies() {
    let lines = all_cases().filter(|case| case.clear && case.pre_approval_permitted).map(|case| {
        let required = requirements(&ApprovalSettings::default(), Case { irreversible: true, ..case });
        format!("{:<9} {:<8} {}", case.routed_as.as_str(), case.level.as_str(), describe(&required))
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_finding_or_a_veto_brings_a_person_in() {
    let required = |case| requirements(&ApprovalSettings::default(), case);
    for level in [Level::Low, Level::Medium] {
        let person = required(case(ChangeType::Normal, Level::Medium, true, true));
        for (clear, permitted) in [(false, true), (true, false), (false, false)] {
            for routed_as in [ChangeType::Standard, ChangeType::Normal] {
                assert_eq!(required(case(routed_as, level, clear, permitted)), person, "{routed_as} {level}");
            }
        }
    }
    let mut settings = ApprovalSettings::default();
    settings.low.automated = false;
    assert!(!requirements(&settings, case(ChangeType::Normal, Level::Low, true, true)).automated);
}

#[test]
fn requirements_without_a_gate_are_automated_ones_and_those_need_policy() {
    for case in all_cases() {
        let required = requirements(&ApprovalSettings::default(), case);
        assert_eq!(required.automated, required.gates.is_empty(), "{case:?}");
        assert!(!required.automated || (case.pre_approval_permitted && case.clear), "{case:?}");
        assert!(!required.automated || case.level <= Level::Medium, "{case:?}");
        assert!(required.gates.iter().all(|gate| gate.count > 0), "{case:?}");
        assert_eq!(
            required.retrospective_seconds.is_some(),
            case.routed_as == ChangeType::Emergency,
            "{case:?}"
        );
    }
}

#[test]
fn stages_are_settings_and_each_has_its_own_time() {
    let text = r#"{"high": {"leads_first": false}, "critical": {"cab_first": true}}"#;
    let settings: ApprovalSettings = serde_json::from_str(text).unwrap();
    let required = |level| requirements(&settings, case(ChangeType::Normal, level, true, true));
    let high = required(Level::High);
    assert_eq!((high.stage_count(), high.deadline_seconds), (1, 604_800));
    assert_eq!(high.stage_seconds(0), 604_800);
    let critical = required(Level::Critical);
    assert_eq!((critical.stage_count(), critical.deadline_seconds), (2, 777_600));
    assert_eq!([critical.stage_seconds(0), critical.stage_seconds(1)], [604_800, 172_800]);
    let stored = serde_json::to_string(&high).unwrap();
    assert!(!stored.contains("stage"), "a single stage is stored as it always was: {stored}");
    for level in Level::ALL {
        let over = required(*level).overridden_by();
        let expected = if *level <= Level::Medium { Role::CabMember } else { Role::Cto };
        assert_eq!(over, if required(*level).automated { Role::CabMember } else { expected }, "{level}");
    }
    let emergency = requirements(&settings, case(ChangeType::Emergency, Level::High, true, true));
    assert_eq!(emergency.overridden_by(), Role::EcabMember);
}

#[test]
fn settings_replace_defaults_one_by_one() {
    let text = r#"{"high": {"cab_quorum": 3}, "emergency": {"deadline_seconds": 900}}"#;
    let settings: ApprovalSettings = serde_json::from_str(text).unwrap();
    assert_eq!(settings.high.cab_quorum, Quorum::new(3).unwrap());
    assert_eq!(settings.high.deadline_seconds, Period::WEEK);
    let emergency = requirements(&settings, case(ChangeType::Emergency, Level::Low, true, true));
    assert_eq!(emergency.gates, [Gate { role: Role::EcabMember, count: 1, stage: 0 }]);
    assert_eq!(emergency.deadline_seconds, 900);
    assert_eq!(emergency.retrospective_seconds, Some(86_400));
}

#[test]
fn settings_that_would_let_nobody_or_no_time_decide_are_refused() {
    for (text, expected) in [
        (r#"{"high": {"cab_quorum": 0}}"#, "0 is out of range: expected a number of people from 1 to 20"),
        (r#"{"high": {"cab_quorum": 21}}"#, "21 is out of range: expected a number of people from 1 to 20"),
        (r#"{"high": {"cab_quorum": -1}}"#, "invalid value: integer `-1`, expected u64"),
        (
            r#"{"medium": {"deadline_seconds": 5}}"#,
            "5 is out of range: expected a number of seconds from 60 to 2592000",
        ),
        (
            r#"{"medium": {"deadline_seconds": 2592001}}"#,
            "2592001 is out of range: expected a number of seconds",
        ),
        (r#"{"hihg": {}}"#, "unknown field `hihg`"),
        (r#"{"critical": {"ciso": false}}"#, "unknown field `ciso`"),
    ] {
        let error = serde_json::from_str::<ApprovalSettings>(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

fn approval(by: &str, kind: ActorKind, role: Role, digest: Digest) -> Approval {
    let by = ActorId::new(format!("act_{by}")).unwrap();
    Approval { by, kind, role, digest, at: Timestamp::UNIX_EPOCH, delegated_by: None, instead_of: None }
}

/// The same by the authority of somebody else.
fn for_another(approval: Approval, other: &str) -> Approval {
    Approval { delegated_by: Some(ActorId::new(format!("act_{other}")).unwrap()), ..approval }
}

fn open(role: Role, missing: u8) -> Outstanding {
    Outstanding { role, missing, stage: u8::from(role == Role::CabMember) }
}

#[test]
fn only_humans_approvals_of_the_current_digest_count() {
    use ActorKind::{Agent, Human, Service};
    use Role::{CabMember, Ciso, Cto, TechnicalLead};
    let (current, earlier) = (Digest::of_bytes(b"current"), Digest::of_bytes(b"earlier"));
    let high = requirements(&ApprovalSettings::default(), case(ChangeType::Normal, Level::High, true, true));
    let check = |approvals: &[Approval], expected: &[Outstanding]| {
        assert_eq!(outstanding(&high, approvals, current), expected, "{approvals:?}");
    };
    let both = [open(TechnicalLead, 1), open(CabMember, 2)];
    check(&[], &both);
    check(&[approval("ann", Human, CabMember, earlier)], &both);
    check(
        &[approval("bot", Agent, CabMember, current), approval("ci", Service, TechnicalLead, current)],
        &both,
    );
    check(&[approval("cleo", Human, Ciso, current), approval("tom", Human, Cto, current)], &both);
    let ann = approval("ann", Human, CabMember, current);
    let bea = approval("bea", Human, CabMember, current);
    let cal = approval("cal", Human, CabMember, current);
    let dan = approval("dan", Human, TechnicalLead, current);
    let half = [open(TechnicalLead, 1), open(CabMember, 1)];
    check(&[ann.clone(), ann.clone()], &half);
    check(&[ann.clone(), approval("ann", Human, TechnicalLead, current)], &half);
    check(&[approval("ann", Human, TechnicalLead, earlier), ann.clone()], &half);
    check(&[approval("ann", Human, Ciso, current), ann.clone()], &half);
    // Whoever decides in somebody's place has spoken for both.
    let for_ann = for_another(bea.clone(), "ann");
    check(&[for_ann.clone(), ann.clone()], &half);
    check(&[for_ann.clone(), bea.clone()], &half);
    check(&[for_ann.clone(), for_another(cal.clone(), "ann")], &half);
    check(&[for_ann, cal.clone()], &[open(TechnicalLead, 1)]);
    // The authority above passes the gate below, and nobody else's.
    let instead =
        |by, role| Approval { instead_of: Some(TechnicalLead), ..approval(by, Human, role, current) };
    check(&[instead("ann", CabMember)], &[open(CabMember, 2)]);
    check(&[instead("tom", Cto)], &both);
    check(&[ann.clone(), bea.clone(), cal.clone()], &[open(TechnicalLead, 1)]);
    check(&[dan, ann, bea], &[]);
}

#[test]
fn nobody_needs_to_approve_an_automated_change() {
    let low = requirements(&ApprovalSettings::default(), case(ChangeType::Normal, Level::Low, true, true));
    assert!(low.automated);
    assert_eq!(outstanding(&low, &[], Digest::of_bytes(b"any")), []);
}

fn any_approval() -> impl Strategy<Value = Approval> {
    let (kinds, roles) = (ActorKind::ALL, Role::ALL);
    (0_u8..5, prop::sample::select(kinds), prop::sample::select(roles), 0_u8..2).prop_map(
        |(by, kind, role, digest)| approval(&by.to_string(), kind, role, Digest::of_bytes(&[digest])),
    )
}

proptest! {
    #[test]
    fn a_gate_never_closes_without_enough_different_humans(
        approvals in prop::collection::vec(any_approval(), 0..12),
        level in prop::sample::select(Level::ALL),
    ) {
        let required = requirements(&ApprovalSettings::default(), case(ChangeType::Normal, level, false, false));
        let digest = Digest::of_bytes(&[0]);
        let missing: usize = outstanding(&required, &approvals, digest).iter().map(|gate| usize::from(gate.missing)).sum();
        let needed: usize = required.gates.iter().map(|gate| usize::from(gate.count)).sum();
        let humans: std::collections::BTreeSet<_> = approvals
            .iter()
            .filter(|approval| approval.kind == ActorKind::Human && approval.digest == digest)
            .map(|approval| &approval.by)
            .collect();
        prop_assert!(missing + humans.len() >= needed);
        for gate in &required.gates {
            let holders = approvals.iter().filter(|a| a.role == gate.role && humans.contains(&a.by)).count();
            let open = outstanding(&required, &approvals, digest).iter().any(|open| open.role == gate.role);
            prop_assert!(open || holders >= usize::from(gate.count));
        }
    }

    #[test]
    fn one_more_approval_never_opens_a_gate(
        approvals in prop::collection::vec(any_approval(), 0..8),
        another in any_approval(),
    ) {
        let required = requirements(&ApprovalSettings::default(), case(ChangeType::Normal, Level::Critical, true, true));
        let digest = Digest::of_bytes(&[0]);
        let total = |approvals: &[Approval]| -> usize {
            outstanding(&required, approvals, digest).iter().map(|gate| usize::from(gate.missing)).sum()
        };
        let before = total(&approvals);
        let after = total(&[approvals, vec![another]].concat());
        prop_assert!(after <= before && before - after <= 1);
    }
}
