//! How likely a change is to fail: learned from past changes, calibrated, explained.
//!
//! Knows: rows with their moment and what came of them, two learners behind one trait, calibration with intervals, what
//! each fact contributes to a prediction, how good predictions are, and how a model is kept. Never does: input or output,
//! reading a clock, drawing randomness; seeds and rows arrive as data. It decides about no change.
//!
//! Invariant: the same rows give the same model, byte for byte; nothing of a row's future goes into its prediction; the
//! contributions to a prediction and the base add up to its log-odds.

mod backtest;
mod calibrate;
mod derive;
mod encode;
mod evaluate;
mod features;
pub mod history;
mod learner;
pub mod metrics;
mod model;
mod newton;
mod number;
mod profile;
mod random;
pub mod similar;
mod split;
mod table;
mod train;

pub use backtest::{
    COMPARED_FAILURES_MIN, COMPARED_ROWS_MIN, Comparison, ORIGINS_MAX, Stretch, Verdict, backtest, compare,
};
pub use calibrate::{Band, Calibration, Moment, Scored};
pub use derive::{Recipe, derive};
pub use evaluate::{EvaluateError, Evaluation, FINAL, GATES, Judged, Slice, evaluate};
pub use features::{Correction, History, Known, OutOfOrder, Submission, calendar};
pub use learner::{
    Attribution, Candidate, FAILURES_MIN, LearnError, Learned, Learner, Logistic, LogisticSettings, ROWS_MIN,
    TreeFault, Trees, TreesSettings,
};
pub use model::{
    Doubt, Figures, MODEL_BYTES_MAX, MODEL_FORMAT, Model, ModelColumn, ModelError, Origin, Prediction,
};
pub use profile::{
    HELD_ROWS_MIN, Held, MOVED_FROM, PROFILE_BYTES_MAX, PROFILE_FORMAT, Profile, ProfileError, Reading,
    SHIFTED_FROM, Shift,
};
pub use split::{Slices, SplitRule};
pub use table::{COLUMNS_MAX, Cell, Column, ColumnKind, LEVELS_MAX, ROWS_MAX, Row, Table, TableError};
pub use train::{
    LARGE_FROM_FAILURES, Surroundings, Trial, Tried, best, candidates, figures, finish, outcomes, score,
    train, try_all,
};
