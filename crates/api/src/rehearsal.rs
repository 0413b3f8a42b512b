//! Rehearsals: the file that says where one goes, the evidence that is handed in, and how it is told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::canonical::{Digest, NotCanonical};
use domain::plan::rehearsal::{self, REPLACEMENTS_MAX};
use domain::plan::validate::{PATH_BYTES_MAX, VALUE_BYTES_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse, unique_map};

/// Separates a target's digest from those of other values.
const DIGEST_LABEL: &str = "cortex-change/rehearsal-target/v1";

/// Where a rehearsal goes, as users write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// The target's name, for the record.
    pub name: String,
    /// Text to the text in its place, in programs, addresses, paths, statements and bodies.
    #[serde(default, deserialize_with = "unique_map")]
    pub replace: BTreeMap<String, String>,
    /// Variable that a step takes from the runner's environment to the variable whose value it gets instead.
    #[serde(default, deserialize_with = "unique_map")]
    pub variables: BTreeMap<String, String>,
    /// The cluster in the place of every cluster.
    #[serde(default)]
    pub kubernetes: Option<TargetCluster>,
    /// Steps that touch nothing of production.
    #[serde(default)]
    pub as_is: Vec<String>,
    /// Texts of which none may be left in anything that is done.
    #[serde(default)]
    pub never: Vec<String>,
    /// Folder to work in, from the file's own folder; a working copy of the commit when absent.
    #[serde(default)]
    pub folder: Option<PathBuf>,
}

/// Another cluster, or another place in one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetCluster {
    /// A kubeconfig file.
    #[serde(default)]
    pub kubeconfig: Option<String>,
    /// The context of the kubeconfig.
    #[serde(default)]
    pub context: Option<String>,
    /// The namespace.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// Hands in what came of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsalRequest {
    /// The evidence.
    #[schema(value_type = Object)]
    pub rehearsal: rehearsal::Rehearsal,
}

/// The newest rehearsal of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RehearsalView {
    /// When it was recorded.
    pub at: String,
    /// Readable name of who rehearsed.
    pub by: String,
    /// Name of the target.
    pub target: String,
    /// The machine.
    pub host: String,
    /// Digest of what was rehearsed.
    pub digest: String,
    /// Whether that is what the change asks for now. Otherwise it is evidence of nothing.
    pub is_current: bool,
    /// Whether everything that was rehearsed succeeded, forward and back, and what was saved is as before.
    pub passed: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What was carried out, in order.
    pub tasks: Vec<RehearsedTask>,
    /// What was left out.
    pub left_out: Vec<String>,
    /// How many things were saved before.
    pub captures: u32,
    /// Steps whose captures were not as before in the end.
    pub differing: Vec<String>,
    /// Steps that nothing takes back.
    pub left_in_place: Vec<String>,
}

/// One task of a rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedTask {
    /// The task, in words.
    pub task: String,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl TargetFile {
    /// The target as a domain value.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<rehearsal::Target, FieldError> {
        let counts = [
            ("replace", self.replace.len()),
            ("variables", self.variables.len()),
            ("as_is", self.as_is.len()),
            ("never", self.never.len()),
        ];
        if let Some((field, count)) = counts.into_iter().find(|(_, count)| *count > REPLACEMENTS_MAX) {
            let message = format!("{count} entries are more than the {REPLACEMENTS_MAX} accepted");
            return Err(FieldError::new(field, message));
        }
        let is_text = |text: &&String| (1..=VALUE_BYTES_MAX).contains(&text.len());
        let texts = self.replace.keys().chain(&self.never);
        if let Some(text) = texts.into_iter().find(|text| !is_text(text)) {
            let message = format!("a text of {} bytes: expected 1 to {VALUE_BYTES_MAX}", text.len());
            return Err(FieldError::new("replace or never", message));
        }
        let to = self.replace.iter().find(|(from, to)| from == to || to.len() > VALUE_BYTES_MAX);
        if let Some((from, _)) = to {
            let message = "expected another text in its place";
            return Err(FieldError::new(format!("replace.{from}"), message));
        }
        Ok(rehearsal::Target {
            name: parse("name", &self.name)?,
            replace: self.replace.clone(),
            variables: self.variables.clone(),
            kubernetes: self.kubernetes.as_ref().map(TargetCluster::to_domain).transpose()?,
            as_is: self.as_is.iter().map(|name| parse("as_is", name)).collect::<Result<_, _>>()?,
            never: self.never.iter().cloned().collect(),
        })
    }

    /// Digest of everything that it says.
    ///
    /// # Errors
    /// When it has no canonical form, as with a path that is not UTF-8.
    pub fn digest(&self) -> Result<Digest, NotCanonical> {
        Digest::of(DIGEST_LABEL, self)
    }
}

impl TargetCluster {
    fn to_domain(&self) -> Result<rehearsal::Somewhere, FieldError> {
        let Self { kubeconfig, context, namespace } = self.clone();
        let fields = [&kubeconfig, &context, &namespace];
        let is_unfit = |text: &String| text.trim().is_empty() || text.len() > PATH_BYTES_MAX;
        if fields.iter().all(|field| field.is_none()) || fields.into_iter().flatten().any(is_unfit) {
            let message = "expected at least one of kubeconfig, context and namespace, none of them empty";
            return Err(FieldError::new("kubernetes", message));
        }
        Ok(rehearsal::Somewhere { kubeconfig, context, namespace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_and_mistakes_are_named() {
        let file: TargetFile = crate::read::yaml(
            b"name: staging\nreplace: {shop.example: staging.shop.example}\nkubernetes: {context: staging}\nas_is: [build]\n",
        )
        .unwrap();
        let target = file.to_domain().unwrap();
        assert_eq!(target.name.as_str(), "staging");
        let other = TargetFile { never: vec!["prod".to_owned()], ..file.clone() };
        assert_ne!(file.digest().unwrap(), other.digest().unwrap());
        let refused = |file: TargetFile| file.to_domain().unwrap_err().to_string();
        let same = TargetFile { replace: [("a".to_owned(), "a".to_owned())].into(), ..file.clone() };
        assert!(refused(same).contains("expected another text in its place"));
        let nowhere = TargetCluster { kubeconfig: None, context: None, namespace: None };
        assert!(
            refused(TargetFile { kubernetes: Some(nowhere), ..file.clone() }).contains("at least one of")
        );
        assert!(refused(TargetFile { never: vec![String::new()], ..file }).contains("a text of 0 bytes"));
        assert!(crate::read::yaml::<TargetFile>(b"name: a\nreplaces: {}\n").is_err());
    }
}
