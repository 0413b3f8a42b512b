//! The calibrations of all services, folded from their events. The newest of a service is the one that new changes rest on; older
//! ones stay known for a while, because changes that were approved with them rest on those.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::saved::{Calibrated, NotCalibrated};
use crate::Timestamp;
use crate::canonical::Digest;
use crate::id::{ActorId, ServiceName};

/// Calibrations of one service that stay known.
pub const KEPT_MAX: usize = 20;
/// Most services with calibrations.
pub const SERVICES_MAX: usize = 10_000;

/// What happened to calibrations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum CalibrationEvent {
    /// One was saved.
    #[serde(rename = "canary.calibrated")]
    Saved {
        /// Which.
        calibration: Box<Calibrated>,
    },
}

/// A calibration that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its digest.
    pub id: Digest,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: ActorId,
    /// The calibration.
    pub calibrated: Arc<Calibrated>,
}

/// Every calibration that is known.
#[derive(Debug, Clone, Default)]
pub struct Calibrations {
    version: u64,
    updated_at: Timestamp,
    /// The newest first.
    services: BTreeMap<ServiceName, VecDeque<Saved>>,
}

/// A calibration that is not saved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationNotSaved {
    /// It is none.
    #[error(transparent)]
    NotCalibrated(#[from] NotCalibrated),
    /// There are enough.
    #[error("{SERVICES_MAX} services have calibrations: no further one is accepted")]
    TooManyServices,
}

impl Calibrations {
    /// Events so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the last one happened.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Decides to save a calibration.
    ///
    /// # Errors
    /// When it is none, or there are too many.
    pub fn save(&self, calibrated: Calibrated) -> Result<CalibrationEvent, CalibrationNotSaved> {
        calibrated.check()?;
        if self.services.len() >= SERVICES_MAX && !self.services.contains_key(&calibrated.service) {
            return Err(CalibrationNotSaved::TooManyServices);
        }
        Ok(CalibrationEvent::Saved { calibration: Box::new(calibrated) })
    }

    /// Folds an event.
    pub fn evolve(&mut self, version: u64, at: Timestamp, by: &ActorId, event: &CalibrationEvent) {
        self.version = version;
        self.updated_at = at;
        let CalibrationEvent::Saved { calibration } = event;
        // What has no digest cannot be named by a change.
        let Ok(id) = calibration.id() else { return };
        let saved = Saved { id, at, by: by.clone(), calibrated: Arc::new(calibration.as_ref().clone()) };
        let kept = self.services.entry(calibration.service.clone()).or_default();
        kept.push_front(saved);
        kept.truncate(KEPT_MAX);
    }

    /// The newest of a service.
    pub fn newest(&self, service: &ServiceName) -> Option<&Saved> {
        self.of(service).next()
    }

    /// Those of a service, the newest first.
    pub fn of(&self, service: &ServiceName) -> impl Iterator<Item = &Saved> {
        self.services.get(service).into_iter().flatten()
    }

    /// One of a service by its digest.
    pub fn find(&self, service: &ServiceName, id: Digest) -> Option<&Saved> {
        self.of(service).find(|saved| saved.id == id)
    }

    /// The newest of every service, in order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Saved> {
        self.services.values().filter_map(VecDeque::front)
    }
}
