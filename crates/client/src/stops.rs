//! Stopping the line.

use api::Page;
use api::stop::{LiftStop, SetStop, Stop};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Lists the stops in force, and with `lifted` the last ones that were.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_stops(&self, lifted: bool) -> Result<Page<Stop>, ClientError> {
        self.get(&["stops"]).query("lifted", lifted.then_some("true")).answer().await
    }

    /// Stops the line. Repeating it with the same key sets no second stop.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn set_stop(&self, request: &SetStop, idempotency_key: &str) -> Result<Stop, ClientError> {
        let call = self.post(&["stops"]).json(request).repeatable();
        call.header("idempotency-key", "idempotency key", idempotency_key)?.answer().await
    }

    /// Lifts a stop.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn lift_stop(&self, id: &str, request: &LiftStop) -> Result<Stop, ClientError> {
        self.post(&["stops", id, "lift"]).json(request).answer().await
    }
}
