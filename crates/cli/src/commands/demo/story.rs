//! Three changes of the service: a good one that goes all the way, one that hurts and is taken back, and one of a kind
//! that failed often before.

use api::audit::Checkpoint;
use api::change::Change;
use api::incident::IncidentSummary;
use client::Client;

use super::assessment;
use super::commands::{Person, read, run};
use super::narrator::Narrator;
use super::stage::Stage;
use crate::failure::Failure;

/// Exit statuses that the story expects: the documented ones.
const DONE: i32 = 0;
const ROLLED_BACK: i32 = 5;
const REFUSED: i32 = 7;

/// Tells the stories and checks the log.
pub(super) async fn tell(stage: &Stage, narrator: &Narrator<'_>) -> Result<(), Failure> {
    let good = good_change(stage, narrator).await?;
    let bad = bad_change(stage, narrator).await?;
    risky_change(stage, narrator, good.failure_percent).await?;
    proof(stage, narrator, &[good.id, bad.id]).await
}

/// A change that was asked for.
struct Asked {
    id: String,
    /// How probably it fails.
    failure_percent: f64,
}

async fn good_change(stage: &Stage, narrator: &Narrator<'_>) -> Result<Asked, Failure> {
    narrator.chapter("A good change: version 2.0 of the greeter")?;
    let release = Release { version: "2.0", before: "1.0", watched_for: "1s" };
    let asked = create(stage, narrator, &release).await?;
    let id = asked.id.as_str();
    narrator.say("  Nobody approves what their own side asks for, and an agent approves nothing at all:")?;
    let own = run(&stage.agent, narrator, &["approve", id, "--yes"]).await?;
    narrator.check("the agent's own approval is refused by policy", own.status == REFUSED, &own.seen())?;
    let approved =
        run(&stage.lead, narrator, &["approve", id, "--yes", "--comment", "tested_in_staging"]).await?;
    narrator.check(
        "bob's approval, bound to the digest of what will run, is accepted",
        approved.status == DONE,
        &approved.seen(),
    )?;
    let waited = run(&stage.agent, narrator, &["wait", id, "--timeout", "30"]).await?;
    narrator.check("the waiting pipeline goes on", waited.status == DONE, &waited.seen())?;
    let ran = run(&stage.agent, narrator, &["implement", id, "--monitor", "--auto-rollback"]).await?;
    narrator.check("the plan runs to its end under watch", ran.status == DONE, &ran.seen())?;
    answers(stage, narrator, "200 OK", "Hello from greeter 2.0").await?;
    let validated = run(&stage.agent, narrator, &["validate", id, "--sla-check"]).await?;
    narrator.check("validation over the soak time passes", validated.status == DONE, &validated.seen())?;
    let closed = run(&stage.agent, narrator, &["close", id, "--status", "success"]).await?;
    narrator.check("the change closes", closed.status == DONE, &closed.seen())?;
    let change = show(&stage.agent, id).await?;
    let outcome = change.outcome.clone().unwrap_or_default();
    narrator.check("it is recorded as successful", outcome == "successful", &outcome)?;
    trail(narrator, &change)?;
    Ok(asked)
}

async fn bad_change(stage: &Stage, narrator: &Narrator<'_>) -> Result<Asked, Failure> {
    narrator.chapter("A change that hurts: version 3.0 breaks the greeter's health")?;
    let release = Release { version: "3.0", before: "2.0", watched_for: "20s" };
    let asked = create(stage, narrator, &release).await?;
    let id = asked.id.as_str();
    let approved = stage.lead.types(&["approve", id, "--yes"]).await?;
    narrator.typed(&approved.line, approved.answer().lines().last().unwrap_or_default())?;
    narrator.check("bob approves it in good faith", approved.status == DONE, &approved.seen())?;
    let ran = run(&stage.agent, narrator, &["implement", id, "--monitor", "--auto-rollback"]).await?;
    narrator.check(
        "its monitor notices, and it is rolled back without a person (status 5)",
        ran.status == ROLLED_BACK,
        &ran.seen(),
    )?;
    answers(stage, narrator, "200 OK", "Hello from greeter 2.0").await?;
    let change = show(&stage.agent, id).await?;
    narrator.check("the change is rolled back", change.state == "rolled_back", &change.state)?;
    let incident = incident(stage, &change).await?;
    narrator.check(
        &format!("incident {} is open and linked to it", incident.incident_id),
        incident.state == "open" && incident.change_id.as_deref() == Some(id),
        &format!("{incident:?}"),
    )?;
    let closed = run(&stage.agent, narrator, &["close", id, "--status", "rolled_back"]).await?;
    narrator.check("the change closes as rolled back", closed.status == DONE, &closed.seen())?;
    trail(narrator, &show(&stage.agent, id).await?)?;
    Ok(asked)
}

/// The kind of change that failed often: it takes more people than the others.
async fn risky_change(
    stage: &Stage,
    narrator: &Narrator<'_>,
    deployment_percent: f64,
) -> Result<(), Failure> {
    narrator.chapter("A kind of change that failed often: a setting of the greeter")?;
    let release = Release { version: "2.1", before: "2.0", watched_for: "1s" };
    let plan = write_plan(stage, &release)?;
    let title = "Raise connection limit of greeter";
    let id = ask_for(stage, narrator, "configuration", title, &plan).await?;
    let change = show(&stage.agent, &id).await?;
    let percent = assessment::tell(narrator, &change)?;
    narrator.check(
        &format!("{percent:.1} % is more than the {deployment_percent:.1} % of the deployment"),
        percent > deployment_percent,
        &change.state,
    )?;
    let (level, gates) = (level(&change), gates(&change));
    narrator.check(
        &format!("so it is {level} risk, and bob alone cannot approve it: it takes {gates}"),
        level != "medium" && gates.contains("cab_member"),
        &format!("{:?}", change.approval),
    )?;
    let reason = ["cancel", &id, "--reason", "to be split into smaller steps"];
    let cancelled = run(&stage.agent, narrator, &reason).await?;
    narrator.check("the agent gives it up", cancelled.status == DONE, &cancelled.seen())
}

fn level(change: &Change) -> String {
    change.risk.as_ref().map(|risk| risk.level.clone()).unwrap_or_default()
}

/// Who has to approve, in words.
fn gates(change: &Change) -> String {
    let stages = change.approval.iter().flat_map(|approval| &approval.stages);
    let stages = stages.map(|stage| {
        let gates = stage.required.iter().map(|gate| format!("{} × {}", gate.count, gate.role));
        gates.collect::<Vec<_>>().join(", ")
    });
    stages.collect::<Vec<_>>().join(", then ")
}

/// A version of the service to roll out.
struct Release {
    version: &'static str,
    /// The version before it.
    before: &'static str,
    /// How long the plan waits after the installation.
    watched_for: &'static str,
}

/// Asks for a version of the service, as the agent does it, and tells the assessment.
async fn create(stage: &Stage, narrator: &Narrator<'_>, release: &Release) -> Result<Asked, Failure> {
    let plan = write_plan(stage, release)?;
    let title = format!("Deploy greeter {}", release.version);
    let id = ask_for(stage, narrator, "deployment", &title, &plan).await?;
    let change = show(&stage.agent, &id).await?;
    let level = level(&change);
    let claim = format!("it is assessed ({level} risk, because {})", reason(&change));
    narrator.check(
        &claim,
        level == "medium" && change.state == "awaiting_approval",
        &format!("{:?}", change.risk),
    )?;
    let failure_percent = assessment::tell(narrator, &change)?;
    Ok(Asked { id, failure_percent })
}

fn write_plan(stage: &Stage, release: &Release) -> Result<String, Failure> {
    let plan = format!("plan-{}.yaml", release.version);
    std::fs::write(stage.agent.folder().join(&plan), plan_text(&stage.service_url, release))
        .map_err(|error| Failure::new("the plan cannot be written").caused_by(&error))?;
    Ok(plan)
}

async fn ask_for(
    stage: &Stage,
    narrator: &Narrator<'_>,
    category: &str,
    title: &str,
    plan: &str,
) -> Result<String, Failure> {
    let of = ["--type", "normal", "--category", category, "--service", "greeter"];
    let arguments = [&["create"], of.as_slice(), &["--title", title, "--plan", plan]].concat();
    let created = run(&stage.agent, narrator, &arguments).await?;
    let id = created.stdout.trim().to_owned();
    let has_id = created.status == DONE && id.starts_with("CHG-");
    narrator.check("the agent's request has an id", has_id, &created.seen())?;
    Ok(id)
}

/// Why the risk is not low, in the assessment's own words.
fn reason(change: &Change) -> String {
    let missing = change.risk.as_ref().and_then(|risk| risk.missing.first().cloned());
    missing.unwrap_or_else(|| "the services that depend on it are reached".to_owned())
}

/// A plan that replaces the version and watches the service's health.
fn plan_text(service_url: &str, release: &Release) -> String {
    let Release { version, before, watched_for } = release;
    format!(
        "implementation_plan:
  estimated_duration: 1m
  soak: 2s
  steps:
    - name: install version {version}
      run: cp releases/{version} current
      undo: cp releases/{before} current
      idempotent: true
      capture:
        - file: current
    - name: let traffic reach it
      wait: {watched_for}
rollback_plan:
  automated: true
  max_duration: 1m
monitors:
  - name: health
    http: {service_url}/healthz
    interval: 200ms
    timeout: 1s
rollback_conditions:
  health_check:
    failed_checks: 3
    action: immediate_rollback
  error_rate:
    threshold: 5%
    window: 5m
    action: immediate_rollback
"
    )
}

/// Checks what the service itself answers.
async fn answers(stage: &Stage, narrator: &Narrator<'_>, status: &str, body: &str) -> Result<(), Failure> {
    let answer = get(&stage.service_url, "/").await?;
    let health = get(&stage.service_url, "/healthz").await?;
    let holds = answer.contains(status) && answer.contains(body) && health.contains("200 OK");
    narrator.check(
        &format!("the service is healthy and answers `{body}`"),
        holds,
        &format!("{answer} / {health}"),
    )
}

async fn get(url: &str, path: &str) -> Result<String, Failure> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = url.trim_start_matches("http://");
    let fetch = async {
        let mut stream = tokio::net::TcpStream::connect(host).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.take(64 * 1024).read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    fetch.await.map_err(|error| Failure::new("the demo's service does not answer").caused_by(&error))
}

async fn show(person: &Person, id: &str) -> Result<Change, Failure> {
    read(person, &["show", id, "--output", "json"]).await
}

async fn incident(stage: &Stage, change: &Change) -> Result<IncidentSummary, Failure> {
    let id =
        change.incidents.first().ok_or_else(|| Failure::new("the rolled-back change led to no incident"))?;
    let client = Client::new(&stage.url, &stage.agent.token)?;
    Ok(client.incident(id).await?.summary)
}

/// Shows the audit trail in the specification's words.
fn trail(narrator: &Narrator<'_>, change: &Change) -> Result<(), Failure> {
    narrator.say("  Its audit trail:")?;
    for entry in change.audit_trail.iter().filter(|entry| entry.action != "progressed") {
        narrator.say(&format!(
            "    {}  {:<22} {:<24} {}",
            entry.timestamp, entry.action, entry.actor, entry.details
        ))?;
    }
    Ok(())
}

/// Has the auditor verify the log, and a bundle of evidence without the server.
async fn proof(stage: &Stage, narrator: &Narrator<'_>, ids: &[String]) -> Result<(), Failure> {
    narrator.chapter("The auditor's view")?;
    let verified = run(&stage.auditor, narrator, &["audit", "verify"]).await?;
    narrator.check(
        "the whole log verifies: entries, tree, signed checkpoints",
        verified.status == DONE,
        &verified.seen(),
    )?;
    let checkpoint: Checkpoint = read(&stage.auditor, &["audit", "checkpoint", "--output", "json"]).await?;
    let key = checkpoint.verifier_key.as_str();
    for id in ids {
        let file = format!("{id}.evidence.json");
        let proved = run(&stage.auditor, narrator, &["audit", "prove", id, "-o", &file]).await?;
        narrator.check(&format!("the evidence of {id} is written"), proved.status == DONE, &proved.seen())?;
        let offline =
            run(&stage.auditor, narrator, &["audit", "verify", "--offline", &file, "--key", key]).await?;
        narrator.check("it verifies without the server", offline.status == DONE, &offline.seen())?;
        forge(&stage.auditor, &file)?;
        let forged =
            run(&stage.auditor, narrator, &["audit", "verify", "--offline", "forged.json", "--key", key])
                .await?;
        narrator.check("with one word of it changed, it does not", forged.status != DONE, &forged.seen())?;
    }
    Ok(())
}

/// Writes a copy of a bundle in which the requester's agent has become somebody else.
fn forge(person: &Person, file: &str) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::new("the evidence cannot be copied").caused_by(error);
    let text = std::fs::read_to_string(person.folder().join(file)).map_err(|error| failed(&error))?;
    let forged = text.replacen("change.approved", "change.rejected", 1);
    if forged == text {
        return Err(Failure::new("the evidence does not contain the approval"));
    }
    std::fs::write(person.folder().join("forged.json"), forged).map_err(|error| failed(&error))
}
