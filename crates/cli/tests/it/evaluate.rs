//! `risk evaluate` on the first rows of a real table.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::program::Place;

/// Rows taken, of one project: enough to learn from, few enough for a program that is not optimised.
const ROWS: usize = 3_000;

/// The table's header and first rows; nothing where the data are not there.
fn excerpt() -> Option<String> {
    let file = "../../../shared/data/history/changes/commits-six-projects.csv.gz";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let Ok(packed) = std::fs::File::open(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    let lines = BufReader::new(MultiGzDecoder::new(packed)).lines().take(ROWS + 1);
    Some(lines.map(|line| line.unwrap() + "\n").collect())
}

#[test]
fn a_real_table_is_evaluated_and_written_into_a_page() {
    let Some(excerpt) = excerpt() else { return };
    let place = Place::new();
    place.write("commits.csv", &excerpt);
    place.write("page.md", "Before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nAfter\n");
    let arguments = ["risk", "evaluate", "commits.csv", "--write", "page.md", "--output", "json"];
    let ran = place.run(&arguments).ended_with(0);
    let evaluated: Value = serde_json::from_str(&ran.stdout).unwrap();
    let evaluated = &evaluated[0];
    assert_eq!((&evaluated["name"], &evaluated["rows"]), (&"commits-six-projects".into(), &ROWS.into()));
    let rows: Vec<u64> = (0..3).map(|slice| evaluated["slices"][slice]["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows, [2_100, 300, 600]);
    let models = evaluated["models"].as_array().unwrap();
    let auc = |name: &str| {
        let judged = models.iter().find(|judged| judged["model"] == name);
        judged.unwrap_or_else(|| panic!("no {name} in {models:?}"))["auc"]["value"].as_f64().unwrap()
    };
    assert_eq!(auc("base rate"), 0.5);
    // On the whole table the model reaches 0.81.
    assert!(auc("final model") > 0.65 && auc("final model") < 0.95, "{}", auc("final model"));
    let page = place.read("page.md");
    let told = [
        "Before\n",
        "\nAfter\n",
        "## commits-six-projects",
        "Aims of the final model: AUC",
        "| **final model** |",
    ];
    assert!(told.iter().all(|told| page.contains(told)) && !page.contains("old\n"), "{page}");
}
