//! What every page shows around its content: navigation, the state of the log, who is signed in, the colours.

use domain::Timestamp;
use domain::actor::{Actor, ActorKind};
use maud::{DOCTYPE, Markup, html};

use super::theme::Theme;
use super::{assets, format, icon, icon::Icon, mark};
use crate::app::App;
use crate::failure::Failure;
use crate::view;

/// The product's name, as in titles.
const PRODUCT: &str = "Cortex Change";
/// Seconds after which a page that is live asks for itself again.
pub(super) const LIVE_SECONDS: u8 = 3;

/// What a page shows around its content.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// In which colours it is shown.
    pub(super) theme: Theme,
    /// Path and query of the page, to come back to.
    pub(super) address: String,
    /// Who is signed in.
    pub(super) viewer: Option<Viewed>,
    /// How far the log is signed, where anything is.
    pub(super) log: Option<SignedLog>,
    /// Whether the page asks for itself again, because what it shows goes on.
    pub(super) is_live: bool,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Viewed {
    name: String,
    kind: ActorKind,
    roles: Vec<&'static str>,
}

impl Viewed {
    /// An actor as the frame shows it.
    pub(super) fn of(actor: &Actor) -> Self {
        let roles = actor.roles.iter().map(|role| view::role_title(*role)).collect();
        Self { name: actor.name.to_string(), kind: actor.kind, roles }
    }
}

/// How far the log is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignedLog {
    /// Entries that the newest checkpoint covers.
    pub(super) size: u64,
    /// When it was signed.
    pub(super) at: Timestamp,
}

impl SignedLog {
    /// Reads the newest checkpoint.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn read(app: &App) -> Result<Option<Self>, Failure> {
        let checkpoint = app.store.latest_checkpoint().await?;
        Ok(checkpoint.map(|checkpoint| Self { size: checkpoint.head.size, at: checkpoint.signed_at }))
    }
}

/// The pages that every page leads to.
const PAGES: [(&str, Icon, &str); 6] = [
    ("/changes", Icon::List, "Changes"),
    ("/approvals", Icon::Await, "Approvals"),
    ("/calendar", Icon::Calendar, "Calendar"),
    ("/boards", Icon::People, "Boards"),
    ("/incidents", Icon::Warning, "Incidents"),
    ("/runners", Icon::Run, "Runners"),
];

/// A page of somebody who is signed in.
pub(super) fn document(frame: &Frame, title: &str, content: &Markup) -> Markup {
    let path = frame.address.split('?').next().unwrap_or_default();
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[frame.theme.attribute()] {
            (head(title, frame.is_live))
            body {
                (icon::sprite())
                a.skip href="#main" { "Skip to content" }
                div.shell {
                    header.side {
                        (brand())
                        nav.nav aria-label="Main" {
                            @for (address, icon, name) in PAGES {
                                a href=(address) aria-current=[(path == address).then_some("page")] {
                                    (icon.mark()) (name)
                                }
                            }
                        }
                        div.side-foot {
                            @if let Some(log) = frame.log { (signed(log)) }
                            (viewer(frame))
                        }
                    }
                    main.main #main tabindex="-1" { div.wrap { (content) } }
                }
            }
        }
    }
}

/// A page for somebody who is not signed in.
pub(super) fn plain_document(frame: &Frame, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[frame.theme.attribute()] {
            (head(title, false))
            body {
                (icon::sprite())
                a.skip href="#main" { "Skip to content" }
                header.door-head { (brand()) (theme_switch(frame)) }
                main.door #main tabindex="-1" { (content) }
            }
        }
    }
}

fn head(title: &str, is_live: bool) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if is_live { meta http-equiv="refresh" content=(LIVE_SECONDS); }
            title { (title) " · " (PRODUCT) }
            link rel="icon" type="image/svg+xml" href=(assets::icon_path());
            link rel="stylesheet" href=(assets::style_path());
        }
    }
}

fn brand() -> Markup {
    html! {
        a.brand href="/changes" {
            svg viewBox="0 0 24 24" aria-hidden="true" {
                rect.brand-field width="24" height="24" rx="6" {}
                path.brand-line d="M12 6.5l5.5 10h-11z" {}
            }
            span.brand-name { (PRODUCT) }
        }
    }
}

fn signed(log: SignedLog) -> Markup {
    html! {
        p.signed {
            span.signed-mark { (Icon::Shield.mark()) "Audit log signed" }
            span { (format::count(log.size, "entry", "entries")) ", " (format::time_of_day(log.at)) " UTC" }
        }
    }
}

fn viewer(frame: &Frame) -> Markup {
    html! {
        div.me {
            @if let Some(viewer) = &frame.viewer {
                div.who {
                    (mark::actor(&viewer.name, Some(viewer.kind)))
                    small.quiet { (viewer.roles.join(", ")) }
                }
            }
            div.tools {
                (theme_switch(frame))
                @if frame.viewer.is_some() {
                    form method="post" action="/logout" {
                        button.btn.btn-quiet type="submit" { "Sign out" }
                    }
                }
            }
        }
    }
}

fn theme_switch(frame: &Frame) -> Markup {
    let (now, next) = (frame.theme, frame.theme.next());
    let label = format!("Colours: {}. Change to {}", now.as_str(), next.as_str());
    html! {
        form method="post" action="/theme" {
            input type="hidden" name="next" value=(frame.address);
            button.btn.btn-quiet.btn-icon type="submit" name="theme" value=(next.as_str())
                aria-label=(label) title=(label) { (Icon::Theme.mark()) }
        }
    }
}
