//! What is sent for each operation.

use anyhow::Result;
use api::actor::{IssueToken, RegisterActor, UpdateActor};
use api::catalog::CatalogFile;
use api::cmdb::CmdbEdit;
use api::command::{
    ApproveRequest, CloseRequest, CommentRequest, DecideStepRequest, ReasonRequest, RejectRequest,
    ReviewRequest, SatisfyRequest, ValidateRequest,
};
use api::history::HistoryImport;
use api::incident::{OpenIncident, UpdateIncident};
use api::request::ChangeRequest;
use api::run::{FinishRequest, HeartbeatRequest, ProgressRequest, StartRequest};
use client::{ChangeFilter, CiFilter, Client, ClientError, IncidentFilter};

use crate::scripted::{Answer, Scripted, TOKEN, json};

const ID: &str = "CHG-2026-000001";
const CALLER: &str = r#"{"actor_id":"act_1","name":"ann","kind":"human","owner":null,"alias_of":null,"roles":[],
    "teams":[],"may_act_for":[],"active":true,"version":1,"registered_at":"2026-01-01T00:00:00Z","scopes":["read"]}"#;

/// Runs a call against a server that refuses it, and checks the request line. What an answer becomes does not depend
/// on the operation.
async fn check<T>(
    expected: &str,
    call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
) -> Result<crate::scripted::Asked> {
    let refusal = r#"{"type":"/docs/problems#x","title":"x","status":409,"detail":"refused by the test"}"#;
    let server = Scripted::start([Answer::Full(409, "application/problem+json", refusal.to_owned())]).await?;
    let error = call(&server.client()?).await.err().expect("a refusal");
    assert_eq!(error.to_string(), "refused by the test");
    let asked = server.asked();
    let [asked] = asked.as_slice() else { panic!("{expected}: {asked:?}") };
    assert_eq!(asked.line, expected);
    assert!(asked.head.contains(&format!("authorization: bearer {TOKEN}")), "{}", asked.head);
    Ok(asked.clone())
}

#[tokio::test]
async fn an_answer_becomes_the_wire_type() -> Result<()> {
    let server = Scripted::start([json(200, CALLER)]).await?;
    let caller = server.client()?.whoami().await?;
    assert_eq!(
        (caller.actor.name.as_str(), caller.scopes.as_slice()),
        ("ann", ["read".to_owned()].as_slice())
    );
    assert_eq!(server.lines(), ["GET /api/v1/whoami"]);
    Ok(())
}

#[tokio::test]
async fn reading_asks_with_parameters_in_the_address() -> Result<()> {
    let filter = ChangeFilter {
        state: Some("approved".to_owned()),
        text: Some("shop & till".to_owned()),
        limit: Some(7),
        ..ChangeFilter::default()
    };
    let expected = "GET /api/v1/changes?state=approved&q=shop+%26+till&limit=7";
    check(expected, async |c| c.list_changes(&filter).await).await?;
    check("GET /api/v1/changes", async |c| c.list_changes(&ChangeFilter::default()).await).await?;
    check("GET /api/v1/changes/CHG-2026-000001", async |c| c.change(ID).await).await?;
    check("GET /api/v1/changes/CHG-2026-000001/assignment", async |c| c.assignment(ID).await).await?;
    check("GET /api/v1/changes/CHG-2026-000001/evidence", async |c| c.evidence(ID).await).await?;
    let expected = "GET /api/v1/changes/CHG-2026-000001/samples?monitor=front";
    check(expected, async |c| c.samples(ID, Some("front")).await).await?;
    let filter = IncidentFilter { state: Some("open".to_owned()), ..IncidentFilter::default() };
    check("GET /api/v1/incidents?state=open", async |c| c.list_incidents(&filter).await).await?;
    check("GET /api/v1/incidents/INC-2026-000001", async |c| c.incident("INC-2026-000001").await).await?;
    check("GET /api/v1/audit?after=7&limit=9", async |c| c.log(Some(7), Some(9)).await).await?;
    check("GET /api/v1/audit/checkpoint", async |c| c.checkpoint().await).await?;
    check("GET /api/v1/actors", async |c| c.list_actors(None, None).await).await?;
    check("GET /api/v1/actors?cursor=a&limit=7", async |c| c.list_actors(Some("a"), Some(7)).await).await?;
    check("GET /api/v1/actors/act_1", async |c| c.actor("act_1").await).await?;
    check("GET /api/v1/actors/act_1/tokens", async |c| c.list_tokens("act_1").await).await?;
    check("GET /api/v1/catalog", async |c| c.catalog().await).await?;
    Ok(())
}

#[tokio::test]
async fn an_item_is_one_part_of_the_address_whatever_its_id() -> Result<()> {
    const ID: &str = "Deployment/shop/cart";
    let item = |rest: &str| format!("GET /api/v1/cmdb/items/Deployment%2Fshop%2Fcart{rest}");
    check(&item(""), async |c| c.ci(ID).await).await?;
    check(&item("/history?cursor=7"), async |c| c.ci_history(ID, Some("7"), None).await).await?;
    check(&item("/impact?depth=3&soft=true"), async |c| c.ci_impact(ID, Some(3), true).await).await?;
    check(&item("/impact"), async |c| c.ci_impact(ID, None, false).await).await?;
    let expected = item("/graph?depth=2&direction=both");
    check(&expected, async |c| c.ci_graph(ID, Some(2), Some("both")).await).await?;
    let filter = CiFilter { tier: Some(0), described: Some(false), ..CiFilter::default() };
    check("GET /api/v1/cmdb/items?tier=0&described=false", async |c| c.list_cis(&filter).await).await?;
    let longest = "x".repeat(384);
    check(&format!("GET /api/v1/cmdb/items/{longest}"), async |c| c.ci(&longest).await).await?;
    let edit = CmdbEdit { withdraw: vec![ID.to_owned()], ..CmdbEdit::default() };
    let asked =
        check("POST /api/v1/cmdb/edit?dry_run=true", async |c| c.edit_cmdb(&edit, true).await).await?;
    assert_eq!(asked.body, r#"{"withdraw":["Deployment/shop/cart"]}"#);
    Ok(())
}

#[tokio::test]
async fn history_is_imported_and_summed_up() -> Result<()> {
    let import = HistoryImport { source: "servicenow".to_owned(), changes: Vec::new() };
    let expected = "POST /api/v1/history/import?dry_run=true";
    let asked = check(expected, async |c| c.import_history(&import, true).await).await?;
    assert_eq!(asked.body, r#"{"source":"servicenow","changes":[]}"#);
    check("GET /api/v1/history", async |c| c.history().await).await?;
    Ok(())
}

#[tokio::test]
async fn what_happens_to_a_change_is_posted_below_it() -> Result<()> {
    let path = |action: &str| format!("POST /api/v1/changes/{ID}/{action}");
    let reason = ReasonRequest { reason: "because".to_owned() };
    check(&path("submit"), async |c| c.submit(ID).await).await?;
    check(&path("comments"), async |c| c.comment(ID, &CommentRequest::default()).await).await?;
    check(&path("approve"), async |c| c.approve(ID, &ApproveRequest::default()).await).await?;
    check(&path("reject"), async |c| c.reject(ID, &RejectRequest::default()).await).await?;
    check(&path("withdraw-approval"), async |c| c.withdraw_approval(ID, &reason).await).await?;
    let satisfied = SatisfyRequest { evidence: "run 7".to_owned(), ..SatisfyRequest::default() };
    let asked =
        check(&path("conditions/2/satisfy"), async |c| c.satisfy_condition(ID, 2, &satisfied).await).await?;
    assert_eq!(asked.body, r#"{"evidence":"run 7"}"#);
    check(&path("cancel"), async |c| c.cancel(ID, &reason).await).await?;
    check(&path("pause"), async |c| c.pause(ID).await).await?;
    check(&path("resume"), async |c| c.resume(ID).await).await?;
    check(&path("decide-step"), async |c| c.decide_step(ID, &DecideStepRequest::default()).await).await?;
    check(&path("validate"), async |c| c.validate(ID, &ValidateRequest::default()).await).await?;
    let asked = check(&path("rollback"), async |c| c.roll_back(ID, &reason).await).await?;
    assert_eq!(asked.body, r#"{"reason":"because"}"#);
    assert!(asked.head.contains("content-type: application/json"), "{}", asked.head);
    check(&path("close"), async |c| c.close(ID, &CloseRequest::default()).await).await?;
    check(&path("reviews"), async |c| c.review(ID, &ReviewRequest::default()).await).await?;
    Ok(())
}

#[tokio::test]
async fn a_runner_reports_below_its_change() -> Result<()> {
    let path = |action: &str| format!("POST /api/v1/changes/{ID}/{action}");
    let digest: String = "ab".repeat(32);
    let start: StartRequest = serde_json::from_value(serde_json::json!({"holder": "h", "digest": digest}))?;
    let progress =
        serde_json::json!({"fencing_token": 7, "observation": {"observation": "rollback_timed_out"}});
    let progress: ProgressRequest = serde_json::from_value(progress)?;
    let beat =
        HeartbeatRequest { holder: "h".to_owned(), fencing_token: 7, samples: Vec::new(), standing: None };
    let end = FinishRequest { holder: "h".to_owned(), fencing_token: 7 };
    check(&path("start"), async |c| c.start(ID, &start).await).await?;
    check(&path("progress"), async |c| c.progress(ID, &progress).await).await?;
    check(&path("heartbeat"), async |c| c.heartbeat(ID, &beat).await).await?;
    check(&path("finish"), async |c| c.finish(ID, &end).await).await?;
    check(&path("release"), async |c| c.release(ID, &end).await).await?;
    Ok(())
}

#[tokio::test]
async fn the_rest_has_its_own_places() -> Result<()> {
    let request = ChangeRequest { title: "x".to_owned(), ..ChangeRequest::default() };
    let asked = check("POST /api/v1/changes", async |c| c.create_change(&request, "key-1").await).await?;
    assert!(asked.head.contains("idempotency-key: key-1"), "{}", asked.head);
    let expected = "PUT /api/v1/changes/CHG-2026-000001";
    let asked = check(expected, async |c| c.amend_change(ID, 12, &request).await).await?;
    assert!(asked.head.contains("if-match: \"12\""), "{}", asked.head);

    let update = UpdateIncident::default();
    let expected = "PATCH /api/v1/incidents/INC-2026-000001";
    check(expected, async |c| c.update_incident("INC-2026-000001", &update).await).await?;
    let report = OpenIncident::default();
    check("POST /api/v1/incidents", async |c| c.open_incident(&report, "key").await).await?;
    check("POST /api/v1/audit/verify", async |c| c.verify_log().await).await?;
    check("POST /api/v1/actors", async |c| c.register_actor(&RegisterActor::default()).await).await?;
    check("PATCH /api/v1/actors/act_1", async |c| c.update_actor("act_1", &UpdateActor::default()).await)
        .await?;
    let expected = "POST /api/v1/actors/act_1/tokens";
    check(expected, async |c| c.issue_token("act_1", &IssueToken::default()).await).await?;
    check("DELETE /api/v1/actors/act_1/tokens/tok_1", async |c| c.revoke_token("act_1", "tok_1").await)
        .await?;
    let expected = "POST /api/v1/catalog?dry_run=true";
    check(expected, async |c| c.apply_catalog(&CatalogFile::default(), true).await).await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_without_content_is_enough_for_a_revocation() -> Result<()> {
    let server = Scripted::start([Answer::Full(204, "text/plain", String::new())]).await?;
    server.client()?.revoke_token("act_1", "tok_1").await?;
    Ok(())
}
