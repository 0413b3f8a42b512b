//! The specification's classification matrix: blast radius by probability.

use super::blast_radius::BlastClass;
use super::level::Level;
use crate::change::kind::words;
use crate::number::Factor;

words!(
    /// How probable a failure is, in the matrix's words.
    ProbabilityBand, "probability band", {
        /// P below 1: less than 1 in 100.
        VeryLow = "very_low",
        /// P below 2: less than 4 in 100.
        Low = "low",
        /// P below 4: less than 16 in 100.
        Medium = "medium",
        /// P of 4 or more.
        High = "high",
    }
);

impl ProbabilityBand {
    /// The band of the probability factor.
    pub fn of_factor(probability: Factor) -> Self {
        match probability.get() {
            0..10 => Self::VeryLow,
            10..20 => Self::Low,
            20..40 => Self::Medium,
            40.. => Self::High,
        }
    }
}

/// The matrix. It never falls along a row or a column.
pub fn matrix_level(class: BlastClass, probability: ProbabilityBand) -> Level {
    use BlastClass::{Component, MultiService, SingleService, SystemWide};
    use ProbabilityBand::{High, Low, Medium, VeryLow};
    match (class, probability) {
        (Component, VeryLow | Low | Medium) | (SingleService, VeryLow) => Level::Low,
        (Component, High) | (SingleService, Low | Medium) | (MultiService, VeryLow | Low) => Level::Medium,
        (SingleService, High) | (MultiService, Medium | High) | (SystemWide, VeryLow | Low) => Level::High,
        (SystemWide, Medium | High) => Level::Critical,
    }
}
