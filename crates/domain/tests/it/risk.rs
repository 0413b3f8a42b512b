//! How risky a change is, and what that demands.

mod circumstances;
pub(crate) mod findings;
pub(crate) mod fixture;
mod items;
mod probability;
mod properties;
mod what_if;

use domain::change::{Category, ChangeType, Content, TestResults};
use domain::cmdb::Cmdb;
use domain::number::{Factor, RiskScore};
use domain::priority::Magnitude;
use domain::risk::{
    Assessment, AssessmentFacts, BlastClass, Fact, FindingRule, History, Level, PATH_LISTED_MAX,
    ProbabilityBand, REACHED_LISTED_MAX, RollbackRequirement, TestingRequirement, assess, matrix_level,
};

use crate::cmdb::fixture::{ci, day, described, said};
use crate::cmdb::services::{landscape, service};
use fixture::{
    assess_new, assess_with, churn, cis, coverage, empty, manual_kind, name, plan, rollback_plan, run,
    run_kind, services, small_tested_change, specification_example, step,
};

/// One service of each tier, without dependencies.
fn one_of_each_tier() -> Cmdb {
    landscape(&[service("t0", 0, &[]), service("t1", 1, &[]), service("t2", 2, &[]), service("t3", 3, &[])])
}

/// Two Tier 2 services, as the specification classifies workers and ingestion services.
fn specification_landscape() -> Cmdb {
    landscape(&[service("cortex-chat-backend", 2, &[]), service("youtube-ingestion", 2, &[])])
}

fn facts(assessment: &Assessment) -> Vec<&str> {
    assessment.missing.iter().map(|missing| missing.fact.as_str()).collect()
}

fn rules(assessment: &Assessment) -> Vec<FindingRule> {
    assessment.findings.iter().map(|finding| finding.rule).collect()
}

/// The whole explanation as text.
fn explain(assessment: &Assessment) -> String {
    let mut lines = vec![format!(
        "{}; band {}, matrix {}, routed as {}",
        assessment.summary(),
        assessment.band_level,
        assessment.matrix_level,
        assessment.routed_as
    )];
    for step in &assessment.waterfall {
        lines.push(format!("{:>9} {} ({})", step.thousandths, step.source, step.sentence));
    }
    lines.push(format!("{:>9} = raw, in thousandths", assessment.raw_thousandths));
    let factors = &assessment.factors;
    for (factor, value) in [
        ("impact", &factors.impact),
        ("probability", &factors.probability),
        ("complexity", &factors.complexity),
        ("testing coverage", &factors.testing_coverage),
        ("automation level", &factors.automation_level),
    ] {
        lines.push(format!("{factor} {}", value.value));
        for part in &value.contributions {
            lines.push(format!("  {:>+4} {} ({})", part.tenths, part.source, part.sentence));
            lines.extend(
                part.fact
                    .as_ref()
                    .map(|fact| format!("       as {} said of {} at {}", fact.source, fact.item, fact.at)),
            );
        }
    }
    let failure = &assessment.failure;
    lines.push(format!(
        "fails with {}, 90 % from {} to {}, by {}, {} changes",
        failure.value, failure.interval_low, failure.interval_high, failure.source, failure.rests_on
    ));
    lines.push(format!("{}: {}", assessment.blast_radius.class, assessment.blast_radius.sentence));
    for reached in &assessment.blast_radius.reached {
        let tier = reached.tier.as_ref();
        let tier =
            tier.map(|sourced| format!(", {} as {} said at {}", sourced.tier, sourced.source, sourced.at));
        let hops =
            reached.path.iter().map(|hop| format!(" <-{} {}- {}", hop.relation, hop.strength, hop.item));
        let tier = tier.unwrap_or_default();
        lines.push(format!(
            "  {} {}{tier}: {}{}",
            reached.ci_type,
            reached.item,
            reached.from,
            hops.collect::<String>()
        ));
    }
    lines.extend(assessment.compliance.iter().map(|scope| format!("falls under {scope}")));
    lines.extend(
        assessment.floors.iter().map(|floor| format!("at least {}: {}", floor.level, floor.sentence)),
    );
    lines.extend(
        assessment.missing.iter().map(|missing| format!("missing {}: {}", missing.fact, missing.sentence)),
    );
    lines.push(format!("testing {}, rollback {}", assessment.testing, assessment.rollback));
    for finding in &assessment.findings {
        lines.push(format!(
            "{} {:?}: {}; {}",
            finding.rule, finding.controls, finding.sentence, finding.next_step
        ));
    }
    lines.join("\n")
}

#[test]
fn the_classification_matrix() {
    let row = |class: &BlastClass| {
        let levels: Vec<_> = ProbabilityBand::ALL
            .iter()
            .map(|band| format!("{:<8}", matrix_level(*class, *band).as_str()))
            .collect();
        format!("{:<14} {}", class.as_str(), levels.join(" ").trim_end())
    };
    let rows: Vec<_> = BlastClass::ALL.iter().map(row).collect();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn bands_of_score_and_probability() {
    use Level::{Critical, High, Low, Medium};
    for (score, level) in
        [(0, Low), (29, Low), (30, Medium), (60, Medium), (61, High), (80, High), (81, Critical)]
    {
        assert_eq!(Level::of_score(RiskScore::new(score).unwrap()), level, "{score}");
    }
    use ProbabilityBand as Band;
    for (tenths, band) in [
        (0, Band::VeryLow),
        (9, Band::VeryLow),
        (10, Band::Low),
        (19, Band::Low),
        (20, Band::Medium),
        (39, Band::Medium),
    ] {
        assert_eq!(ProbabilityBand::of_factor(Factor::new(tenths).unwrap()), band, "{tenths}");
    }
    assert_eq!(ProbabilityBand::of_factor(Factor::new(40).unwrap()), Band::High);
}

#[test]
fn as_long_as_the_past_is_not_read_nothing_is_low() {
    let cmdb = one_of_each_tier();
    let assessed = |is_incomplete| {
        let history = History { is_incomplete, ..History::default() };
        assess_with(&small_tested_change("t2"), &cmdb, &history)
    };
    assert_eq!(assessed(false).level, Level::Low);
    let unread = assessed(true);
    assert_eq!(unread.level, Level::Medium);
    assert_eq!(facts(&unread), ["past_changes"]);
    assert!(unread.missing[0].sentence.starts_with("past changes are not yet read"));
}

#[test]
fn a_small_tested_automated_change_is_low_unless_it_reaches_tier_0() {
    let cmdb = one_of_each_tier();
    for service in ["t1", "t2", "t3"] {
        let assessment = assess_new(&small_tested_change(service), &cmdb);
        assert_eq!(assessment.level, Level::Low, "{service}: {}", explain(&assessment));
        assert!(assessment.score.get() < 30);
        assert_eq!(assessment.findings, []);
        assert_eq!(assessment.missing, []);
        assert_eq!(assessment.blast_radius.class, BlastClass::Component);
        assert_eq!(assessment.testing, TestingRequirement::Unit);
        assert_eq!(assessment.rollback, RollbackRequirement::Optional);
    }
    let critical = assess_new(&small_tested_change("t0"), &cmdb);
    assert_eq!(critical.level, Level::Medium, "{}", explain(&critical));
    assert_eq!(critical.floors[0].sentence, "a change that reaches Tier 0 is never low risk");
}

#[test]
fn the_explanation_of_a_small_tested_change() {
    insta::assert_snapshot!(explain(&assess_new(&small_tested_change("t2"), &one_of_each_tier())));
}

#[test]
fn the_specifications_example_is_medium_with_and_without_a_landscape() {
    let content = specification_example();
    let without = assess_new(&content, &Cmdb::default());
    assert_eq!(without.level, Level::Medium, "{}", explain(&without));
    assert!((30..=60).contains(&without.score.get()));
    assert_eq!(without.missing[0].names, ["cortex-chat-backend", "youtube-ingestion"]);
    assert_eq!(without.missing[1].names, ["K8S-CORTEX-CHAT", "REDIS-CORTEX-SYSTEM"]);
    let with = assess_new(&content, &specification_landscape());
    assert_eq!(with.level, Level::Medium);
    assert!((30..=60).contains(&with.score.get()));
    assert_eq!(facts(&with)[0], "configuration_item", "the services are known now");
    insta::assert_snapshot!(explain(&with));
}

#[test]
fn a_request_that_says_nothing_takes_every_cautious_value() {
    for category in Category::ALL {
        for change_type in ChangeType::ALL {
            let assessment = assess_new(&empty(*change_type, *category), &Cmdb::default());
            assert!(assessment.level >= Level::Medium, "{category} {change_type}");
            assert_eq!(
                facts(&assessment),
                ["affected_services", "churn", "configuration_change", "schema_change", "coverage", "tests"]
            );
        }
    }
    insta::assert_snapshot!(explain(&assess_new(
        &empty(ChangeType::Normal, Category::Other),
        &Cmdb::default()
    )));
}

#[test]
fn each_missing_fact_is_named_and_forbids_low_risk() {
    type Edit = fn(&mut Content);
    let edits: [(Fact, Edit); 9] = [
        (Fact::AffectedServices, |content| content.affected_services.clear()),
        (Fact::Tier, |content| content.affected_cis = cis(&["untiered"])),
        (Fact::Service, |content| content.affected_services = services(&["t33"])),
        (Fact::ConfigurationItem, |content| content.affected_cis = cis(&["REDIS"])),
        (Fact::Churn, |content| content.evidence.churn = None),
        (Fact::ConfigurationChange, |content| content.evidence.configuration_change = None),
        (Fact::SchemaChange, |content| content.evidence.schema_change = None),
        (Fact::Coverage, |content| content.evidence.coverage = None),
        (Fact::Tests, |content| content.evidence.tests = None),
    ];
    // The past and the health of the system are no facts of the request: they have tests of their own.
    let of_requests =
        Fact::ALL.iter().filter(|fact| !matches!(fact, Fact::PastChanges | Fact::SystemHealth)).count();
    assert_eq!(edits.len(), of_requests, "every fact has its case");
    for (fact, edit) in edits {
        let mut content = small_tested_change("t3");
        edit(&mut content);
        let mut cmdb = one_of_each_tier();
        cmdb.evolve(&ci("untiered"), &said(described("import", &[])), day(0));
        let assessment = assess_new(&content, &cmdb);
        assert_eq!(facts(&assessment), [fact.as_str()]);
        assert!(assessment.level >= Level::Medium, "{fact}");
    }
    let mut content = small_tested_change("t33");
    content.affected_cis = cis(&["t3"]);
    let assessment = assess_new(&content, &one_of_each_tier());
    let sentence = &assessment.missing[0].sentence;
    assert!(sentence.contains("`t33`; counted as Tier 1; did you mean `t3`?"), "{sentence}");
    assert_eq!(facts(&assessment), ["service"], "a configuration item with a service's name is that service");
}

#[test]
fn impact_is_the_most_critical_of_changed_dependent_and_declared() {
    let cmdb = landscape(&[
        service("db", 3, &[]),
        service("queue", 3, &[]),
        service("shop", 1, &["hard db"]),
        service("mail", 0, &["soft queue"]),
    ]);
    let impact = |service: &str, declared: Option<Magnitude>| {
        let content = Content { impact: declared, ..small_tested_change(service) };
        assess_new(&content, &cmdb).factors.impact.value.get()
    };
    assert_eq!(impact("queue", None), 25, "soft dependents keep working");
    assert_eq!(impact("db", None), 75, "shop fails with it");
    assert_eq!(impact("queue", Some(Magnitude::High)), 75);
    assert_eq!(impact("db", Some(Magnitude::Low)), 75, "a declaration never lowers");
    assert_eq!(impact("mail", Some(Magnitude::Low)), 100);
    assert_eq!(impact("nowhere", None), 75);
}

#[test]
fn complexity_adds_churn_breadth_settings_and_schema() {
    let cmdb = one_of_each_tier();
    let complexity = |edit: &dyn Fn(&mut Content)| {
        let mut content = small_tested_change("t3");
        edit(&mut content);
        assess_new(&content, &cmdb).factors.complexity.value.get()
    };
    assert_eq!(complexity(&|content| content.evidence.churn = Some(churn(0))), 10);
    assert_eq!(complexity(&|_| ()), 26);
    assert_eq!(complexity(&|content| content.evidence.churn = None), 10 + 27, "500 lines");
    assert_eq!(complexity(&|content| content.evidence.churn = Some(churn(10_000))), 50);
    assert_eq!(complexity(&|content| content.evidence.churn = Some(churn(u64::MAX))), 50);
    assert_eq!(complexity(&|content| content.evidence.configuration_change = Some(true)), 36);
    assert_eq!(complexity(&|content| content.evidence.schema_change = Some(true)), 46);
    assert_eq!(complexity(&|content| content.affected_cis = cis(&["a", "b", "c"])), 32, "four things");
    let hundred: Vec<_> = (0..200).map(|i| format!("ci-{i}")).collect();
    let hundred: Vec<_> = hundred.iter().map(String::as_str).collect();
    assert_eq!(complexity(&|content| content.affected_cis = cis(&hundred)), 46);
    assert_eq!(
        complexity(&|content| {
            content.evidence.churn = Some(churn(20_000));
            content.evidence.configuration_change = Some(true);
            content.evidence.schema_change = Some(true);
            content.affected_cis = cis(&hundred);
        }),
        100
    );
}

#[test]
fn testing_counts_half_unless_tests_are_known_to_have_passed() {
    let testing = |tests: Option<(u64, u64)>, basis_points: i64| {
        let mut content = small_tested_change("t3");
        content.evidence.coverage = Some(coverage(basis_points));
        content.evidence.tests = tests.map(|(passed, failed)| TestResults { passed, failed, skipped: 0 });
        assess_new(&content, &one_of_each_tier()).factors.testing_coverage.value.get()
    };
    assert_eq!(testing(Some((10, 0)), 9_500), 95);
    assert_eq!(testing(Some((10, 0)), 10_000), 100);
    assert_eq!(testing(Some((10, 0)), 99), 0);
    assert_eq!(testing(Some((10, 1)), 9_500), 47);
    assert_eq!(testing(Some((0, 0)), 9_500), 47, "no test ran");
    assert_eq!(testing(None, 9_500), 47);
}

#[test]
fn automation_counts_only_what_needs_no_hands() {
    let automation = |edit: &dyn Fn(&mut Content)| {
        let mut content = small_tested_change("t3");
        edit(&mut content);
        assess_new(&content, &one_of_each_tier()).factors.automation_level.value.get()
    };
    let undone = || step("deploy", run_kind(), Some(run_kind()));
    assert_eq!(automation(&|_| ()), 100);
    assert_eq!(automation(&|content| content.plan = None), 60);
    assert_eq!(automation(&|content| content.plan = Some(plan(vec![step("go", manual_kind(), None)]))), 60);
    assert_eq!(automation(&|content| content.rollback_plan = None), 60);
    assert_eq!(
        automation(&|content| content.rollback_plan = Some(rollback_plan(false, vec![run("back")]))),
        60
    );
    assert_eq!(automation(&|content| content.rollback_plan = Some(rollback_plan(true, vec![]))), 60);
    assert_eq!(
        automation(&|content| {
            content.rollback_plan = Some(rollback_plan(true, vec![step("back", manual_kind(), None)]));
        }),
        60
    );
    assert_eq!(
        automation(&|content| {
            content.rollback_plan = None;
            content.plan = Some(plan(vec![undone(), step("rest", run_kind(), None)]));
        }),
        60,
        "one step without an undo"
    );
    assert_eq!(
        automation(&|content| {
            content.rollback_plan = None;
            content.plan = Some(plan(vec![undone()]));
        }),
        100
    );
    assert_eq!(
        automation(&|content| {
            content.plan = Some(plan(vec![step("deploy", run_kind(), Some(manual_kind()))]));
        }),
        60,
        "a rollback begins with the steps' undos, and this one needs a person"
    );
    assert_eq!(automation(&|content| content.monitors.clear()), 80);
    assert_eq!(automation(&|content| *content = empty(ChangeType::Normal, Category::Other)), 0);
}

#[test]
fn blast_radius_by_what_is_changed_and_what_depends_on_it() {
    use BlastClass::{Component, MultiService, SingleService, SystemWide};
    let cmdb = landscape(&[
        service("auth", 0, &[]),
        service("billing", 0, &[]),
        service("db", 2, &[]),
        service("api", 2, &["hard db"]),
        service("search", 2, &["soft api"]),
        service("cache", 2, &[]),
        service("tools", 3, &[]),
        service("vault", 2, &[]),
        service("login", 0, &["hard vault"]),
        service("a", 2, &[]),
        service("b", 2, &[]),
        service("c", 2, &[]),
    ]);
    let class = |names: &[&str], lines: Option<u64>| {
        let mut content = Content { affected_services: services(names), ..small_tested_change("db") };
        content.evidence.churn = lines.map(churn);
        assess_new(&content, &cmdb).blast_radius.class
    };
    let small = Some(40);
    assert_eq!(class(&["api"], small), Component, "a soft dependent does not count");
    assert_eq!(class(&["api"], Some(499)), Component);
    assert_eq!(class(&["api"], Some(500)), SingleService, "no longer a part");
    assert_eq!(class(&["api"], None), SingleService, "unknown churn is not a part");
    assert_eq!(class(&["tools"], Some(100_000)), Component, "a Tier 3 service as a whole");
    assert_eq!(class(&["nowhere"], small), SingleService);
    assert_eq!(class(&[], small), SingleService);
    assert_eq!(class(&["db"], small), MultiService, "api depends on it");
    assert_eq!(class(&["cache", "tools"], small), MultiService);
    assert_eq!(class(&["auth", "billing"], small), MultiService, "one tier only");
    assert_eq!(class(&["auth", "cache"], small), SystemWide);
    assert_eq!(class(&["auth", "nowhere"], small), SystemWide, "what is unknown counts as Tier 1");
    assert_eq!(class(&["vault"], small), SystemWide, "login, which is Tier 0, would fail with it");
    assert_eq!(class(&["a", "b"], small), MultiService);
    assert_eq!(class(&["a", "b", "c"], small), SystemWide, "3 of 12 are a quarter");
}

#[test]
fn dependents_are_explained_by_their_paths() {
    let cmdb = landscape(&[
        service("db", 2, &[]),
        service("api", 3, &["hard db"]),
        service("portal", 1, &["hard api"]),
        service("x1", 3, &[]),
        service("x2", 3, &[]),
    ]);
    let blast = assess_new(&small_tested_change("db"), &cmdb).blast_radius;
    assert_eq!((blast.changed_count, blast.dependents_count, blast.share.get()), (1, 2, 6_000));
    let reached: Vec<_> = blast.reached.iter().map(|r| (r.item.as_str(), r.hops)).collect();
    assert_eq!(reached, [("portal", 2), ("api", 1)], "the most critical first");
    let path: Vec<_> = blast.reached[0].path.iter().map(|hop| hop.item.as_str()).collect();
    assert_eq!((blast.reached[0].from.as_str(), path), ("db", vec!["api", "portal"]));
}

#[test]
fn a_large_landscape_leaves_a_bounded_assessment() {
    let chain = 2_000;
    let entry = |i: usize| match i {
        0 => service("s0", 3, &[]),
        i => service(&format!("s{i}"), 3, &[&format!("hard s{}", i - 1)]),
    };
    let cmdb = landscape(&(0..chain).map(entry).collect::<Vec<_>>());
    let mut content = small_tested_change("s0");
    let unknown: Vec<_> = (0..10_000).map(|i| format!("s-{i}")).collect();
    content.affected_services.extend(unknown.iter().map(|text| name(text)));
    let assessment = assess_new(&content, &cmdb);
    assert_eq!(assessment.blast_radius.dependents_count, 1_999);
    assert_eq!(assessment.blast_radius.reached.len(), REACHED_LISTED_MAX);
    let longest = assessment.blast_radius.reached.last().unwrap();
    assert_eq!((longest.hops, longest.path.len()), (50, PATH_LISTED_MAX));
    assert_eq!(assessment.missing[0].names.len(), 20);
    assert!(
        assessment.missing[0].sentence.contains("10000 services")
            && assessment.missing[0].sentence.contains("9980 more")
    );
    assert!(serde_json::to_vec(&assessment).unwrap().len() < 64 * 1024);
}

#[test]
fn findings_name_what_the_level_demands() {
    use FindingRule::{
        PlanMissing, RollbackPlanMissing, StandardModelMissing, TestEvidenceMissing, TestsNotPassed,
    };
    let cmdb = one_of_each_tier();
    let found = |service: &str, edit: &dyn Fn(&mut Content)| {
        let mut content = small_tested_change(service);
        edit(&mut content);
        let assessment = assess_new(&content, &cmdb);
        (assessment.level, rules(&assessment))
    };
    assert_eq!(found("t3", &|content| content.plan = None), (Level::Low, vec![PlanMissing]));
    assert_eq!(found("t3", &|content| content.rollback_plan = None), (Level::Low, vec![]));
    assert_eq!(
        found("t0", &|content| content.rollback_plan = None),
        (Level::Medium, vec![RollbackPlanMissing])
    );
    let undone = || plan(vec![step("deploy", run_kind(), Some(manual_kind()))]);
    assert_eq!(
        found("t0", &|content| {
            content.rollback_plan = None;
            content.plan = Some(undone());
        }),
        (Level::Medium, vec![]),
        "a way back by hand is a way back"
    );
    assert_eq!(
        found("t3", &|content| content.evidence.tests = None),
        (Level::Medium, vec![TestEvidenceMissing])
    );
    let failed = TestResults { passed: 9, failed: 1, skipped: 0 };
    assert_eq!(
        found("t3", &|content| content.evidence.tests = Some(failed)),
        (Level::Low, vec![TestsNotPassed])
    );
    assert_eq!(
        found("t3", &|content| content.change_type = ChangeType::Standard),
        (Level::Low, vec![StandardModelMissing])
    );
}

#[test]
fn a_standard_change_is_one_only_under_a_model() {
    let content = Content {
        affected_services: services(&["t2"]),
        ..empty(ChangeType::Standard, Category::Infrastructure)
    };
    let (cmdb, history) = (one_of_each_tier(), History::default());
    let assess = |covered_by_model| {
        assess(&AssessmentFacts {
            content: &content,
            cmdb: &cmdb,
            history: &history,
            prediction: None,
            similar: &[],
            circumstances: &domain::risk::Circumstances::default(),
            covered_by_model,
        })
    };
    let (covered, uncovered) = (assess(true), assess(false));
    assert_eq!(covered.routed_as, ChangeType::Standard);
    assert_eq!(covered.factors.probability.value.get(), 7);
    assert_eq!(covered.findings, [], "the model vouches for it");
    assert_eq!(covered.testing, TestingRequirement::NotApplicable);
    assert_eq!(covered.rollback, RollbackRequirement::NotApplicable);
    assert_eq!(uncovered.routed_as, ChangeType::Normal);
    assert_eq!(uncovered.factors.probability.value.get(), 17, "calling it standard does not make it safer");
    assert_eq!(
        rules(&uncovered),
        [
            FindingRule::StandardModelMissing,
            FindingRule::PlanMissing,
            FindingRule::RollbackPlanMissing,
            FindingRule::TestEvidenceMissing
        ]
    );
}
