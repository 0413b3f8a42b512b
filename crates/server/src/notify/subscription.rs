//! Which messages a subscription is about, and when they may be sent.

use std::collections::BTreeSet;

use adapters::notify::Message;
use domain::Timestamp;
use domain::actor::Role;
use domain::change::Notice;
use domain::risk::Level;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};

use super::settings::{self, QuietHours};

/// Shortest and longest time for which a digest collects, in minutes.
const DIGEST_MINUTES: std::ops::RangeInclusive<u16> = 5..=1_440;
const MINUTE_SECONDS: i64 = 60;

/// Which channel is told of what, and when.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) channel: String,
    events: BTreeSet<Notice>,
    roles: BTreeSet<Role>,
    services: BTreeSet<String>,
    levels: BTreeSet<Level>,
    quiet: Option<Quiet>,
    digest_seconds: Option<i64>,
}

#[derive(Debug, Clone)]
struct Quiet {
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// When a message may be sent. The earlier one is the smaller one; of two at the same time, the one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) at: Timestamp,
    /// Whether it is sent together with others.
    pub(super) in_digest: bool,
}

impl Subscription {
    /// Checks what the settings say.
    ///
    /// # Errors
    /// With the field and what it should be.
    pub(super) fn of(given: &settings::Subscription) -> Result<Self, String> {
        let minutes = given.digest_minutes;
        if let Some(minutes) = minutes.filter(|minutes| !DIGEST_MINUTES.contains(minutes)) {
            let (least, most) = (DIGEST_MINUTES.start(), DIGEST_MINUTES.end());
            return Err(format!("digest_minutes: {minutes} is out of range: expected {least} to {most}"));
        }
        Ok(Self {
            channel: given.channel.clone(),
            events: given.events.iter().copied().collect(),
            roles: given.roles.iter().copied().collect(),
            services: given.services.iter().cloned().collect(),
            levels: given.levels.iter().copied().collect(),
            quiet: given.quiet_hours.as_ref().map(Quiet::of).transpose()?,
            digest_seconds: minutes.map(|minutes| i64::from(minutes) * MINUTE_SECONDS),
        })
    }

    /// When a message is sent to the subscriber; never when the subscription is not about it.
    pub(super) fn due(&self, message: &Message) -> Option<Due> {
        let change = message.change.as_ref();
        let level = change.and_then(|change| change.level);
        let services = change.map_or(&[][..], |change| &change.services);
        let is_wanted = (self.events.is_empty() || self.events.contains(&message.kind))
            && (self.roles.is_empty() || message.audience.iter().any(|role| self.roles.contains(role)))
            && (self.services.is_empty() || services.iter().any(|service| self.services.contains(service)))
            && (self.levels.is_empty() || level.is_some_and(|level| self.levels.contains(&level)));
        is_wanted.then(|| {
            let collected =
                self.digest_seconds.map_or(message.at, |seconds| end_of_period(message.at, seconds));
            let at = self.quiet.as_ref().map_or(collected, |quiet| quiet.end_after(collected));
            Due { at, in_digest: self.digest_seconds.is_some() }
        })
    }
}

/// The end of the period of so many seconds in which an instant lies. Periods begin with the day, in UTC.
fn end_of_period(at: Timestamp, seconds: i64) -> Timestamp {
    let begun = at.as_second().div_euclid(seconds).saturating_mul(seconds);
    Timestamp::from_second(begun.saturating_add(seconds)).unwrap_or(Timestamp::MAX)
}

impl Quiet {
    fn of(given: &QuietHours) -> Result<Self, String> {
        let time = |field, text: &str| {
            let refused =
                || format!("quiet_hours.{field}: `{text}` is not a time: expected one such as `22:00`");
            text.parse::<Time>().map_err(|_| refused())
        };
        let (from, to) = (time("from", &given.from)?, time("to", &given.to)?);
        if from == to {
            return Err("quiet_hours: they begin when they end: expected two different times".to_owned());
        }
        let zone = TimeZone::get(&given.zone).map_err(|_| {
            format!(
                "quiet_hours.zone: `{}` is not a time zone: expected one such as `Europe/Berlin`",
                given.zone
            )
        })?;
        Ok(Self { from, to, zone })
    }

    /// The instant itself, or the end of the quiet hours that it lies in.
    fn end_after(&self, at: Timestamp) -> Timestamp {
        let local = at.to_zoned(self.zone.clone());
        let time = local.time();
        let is_over_midnight = self.from > self.to;
        let is_quiet = if is_over_midnight {
            time >= self.from || time < self.to
        } else {
            time >= self.from && time < self.to
        };
        if !is_quiet {
            return at;
        }
        let ends_tomorrow = is_over_midnight && time >= self.from;
        let day = if ends_tomorrow { local.date().saturating_add(1.day()) } else { local.date() };
        let end = day.to_datetime(self.to).to_zoned(self.zone.clone());
        // Where a clock change swallows or repeats that time, the zone says which instant it is; never an earlier one.
        end.map_or(at.saturating_add(SignedDuration::from_hours(1)).unwrap_or(at), |end| end.timestamp())
            .max(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(toml: &str) -> Result<Subscription, String> {
        Subscription::of(&toml::from_str(&format!("channel = \"ops\"\n{toml}")).unwrap())
    }

    fn message(at: &str) -> Message {
        let at = at.parse().unwrap();
        Message { kind: Notice::Approved, at, change: None, incident: None, audience: Vec::new(), link: None }
    }

    fn due(toml: &str, at: &str) -> String {
        subscription(toml).unwrap().due(&message(at)).map_or("never".to_owned(), |due| due.at.to_string())
    }

    #[test]
    fn quiet_hours_end_by_the_clock_on_the_wall() {
        let night = "quiet_hours = { from = \"22:00\", to = \"07:00\", zone = \"Europe/Berlin\" }";
        for (at, expected) in [
            ("2026-01-10T20:59:59Z", "2026-01-10T20:59:59Z"),
            ("2026-01-10T21:00:00Z", "2026-01-11T06:00:00Z"),
            ("2026-01-11T05:59:59Z", "2026-01-11T06:00:00Z"),
            ("2026-01-11T06:00:00Z", "2026-01-11T06:00:00Z"),
            // The night in which clocks go forward is an hour shorter.
            ("2026-03-28T21:30:00Z", "2026-03-29T05:00:00Z"),
        ] {
            assert_eq!(due(night, at), expected, "{at}");
        }
        let noon = "quiet_hours = { from = \"12:00\", to = \"13:00\", zone = \"America/New_York\" }";
        assert_eq!(due(noon, "2026-07-01T16:30:00Z"), "2026-07-01T17:00:00Z");
        assert_eq!(due(noon, "2026-07-01T15:30:00Z"), "2026-07-01T15:30:00Z");
    }

    #[test]
    fn a_digest_is_due_at_the_end_of_its_period_and_waits_for_the_end_of_quiet_hours() {
        assert_eq!(due("digest_minutes = 60", "2026-01-10T09:00:00Z"), "2026-01-10T10:00:00Z");
        assert_eq!(due("digest_minutes = 60", "2026-01-10T09:59:59.999Z"), "2026-01-10T10:00:00Z");
        let both = "digest_minutes = 60\nquiet_hours = { from = \"10:00\", to = \"12:00\", zone = \"UTC\" }";
        assert_eq!(due(both, "2026-01-10T09:30:00Z"), "2026-01-10T12:00:00Z");
    }

    #[test]
    fn only_what_a_subscription_is_about_is_sent() {
        let at = "2026-01-10T09:00:00Z";
        assert_eq!(due("events = [\"change.approved\", \"change.closed\"]", at), at);
        assert_eq!(due("events = [\"change.closed\"]", at), "never");
        for condition in ["roles = [\"ciso\"]", "services = [\"checkout\"]", "levels = [\"high\"]"] {
            assert_eq!(due(condition, at), "never", "{condition}");
        }
        let mut told = message(at);
        told.audience = vec![Role::Ciso];
        assert!(subscription("roles = [\"cto\", \"ciso\"]").unwrap().due(&told).is_some());
    }

    #[test]
    fn settings_that_mean_nothing_are_refused_with_field_and_fix() {
        let quiet = |from, to, zone| {
            format!("quiet_hours = {{ from = \"{from}\", to = \"{to}\", zone = \"{zone}\" }}")
        };
        for (toml, expected) in [
            ("digest_minutes = 1".to_owned(), "digest_minutes: 1 is out of range: expected 5 to 1440"),
            (
                quiet("25:00", "07:00", "UTC"),
                "quiet_hours.from: `25:00` is not a time: expected one such as `22:00`",
            ),
            (
                quiet("22:00", "22:00", "UTC"),
                "quiet_hours: they begin when they end: expected two different times",
            ),
            (
                quiet("22:00", "07:00", "Mars/Olympus"),
                "quiet_hours.zone: `Mars/Olympus` is not a time zone: expected one such as `Europe/Berlin`",
            ),
        ] {
            assert_eq!(subscription(&toml).unwrap_err(), expected);
        }
    }
}
