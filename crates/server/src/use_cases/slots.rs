//! Looking for the earliest times at which nothing stands in the way of a change, or of some services.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Timestamp;
use domain::calendar::{Found, Obstacle, Planned, RUN_ASSUMED_MINUTES, Wanted, earliest, estimated, items};
use domain::change::{Change, ChangeType, Window};
use domain::id::{ChangeId, CiName, EnvironmentName, ServiceName};
use jiff::{SignedDuration, TimestampRound, Unit};

use crate::app::App;
use crate::failure::Failure;
use crate::gates::Touches;
use crate::work;

/// How far ahead a time is looked for that nobody asked for.
const LOOKED_AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What a time is looked for.
#[derive(Debug, Clone)]
pub(crate) enum Whose {
    /// A change.
    Change(ChangeId),
    /// Services that are to be changed.
    Services {
        /// Which.
        services: BTreeSet<ServiceName>,
        /// Where; anywhere when it is not said.
        environment: Option<EnvironmentName>,
    },
}

/// How long a time, and where to look for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// How long; as long as the change's plan is expected to take when absent.
    pub length: Option<SignedDuration>,
    /// How far ahead.
    pub within: SignedDuration,
    /// How many.
    pub most: usize,
}

/// What is changed, and how.
struct Subject {
    change: Option<ChangeId>,
    is_emergency: bool,
    services: BTreeSet<ServiceName>,
    cis: BTreeSet<CiName>,
    environment: Option<EnvironmentName>,
    estimated: Option<SignedDuration>,
    /// Services included.
    items: BTreeSet<CiName>,
}

/// Looks for the earliest free times.
///
/// # Errors
/// When there is no such change or service, or the store fails.
pub(crate) async fn find(app: &App, whose: Whose, asked: Asked) -> Result<(Wanted, Found), Failure> {
    let subject = match whose {
        Whose::Change(id) => Subject::of_change(work::load(app, id).await?.0),
        Whose::Services { services, environment } => {
            services.iter().try_for_each(|service| require_known(app, service))?;
            Subject::of_services(services, environment)
        }
    };
    let length = asked.length.or(subject.estimated).unwrap_or(SignedDuration::from_mins(RUN_ASSUMED_MINUTES));
    Ok(subject.find(app, asked, length, app.clock.now()))
}

/// The earliest time of a length within the next fortnight at which nothing stands in the way of a change.
pub(crate) fn earliest_of(
    app: &App,
    change: &Change,
    length: SignedDuration,
    now: Timestamp,
) -> Option<Window> {
    let asked = Asked { length: Some(length), within: LOOKED_AHEAD, most: 1 };
    let (_, found) = Subject::of_change(change.clone()).find(app, asked, length, now);
    let start = found.slots.first()?.start;
    Some(Window { start, end: start.checked_add(length).ok()? })
}

impl Subject {
    fn find(&self, app: &App, asked: Asked, length: SignedDuration, now: Timestamp) -> (Wanted, Found) {
        let from = next_minute(now);
        let until = from.saturating_add(asked.within).unwrap_or(Timestamp::MAX);
        let wanted = Wanted { from, until, length, most: asked.most };
        // Emergencies are held back by nothing that is planned.
        let obstacles = if self.is_emergency { Vec::new() } else { self.obstacles(app, &wanted, now) };
        let found = earliest(&obstacles, &wanted);
        (wanted, found)
    }

    fn of_change(change: Change) -> Self {
        let (items, estimated) = (items(&change), estimated(&change));
        let content = change.content;
        Self {
            change: Some(change.id),
            is_emergency: content.change_type == ChangeType::Emergency,
            services: content.affected_services,
            cis: content.affected_cis,
            environment: content.environment,
            estimated,
            items,
        }
    }

    fn of_services(services: BTreeSet<ServiceName>, environment: Option<EnvironmentName>) -> Self {
        let items = services.iter().map(CiName::from).collect();
        let (cis, estimated) = (BTreeSet::new(), None);
        Self { change: None, is_emergency: false, services, cis, environment, estimated, items }
    }

    fn obstacles(&self, app: &App, wanted: &Wanted, now: Timestamp) -> Vec<Obstacle> {
        let (span, environment) = (wanted.span(), self.environment.as_ref());
        let (calendar, touches, others) = {
            let known = app.known();
            let planned = Planned { change: self.change, items: &self.items, environment, span };
            let others = known.bookings.obstacles(&known.cmdb, &planned, now);
            (Arc::clone(&known.calendar), Touches::of(&known, &self.services, &self.cis), others)
        };
        let mut obstacles = calendar.obstacles(self.change, &touches.touched(environment), span);
        obstacles.extend(others);
        obstacles
    }
}

/// A slip of the pen must not look like a service that is always free.
fn require_known(app: &App, service: &ServiceName) -> Result<(), Failure> {
    let known = app.known();
    if known.cmdb.described(service.as_str()).is_some() {
        return Ok(());
    }
    let suggestions = known.cmdb.suggest(service.as_str()).into_iter().map(str::to_owned).collect();
    Err(Failure::UnknownItem { name: service.to_string(), suggestions })
}

fn next_minute(now: Timestamp) -> Timestamp {
    let up = TimestampRound::new().smallest(Unit::Minute).mode(jiff::RoundMode::Ceil);
    now.round(up).unwrap_or(now)
}
