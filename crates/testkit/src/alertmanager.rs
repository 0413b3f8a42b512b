//! A private Alertmanager that notifies nobody.

use std::fs;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::watchdog::Watched;

/// Alerts of low severity are inhibited while one of high severity is active for the same service.
const SETTINGS: &str = "route: {receiver: nobody, group_wait: 0s}\nreceivers: [{name: nobody}]\ninhibit_rules:\n  \
                        - source_matchers: ['severity=\"high\"']\n    target_matchers: ['severity=\"low\"']\n    \
                        equal: [service]\n";
/// Waits for its input to end, which it does when the process that started it ends in whatever way, and cleans up.
const WATCHDOG: &str = r#"prometheus-alertmanager --config.file="$1/alertmanager.yml" --storage.path="$1/data" \
  --web.listen-address="$2" --cluster.listen-address= --log.level=error & read -r _; kill -9 $!; rm -rf "$1""#;

/// A running server. It is ended and its data removed when this value is dropped or the process ends.
#[derive(Debug)]
pub struct PrivateAlertmanager(Watched);

impl PrivateAlertmanager {
    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    /// When Alertmanager is not installed or did not start.
    pub fn start() -> anyhow::Result<Self> {
        let folder = TempDir::new().context("make a folder")?.keep();
        fs::write(folder.join("alertmanager.yml"), SETTINGS).context("write its settings")?;
        Watched::start("Alertmanager", WATCHDOG, &folder).map(Self)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }
}
