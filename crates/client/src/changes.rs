//! Changes: asking for them, deciding about them, reading them.

use api::Page;
use api::chain::Chain;
use api::change::{Change, ChangeSummary};
use api::command::{
    ApproveRequest, CloseRequest, CommentRequest, DecideStepRequest, ReasonRequest, RejectRequest,
    ReviewRequest, SatisfyRequest, ValidateRequest,
};
use api::rehearsal::RehearsalRequest;
use api::request::ChangeRequest;
use serde::Serialize;

use crate::call::{Client, EVIDENCE_BYTES_MAX};
use crate::error::ClientError;

/// Which changes to list, in which order, and which page of them. Everything may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeFilter {
    /// Where they are in their life.
    pub state: Option<String>,
    /// standard, normal or emergency.
    pub change_type: Option<String>,
    /// What kind of thing is changed.
    pub category: Option<String>,
    /// low, medium, high or critical.
    pub level: Option<String>,
    /// Name of the requester.
    pub requester: Option<String>,
    /// A service that is changed.
    pub service: Option<String>,
    /// A configuration item that is changed, be it named as such or as a service.
    pub ci: Option<String>,
    /// Where it is changed.
    pub environment: Option<String>,
    /// Words of the title or description.
    pub text: Option<String>,
    /// Created at or after this instant.
    pub created_after: Option<String>,
    /// Created before this instant.
    pub created_before: Option<String>,
    /// Labels of a runner, separated by commas: only what such a runner is to carry out by itself.
    pub runner: Option<String>,
    /// The order.
    pub sort: Option<String>,
    /// Where the page begins: `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Most items of the page.
    pub limit: Option<u32>,
}

impl Client {
    /// Asks for a change. Repeating it with the same key gives the same change.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn create_change(
        &self,
        request: &ChangeRequest,
        idempotency_key: &str,
    ) -> Result<Change, ClientError> {
        let call = self.post(&["changes"]).json(request).repeatable();
        call.header("idempotency-key", "idempotency key", idempotency_key)?.answer().await
    }

    /// Lists changes.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_changes(&self, filter: &ChangeFilter) -> Result<Page<ChangeSummary>, ClientError> {
        let ChangeFilter { state, change_type, category, level, requester, service, environment, .. } =
            filter;
        let ChangeFilter { ci, text, created_after, created_before, runner, sort, cursor, limit, .. } =
            filter;
        self.get(&["changes"])
            .query("state", state.as_deref())
            .query("type", change_type.as_deref())
            .query("category", category.as_deref())
            .query("level", level.as_deref())
            .query("requester", requester.as_deref())
            .query("service", service.as_deref())
            .query("ci", ci.as_deref())
            .query("environment", environment.as_deref())
            .query("q", text.as_deref())
            .query("created_after", created_after.as_deref())
            .query("created_before", created_before.as_deref())
            .query("runner", runner.as_deref())
            .query("sort", sort.as_deref())
            .query("cursor", cursor.as_deref())
            .query("limit", limit.map(|limit| limit.to_string()))
            .answer()
            .await
    }

    /// Reads a change in full.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn change(&self, id: &str) -> Result<Change, ClientError> {
        self.get(&["changes", id]).answer().await
    }

    /// Reads what led to a change.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn chain(&self, id: &str) -> Result<Chain, ClientError> {
        self.get(&["changes", id, "chain"]).answer().await
    }

    /// Replaces what is asked for, if the change is still at `version`.
    ///
    /// # Errors
    /// When the server refuses, for example because somebody else was faster, or does not answer.
    pub async fn amend_change(
        &self,
        id: &str,
        version: u64,
        request: &ChangeRequest,
    ) -> Result<Change, ClientError> {
        let call = self.put(&["changes", id]).json(request);
        call.header("if-match", "version", &format!("\"{version}\""))?.answer().await
    }

    /// Hands in what came of a rehearsal.
    ///
    /// # Errors
    /// When the server refuses, for example because something else is asked for by now, or does not answer.
    pub async fn hand_in_rehearsal(
        &self,
        id: &str,
        request: &RehearsalRequest,
    ) -> Result<Change, ClientError> {
        self.act(id, "rehearsals", request).await
    }

    /// Hands a draft in.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn submit(&self, id: &str) -> Result<Change, ClientError> {
        self.post(&["changes", id, "submit"]).answer().await
    }

    /// Adds a remark.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn comment(&self, id: &str, request: &CommentRequest) -> Result<Change, ClientError> {
        self.act(id, "comments", request).await
    }

    /// Approves as an authority.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn approve(&self, id: &str, request: &ApproveRequest) -> Result<Change, ClientError> {
        self.act(id, "approve", request).await
    }

    /// Rejects as an authority.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn reject(&self, id: &str, request: &RejectRequest) -> Result<Change, ClientError> {
        self.act(id, "reject", request).await
    }

    /// Takes one's own approval back.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn withdraw_approval(&self, id: &str, request: &ReasonRequest) -> Result<Change, ClientError> {
        self.act(id, "withdraw-approval", request).await
    }

    /// Shows that condition `index` is met.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn satisfy_condition(
        &self,
        id: &str,
        index: usize,
        request: &SatisfyRequest,
    ) -> Result<Change, ClientError> {
        let index = index.to_string();
        self.post(&["changes", id, "conditions", &index, "satisfy"]).json(request).answer().await
    }

    /// Gives a change up before it is started.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn cancel(&self, id: &str, request: &ReasonRequest) -> Result<Change, ClientError> {
        self.act(id, "cancel", request).await
    }

    /// Lets no further step start.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn pause(&self, id: &str) -> Result<Change, ClientError> {
        self.post(&["changes", id, "pause"]).answer().await
    }

    /// Lets steps start again.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn resume(&self, id: &str) -> Result<Change, ClientError> {
        self.post(&["changes", id, "resume"]).answer().await
    }

    /// Answers the question about a step.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn decide_step(&self, id: &str, request: &DecideStepRequest) -> Result<Change, ClientError> {
        self.act(id, "decide-step", request).await
    }

    /// Hands in the result of a validation.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn validate(&self, id: &str, request: &ValidateRequest) -> Result<Change, ClientError> {
        self.act(id, "validate", request).await
    }

    /// Has a change taken back.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn roll_back(&self, id: &str, request: &ReasonRequest) -> Result<Change, ClientError> {
        self.act(id, "rollback", request).await
    }

    /// Ends a change.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn close(&self, id: &str, request: &CloseRequest) -> Result<Change, ClientError> {
        self.act(id, "close", request).await
    }

    /// Adds a review.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn review(&self, id: &str, request: &ReviewRequest) -> Result<Change, ClientError> {
        self.act(id, "reviews", request).await
    }

    /// The evidence bundle of a change, as JSON text that verifies offline.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn evidence(&self, id: &str) -> Result<Vec<u8>, ClientError> {
        self.get(&["changes", id, "evidence"]).up_to(EVIDENCE_BYTES_MAX).bytes().await
    }

    async fn act(&self, id: &str, action: &str, request: &impl Serialize) -> Result<Change, ClientError> {
        self.post(&["changes", id, action]).json(request).answer().await
    }
}
