//! What reaches protected health information: the HIPAA authority approves it, and encryption is checked before it runs
//! in production.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::harness::{Database, TestApp, on_both_databases, on_sqlite, small, text};
use crate::runner::Runner;
use crate::team::{amend, team};

on_both_databases!(
    what_reaches_health_information_is_approved_by_the_hipaa_authority_and_shown_to_be_encrypted,
);
on_sqlite!(what_leads_to_health_information_counts_as_reaching_it,);

/// Says of `greeter` that it holds health information; nothing else about it changes.
async fn holds_health_information(app: &TestApp, service: &str, compliance: &str) -> Result<()> {
    let described = json!({ "id": service, "type": "service", "tier": 2, "compliance": [compliance] });
    let edit = json!({ "source": "manual", "describe": [described] });
    app.root().post("/api/v1/cmdb/edit", &edit).await?;
    Ok(())
}

fn in_production() -> Value {
    let mut request = small("greeter");
    request["environment"] = json!("production");
    request
}

async fn what_reaches_health_information_is_approved_by_the_hipaa_authority_and_shown_to_be_encrypted(
    database: Database,
) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let before = ann.create(&in_production()).await?;
    assert_eq!(before["state"], "approved", "{before}");

    // However the CMDB spells it.
    holds_health_information(&app, "greeter", "phi").await?;
    let change = ann.create(&in_production()).await?;
    assert_eq!(change["state"], "awaiting_approval", "{change}");
    let outstanding = change["approval"]["outstanding"].as_array().context("gates")?;
    let asked: Vec<_> = outstanding.iter().map(|gate| text(&gate["role"])).collect();
    assert_eq!(asked, ["technical_lead", "hipaa_authority"]);

    let id = text(&change["change_id"]).to_owned();
    lead.approve(&id).await?;
    assert_eq!(ann.change(&id).await?["state"], "awaiting_approval");
    let authority = app.person("hanna", &["hipaa_authority"]).await?;
    authority.approve(&id).await?;
    let approved = ann.change(&id).await?;
    assert_eq!(approved["state"], "approved");

    let refused = Runner::try_start(&ann, &id, true).await?.err().context("it starts unchecked")?;
    assert_eq!(refused["rule"], "encryption-evidence-in-production", "{refused}");
    let mut checked = in_production();
    checked["evidence"]["encryption_check"] = json!("encryption.json sha256:11ee");
    let version = approved["version"].as_u64().context("a version")?;
    let amended = amend(&ann, &id, version, &checked).await?;
    assert_eq!(amended["state"], "awaiting_approval", "what was approved before is void");
    assert_eq!(amended["evidence"]["encryption_check"], "encryption.json sha256:11ee");
    lead.approve(&id).await?;
    authority.approve(&id).await?;
    Runner::start(&ann, &id, true).await?;
    app.verified().await?;
    app.stop().await
}

async fn what_leads_to_health_information_counts_as_reaching_it(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    holds_health_information(&app, "greeter", "PHI").await?;
    let leans = json!({ "type": "depends_on", "to": "reports", "strength": "hard", "because": "it asks" });
    let described =
        json!({ "id": "greeter", "type": "service", "tier": 2, "compliance": ["PHI"], "relations": [leans] });
    let edit = json!({ "source": "manual", "describe": [described] });
    app.root().post("/api/v1/cmdb/edit", &edit).await?;
    let change = ann.create(&small("reports")).await?;
    assert_eq!(change["state"], "awaiting_approval", "{change}");
    let outstanding = change["approval"]["outstanding"].to_string();
    assert!(outstanding.contains("hipaa_authority"), "{outstanding}");
    app.stop().await
}
