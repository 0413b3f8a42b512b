//! Other changes that get in its way, as they are now.

use api::slot::Conflict;
use domain::Timestamp;
use domain::change::{Change, StateName};
use maud::{Markup, html};

use crate::known::Known;
use crate::portal::format;
use crate::portal::icon::Icon;
use crate::view;

/// Other changes that get in its way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conflicts {
    id: String,
    others: Vec<Conflict>,
}

impl Conflicts {
    /// Nothing for a change that is not to be started any more.
    pub(super) fn of(known: &Known, change: &Change, now: Timestamp) -> Self {
        let is_next = matches!(change.state_name(), StateName::AwaitingApproval | StateName::Approved);
        if !is_next {
            return Self::default();
        }
        let told = view::conflicts(known, change, now);
        Self { id: told.change_id, others: told.items }
    }
}

/// The card; nothing where no other change gets in its way.
pub(super) fn card(conflicts: &Conflicts) -> Markup {
    let Conflicts { id, others } = conflicts;
    if others.is_empty() {
        return html! {};
    }
    html! {
        section.card aria-labelledby="conflicts" {
            h2 #conflicts { "Other changes at the same time" }
            ul.findings {
                @for other in others {
                    li {
                        (Icon::Warning.mark())
                        div {
                            b {
                                a href={ "/changes/" (other.change_id) } {
                                    (other.title.as_deref().unwrap_or(&other.change_id))
                                }
                            }
                            p { (format::marked(&format::sentence(&other.reason))) }
                            @if other.holds { p.quiet { "It keeps this change from being started." } }
                        }
                    }
                }
            }
            p.quiet { "Free times: " code { "cortex-change calendar slot " (id) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::calendar::{Booking, Bookings, ConflictSettings, Stage};
    use domain::change::Window;
    use domain::risk::Level;

    use super::*;
    use crate::portal::fixture::{self, Story, at};

    #[test]
    fn another_change_in_the_window_is_told_and_linked() {
        let window = Some(Window { start: at(3_600), end: at(7_200) });
        let change = Story::awaiting(Level::Medium, |content| content.window = window).change();
        let mut known = fixture::known();
        let other = Booking { change: "CHG-2024-000001".parse().unwrap(), ..Booking::of(&change).unwrap() };
        known.bookings = Bookings::new(ConflictSettings::default());
        known.bookings.put(&change);
        assert_eq!(card(&Conflicts::of(&known, &change, at(60))).into_string(), "");
        known.bookings.book(Booking { stage: Stage::Approved, ..other });
        let html = card(&Conflicts::of(&known, &change, at(60))).into_string();
        for part in [
            "href=\"/changes/CHG-2024-000001\"",
            "CHG-2024-000001, approved, changes",
            "It keeps this change from being started.",
            "cortex-change calendar slot CHG-2025-001234",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }
}
