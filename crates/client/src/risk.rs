//! Questions about risk, and about how predictions do.

use api::performance::{BacktestRequest, Backtests, Drift, Kpis};
use api::risk::{WhatIf, WhatIfRequest};

use crate::call::Client;
use crate::error::ClientError;

/// Which predictions are held against outcomes. Everything may be left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KpiFilter {
    /// Of changes created at or after this instant.
    pub from: Option<String>,
    /// Of changes created before this instant.
    pub until: Option<String>,
    /// From this probability on a failure counts as predicted, in per cent.
    pub threshold_percent: Option<f64>,
}

impl Client {
    /// Asks what would be if facts of a change were different.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn what_if(&self, id: &str, request: &WhatIfRequest) -> Result<WhatIf, ClientError> {
        self.post(&["changes", id, "risk", "what-if"]).json(request).repeatable().answer().await
    }

    /// Reads the last backtest, and whether one is under way.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn backtests(&self) -> Result<Backtests, ClientError> {
        self.get(&["risk", "backtests"]).answer().await
    }

    /// Begins a backtest that trains anew so many times.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn begin_backtest(&self, origins: Option<u32>) -> Result<Backtests, ClientError> {
        self.post(&["risk", "backtests"]).json(&BacktestRequest { origins }).answer().await
    }

    /// Reads how recorded predictions compare to the outcomes known since.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn kpis(&self, filter: &KpiFilter) -> Result<Kpis, ClientError> {
        let threshold = filter.threshold_percent.map(|percent| percent.to_string());
        let call = self.get(&["risk", "kpis"]).query("from", filter.from.as_deref());
        call.query("until", filter.until.as_deref()).query("threshold_percent", threshold).answer().await
    }

    /// Reads how changes since the model was trained compare to those that it was trained on.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn drift(&self) -> Result<Drift, ClientError> {
        self.get(&["risk", "drift"]).answer().await
    }
}
