//! `demo --canary`: three versions of a service meet real traffic through a real weighted proxy, a growing share of it, and are judged
//! by their metrics. One fails, one is slow for few, one is good.

mod equal;
mod http;
mod load;
mod prometheus;
mod proxy;
mod recorder;
mod shop;
mod surroundings;

use std::time::Duration;

use api::audit::TrailEntry;
use api::change::Change;
use jiff::Timestamp;

use self::load::{RATE, Seen};
use self::surroundings::Surroundings;
use super::Plan;
use super::commands::{read, run};
use super::narrator::Narrator;
use crate::failure::Failure;

/// Exit statuses that the story expects: the documented ones.
const DONE: i32 = 0;
const ROLLED_BACK: i32 = 5;
/// The first share of the traffic.
const FIRST_WEIGHT: &str = "25%";
/// Most requests of a withdrawn version's time that may have been harmed, in percent. With a quarter of the traffic, and a third of that
/// failing, it would be eight if nobody ever looked.
const HARMED_PERCENT_MAX: f64 = 8.0;
/// How long the first share is watched at most, in seconds.
const BAKE_SECONDS: u32 = 95;
/// Where the record of equal versions lies.
const EQUAL: &str = "equal.csv";
/// Time in which a settled proxy sends what it should.
const SETTLED: Duration = Duration::from_secs(1);

/// A version to roll out.
struct Version {
    name: &'static str,
    /// The version before it.
    before: &'static str,
    /// Share of its requests that fail, in percent.
    failing: u64,
    /// Share of its requests that are slow, in percent.
    slow: u64,
}

const FIRST: Version = Version { name: "1.0", before: "1.0", failing: 0, slow: 0 };
const BAD: Version = Version { name: "1.1", before: "1.0", failing: 30, slow: 0 };
const SLOW: Version = Version { name: "1.2", before: "1.0", failing: 0, slow: 10 };
const GOOD: Version = Version { name: "2.0", before: "1.0", failing: 0, slow: 0 };

/// Tells the story from its beginning to its end.
pub(super) async fn play(plan: &Plan, narrator: &Narrator<'_>) -> Result<(), Failure> {
    narrator.chapter("Setting up")?;
    let stage = Surroundings::set(plan, narrator, [&FIRST, &BAD, &SLOW, &GOOD]).await?;
    let told = tell(&stage, narrator).await;
    let struck = stage.strike().await;
    told?;
    struck?;
    narrator.summary()
}

async fn tell(stage: &Surroundings, narrator: &Narrator<'_>) -> Result<(), Failure> {
    narrator.chapter("How far equal versions differ")?;
    calibrate(stage, narrator).await?;
    narrator.chapter("A bad version: 1.1 fails three requests in ten")?;
    let (change, seen) = roll_out(stage, narrator, &BAD, ROLLED_BACK).await?;
    withdrawn(stage, narrator, &change, seen, "failed requests").await?;
    narrator.chapter("A version that is slow for few: 1.2 keeps one request in ten waiting")?;
    narrator.say("  No request fails, and half of them are answered as fast as ever.")?;
    let (change, seen) = roll_out(stage, narrator, &SLOW, ROLLED_BACK).await?;
    withdrawn(stage, narrator, &change, seen, "percentile").await?;
    narrator.chapter("A good version: 2.0 goes to everybody")?;
    let (change, seen) = roll_out(stage, narrator, &GOOD, DONE).await?;
    everywhere(stage, narrator, &change, seen).await
}

/// Has the judge tried on a record of equal versions: only then may it take a version back by itself.
async fn calibrate(stage: &Surroundings, narrator: &Narrator<'_>) -> Result<(), Failure> {
    stage.write(EQUAL, &equal::record())?;
    narrator.say("  The record of two equal versions is made up: nobody waits three hours for a demo.")?;
    let horizon = format!("{BAKE_SECONDS}s");
    let how = ["--horizon", &horizon, "--restart", "10s", "--budget", "10%", "--service", "shop"];
    let arguments = [["canary", "calibrate", EQUAL].as_slice(), &how].concat();
    let ran = run(&stage.lead, narrator, &arguments).await?;
    narrator.check("the judge may take versions of `shop` back by itself", ran.status == DONE, &ran.seen())
}

/// Asks for a version, has it approved and implemented under traffic.
async fn roll_out(
    stage: &Surroundings,
    narrator: &Narrator<'_>,
    version: &Version,
    expected: i32,
) -> Result<(Change, Seen), Failure> {
    let plan = stage.write(&format!("plan-{}.yaml", version.name), &plan_text(stage, version))?;
    let title = format!("Deploy shop {}", version.name);
    let of = ["create", "--type", "normal", "--category", "deployment", "--service", "shop"];
    let arguments =
        [of.as_slice(), &["--title", &title, "--plan", &plan, "--test-results", surroundings::TESTS]]
            .concat();
    let created = run(&stage.alice, narrator, &arguments).await?;
    let id = created.stdout.trim().to_owned();
    narrator.check("alice's request has an id", id.starts_with("CHG-"), &created.seen())?;
    stage.approve(&id).await?;
    narrator.say("  It is approved: every weight, bake and undo is part of what was approved.")?;
    let before = stage.load.seen();
    let ran = run(&stage.alice, narrator, &["implement", &id, "--monitor", "--auto-rollback"]).await?;
    let seen = stage.load.seen().since(before);
    let change: Change = read(&stage.alice, &["show", &id, "--output", "json"]).await?;
    let ended = if expected == DONE { "it goes all the way" } else { "it is taken back without a person" };
    narrator.check(&format!("{ended} (status {expected})"), ran.status == expected, &ran.seen())?;
    Ok((change, seen))
}

/// What must be so after a version was withdrawn, and what it cost.
async fn withdrawn(
    stage: &Surroundings,
    narrator: &Narrator<'_>,
    change: &Change,
    seen: Seen,
    because: &str,
) -> Result<(), Failure> {
    let cause = change.implementation.as_ref().and_then(|it| it.rollback_cause.clone()).unwrap_or_default();
    narrator.say(&format!("  Because: {cause}"))?;
    narrator.check(
        "the comparison of both versions' requests found it, not a threshold",
        cause.contains("`canary`") && cause.contains(because),
        &cause,
    )?;
    let full = entry(change, "`shift traffic to 100%` started");
    narrator.check("it never got more than the first share", full.is_none(), "a later stage was begun")?;
    let shifted = entry(change, &format!("`shift traffic to {FIRST_WEIGHT}` started"));
    let found = change.audit_trail.iter().find(|entry| entry.action == "rollback_started");
    let back = entry(change, &format!("of step `shift traffic to {FIRST_WEIGHT}` succeeded"));
    let times = [shifted, found, back].map(|entry| entry.and_then(|it| it.timestamp.parse().ok()));
    let [Some(shifted), Some(found), Some(back)] = times else {
        return Err(Failure::new("the audit trail does not tell when the version was found out"));
    };
    narrator.say(&format!(
        "  Found {} after its first request; all traffic was back {} later.",
        between(shifted, found),
        between(found, back)
    ))?;
    let harmed = seen.failed + seen.slow;
    let percent = percent(harmed, seen.total);
    narrator.check(
        &format!("{percent:.2} % of the requests meanwhile were harmed ({harmed} of {})", seen.total),
        percent < HARMED_PERCENT_MAX && seen.by_new > 0,
        &format!("{seen:?}"),
    )?;
    let after = settled(stage).await;
    narrator.check(
        "nobody reaches it any more, and nobody is harmed",
        after.by_new == 0 && after.failed == 0 && after.total > 0,
        &format!("{after:?}"),
    )
}

async fn everywhere(
    stage: &Surroundings,
    narrator: &Narrator<'_>,
    change: &Change,
    seen: Seen,
) -> Result<(), Failure> {
    let statuses = change.implementation.iter().flat_map(|implementation| &implementation.steps);
    let baked =
        statuses.filter(|step| step.name.starts_with("bake at") && step.status == "succeeded").count();
    narrator.check("both of its bakes passed", baked == 2, &format!("{:?}", change.implementation))?;
    let first = entry(change, &format!("`shift traffic to {FIRST_WEIGHT}` started"));
    let full = entry(change, "`shift traffic to 100%` started");
    let times = [first, full].map(|entry| entry.and_then(|it| it.timestamp.parse().ok()));
    if let [Some(first), Some(full)] = times {
        let took = between(first, full);
        narrator
            .say(&format!("  That it is no worse was shown in {took} with {FIRST_WEIGHT} of the traffic."))?;
    }
    let after = settled(stage).await;
    let answer = stage.ask().await?;
    narrator.check(
        "everybody is answered by version 2.0",
        answer.contains("shop 2.0") && after.failed == 0,
        &format!("{answer} / {after:?}"),
    )?;
    let harmed = percent(seen.failed, seen.total);
    narrator.check(
        &format!("{harmed:.2} % of {} requests failed", seen.total),
        seen.failed == 0,
        &format!("{seen:?}"),
    )
}

/// What the traffic is like once the proxy has settled.
async fn settled(stage: &Surroundings) -> Seen {
    // Requests that were under way when the weights changed.
    tokio::time::sleep(SETTLED).await;
    let before = stage.load.seen();
    tokio::time::sleep(SETTLED).await;
    stage.load.seen().since(before)
}

fn entry<'a>(change: &'a Change, details: &str) -> Option<&'a TrailEntry> {
    change.audit_trail.iter().find(|entry| entry.details.contains(details))
}

fn between(first: Timestamp, second: Timestamp) -> String {
    let millis = second.duration_since(first).as_millis();
    format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
}

#[expect(clippy::cast_precision_loss, reason = "requests of some minutes are far below 2^53")]
fn percent(part: u64, total: u64) -> f64 {
    100.0 * part as f64 / total.max(1) as f64
}

fn plan_text(stage: &Surroundings, version: &Version) -> String {
    let Version { name, before, .. } = version;
    let (runtime, metrics, backend) = (stage.proxy.runtime, stage.metrics, proxy::BACKEND);
    format!(
        r#"implementation_plan:
  strategy:
    canary:
      prepare:
        - name: install {name} on the second server
          run: cp releases/{name} slots/new
          undo: cp releases/none slots/new
          idempotent: true
      shift:
        name: shift traffic to
        traffic:
          haproxy: {{ address: "{runtime}", backend: {backend} }}
          weights: {{ new: "{{{{weight}}}}", old: "{{{{rest}}}}" }}
      stages:
        - {{ weight: {FIRST_WEIGHT}, bake: {{ time: 5s, extend: 90s }} }}
        - {{ weight: 100%, bake: {{ time: 3s, extend: 20s }} }}
      analysis: {{ budget: 10%, matters: 5x, action: immediate_rollback, service: shop }}
  steps:
    - name: install {name} on the first server
      run: cp releases/{name} slots/old
      undo: cp releases/{before} slots/old
      idempotent: true
    - name: send everybody to the first server
      traffic:
        haproxy: {{ address: "{runtime}", backend: {backend} }}
        weights: {{ new: 0, old: 100 }}
rollback_plan:
  automated: true
  max_duration: 1m
monitors:
  - name: errors
    interval: 500ms
    prometheus:
      url: http://{metrics}
      error_rate: {{ errors: {{ code: "500" }}, window: 10s }}
      canary: {{ server: new }}
      baseline: {{ server: old }}
      expect: "< 5%"
  - name: latency
    interval: 500ms
    prometheus:
      url: http://{metrics}
      latency: {{ percentile: 50, window: 10s }}
      canary: {{ server: new }}
      baseline: {{ server: old }}
      expect: "< 40ms"
"#
    )
}

/// How much traffic there is, in words.
fn traffic() -> String {
    format!("{RATE} requests a second")
}
