//! A private Prometheus: without targets, where it answers queries about nothing but what a query computes, or scraping
//! those of a test.

use std::fs;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::watchdog::Watched;

/// Waits for its input to end, which it does when the process that started it ends in whatever way, and cleans up.
const WATCHDOG: &str = r#"prometheus --config.file="$1/prometheus.yml" --storage.tsdb.path="$1/data" \
  --web.listen-address="$2" --log.level=error & read -r _; kill -9 $!; rm -rf "$1""#;

/// A running server. It is ended and its data removed when this value is dropped or the process ends.
#[derive(Debug)]
pub struct PrivatePrometheus(Watched);

impl PrivatePrometheus {
    /// Starts a server without targets and waits until it is ready.
    ///
    /// # Errors
    /// When Prometheus is not installed or did not start.
    pub fn start() -> anyhow::Result<Self> {
        Self::configured("scrape_configs: []\n")
    }

    /// Starts a server that asks `/metrics` of these addresses every second, each with the label `version`.
    ///
    /// # Errors
    /// When Prometheus is not installed or did not start.
    pub fn scraping(targets: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut settings =
            "scrape_configs:\n  - job_name: demo\n    scrape_interval: 1s\n    scrape_timeout: 1s\n    \
                            static_configs:\n"
                .to_owned();
        for (address, version) in targets {
            settings.push_str(&format!(
                "      - targets: ['{address}']\n        labels: {{version: '{version}'}}\n"
            ));
        }
        Self::configured(&settings)
    }

    fn configured(settings: &str) -> anyhow::Result<Self> {
        let folder = TempDir::new().context("make a folder")?.keep();
        fs::write(folder.join("prometheus.yml"), settings).context("write its settings")?;
        Watched::start("Prometheus", WATCHDOG, &folder).map(Self)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }
}
