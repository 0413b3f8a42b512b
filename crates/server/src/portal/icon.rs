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
    Search = "i-search", r#"<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5L14 14"/>"#;
    Theme = "i-theme", r#"<circle cx="8" cy="8" r="6"/><path d="M8 2a6 6 0 000 12z" fill="currentColor"/>"#;
    Shield = "i-shield", r#"<path d="M8 1.7l5.3 2v4.2c0 3-2.2 5.3-5.3 6.4-3.1-1.100-5.300-3.400-5.300-6.400V3.700z"/><path d="M5.500 8l1.800 1.800 3.300-3.500"/>"#;
    Warning = "i-warning", r#"<path d="M8 2l6.300 11.500H1.700z"/><path d="M8 6.500v3.200M8 11.600v.01"/>"#;
    /// A person.
    Person = "i-person", r#"<circle cx="8" cy="5" r="2.800"/><path d="M2.500 14c.4-3.200 2.500-4.800 5.500-4.800s5.100 1.600 5.500 4.800"/>"#;
    /// An autonomous program.
    Agent = "i-agent", r#"<path d="M8 1.500l5.700 3.200v6.600L8 14.500l-5.700-3.200V4.700z"/><circle cx="8" cy="8" r="1.800" fill="currentColor" stroke="none"/>"#;
    /// A pipeline.
    Service = "i-service", r#"<circle cx="4" cy="3.500" r="1.800"/><circle cx="4" cy="12.500" r="1.800"/><circle cx="12" cy="6" r="1.800"/><path d="M4 5.300v5.400M12 7.800c0 2.300-3.300 2.400-6.500 4"/>"#;
    /// Being written, or not begun.
    Blank = "i-blank", r#"<circle cx="8" cy="8" r="6" stroke-dasharray="2.400 2.300"/>"#;
    /// Facts are being gathered.
    Assess = "i-assess", r#"<circle cx="8" cy="8" r="6"/><path d="M8 4.500V8h3.500" />"#;
    /// Somebody must decide.
    Await = "i-await", r#"<circle cx="8" cy="8" r="6"/><path d="M6.300 5.800v4.400M9.700 5.800v4.400"/>"#;
    /// May begin.
    Ready = "i-ready", r#"<circle cx="8" cy="8" r="6"/><path d="M6.500 5.300L11 8l-4.500 2.700z"/>"#;
    /// Under way.
    Run = "i-run", r#"<circle cx="8" cy="8" r="6"/><path d="M8 4.300a3.700 3.700 0 010 7.400z" fill="currentColor" stroke="none"/>"#;
    /// Being checked.
    Check = "i-check", r#"<circle cx="8" cy="8" r="6"/><path d="M5.300 8.200l1.900 1.900 3.500-4"/>"#;
    /// Done.
    Done = "i-done", r#"<circle cx="8" cy="8" r="6.700" fill="currentColor" stroke="none"/><path class="knock" d="M5 8.200l2.100 2.100L11 6"/>"#;
    /// Going back, or gone back.
    Back = "i-back", r#"<path d="M3 2.800v4h4"/><path d="M3.300 6.600A5.400 5.400 0 118 13.400a5.400 5.400 0 01-4.200-2"/>"#;
    /// Broken.
    Broken = "i-broken", r#"<path d="M5.300 2h5.400L14 5.300v5.400L10.700 14H5.300L2 10.700V5.300z"/><path d="M6 6l4 4M10 6l-4 4"/>"#;
    /// Refused.
    Refused = "i-refused", r#"<circle cx="8" cy="8" r="6"/><path d="M3.800 12.200l8.400-8.400"/>"#;
    /// Nobody works on it.
    Lost = "i-lost", r#"<circle cx="8" cy="8" r="6"/><path d="M6.300 6.500a1.800 1.800 0 113 1.400c-.8.600-1.300.9-1.300 1.800M8 11.700v.01"/>"#;
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
