//! Alerts that are active: those that fired and were not resolved since.

use std::collections::{BTreeMap, HashSet};

use api::alert::ToldAlert;
use domain::alert::{AlertEvent, FiredAlert};
use domain::change::Content;
use domain::risk::{ActiveAlert, ActiveAlerts, CIRCUMSTANCES_NAMED_MAX};
use store::{EventPlace, LOG_PAGE_EVENTS_MAX, Store, StoredEvent, StreamName, StreamSet};

use crate::failure::Failure;
use crate::record::{Recordable, decode};

/// Most alerts that are active at once.
pub(crate) const ACTIVE_ALERTS_MAX: usize = 10_000;
/// Streams of alerts.
const PREFIX: &str = "alert/";

impl Recordable for AlertEvent {}

/// The alerts that are active, by the stream of their firing.
#[derive(Debug, Default)]
pub(crate) struct Alerts(BTreeMap<StreamName, Active>);

#[derive(Debug)]
struct Active {
    version: u64,
    alert: FiredAlert,
}

/// The stream of one firing of an alert.
///
/// # Errors
/// Never, as long as fingerprints are words.
pub(crate) fn stream(told: &ToldAlert) -> Result<StreamName, Failure> {
    let name = format!("{PREFIX}{}/{}", told.fingerprint, told.alert.since.as_microsecond());
    StreamName::new(name).map_err(|error| Failure::Internal(error.to_string()))
}

/// Whether a stream is of an alert.
pub(crate) fn is_alert(stream: &StreamName) -> bool {
    stream.as_str().starts_with(PREFIX)
}

impl Alerts {
    /// Reads every alert that is active.
    ///
    /// # Errors
    /// When the store or the log fails.
    pub(crate) async fn load(store: &Store) -> Result<Self, Failure> {
        let streams = StreamSet::WithPrefix(PREFIX.to_owned());
        let (mut alerts, mut after) = (Self::default(), None);
        loop {
            let page = store.read_streams(&streams, after.as_ref(), LOG_PAGE_EVENTS_MAX).await?;
            after = page.last().map(EventPlace::of);
            let is_last = page.len() < LOG_PAGE_EVENTS_MAX;
            for stored in page {
                alerts.apply(stored)?;
            }
            if is_last {
                return Ok(alerts);
            }
        }
    }

    /// Takes an event in, unless it is known already.
    ///
    /// # Errors
    /// When the entry is not of an alert.
    pub(crate) fn apply(&mut self, stored: StoredEvent) -> Result<(), Failure> {
        let stream = stored.stream.clone();
        let recorded = decode::<AlertEvent>(stored)?;
        self.take(stream, recorded.version, recorded.event);
        Ok(())
    }

    /// Takes an event in, unless it is known already.
    pub(crate) fn take(&mut self, stream: StreamName, version: u64, event: AlertEvent) {
        let is_known = self.0.get(&stream).is_some_and(|active| active.version >= version);
        match event {
            AlertEvent::Fired(_) if is_known => {}
            AlertEvent::Fired(alert) => drop(self.0.insert(stream, Active { version, alert })),
            AlertEvent::Resolved { .. } => drop(self.0.remove(&stream)),
        }
    }

    /// The version of a firing that is active.
    pub(crate) fn version(&self, stream: &StreamName) -> Option<u64> {
        self.0.get(stream).map(|active| active.version)
    }

    /// How many are active.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The alerts that are active on what a change with this content names.
    pub(crate) fn on(&self, content: &Content) -> ActiveAlerts {
        if self.0.is_empty() {
            return ActiveAlerts::default();
        }
        let services = content.affected_services.iter().map(|name| name.as_str());
        let changed: HashSet<&str> =
            services.chain(content.affected_cis.iter().map(|name| name.as_str())).collect();
        let mut found: Vec<_> = self
            .0
            .values()
            .filter_map(|active| {
                let on = active.alert.on.iter().find(|name| changed.contains(name.as_str()))?;
                Some((&active.alert, on))
            })
            .collect();
        found.sort_by_key(|(alert, _)| std::cmp::Reverse(alert.since));
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        ActiveAlerts {
            count: count(found.len()),
            critical: count(found.iter().filter(|(alert, _)| alert.is_critical()).count()),
            named: found
                .iter()
                .take(CIRCUMSTANCES_NAMED_MAX)
                .map(|(alert, on)| ActiveAlert {
                    name: alert.name.clone(),
                    on: (*on).clone(),
                    since: alert.since,
                })
                .collect(),
        }
    }
}
