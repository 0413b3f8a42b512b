//! What the server is told before the first change: a small CMDB and an example past, from which a model learns.

use api::cmdb::Ci;
use api::history::HistorySummary;
use api::learning::Models;

use super::commands::{Person, read, run};
use super::narrator::Narrator;
use super::past;
use super::stage::Stage;
use crate::clock;
use crate::failure::Failure;

/// Under which name the items are imported.
const CMDB_SOURCE: &str = "example-cmdb";
const CMDB_FILE: &str = "cmdb.yaml";
const PAST_FILE: &str = "example-past.jsonl";

/// Brings everything in, as an administrator does it.
pub(super) async fn bring_in(stage: &Stage, narrator: &Narrator<'_>) -> Result<(), Failure> {
    narrator.chapter("What the server is told first: a CMDB and a past")?;
    cmdb(stage, narrator).await?;
    history(&stage.administrator, narrator).await?;
    model(&stage.administrator, narrator).await
}

async fn cmdb(stage: &Stage, narrator: &Narrator<'_>) -> Result<(), Failure> {
    let administrator = &stage.administrator;
    write(administrator, CMDB_FILE, &items(&stage.service_url))?;
    let import = ["cmdb", "import", CMDB_FILE, "--from", "yaml", "--source", CMDB_SOURCE];
    let imported = run(administrator, narrator, &import).await?;
    let greeter: Ci = read(administrator, &["cmdb", "show", "greeter", "--output", "json"]).await?;
    let tier = greeter.tier.as_ref().map(|fact| fact.value);
    let runs_on: Vec<_> = greeter.relations.items.iter().map(|link| link.id.as_str()).collect();
    let leans: Vec<_> = greeter.dependents.items.iter().map(|link| link.id.as_str()).collect();
    narrator.check(
        "the CMDB knows the greeter: Tier 1, runs on demo-host, and storefront depends on it",
        imported.succeeded() && tier == Some(1) && runs_on == ["demo-host"] && leans == ["storefront"],
        &format!("{greeter:?}"),
    )
}

async fn history(administrator: &Person, narrator: &Narrator<'_>) -> Result<(), Failure> {
    narrator.say(
        "  There is no past here, so the demo makes one up, and every change of it is called an example:",
    )?;
    write(administrator, PAST_FILE, &past::json_lines(clock::now())?)?;
    let import = ["history", "import", PAST_FILE, "--format", "jsonl", "--source", past::SOURCE];
    run(administrator, narrator, &import).await?;
    let known: HistorySummary = read(administrator, &["history", "show", "--output", "json"]).await?;
    let changes: u64 = known.sources.iter().map(|source| source.changes).sum();
    let successful: u64 = known.sources.iter().filter_map(|source| source.outcomes.get("successful")).sum();
    let claim = format!("{changes} example changes are known, and {} of them failed", changes - successful);
    let all = changes == u64::from(past::CHANGES) && successful < changes;
    narrator.check(&claim, all, &format!("{known:?}"))
}

async fn model(administrator: &Person, narrator: &Narrator<'_>) -> Result<(), Failure> {
    let trained = run(administrator, narrator, &["risk", "train"]).await?;
    narrator.check("a model learns from them", trained.succeeded(), &trained.seen())?;
    let models: Models = read(administrator, &["risk", "models", "--output", "json"]).await?;
    narrator.check(
        "it predicts later ones better than their base rate does, so it is asked from now on",
        models.asked == Some(1)
            && models.items.iter().all(|model| model.later.brier < model.later.brier_of_base_rate),
        &format!("{models:?}"),
    )
}

fn write(person: &Person, name: &str, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("`{name}` cannot be written")).caused_by(&error);
    std::fs::write(person.folder().join(name), text).map_err(failed)
}

/// The service, what it runs on, and what depends on it.
fn items(service_url: &str) -> String {
    format!(
        "version: 1
items:
  - id: greeter
    type: service
    tier: 1
    owner: alice
    environment: production
    attributes:
      address: {service_url}
    relations:
      - type: runs_on
        to: demo-host
        because: it listens on this machine
  - id: storefront
    type: service
    tier: 1
    owner: shop-team
    environment: production
    compliance: [PCI]
    relations:
      - type: depends_on
        to: greeter
        because: every page begins with its greeting
  - id: demo-host
    type: host
    owner: platform-team
    environment: production
"
    )
}
