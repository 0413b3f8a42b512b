//! The thing that is changed: files whose contents tell what really happened, whatever anybody reports.

use std::path::{Path, PathBuf};

use anyhow::Result;
use api::request::ChangeRequest;
use serde_json::{Value, json};

/// A folder that a plan changes.
#[derive(Debug)]
pub(crate) struct Patient {
    folder: PathBuf,
    /// Whether the plan's last step fails, so that everything is taken back.
    pub(crate) fails: bool,
    strategy: Strategy,
}

/// The strategies in turn; what they add comes after the first three steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    AllAtOnce,
    Canary,
    Rolling,
    BlueGreen,
}

impl Strategy {
    pub(crate) const ALL: [Self; 4] = [Self::AllAtOnce, Self::Canary, Self::Rolling, Self::BlueGreen];

    /// The files in which it leaves its marks, with what they must hold once everything is done.
    fn marks(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::AllAtOnce => &[],
            Self::Canary => &[("weight", "100\n")],
            Self::Rolling => &[("on-web-1", "new\n"), ("on-web-2", "new\n"), ("on-web-3", "new\n")],
            Self::BlueGreen => &[("side", "green\n")],
        }
    }

    fn plan(self, mut steps: Vec<Value>) -> Value {
        let promote = if self == Self::AllAtOnce { Vec::new() } else { steps.split_off(steps.len().min(3)) };
        match self {
            Self::AllAtOnce => json!({ "steps": steps }),
            Self::Canary => json!({
                "strategy": {"canary": {
                    "prepare": steps,
                    "shift": {"name": "weigh", "idempotent": true, "run": "sleep 0.1; echo {{weight}} > weight",
                        "undo": "rm -f weight"},
                    "stages": [{"weight": "10%", "bake": "500ms"}, {"weight": "100%", "bake": "500ms"}],
                }},
                "steps": promote,
            }),
            Self::Rolling => json!({
                "strategy": {"rolling": {
                    "prepare": steps,
                    "targets": ["web-1", "web-2", "web-3"],
                    "batch": 2,
                    "bake": "500ms",
                    "steps": [{"name": "update {{target}}", "idempotent": true,
                        "run": "sleep 0.1; echo new > on-{{target}}", "undo": "rm -f on-{{target}}"}],
                }},
                "steps": promote,
            }),
            Self::BlueGreen => json!({
                "strategy": {"blue_green": {
                    "prepare": steps,
                    "switch": {"name": "turn", "idempotent": true, "run": "sleep 0.1; echo green > side",
                        "undo": "rm -f side"},
                    "keep_warm": "500ms",
                }},
                "steps": promote,
            }),
        }
    }
}

/// Steps that must not run twice unless a person or a check said that they had not run.
const ONCE: [&str; 2] = ["charge", "migrate"];

impl Patient {
    pub(crate) fn new(folder: PathBuf, fails: bool, strategy: Strategy) -> Result<Self> {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("current"), "old\n")?;
        std::fs::write(folder.join("old"), "old\n")?;
        std::fs::write(folder.join("new"), "new\n")?;
        Ok(Self { folder, fails, strategy })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The request: six steps of every sort, and one that fails where it is to fail.
    pub(crate) fn request(&self, number: u64) -> Result<ChangeRequest> {
        let mut steps = vec![
            json!({"name": "prepare", "idempotent": true,
                "run": "sleep 0.1; touch prepared", "undo": "rm -f prepared"}),
            // Not idempotent and not checkable: after a kill a person must say whether it happened.
            json!({"name": "charge",
                "run": "sleep 0.15; echo charged >> charge; sleep 0.15", "undo": "rm -f charge"}),
            // Not idempotent, but its check tells whether it happened.
            json!({"name": "migrate", "verify": {"run": "test -s migrate"},
                "run": "sleep 0.2; echo migrated >> migrate; sleep 0.1", "undo": "rm -f migrate"}),
            json!({"name": "switch", "idempotent": true, "run": "sleep 0.1; cp new current", "undo": "cp old current",
                "capture": [{"file": "current"}]}),
            json!({"name": "settle", "wait": "300ms", "idempotent": true}),
        ];
        if self.fails {
            steps.push(json!({"name": "break", "run": "sleep 0.2; exit 7", "undo": "true"}));
        }
        let request = json!({
            "type": "normal", "category": "deployment", "title": format!("Trial {number}"),
            "affected_services": ["ledger"],
            // Nothing of high risk starts without tests that passed.
            "evidence": {"tests": {"passed": 12, "failed": 0}},
            "implementation_plan": self.strategy.plan(steps),
            "monitors": [{"name": "folder", "run": "test -f current", "interval": "100ms"}],
            "rollback_plan": {"automated": true, "max_duration": "1m"},
        });
        Ok(serde_json::from_value(request)?)
    }

    /// Whether a step has really taken effect: what an honest person would look up.
    pub(crate) fn has_happened(&self, step: &str) -> bool {
        self.lines(step) > 0
    }

    /// What is not as it must be after a plan that was carried out.
    pub(crate) fn faults_when_done(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for step in ONCE {
            let lines = self.lines(step);
            if lines != 1 {
                faults.push(format!("step `{step}` took effect {lines} times"));
            }
        }
        if self.current() != "new\n" || !self.folder.join("prepared").exists() {
            faults.push("the plan is reported done, but not everything is in place".to_owned());
        }
        for (file, expected) in self.strategy.marks() {
            let found = self.read(file);
            if found != *expected {
                faults.push(format!("`{file}` is {found:?} after a {:?}", self.strategy));
            }
        }
        faults
    }

    /// What is not as it must be after everything was taken back.
    pub(crate) fn faults_when_undone(&self) -> Vec<String> {
        let marks = self.strategy.marks().iter().map(|(file, _)| *file);
        let left: Vec<_> = ["prepared", "charge", "migrate"]
            .into_iter()
            .chain(marks)
            .filter(|file| self.folder.join(file).exists())
            .collect();
        let mut faults: Vec<String> = left.iter().map(|file| format!("`{file}` was left behind")).collect();
        if self.current() != "old\n" {
            faults.push(format!("`current` is {:?}, not what it was before", self.current()));
        }
        faults
    }

    fn current(&self) -> String {
        self.read("current")
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }

    fn lines(&self, step: &str) -> usize {
        std::fs::read_to_string(self.folder.join(step)).unwrap_or_default().lines().count()
    }
}
