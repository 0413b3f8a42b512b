//! Icons: one sprite per page, drawn on a field of 16 by 16. They never stand alone: a word is beside each, or a label
//! on what holds it.

use maud::{Markup, PreEscaped, html};

/// Declares the icons: an enum with the name of each symbol and its shapes.
macro_rules! icons {
    ($($(#[$meta:meta])* $icon:ident = $name:literal, $shapes:literal;)+) => {
        /// An icon of the sprite.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Icon {
            $($(#[$meta])* $icon,)+
        }

        impl Icon {
            const ALL: &'static [Self] = &[$(Self::$icon),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$icon => $name,)+
                }
            }

            fn shapes(self) -> &'static str {
                match self {
                    $(Self::$icon => $shapes,)+
                }
            }
        }
    };
}

icons!(
    List = "i-list", r#"<path d="M6 4h8M6 8h8M6 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01"/>"#;
    Calendar = "i-calendar", r#"<rect x="2" y="3" width="12" height="11" rx="1.5"/><path d="M2 6.5h12M5.5 1.5V4M10.5 1.5V4"/>"#;
    /// Nothing may be changed.
    Freeze = "i-freeze", r#"<path d="M8 1.5v13M2.4 4.8l11.2 6.4M13.6 4.8L2.4 11.2M6.2 2.7L8 4.3l1.8-1.6M6.2 13.3L8 11.7l1.8 1.6"/>"#;
    /// Several people.
    People = "i-people", r#"<circle cx="6" cy="5.5" r="2.3"/><path d="M1.8 13c.3-2.6 1.900-4 4.200-4s3.900 1.400 4.200 4"/><path d="M10.500 3.400a2.200 2.200 0 010 4.200M11.800 9.400c1.400.5 2.200 1.800 2.400 3.600"/>"#;
    Search = "i-search", r#"<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5L14 14"/>"#;
    Theme = "i-theme", r#"<circle cx="8" cy="8" r="6"/><path d="M8 2a6 6 0 000 12z" fill="currentColor"/>"#;
    Shield = "i-shield", r#"<path d="M8 1.7l5.3 2v4.2c0 3-2.2 5.3-5.3 6.4-3.1-1.1-5.3-3.4-5.3-6.4V3.7z"/><path d="M5.5 8l1.8 1.8 3.3-3.5"/>"#;
    Warning = "i-warning", r#"<path d="M8 2l6.3 11.5H1.7z"/><path d="M8 6.5v3.2M8 11.6v.01"/>"#;
    /// A person.
    Person = "i-person", r#"<circle cx="8" cy="5" r="2.8"/><path d="M2.5 14c.4-3.2 2.5-4.8 5.5-4.8s5.1 1.6 5.5 4.8"/>"#;
    /// An autonomous program.
    Agent = "i-agent", r#"<path d="M8 1.5l5.7 3.2v6.6L8 14.5l-5.7-3.2V4.7z"/><circle cx="8" cy="8" r="1.8" fill="currentColor" stroke="none"/>"#;
    /// A pipeline.
    Service = "i-service", r#"<circle cx="4" cy="3.5" r="1.8"/><circle cx="4" cy="12.5" r="1.8"/><circle cx="12" cy="6" r="1.8"/><path d="M4 5.3v5.4M12 7.8c0 2.3-3.3 2.4-6.5 4"/>"#;
    /// Being written, or not begun.
    Blank = "i-blank", r#"<circle cx="8" cy="8" r="6" stroke-dasharray="2.4 2.3"/>"#;
    /// Facts are being gathered.
    Assess = "i-assess", r#"<circle cx="8" cy="8" r="6"/><path d="M8 4.5V8h3.5" />"#;
    /// Somebody must decide.
    Await = "i-await", r#"<circle cx="8" cy="8" r="6"/><path d="M6.3 5.8v4.4M9.7 5.8v4.4"/>"#;
    /// May begin.
    Ready = "i-ready", r#"<circle cx="8" cy="8" r="6"/><path d="M6.5 5.3L11 8l-4.5 2.7z"/>"#;
    /// Under way.
    Run = "i-run", r#"<circle cx="8" cy="8" r="6"/><path d="M8 4.3a3.7 3.7 0 010 7.4z" fill="currentColor" stroke="none"/>"#;
    /// Being checked.
    Check = "i-check", r#"<circle cx="8" cy="8" r="6"/><path d="M5.3 8.2l1.9 1.9 3.5-4"/>"#;
    /// Done.
    Done = "i-done", r#"<circle cx="8" cy="8" r="6.7" fill="currentColor" stroke="none"/><path class="knock" d="M5 8.2l2.1 2.1L11 6"/>"#;
    /// Going back, or gone back.
    Back = "i-back", r#"<path d="M3 2.8v4h4"/><path d="M3.3 6.6A5.4 5.4 0 118 13.4a5.4 5.4 0 01-4.2-2"/>"#;
    /// Broken.
    Broken = "i-broken", r#"<path d="M5.3 2h5.4L14 5.3v5.4L10.7 14H5.3L2 10.7V5.3z"/><path d="M6 6l4 4M10 6l-4 4"/>"#;
    /// Refused.
    Refused = "i-refused", r#"<circle cx="8" cy="8" r="6"/><path d="M3.8 12.2l8.4-8.4"/>"#;
    /// Nobody works on it.
    Lost = "i-lost", r#"<circle cx="8" cy="8" r="6"/><path d="M6.3 6.5a1.8 1.8 0 113 1.4c-.8.6-1.3.9-1.3 1.8M8 11.7v.01"/>"#;
);

impl Icon {
    /// The icon, hidden from those who listen.
    pub(super) fn mark(self) -> Markup {
        html! { svg.i aria-hidden="true" { use href={ "#" (self.name()) } {} } }
    }
}

/// All icons of a page, to be placed once at its beginning.
pub(super) fn sprite() -> Markup {
    html! {
        svg.sprite aria-hidden="true" {
            @for icon in Icon::ALL {
                symbol id=(icon.name()) viewBox="0 0 16 16" { (PreEscaped(icon.shapes())) }
            }
        }
    }
}
