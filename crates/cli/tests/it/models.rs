//! Models from the command line: history is imported through a mapping, a model learns from it, and a person pins one.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::program::Place;
use crate::world::World;

/// Past changes of the table, five a day.
const CHANGES: u32 = 2_500;
const MAPPING: &str = "delimiter = \";\"\n\
    [columns]\n\
    id = \"Nr\"\n\
    title = \"What\"\n\
    services = \"Apps\"\n\
    requester = \"Who\"\n\
    submitted_at = \"Asked\"\n\
    closed_at = \"Done\"\n\
    outcome = \"Result\"\n\
    [always]\n\
    category = \"deployment\"\n\
    [words.outcome]\n\
    \"i.O.\" = \"successful\"\n\
    \"n.i.O.\" = \"failed\"\n\
    [times]\n\
    form = \"%d.%m.%Y %H:%M\"\n\
    zone = \"Europe/Vienna\"\n\
    outcome_known_after = \"1d\"\n";

/// Of `cart` a third failed, of `mail` one in fifty.
fn table() -> String {
    let lines = (0..CHANGES).map(|number| {
        let chance = (u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 100;
        let (service, failing) = if number.is_multiple_of(2) { ("cart", 33) } else { ("mail", 2) };
        let result = if chance < failing { "n.i.O." } else { "i.O." };
        let day = jiff::civil::date(2024, 1, 1) + jiff::Span::new().days(number / 5);
        let hour = 8 + number % 5;
        let asked = format!("{} {hour:02}:00", day.strftime("%d.%m.%Y"));
        let done = format!("{} {hour:02}:40", day.strftime("%d.%m.%Y"));
        format!("C{number};Roll out {service};{service};person {};{asked};{done};{result}\n", number % 7)
    });
    ["Nr;What;Apps;Who;Asked;Done;Result\n".to_owned()].into_iter().chain(lines).collect()
}

fn json(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}

#[test]
fn a_mapped_table_teaches_a_model_that_a_person_pins_and_releases() -> Result<()> {
    let world = World::start(None)?;
    std::fs::write(world.folder().join("past.csv"), table())?;
    std::fs::write(world.folder().join("past.toml"), MAPPING)?;
    world.run_as_admin(&["risk", "train"])?.ended_with(1).said(&["nothing can be learned yet"]);
    world.run_as_admin(&["risk", "pin", "1"])?.ended_with(1).said(&["there is no model `1`"]);
    let import =
        ["history", "import", "past.csv", "--format", "csv", "--mapping", "past.toml", "--source", "old"];
    let imported = format!("old: {CHANGES} new, 0 changed, 0 unchanged");
    world.run_as_admin(&import)?.ended_with(0).said(&[&imported]);

    let trained = world.admin(&["risk", "train"])?;
    let models = json(&world.admin(&["risk", "models", "--output", "json"])?)?;
    let model = &models["items"][0];
    assert_eq!(
        (&model["version"], &models["asked"], &models["pinned"]),
        (&1.into(), &1.into(), &false.into())
    );
    assert!(model["later"]["auc"].as_f64() > Some(0.6), "{model}");
    let data = model["data"].as_str().context("a digest of the rows")?;
    assert_eq!(data.len(), 64, "SHA-256: {data}");
    for expected in ["VERDICT", data.get(..12).context("digits")?, "model 1 is asked; 2500 past changes"] {
        assert!(trained.contains(expected), "{expected} is not in\n{trained}");
    }

    let pinned = world.admin(&["risk", "pin", "1"])?;
    assert!(pinned.contains("model 1 is asked, as a person chose"), "{pinned}");
    let released = world.admin(&["risk", "pin", "--none"])?;
    assert!(released.contains("no model is asked"), "{released}");
    assert_eq!(json(&world.admin(&["risk", "models", "--output", "json"])?)?["asked"], Value::Null);
    Ok(())
}

#[test]
fn a_pin_names_one_version_or_none() {
    let place = Place::new().variable("CORTEX_CHANGE_TOKEN", "cct_x");
    place.run(&["risk", "pin"]).ended_with(2).said(&["<VERSION|--none>"]);
    place.run(&["risk", "pin", "1", "--none"]).ended_with(2).said(&["cannot be used with"]);
    place.run(&["risk", "pin", "newest"]).ended_with(2).said(&["invalid value 'newest'"]);
}
