//! A model as it is kept: what was learned, how it is calibrated, from which data, and how good it was on later ones.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::calibrate::{Band, Calibration, Moment, interval};
use crate::learner::{Learned, Learner, TreeFault};
use crate::number::sigmoid;
use crate::table::{COLUMNS_MAX, Cell, Column, ColumnKind, Table};

/// The form that this program writes and reads.
pub const MODEL_FORMAT: &str = "cortex-change/prediction/model/v1";
/// Largest model that is read.
pub const MODEL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// An upper end of the interval this many times the lower one leaves open which it is.
const WIDE_FACTOR: f64 = 6.0;
/// An interval narrower than this is never wide.
const WIDE_FROM: f64 = 0.05;
/// A value may lie this share of the trained range beyond it.
const RANGE_TOLERANCE: f64 = 0.1;
/// Share of the columns that may lie outside before the row counts as unlike everything trained on.
const OUTSIDE_SHARE: f64 = 0.1;

/// A trained model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub(crate) format: String,
    pub(crate) columns: Vec<ModelColumn>,
    pub(crate) learned: Learned,
    pub(crate) calibration: Calibration,
    pub(crate) groups: Vec<String>,
    pub(crate) bands: Vec<Band>,
    pub(crate) origin: Origin,
}

/// A column that the model was trained on, and what it held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelColumn {
    /// Name and kind.
    pub column: Column,
    /// The words, in the order of their codes; none for numbers.
    pub words: Vec<String>,
    /// The least and greatest number trained on, unless there was none.
    pub range: Option<(f64, f64)>,
}

/// What a model was trained on, and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// SHA-256 of the rows that were learned from and calibrated on.
    pub data_digest: String,
    /// The candidate that was chosen.
    pub candidate: String,
    /// Rows learned from.
    pub rows: u64,
    /// Failures among them.
    pub failures: u64,
    /// The earliest row's time.
    pub from: i64,
    /// The time of the latest row, of those calibrated on.
    pub until: i64,
    /// Figures on the rows calibrated on.
    pub validation: Figures,
    /// From this probability on the riskiest tenth of the rows calibrated on would be stopped.
    pub riskiest_tenth_from: f64,
}

/// How good predictions were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Rows measured on.
    pub rows: u64,
    /// Failures among them.
    pub failures: u64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Average precision.
    pub average_precision: f64,
    /// Mean squared error of the probabilities.
    pub brier: f64,
    /// Mean surprise, in nats.
    pub log_loss: f64,
    /// Mean difference between predicted and observed share of failures.
    pub calibration_error: f64,
}

/// How likely a row is to fail, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The calibrated probability.
    pub probability: f64,
    /// The lower end of where the truth lies with 90 % confidence.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The log-odds of the probability: the sum of `base`, all contributions and `calibration`.
    pub log_odds: f64,
    /// The log-odds where nothing is known about a row.
    pub base: f64,
    /// What each column adds, in the order of the columns.
    pub contributions: Vec<f64>,
    /// What calibration adds.
    pub calibration: f64,
    /// Why the prediction should not be relied on; empty when it may be.
    pub doubts: Vec<Doubt>,
}

/// Why a prediction should not be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// Too few similar rows are known to tell high from low.
    WideInterval,
    /// The row is unlike all that was trained on, in these columns.
    OutsideTraining {
        /// The columns whose value was not met in training.
        columns: Vec<String>,
    },
}

/// A model that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Larger than any model of ours.
    #[error("the model has {bytes} bytes: at most {MODEL_BYTES_MAX} are read")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
    },
    /// Not what we write.
    #[error("the model cannot be read: train it again with this version")]
    Form(#[source] serde_json::Error),
    /// Written by another version.
    #[error("the model has format `{found}`, this version reads `{MODEL_FORMAT}`: train it again")]
    Format {
        /// The format found.
        found: String,
    },
    /// A tree that cannot be followed.
    #[error("the model is damaged")]
    Tree(#[from] TreeFault),
    /// Parts that do not belong together.
    #[error("the model is damaged: {0}")]
    Damaged(&'static str),
    /// A row with other columns.
    #[error("the row has {found} values, the model takes {expected}: give them in the order of its columns")]
    Width {
        /// Values found.
        found: usize,
        /// Columns of the model.
        expected: usize,
    },
}

#[derive(Deserialize)]
struct Header {
    format: String,
}

impl Model {
    /// The model's bytes: the same data give the same bytes.
    ///
    /// # Errors
    /// When a number cannot be written, which finite models rule out.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        serde_json::to_vec(self).map_err(ModelError::Form)
    }

    /// SHA-256 of the model's bytes.
    ///
    /// # Errors
    /// As for [`Model::to_bytes`].
    pub fn digest(&self) -> Result<String, ModelError> {
        Ok(hex::encode(Sha256::digest(self.to_bytes()?)))
    }

    /// Reads a model, and refuses what this version does not know.
    ///
    /// # Errors
    /// When the bytes are too many, of another format, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        if bytes.len() > MODEL_BYTES_MAX {
            return Err(ModelError::TooLarge { bytes: bytes.len() });
        }
        let Header { format } = serde_json::from_slice(bytes).map_err(ModelError::Form)?;
        if format != MODEL_FORMAT {
            return Err(ModelError::Format { found: format });
        }
        let model: Self = serde_json::from_slice(bytes).map_err(ModelError::Form)?;
        if model.columns.is_empty() || model.columns.len() > COLUMNS_MAX {
            return Err(ModelError::Damaged("it has no columns, or too many"));
        }
        model.learned.check(model.columns.len())?;
        Ok(model)
    }

    /// The columns that a row has, in order.
    #[must_use]
    pub fn columns(&self) -> &[ModelColumn] {
        &self.columns
    }

    /// The number of a group, for [`Moment`]; beyond all groups when it was not met in training.
    #[must_use]
    pub fn group(&self, name: &str) -> usize {
        self.groups.iter().position(|known| known == name).unwrap_or(self.groups.len())
    }

    /// What the model was trained on.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The map from log-odds to probabilities.
    #[must_use]
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Predicts a row of some moment, given in the order of the columns. A number where a word belongs counts as missing.
    ///
    /// # Errors
    /// When there are too few or too many cells.
    pub fn predict(&self, cells: &[Cell], moment: Moment) -> Result<Prediction, ModelError> {
        if cells.len() != self.columns.len() {
            return Err(ModelError::Width { found: cells.len(), expected: self.columns.len() });
        }
        let raw: Vec<f64> = self.columns.iter().zip(cells).map(|(column, cell)| column.value(cell)).collect();
        let attribution = self.learned.attribute(&raw);
        let learned = attribution.base + attribution.contributions.iter().sum::<f64>();
        let log_odds = self.calibration.log_odds(learned, moment);
        let probability = sigmoid(log_odds);
        let (low, high) = interval(&self.bands, learned, probability);
        let mut doubts = Vec::new();
        if high - low >= WIDE_FROM && high >= low * WIDE_FACTOR {
            doubts.push(Doubt::WideInterval);
        }
        doubts.extend(self.outside(cells));
        Ok(Prediction {
            probability,
            low,
            high,
            log_odds,
            base: attribution.base,
            contributions: attribution.contributions,
            calibration: log_odds - learned,
            doubts,
        })
    }

    /// The probability alone, of a row of raw values as [`Table::row`] gives them for a table with the model's columns.
    #[must_use]
    pub fn probability(&self, raw: &[f64], moment: Moment) -> f64 {
        self.calibration.probability(self.learned.log_odds(raw), moment)
    }

    /// A row of a table in the order of the model's columns, found by their names. Columns that the table lacks are
    /// missing.
    #[must_use]
    pub fn raw_of(&self, table: &Table, row: usize) -> Vec<f64> {
        let value = |column: &ModelColumn| {
            let place = table.place(&column.column.name)?;
            let value = table.values(place).get(row).copied()?;
            match column.column.kind {
                ColumnKind::Number { .. } => Some(value),
                // Another table may have met the words in another order.
                ColumnKind::Word => {
                    let word =
                        table.words(place).iter().zip(0_u32..).find(|(_, code)| f64::from(*code) == value)?.0;
                    Some(column.value(&Cell::Word(word.clone())))
                }
            }
        };
        self.columns.iter().map(|column| value(column).unwrap_or(f64::NAN)).collect()
    }

    fn outside(&self, cells: &[Cell]) -> Option<Doubt> {
        let strangers = self.columns.iter().zip(cells).filter(|(column, cell)| !column.knows(cell));
        let columns: Vec<String> = strangers.map(|(column, _)| column.column.name.clone()).collect();
        let many = columns.len() as f64 > OUTSIDE_SHARE * self.columns.len() as f64;
        many.then_some(Doubt::OutsideTraining { columns })
    }
}

impl ModelColumn {
    pub(crate) fn of(table: &Table, place: usize, rows: &[usize]) -> Option<Self> {
        let column = table.columns().get(place)?.clone();
        let values =
            rows.iter().filter_map(|&row| table.values(place).get(row)).filter(|value| !value.is_nan());
        let range = values.fold(None, |range: Option<(f64, f64)>, &value| {
            Some(range.map_or((value, value), |(least, most)| (least.min(value), most.max(value))))
        });
        Some(Self { column, words: table.words(place).to_vec(), range })
    }

    /// The raw value of a cell: NaN for what is missing or was never met.
    fn value(&self, cell: &Cell) -> f64 {
        match (&self.column.kind, cell) {
            (ColumnKind::Number { .. }, Cell::Number(number)) if number.is_finite() => *number,
            (ColumnKind::Word, Cell::Word(word)) => {
                self.words.iter().position(|known| known == word).map_or(f64::NAN, |code| code as f64)
            }
            (ColumnKind::Number { .. }, Cell::Missing | Cell::Number(_) | Cell::Word(_))
            | (ColumnKind::Word, Cell::Missing | Cell::Number(_)) => f64::NAN,
        }
    }

    /// Whether values like this one were trained on, where any were. What is missing is no stranger.
    fn knows(&self, cell: &Cell) -> bool {
        if *cell == Cell::Missing {
            return true;
        }
        // A column of which no past change had a value is never looked at, so that its values cannot mislead. History
        // from elsewhere often lacks what ours have: that alone must not make every change a doubtful one.
        let Some((least, most)) = self.range else { return true };
        let tolerance = match self.column.kind {
            ColumnKind::Number { .. } => RANGE_TOLERANCE * (most - least),
            ColumnKind::Word => 0.0,
        };
        let value = self.value(cell);
        value >= least - tolerance && value <= most + tolerance
    }
}
