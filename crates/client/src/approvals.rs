//! What waits for approval, and authority that is lent.

use api::Page;
use api::approval::{ApprovalSheet, DelegateRequest, Delegation, OverrideRequest, WaitingApproval};
use api::change::Change;
use api::command::ReasonRequest;

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Lists what waits for approval, the next deadline first: `waits_for` is `me`, `all` or a role.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_approvals(
        &self,
        waits_for: &str,
        cursor: Option<&str>,
    ) -> Result<Page<WaitingApproval>, ClientError> {
        self.get(&["approvals"]).query("for", Some(waits_for)).query("cursor", cursor).answer().await
    }

    /// Everything that an approver of a change must have seen.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn approval_sheet(&self, id: &str) -> Result<ApprovalSheet, ClientError> {
        self.get(&["approvals", id]).answer().await
    }

    /// Overrides what was decided automatically about a change.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn override_decision(
        &self,
        id: &str,
        request: &OverrideRequest,
    ) -> Result<Change, ClientError> {
        self.post(&["changes", id, "override"]).json(request).answer().await
    }

    /// Lists delegations that are in force or to come: the caller's own and those to it, or all.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_delegations(&self, all: bool) -> Result<Page<Delegation>, ClientError> {
        self.get(&["delegations"]).query("all", all.then_some("true")).answer().await
    }

    /// Lends the caller's authority to another person. Repeating it with the same key lends nothing more.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn delegate(
        &self,
        request: &DelegateRequest,
        idempotency_key: &str,
    ) -> Result<Delegation, ClientError> {
        let call = self.post(&["delegations"]).json(request).repeatable();
        call.header("idempotency-key", "idempotency key", idempotency_key)?.answer().await
    }

    /// Ends a delegation before its time.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn end_delegation(&self, id: &str, request: &ReasonRequest) -> Result<Delegation, ClientError> {
        self.post(&["delegations", id, "end"]).json(request).answer().await
    }
}
