//! How good predictions are, measured on rows whose outcome is known.

mod bootstrap;
mod calibration;
mod drift;
mod performance;
mod proportion;
mod ranking;
mod threshold;

pub use bootstrap::{Interval, Measure, RESAMPLES, difference, interval, mean_interval};
pub use calibration::{
    CALIBRATION_BINS, CalibrationBin, brier, calibration_error, calibration_error_by_chance,
    calibration_table, log_loss,
};
pub use drift::{Drift, SHIFTED_FROM, drift};
pub use performance::{Bin, Counted, Performance, performance};
pub use proportion::proportion;
pub use ranking::Ranking;
pub use threshold::{AtThreshold, at_threshold, most_accurate, riskiest};
