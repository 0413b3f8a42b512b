//! The life of a change over HTTP.

use anyhow::Result;
use api::command::ApproveRequest;

use crate::harness::{TestApp, small_change};

#[tokio::test]
async fn a_small_tested_change_is_approved_without_a_person() -> Result<()> {
    let app = TestApp::start().await?;
    app.services(&[("greeter", 2), ("identity", 0), ("billing", 1)]).await?;
    let pipeline = app.human("pipeline-owner", &[]).await?;
    let change = pipeline.create_change(&small_change("greeter"), "first").await?;
    assert_eq!(change.state, "approved", "{:#?}", change.risk);
    let actions: Vec<_> = change.audit_trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["created", "risk_assessed", "approved"]);
    assert_eq!(change.risk.as_ref().map(|risk| risk.level.as_str()), Some("low"));
    app.stop().await
}

#[tokio::test]
async fn the_same_change_to_a_tier_0_service_waits_for_people() -> Result<()> {
    let app = TestApp::start().await?;
    app.services(&[("greeter", 2), ("identity", 0), ("billing", 1)]).await?;
    let requester = app.human("requester", &[]).await?;
    let change = requester.create_change(&small_change("identity"), "first").await?;
    assert_eq!(change.state, "awaiting_approval", "{:#?}", change.risk);

    let lead = app.human("lead", &["technical_lead"]).await?;
    let approval = ApproveRequest { digest: change.digest.clone(), ..ApproveRequest::default() };
    let own = requester.approve(&change.change_id, &approval).await.unwrap_err();
    assert_eq!(own.problem().map(|problem| problem.status), Some(403), "{own}");
    let approved = lead.approve(&change.change_id, &approval).await?;
    assert_eq!(approved.state, "approved", "{:#?}", approved.approval);
    app.stop().await
}
