//! What is printed.

use std::fmt::Display;
use std::io::{Write as _, stdout};

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use crate::counterexample::Counterexample;
use crate::proof::{Finding, Proof};
use crate::property::Property;

/// Everything that was asked, and the answers.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Digest of the set of policies, as decisions name it.
    digest: String,
    /// Policies that were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without: Vec<String>,
    /// Whether every property was proved.
    proved: bool,
    properties: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    id: String,
    title: String,
    result: &'static str,
    /// Kinds of request that were asked about.
    environments: usize,
    milliseconds: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counterexample: Option<Box<Counterexample>>,
}

impl Report {
    pub(crate) fn new(digest: impl Display, without: &[String]) -> Self {
        Self { digest: digest.to_string(), without: without.to_vec(), proved: true, properties: Vec::new() }
    }

    pub(crate) fn add(&mut self, property: &Property, proof: Proof) {
        let Proof { finding, environments, took } = proof;
        let (result, problem, counterexample) = match finding {
            Finding::Proved => ("proved", None, None),
            Finding::Disproved(example) => ("disproved", None, Some(example)),
            Finding::Unknown(problem) => ("unknown", Some(problem), None),
        };
        self.proved &= result == "proved";
        self.properties.push(Line {
            id: property.id.clone(),
            title: property.title.clone(),
            result,
            environments,
            milliseconds: took.as_millis(),
            problem,
            counterexample,
        });
    }

    /// Whether every property was proved.
    pub(crate) fn is_proved(&self) -> bool {
        self.proved
    }

    /// Prints it for people.
    pub(crate) fn print(&self) -> Result<()> {
        let mut out = stdout().lock();
        for line in &self.properties {
            writeln!(out, "{:<9} {:>6} ms  {}: {}", line.result, line.milliseconds, line.id, line.title)?;
            if let Some(problem) = &line.problem {
                writeln!(out, "          the solver gave no answer: {problem}")?;
            }
            if let Some(example) = &line.counterexample {
                print_example(&mut out, example)?;
            }
        }
        let proved = self.properties.iter().filter(|line| line.result == "proved").count();
        let without = match self.without.as_slice() {
            [] => String::new(),
            left_out => format!(", without {}", left_out.join(", ")),
        };
        writeln!(
            out,
            "{proved} of {} properties are proved of the set {}{without}",
            self.properties.len(),
            self.digest
        )?;
        Ok(())
    }
}

fn print_example(out: &mut impl std::io::Write, example: &Counterexample) -> Result<()> {
    writeln!(out, "          {} may do {} to {}", example.principal, example.action, example.resource)?;
    for (name, value) in &example.context {
        writeln!(out, "            with {name} {value}")?;
    }
    for (name, entity) in &example.entities {
        writeln!(out, "            where {name} has")?;
        if let Some(parents) =
            entity.get("parents").and_then(Value::as_array).filter(|parents| !parents.is_empty())
        {
            let parents: Vec<&str> = parents.iter().filter_map(Value::as_str).collect();
            writeln!(out, "              {}", parents.join(", "))?;
        }
        for (attribute, value) in entity.get("attrs").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "              {attribute} {value}")?;
        }
    }
    let said = if example.replayed { "allows it as well" } else { "does not allow it" };
    writeln!(out, "          the ordinary engine {said}, because of {}", example.because_of.join(", "))?;
    Ok(())
}
