//! Help is a promise: every word of it is reviewed.

use crate::program::Place;

/// Every command below `path`, as the help of `path` lists them.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    listed.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// What every command repeats is reviewed once.
fn without_common_options(help: &str) -> String {
    let (own, common) = help.split_once("Options of every command:\n").unwrap();
    let after = common.split_once("\n\n").map_or("", |(_, after)| after);
    format!("{own}{after}")
}

fn collect(place: &Place, path: &[String], text: &mut String) {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let mut help = place.run(&arguments).ended_with(0).stdout;
    if !path.is_empty() {
        help = without_common_options(&help);
    }
    text.push_str(&format!("$ cortex-change {}\n{help}\n", arguments.join(" ")));
    for command in commands(&help) {
        let path = [path, &[command]].concat();
        collect(place, &path, text);
    }
}

#[test]
fn help_of_every_command() {
    let mut text = String::new();
    collect(&Place::new(), &[], &mut text);
    for expected in ["audit prove --help", "implement --help", "validate --help"] {
        assert!(text.contains(expected), "{expected} is not reached");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn completions_know_every_command() {
    let help = Place::new().run(&["--help"]).ended_with(0).stdout;
    for shell in ["bash", "zsh", "fish"] {
        let script = Place::new().run(&["completions", shell]).ended_with(0).stdout;
        for command in commands(&help) {
            assert!(script.contains(&command), "{shell} does not complete {command}");
        }
    }
}
