//! Taking note of alerts that fire, and of those that do so no more.

use api::FieldError;
use api::alert::{AlertsTaken, ToldAlert};
use domain::alert::AlertEvent;
use policy::{Action, Resource};
use store::{Append, StreamAppend, StreamName};

use crate::app::{App, SharedApp};
use crate::around::{ACTIVE_ALERTS_MAX, alert_stream};
use crate::ask;
use crate::caller::Caller;
use crate::commit::decided;
use crate::failure::Failure;
use crate::record::{Envelope, encode};
use crate::work::actor_guard;

/// Records what is new of these alerts.
///
/// # Errors
/// When policy refuses, too many alerts would be active, or the store fails. Nothing was written then.
pub(crate) async fn take(
    app: &SharedApp,
    caller: &Caller,
    told: Vec<ToldAlert>,
) -> Result<AlertsTaken, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let about = (Action::ReportAlerts, "alerts");
        let (shared, told) = (&shared, &told);
        decided(shared, caller, about, move |caller| async move { attempt(shared, &caller, told).await })
            .await
    })
    .await
}

async fn attempt(app: &App, caller: &Caller, told: &[ToldAlert]) -> Result<AlertsTaken, Failure> {
    let ruling = ask::about(app, caller, Action::ReportAlerts, &Resource::System)?;
    let (events, taken) = news(app, told).await?;
    if events.is_empty() {
        return Ok(taken);
    }
    let envelope = Envelope {
        at: app.clock.now(),
        actor: caller.id(),
        on_behalf_of: None,
        decided_by: ruling.decided_by(),
    };
    let streams = events.iter().map(|(stream, expected_version, event)| StreamAppend {
        stream: stream.clone(),
        expected_version: *expected_version,
        events: vec![encode(&envelope, event)],
    });
    let streams = streams.collect();
    let guards = actor_guard(caller)?.into_iter().collect();
    app.append(Append { streams, guards, ..Append::default() }).await?;
    let alerts = &mut app.known_mut().alerts;
    for (stream, version, event) in events {
        alerts.take(stream, version + 1, event);
    }
    Ok(taken)
}

/// What is not recorded yet: each event with its stream and the version that it follows.
async fn news(
    app: &App,
    told: &[ToldAlert],
) -> Result<(Vec<(StreamName, u64, AlertEvent)>, AlertsTaken), Failure> {
    let mut events: Vec<(StreamName, u64, AlertEvent)> = Vec::new();
    let mut taken = AlertsTaken { fired: 0, resolved: 0, unchanged: 0 };
    for one in told {
        let stream = alert_stream(one)?;
        let active = app.known().alerts.version(&stream);
        let is_told_twice = events.iter().any(|(told, _, _)| *told == stream);
        let event = match (active, one.resolved) {
            (Some(version), Some(since)) => Some((version, AlertEvent::Resolved { since })),
            (None, None) if app.store.stream_version(&stream).await? == 0 => {
                Some((0, AlertEvent::Fired(one.alert.clone())))
            }
            // It fires still, or was never heard of, or was resolved before.
            (Some(_), None) | (None, Some(_) | None) => None,
        };
        match event.filter(|_| !is_told_twice) {
            None => taken.unchanged += 1,
            Some((version, event)) => {
                match event {
                    AlertEvent::Fired(_) => taken.fired += 1,
                    AlertEvent::Resolved { .. } => taken.resolved += 1,
                }
                events.push((stream, version, event));
            }
        }
    }
    let fired = usize::try_from(taken.fired).unwrap_or(usize::MAX);
    if app.known().alerts.len().saturating_add(fired) > ACTIVE_ALERTS_MAX {
        let message = format!(
            "more than {ACTIVE_ALERTS_MAX} alerts would be active: let Alertmanager group or inhibit them"
        );
        return Err(FieldError::new("alerts", message).into());
    }
    Ok((events, taken))
}
