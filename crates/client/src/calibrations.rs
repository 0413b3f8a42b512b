//! Calibrations of the judge of canaries.

use api::Page;
use api::calibration::{Calibration, SaveCalibration};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Lists the newest calibration of every service, or those of one service, the newest first.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list_calibrations(&self, service: Option<&str>) -> Result<Page<Calibration>, ClientError> {
        self.get(&["calibrations"]).query("service", service).answer().await
    }

    /// Saves a calibration. Repeating it with the same key saves no second one.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn save_calibration(
        &self,
        request: &SaveCalibration,
        idempotency_key: &str,
    ) -> Result<Calibration, ClientError> {
        let call = self.post(&["calibrations"]).json(request).repeatable();
        call.header("idempotency-key", "idempotency key", idempotency_key)?.answer().await
    }
}
