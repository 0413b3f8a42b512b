//! Commands that work on files and folders without a server.

use serde_json::Value;

use crate::program::Place;
use crate::world::World;

#[test]
fn init_writes_into_the_root_and_overwrites_nothing() {
    let place = Place::new();
    place.git(&["init", "--quiet"]);
    place.run(&["init"]).ended_with(0);
    assert!(place.read(".cortex-change.yaml").contains("implementation_plan:"));
    place.write(".cortex-change.yaml", "environment: mine\n");
    place.run(&["init"]).ended_with(1).said(&["is there already", "`--force`"]);
    assert_eq!(place.read(".cortex-change.yaml"), "environment: mine\n");
    place.run(&["init", "--force"]).ended_with(0);
    assert!(place.read(".cortex-change.yaml").contains("implementation_plan:"));
}

#[test]
fn settings_come_from_the_file_and_what_was_typed() {
    let place = Place::new();
    place.write("cortex-change.toml", "log_name = \"shop\"\n[limits]\nrequest_seconds = 7\n");
    let shown = place.run(&["config", "show", "--data", "elsewhere"]).ended_with(0).stdout;
    assert!(shown.contains("log_name = \"shop\"") && shown.contains("request_seconds = 7"), "{shown}");
    assert!(shown.contains("elsewhere"), "{shown}");
    place.write("cortex-change.toml", "log_nam = \"shop\"\n");
    place.run(&["config", "show"]).ended_with(1).said(&["log_nam", "line 1", "`cortex-change config show`"]);
}

#[test]
fn a_database_password_is_not_shown() {
    let place = Place::new().variable("CORTEX_CHANGE_DATABASE_URL", "postgresql://change:hunter2@db/change");
    for form in ["text", "json"] {
        let shown = place.run(&["config", "show", "--output", form]).ended_with(0).stdout;
        assert!(!shown.contains("hunter2") && shown.contains("not shown"), "{shown}");
    }
}

#[test]
fn a_database_is_neither_restored_nor_rebuilt_without_its_key() {
    let place = Place::new();
    for command in [&["restore", "x.backup"][..], &["rebuild"]] {
        let arguments = [command, &["--data", "data"]].concat();
        place.run(&arguments).ended_with(1).said(&["there is no signing key", "signing-key"]);
    }
    place.run(&["backup", "x.backup", "--data", "data"]).ended_with(1);
    assert!(!place.path().join("data").exists(), "nothing is made where nothing was");
}

#[test]
fn an_evidence_bundle_that_is_none_is_refused() {
    let place = Place::new();
    place.write("bundle.json", "{}");
    let key = "cortex-change+6b2b1a61+AQ==";
    place
        .run(&["audit", "verify", "--offline", "bundle.json", "--key", key])
        .ended_with(2)
        .said(&["verifier key"]);
}

#[test]
fn what_was_backed_up_restored_and_rebuilt_is_told_to_programs_too() -> anyhow::Result<()> {
    let world = World::start(None)?;
    world.declare(&[("cart", 1)])?;
    let of = |folder: &str, arguments: &[&str]| -> anyhow::Result<Value> {
        let arguments = [arguments, &["--data", folder, "--output", "json"]].concat();
        Ok(serde_json::from_str(&world.admin(&arguments)?)?)
    };
    let written = of("server", &["backup", "all.backup"])?;
    std::fs::create_dir(world.folder().join("second"))?;
    let key = std::path::Path::new("signing-key");
    std::fs::copy(world.folder().join("server").join(key), world.folder().join("second").join(key))?;
    let restored = of("second", &["restore", "all.backup"])?;
    for name in ["entries", "root", "rows"] {
        assert_eq!(written[name], restored[name], "{name}");
    }
    assert!(written["entries"].as_u64() > Some(0), "{written}");
    assert_eq!(of("second", &["rebuild", "--check"])?["differences"], 0);
    assert_eq!(of("second", &["rebuild"])?["events"], written["entries"]);
    Ok(())
}
