//! What a runner says and asks.

use api::Page;
use api::run::{
    Assignment, AttendRequest, Attendance, FinishRequest, HeartbeatRequest, ProgressRequest, Sample,
    StartRequest,
};
use serde::Serialize;

use crate::call::{Client, RUN_TIMEOUT};
use crate::error::ClientError;

impl Client {
    /// Everything that is needed to run a change's plan.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn assignment(&self, id: &str) -> Result<Assignment, ClientError> {
        self.get(&["changes", id, "assignment"]).within(RUN_TIMEOUT).answer().await
    }

    /// Takes the lease: begins a plan, or takes over one that has no runner. Sent once: a grant whose answer was lost
    /// must not be mistaken for somebody else's.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn start(&self, id: &str, request: &StartRequest) -> Result<Assignment, ClientError> {
        self.run(id, "start", request).await
    }

    /// Reports an observation. Reporting it twice is the same as reporting it once.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn progress(&self, id: &str, request: &ProgressRequest) -> Result<Assignment, ClientError> {
        self.post(&["changes", id, "progress"]).json(request).repeatable().within(RUN_TIMEOUT).answer().await
    }

    /// Extends the lease. Sent once, because only the caller knows until when an answer is worth having.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn heartbeat(&self, id: &str, request: &HeartbeatRequest) -> Result<Assignment, ClientError> {
        self.run(id, "heartbeat", request).await
    }

    /// Reports that every step is done, and gives the lease back.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn finish(&self, id: &str, request: &FinishRequest) -> Result<Assignment, ClientError> {
        self.run(id, "finish", request).await
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn release(&self, id: &str, request: &FinishRequest) -> Result<Assignment, ClientError> {
        self.run(id, "release", request).await
    }

    /// Watches a change over its soak time, so that no other runner does meanwhile. Saying it twice is the same as saying it once.
    ///
    /// # Errors
    /// When another runner watches it, or the server refuses or does not answer.
    pub async fn attend(&self, id: &str, request: &AttendRequest) -> Result<Attendance, ClientError> {
        self.post(&["changes", id, "attend"]).json(request).repeatable().within(RUN_TIMEOUT).answer().await
    }

    /// The kept samples of a change, or of one of its monitors, oldest first.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn samples(&self, id: &str, monitor: Option<&str>) -> Result<Page<Sample>, ClientError> {
        self.get(&["changes", id, "samples"]).query("monitor", monitor).answer().await
    }

    async fn run(&self, id: &str, action: &str, request: &impl Serialize) -> Result<Assignment, ClientError> {
        self.post(&["changes", id, action]).json(request).within(RUN_TIMEOUT).answer().await
    }
}
