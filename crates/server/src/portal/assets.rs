//! The style sheet and the site's icon, under names that change with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use domain::canonical::Digest;

use super::missing;
use super::respond;
use super::visitor::Visitor;

/// Length of the digest in a name, in characters.
const DIGEST_CHARS: usize = 16;

/// A file that is part of the binary.
struct Asset {
    name: String,
    content_type: &'static str,
    content: &'static str,
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("portal", "css", "text/css; charset=utf-8", include_str!("portal.css")));
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("icon.svg")));

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, content: &'static str) -> Self {
        let digest = Digest::of_bytes(content.as_bytes()).to_string();
        let short: String = digest.chars().take(DIGEST_CHARS).collect();
        Self { name: format!("{stem}-{short}.{extension}"), content_type, content }
    }

    fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// Where the style sheet is.
pub(super) fn style_path() -> String {
    STYLE.path()
}

/// Where the site's icon is.
pub(super) fn icon_path() -> String {
    ICON.path()
}

/// A file by its name.
pub(super) async fn serve(visitor: Visitor, Path(name): Path<String>) -> Response {
    let assets = [&*STYLE, &*ICON];
    let asset = assets.into_iter().find(|asset| asset.name == name);
    asset.map_or_else(
        || missing::page(&visitor).into_response(),
        |asset| respond::asset(asset.content_type, asset.content),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_needs_nothing_from_elsewhere() {
        assert!(style_path().starts_with("/assets/portal-") && style_path().ends_with(".css"));
        for forbidden in ["@import", "url(", "http:", "https:"] {
            assert!(!STYLE.content.contains(forbidden), "{forbidden}");
        }
    }
}
