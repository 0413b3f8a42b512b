//! CSV, with a mapping that says which column is what:
//!
//! ```toml
//! delimiter = ";"                          # a comma when left out
//! id_prefix = "cmdb:"                      # put before every id, also of relations
//!
//! [columns]
//! id = "CI Name"                           # needed
//! type = "Class"                           # or `type` under [always]
//! tier = "Criticality"
//! owner = "Support group"
//! environment = "Env"
//! compliance = "Scopes"                    # several, between `separator`s
//! lifecycle = "Status"
//!
//! [always]                                 # for items that say nothing themselves
//! type = "host"
//! environment = "production"
//!
//! [words.type]                             # what the table's words mean; others must be ours
//! "Linux Server" = "host"
//! [words.tier]
//! "1 - critical" = "0"
//!
//! [[relations]]
//! column = "Depends on"
//! type = "depends_on"
//! separator = ","                          # `;` when left out
//! strength = "soft"                        # hard when left out
//!
//! [attributes]
//! serial = "Serial number"                 # attribute = column
//! ```
//!
//! A row that does not fit is left out and reported with line and column.

use std::collections::BTreeMap;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use domain::catalog::Strength;
use domain::cmdb::{AttributeName, CiType, ComplianceScope, Lifecycle, RelationType, SourceName};
use domain::id::{CiName, EnvironmentName};
use domain::text::FreeText;
use serde::Deserialize;

use super::draft::{Draft, Drafts, Place};
use super::files::SourceFile;
use super::{Imported, marks};
use crate::text::clipped;

/// How much of a wrong cell a message repeats, in characters.
const CELL_SHOWN_CHARS: usize = 60;

/// Which column is what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default)]
    id_prefix: String,
    #[serde(default = "semicolon")]
    separator: String,
    columns: Columns,
    #[serde(default)]
    always: Always,
    #[serde(default)]
    words: Words,
    #[serde(default)]
    relations: Vec<RelationColumn>,
    #[serde(default)]
    attributes: BTreeMap<AttributeName, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    id: String,
    #[serde(rename = "type")]
    ci_type: Option<String>,
    tier: Option<String>,
    owner: Option<String>,
    environment: Option<String>,
    compliance: Option<String>,
    lifecycle: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Always {
    #[serde(rename = "type")]
    ci_type: Option<CiType>,
    environment: Option<EnvironmentName>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Words {
    #[serde(rename = "type")]
    ci_type: BTreeMap<String, String>,
    tier: BTreeMap<String, String>,
    lifecycle: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationColumn {
    column: String,
    #[serde(rename = "type")]
    relation_type: RelationType,
    #[serde(default = "semicolon")]
    separator: String,
    #[serde(default = "hard")]
    strength: Strength,
}

fn comma() -> char {
    ','
}

fn semicolon() -> String {
    ";".to_owned()
}

fn hard() -> Strength {
    Strength::Hard
}

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Not a mapping in TOML.
    #[error("cannot read the mapping `{path}`; correct the place that is named")]
    Toml {
        /// The file.
        path: String,
        /// What is wrong, with its line.
        source: toml::de::Error,
    },
    /// Not a mapping in YAML.
    #[error("cannot read the mapping `{path}`; correct the place that is named")]
    Yaml {
        /// The file.
        path: String,
        /// What is wrong, with its line.
        source: Box<serde_saphyr::Error>,
    },
    /// A delimiter that is not one byte.
    #[error("the delimiter `{0}` of the mapping is not a single ASCII character: write for example `;`")]
    Delimiter(char),
    /// A separator without characters.
    #[error("a separator of the mapping is empty: write for example `;`")]
    Separator,
    /// Nothing says what type items are.
    #[error("the mapping says nothing of the type: name a column `type` or write one under `always`")]
    NoType,
}

impl Mapping {
    /// Reads a mapping: TOML, or YAML where the file's name says so.
    ///
    /// # Errors
    /// When it is not in the form above.
    pub fn parse(path: &Path, text: &str) -> Result<Self, MappingError> {
        let shown = path.display().to_string();
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        let mapping: Self = if is_yaml {
            serde_saphyr::from_str(text)
                .map_err(|source| MappingError::Yaml { path: shown, source: Box::new(source) })?
        } else {
            toml::from_str(text).map_err(|source| MappingError::Toml { path: shown, source })?
        };
        mapping.check()
    }

    fn check(self) -> Result<Self, MappingError> {
        if !self.delimiter.is_ascii() {
            return Err(MappingError::Delimiter(self.delimiter));
        }
        let has_empty =
            self.separator.is_empty() || self.relations.iter().any(|relation| relation.separator.is_empty());
        if has_empty {
            return Err(MappingError::Separator);
        }
        if self.columns.ci_type.is_none() && self.always.ci_type.is_none() {
            return Err(MappingError::NoType);
        }
        Ok(self)
    }

    /// The columns that must be there.
    fn needed(&self) -> impl Iterator<Item = &str> {
        let Columns { id, ci_type, tier, owner, environment, compliance, lifecycle } = &self.columns;
        let optional = [ci_type, tier, owner, environment, compliance, lifecycle];
        let columns = std::iter::once(id).chain(optional.into_iter().flatten());
        let relations = self.relations.iter().map(|relation| &relation.column);
        columns.chain(relations).chain(self.attributes.values()).map(String::as_str)
    }
}

/// Reads the rows of all tables.
pub(super) fn read(source: &SourceName, mapping: &Mapping, files: &[SourceFile], imported: &mut Imported) {
    let mut drafts = Drafts::default();
    for file in files {
        table(mapping, file, &mut drafts, imported);
    }
    drafts.finish(source, imported);
}

fn table(mapping: &Mapping, file: &SourceFile, drafts: &mut Drafts, imported: &mut Imported) {
    let delimiter = u8::try_from(mapping.delimiter).unwrap_or(b',');
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_reader(file.text.as_bytes());
    let mut header: Option<Header> = None;
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                let place = Place::new(&file.path, line_number(line));
                imported
                    .report(place.problem("the row is not CSV", "quote cells that hold quotes or line ends"));
                continue;
            }
        };
        let line = line_number(record.position().map_or(1, csv::Position::line));
        let place = Place::new(&file.path, line);
        let Some(header) = &header else {
            match Header::new(&record, mapping) {
                Ok(found) => header = Some(found),
                Err(what) => {
                    let next_step = format!("the columns are {}: correct the mapping", listed(&record));
                    imported.report(place.problem(what, next_step));
                    return;
                }
            }
            continue;
        };
        if record.len() != header.len {
            let what =
                format!("the row has {} columns where the first line has {}", record.len(), header.len);
            imported.report(place.problem(
                what,
                "quote cells that hold the delimiter, and write empty cells for what is not known",
            ));
            continue;
        }
        let row = Row { mapping, header, record: &record };
        match row.draft(place.clone()) {
            Ok(draft) => drafts.add(draft, imported),
            Err(Misfit { column, what, next_step }) => {
                let column = header.describe(&column);
                imported.report(place.problem(format!("{column}: {what}"), next_step));
            }
        }
    }
}

/// The names of the columns and where they are.
struct Header {
    columns: BTreeMap<String, usize>,
    len: usize,
}

impl Header {
    /// Takes the first line; the error says what is wrong with it.
    fn new(record: &StringRecord, mapping: &Mapping) -> Result<Self, String> {
        let names: Vec<&str> = record.iter().map(str::trim).collect();
        for column in mapping.needed() {
            match names.iter().filter(|name| **name == column).count() {
                0 => return Err(format!("the column `{column}` of the mapping is not in the first line")),
                1 => {}
                _ => return Err(format!("the column `{column}` stands in the first line more than once")),
            }
        }
        let columns = names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), at)).collect();
        Ok(Self { columns, len: names.len() })
    }

    fn describe(&self, column: &str) -> String {
        let number = self.columns.get(column).map_or(0, |at| at + 1);
        format!("column {number} `{column}`")
    }
}

/// A cell that does not fit.
struct Misfit {
    column: String,
    what: String,
    next_step: String,
}

struct Row<'a> {
    mapping: &'a Mapping,
    header: &'a Header,
    record: &'a StringRecord,
}

impl Row<'_> {
    fn draft(&self, place: Place) -> Result<Draft, Misfit> {
        let Mapping { columns, always, words, .. } = self.mapping;
        let id = self.id(&columns.id, self.cell(&columns.id))?;
        let ci_type = self.word(columns.ci_type.as_deref(), &words.ci_type)?.or(always.ci_type);
        let Some(ci_type) = ci_type else {
            let column = columns.ci_type.clone().unwrap_or_default();
            let next_step = "fill it, or write a type under `always`".to_owned();
            return Err(Misfit { column, what: "empty".to_owned(), next_step });
        };
        let mut draft = Draft::new(id, ci_type, place);
        draft.tier = match self.said(columns.tier.as_deref(), &words.tier) {
            Some((column, text)) => {
                let next_step = "write 0 to 3, or its meaning under `words.tier`";
                Some(marks::tier(text).ok_or_else(|| misfit(column, text, "is no tier", next_step))?)
            }
            None => None,
        };
        draft.lifecycle =
            self.word(columns.lifecycle.as_deref(), &words.lifecycle)?.unwrap_or(Lifecycle::Active);
        draft.environment = match self.said(columns.environment.as_deref(), &words.environment) {
            Some((column, text)) => {
                Some(EnvironmentName::new(text).map_err(|error| told(column, &error, "correct the cell"))?)
            }
            None => always.environment.clone(),
        };
        if let Some((column, text)) = self.said(columns.owner.as_deref(), &BTreeMap::new()) {
            draft.owner =
                Some(FreeText::title(text).map_err(|error| told(column, &error, "correct the cell"))?);
        }
        let scopes = columns.compliance.as_deref().map_or("", |column| self.cell(column));
        draft.compliance.extend(scopes.split(&self.mapping.separator).filter_map(ComplianceScope::cut));
        for (name, column) in &self.mapping.attributes {
            draft.attribute(name.as_str(), self.cell(column));
        }
        self.relate(&mut draft)?;
        Ok(draft)
    }

    fn relate(&self, draft: &mut Draft) -> Result<(), Misfit> {
        for relation in &self.mapping.relations {
            let RelationColumn { column, relation_type, separator, strength } = relation;
            let names =
                self.cell(column).split(separator.as_str()).map(str::trim).filter(|name| !name.is_empty());
            for name in names {
                let to = self.id(column, name)?;
                if to == draft.id {
                    return Err(misfit(column, name, "is the item itself", "name another item"));
                }
                let because = format!("column {column} (line {})", draft.place.line);
                draft.relate(*relation_type, to, *strength, &because);
            }
        }
        Ok(())
    }

    fn cell(&self, column: &str) -> &str {
        let at = self.header.columns.get(column);
        at.and_then(|at| self.record.get(*at)).unwrap_or_default().trim()
    }

    fn id(&self, column: &str, name: &str) -> Result<CiName, Misfit> {
        let id = if name.is_empty() { String::new() } else { format!("{}{name}", self.mapping.id_prefix) };
        // Names in tables often have blanks, ids have none.
        CiName::new(id.replace(' ', "-")).map_err(|error| told(column, &error, "correct the cell"))
    }

    /// What a cell says, by the mapping's words; nothing when it is empty.
    fn said<'a>(
        &'a self,
        column: Option<&'a str>,
        words: &'a BTreeMap<String, String>,
    ) -> Option<(&'a str, &'a str)> {
        let column = column?;
        let cell = self.cell(column);
        let text = words.get(cell).map_or(cell, String::as_str);
        (!text.is_empty()).then_some((column, text))
    }

    fn word<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        column: Option<&str>,
        words: &BTreeMap<String, String>,
    ) -> Result<Option<T>, Misfit> {
        let Some((column, text)) = self.said(column, words) else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(told(column, &error, "or write under `words` what it means")),
        }
    }
}

fn misfit(column: &str, text: &str, what: &str, next_step: &str) -> Misfit {
    let what = format!("`{}` {what}", clipped(text, CELL_SHOWN_CHARS));
    Misfit { column: column.to_owned(), what, next_step: next_step.to_owned() }
}

fn told(column: &str, error: &dyn std::fmt::Display, next_step: &str) -> Misfit {
    Misfit { column: column.to_owned(), what: error.to_string(), next_step: next_step.to_owned() }
}

fn listed(record: &StringRecord) -> String {
    let names: Vec<String> =
        record.iter().map(|name| format!("`{}`", clipped(name.trim(), CELL_SHOWN_CHARS))).collect();
    clipped(&names.join(", "), 10 * CELL_SHOWN_CHARS)
}

fn line_number(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
