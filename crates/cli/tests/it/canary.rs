//! Canaries judged from files.

use serde_json::Value;

use crate::program::Place;

/// Sixty samples of both arms, of which the canary fails so many requests of fifty in every second.
fn table(errors: u32, seconds: u32) -> String {
    let rows = (0..seconds).map(|t| format!("{t},50,{},50,{errors}\n", u32::from(t % 4 == 0)));
    format!("t,n_base,err_base,n_can,err_can\n{}", rows.collect::<String>())
}

#[test]
fn a_bad_canary_fails_and_is_explained_in_words_a_picture_and_json() {
    let place = Place::new();
    place.write("bad.csv", &table(5, 60));
    let told = place.run(&["canary", "judge", "bad.csv"]).ended_with(8).stdout;
    for expected in ["the canary is worse", "Evidence over time", "█", "95 %", "errors", "wander"] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
    let json = place.run(&["canary", "judge", "bad.csv", "--output", "json"]).ended_with(8).stdout;
    let verdict: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(verdict["verdict"], "fail");
    assert!(verdict["at_seconds"].as_f64().unwrap() <= 20.0, "{verdict}");
    assert!(verdict["findings"][0]["odds_ratio"]["low"].as_f64().unwrap() > 1.2, "{verdict}");
    assert!(!verdict["evidence_over_time"].as_array().unwrap().is_empty());
    let again = place.run(&["canary", "judge", "bad.csv", "--output", "json"]).ended_with(8).stdout;
    assert_eq!(json, again);
}

#[test]
fn a_good_canary_passes_and_a_silent_one_has_no_data() {
    let place = Place::new();
    let rows = (0..900).map(|t| format!("{t},50,{},50,{}\n", u32::from(t % 4 == 0), u32::from(t % 4 == 2)));
    place.write("good.csv", &format!("t,n_base,err_base,n_can,err_can\n{}", rows.collect::<String>()));
    let told = place.run(&["canary", "judge", "good.csv"]).ended_with(0).stdout;
    assert!(told.contains("pass") && told.contains("ruled out"), "{told}");
    let calibrated = place.run(&["canary", "calibrate", "good.csv"]).ended_with(9).stdout;
    assert!(calibrated.contains("not armed") && calibrated.contains("at least 1800 s"), "{calibrated}");
    place.run(&["canary", "judge", "good.csv", "--history", "good.csv"]).ended_with(0);

    place.write("silent.csv", "t,n_base,err_base,n_can,err_can\n0,50,0,0,0\n10,50,0,NaN,\n60,50,0,0,0\n");
    let told = place.run(&["canary", "judge", "silent.csv"]).ended_with(9).stdout;
    assert!(told.contains("no data") && told.contains("no traffic"), "{told}");
}

#[test]
fn rubbish_is_told_with_its_place_and_a_setting_without_sense_is_refused() {
    let place = Place::new();
    place.write("rubbish.csv", "t,n_base,err_base,n_can,err_can\n0,50,0,50,0\n1,50,0,5o,0\n");
    let ran = place.run(&["canary", "judge", "rubbish.csv"]).ended_with(1);
    assert!(ran.stderr.contains("line 3, column 4 (`n_can`): `5o` is no count"), "{}", ran.stderr);
    place.write("bad.csv", &table(5, 60));
    let ran = place.run(&["canary", "judge", "bad.csv", "--budget", "2"]).ended_with(2);
    assert!(ran.stderr.contains("`budget` is 2"), "{}", ran.stderr);
}

#[test]
fn the_evaluation_is_written_into_a_page_and_is_the_same_each_time() {
    let place = Place::new();
    place.write("page.md", "Before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nAfter\n");
    let arguments = [
        "canary",
        "evaluate",
        "--hours",
        "1",
        "--regressions",
        "1",
        "--only",
        "pp at 50",
        "--write",
        "page.md",
    ];
    let first = place.run(&arguments).ended_with(0).stdout;
    let page = place.read("page.md");
    for told in
        ["Before\n", "## False rollbacks", "## Seconds to detect", "| +5 pp at 50 rps | ", "\nAfter\n"]
    {
        assert!(page.contains(told), "{told} is not in\n{page}");
    }
    assert!(!page.contains("old\n") && page.contains(first.trim()), "{page}");
}
