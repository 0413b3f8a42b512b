//! Marks that several pages use: risk, state, actor. Colour never stands alone: a shape and a word say the same.

use domain::actor::ActorKind;
use domain::change::{Outcome, StateName};
use domain::risk::Level;
use maud::{Markup, html};

use super::icon::Icon;

/// How high a mark stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// In a row of a list.
    Row,
    /// At the head of a page.
    Head,
}

/// A risk: one to four bars, the score, the level.
pub(super) fn risk(score: u8, level: Level, size: Size) -> Markup {
    let (bars, class) = match level {
        Level::Low => (1, "risk risk-low"),
        Level::Medium => (2, "risk risk-medium"),
        Level::High => (3, "risk risk-high"),
        Level::Critical => (4, "risk risk-critical"),
    };
    let (head, noun) = match size {
        Size::Row => ("", ""),
        Size::Head => (" risk-head", " risk"),
    };
    html! {
        span class={ (class) (head) } {
            svg viewBox="0 0 16 12" aria-hidden="true" {
                @for bar in 0..4_u8 {
                    rect class=[(bar >= bars).then_some("off")] x=(format!("{}", f32::from(bar) * 4.25))
                        y=(format!("{}", 8.0 - f32::from(bar) * 2.5)) width="3.25"
                        height=(format!("{}", 4.0 + f32::from(bar) * 2.5)) rx=".75" {}
                }
            }
            b { (score) }
            span { (level.title()) (noun) }
        }
    }
}

/// A state as it is told: its mark, its words, and the class that colours the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    icon: Icon,
    class: &'static str,
    /// The state in words.
    pub(super) words: &'static str,
}

impl Told {
    const fn new(icon: Icon, class: &'static str, words: &'static str) -> Self {
        Self { icon, class, words }
    }

    /// A change's state. A closed one is told by how it ended, where that is known.
    pub(super) fn state(state: StateName, outcome: Option<Outcome>) -> Self {
        match (state, outcome) {
            (StateName::Draft, _) => Self::new(Icon::Blank, "state", "Draft"),
            (StateName::Assessing, _) => Self::new(Icon::Assess, "state", "Assessing"),
            (StateName::AwaitingApproval, _) => {
                Self::new(Icon::Await, "state state-wait", "Awaiting approval")
            }
            (StateName::Approved, _) => Self::new(Icon::Ready, "state state-live", "Approved"),
            (StateName::Implementing, _) => Self::new(Icon::Run, "state state-live", "In progress"),
            (StateName::Interrupted, _) => Self::new(Icon::Lost, "state state-bad", "Interrupted"),
            (StateName::Validating, _) => Self::new(Icon::Check, "state state-live", "Validating"),
            (StateName::Implemented, _) => Self::new(Icon::Check, "state state-good", "Implemented"),
            (StateName::RollingBack, _) => Self::new(Icon::Back, "state state-bad", "Rolling back"),
            (StateName::RolledBack, _) | (StateName::Closed, Some(Outcome::RolledBack)) => {
                Self::new(Icon::Back, "state state-bad", "Rolled back")
            }
            (StateName::Failed, _) | (StateName::Closed, Some(Outcome::Failed)) => {
                Self::new(Icon::Broken, "state state-bad", "Failed")
            }
            (StateName::Closed, Some(Outcome::Partial)) => {
                Self::new(Icon::Done, "state state-wait", "Partly successful")
            }
            (StateName::Closed, Some(Outcome::Successful)) => {
                Self::new(Icon::Done, "state state-good", "Successful")
            }
            (StateName::Closed, None) => Self::new(Icon::Done, "state", "Closed"),
            (StateName::Rejected, _) => Self::new(Icon::Refused, "state state-bad", "Rejected"),
            (StateName::Cancelled, _) | (StateName::Closed, Some(Outcome::Cancelled)) => {
                Self::new(Icon::Refused, "state", "Cancelled")
            }
        }
    }

    /// A step's state, by the icon of the like state of a change.
    pub(super) const fn step(icon: Icon, class: &'static str, words: &'static str) -> Self {
        Self::new(icon, class, words)
    }

    /// Mark and words.
    pub(super) fn mark(self) -> Markup {
        html! { span class=(self.class) { (self.icon.mark()) (self.words) } }
    }

    /// The mark with its words for those who listen only; the words stand elsewhere or the place is narrow.
    pub(super) fn bare_mark(self) -> Markup {
        html! { span class=(self.class) { (self.icon.mark()) span.sr { (self.words) } } }
    }
}

/// An actor: name, and what it is.
pub(super) fn actor(name: &str, kind: Option<ActorKind>) -> Markup {
    let (icon, word) = match kind {
        Some(ActorKind::Human) => (Icon::Person, "person"),
        Some(ActorKind::Agent) => (Icon::Agent, "agent"),
        Some(ActorKind::Service) | None => (Icon::Service, "program"),
    };
    html! {
        span.actor title={ (name) ", " (word) } { (icon.mark()) span { (name) span.sr { " (" (word) ")" } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_says_in_bars_number_and_word_the_same() {
        let html = risk(45, Level::Medium, Size::Head).into_string();
        assert!(html.contains("<b>45</b><span>Medium risk</span>"), "{html}");
        assert_eq!(html.matches(r#"class="off""#).count(), 2);
        assert_eq!(risk(99, Level::Critical, Size::Row).into_string().matches("off").count(), 0);
    }

    #[test]
    fn every_state_has_words_of_its_own_or_shares_them_with_the_outcome_of_the_same_name() {
        let mut words: Vec<_> = StateName::ALL.iter().map(|state| Told::state(*state, None).words).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), StateName::ALL.len());
        let closed = |outcome| Told::state(StateName::Closed, Some(outcome));
        assert_eq!(closed(Outcome::RolledBack), Told::state(StateName::RolledBack, None));
        assert_eq!(closed(Outcome::Successful).words, "Successful");
    }
}
