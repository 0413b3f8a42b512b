//! Which changes are near what is in trouble.

use domain::canonical::Digest;
use domain::change::ChangeEvent;
use domain::incident::suspects::{Candidate, Course, Trouble, rank};

use super::fixture::{ci, cmdb, day};

#[test]
fn of_several_ways_as_short_the_hard_one_counts() {
    let started = ChangeEvent::ImplementationStarted {
        digest: Digest::of_bytes(&[]),
        fencing_token: 1,
        auto_rollback: true,
        holds: false,
    };
    // One way to the database is soft, the other one hard; so is what lies behind it, whichever comes first.
    for (soft, hard) in [("a", "b"), ("b", "a")] {
        let cmdb = cmdb(&[
            "disk:",
            "db: runs_on hard disk",
            "a: uses hard db",
            "b: uses hard db",
            &format!("shop: uses soft {soft}, uses hard {hard}"),
        ]);
        let trouble = Trouble { items: [ci("shop")].into(), at: day(9) };
        let near = |item: &str| {
            let change = "CHG-2026-000001".parse().unwrap();
            let course = Course::of([(day(9), &started)]);
            let changed = Candidate { change, items: [ci(item)].into(), risk: None, course };
            let suspects = rank(&trouble, &[changed], &cmdb);
            suspects[0].reasons.iter().find(|(_, why)| why.contains("leans on")).unwrap().clone()
        };
        assert_eq!(near("db"), (22, "`shop` leans on `db`, which it changed, over 2 relations".to_owned()));
        assert_eq!(
            near("disk"),
            (16, "`shop` leans on `disk`, which it changed, over 3 relations".to_owned())
        );
        let (points, why) = near(soft);
        assert!(points == 15 && why.ends_with("not all of them hard"), "{why}");
    }
}
