//! Gradient-boosted trees: grown by the library, kept and followed in a form of our own.
//!
//! The library's own form of a fitted model holds hash maps and everything that was set, so the same trees may be written
//! in different ways. Ours is what a prediction needs: it is checked when it is read, its bytes follow from the data
//! alone, and the trees of several seeds are simply more trees.

use std::sync::OnceLock;

use forust_ml::Matrix;
use forust_ml::gradientbooster::{GradientBooster, GrowPolicy};
use serde::{Deserialize, Serialize};

use super::{Attribution, LearnError, Learner};
use crate::encode::{Encoded, encode, for_trees};
use crate::number::{indicator, mean};
use crate::table::Table;

mod shap;
mod tree;

use shap::Forest;
use tree::Tree;
pub use tree::TreeFault;

/// Deepest tree.
const DEPTH_MAX: usize = 16;
/// Most trees of one model, over all seeds.
const TREES_MAX: usize = 20_000;

/// How trees are grown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreesSettings {
    /// Trees per seed.
    pub trees: usize,
    /// Most leaves of a tree.
    pub leaves_max: usize,
    /// What share of its answer each tree contributes.
    pub learning_rate: f32,
    /// Fewest rows of a leaf, by weight: rows whose outcome is open count most.
    pub leaf_rows_min: f64,
    /// Share of the columns that each tree may look at.
    pub columns_share: f64,
    /// Strength of the penalty on squared answers.
    pub l2: f32,
    /// Seeds whose trees are averaged, starting from 1.
    pub seeds: u64,
}

/// Grown trees.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trees {
    columns: usize,
    encoding: Vec<Encoded>,
    /// The mean log-odds of all seeds before the first tree.
    start: f64,
    /// What a tree's answer is multiplied with: one over the number of seeds.
    scale: f64,
    trees: Vec<Tree>,
    /// The same trees for attribution, laid out when they are first asked.
    #[serde(skip)]
    forest: OnceLock<Forest>,
}

impl TreesSettings {
    /// Small and strongly regularised, for rare failures: larger ones learn chance.
    #[must_use]
    pub fn small() -> Self {
        Self {
            trees: 300,
            leaves_max: 15,
            learning_rate: 0.02,
            leaf_rows_min: 100.0,
            columns_share: 0.3,
            l2: 10.0,
            seeds: 2,
        }
    }

    /// Larger, for failures that are not rare.
    #[must_use]
    pub fn large() -> Self {
        Self {
            trees: 600,
            leaves_max: 63,
            learning_rate: 0.03,
            leaf_rows_min: 50.0,
            columns_share: 0.5,
            l2: 10.0,
            seeds: 1,
        }
    }
}

impl Trees {
    pub(super) fn learn(settings: &TreesSettings, table: &Table, rows: &[usize]) -> Result<Self, LearnError> {
        let encoding = for_trees(table);
        let mut design = Vec::with_capacity(rows.len() * encoding.len());
        for encoded in &encoding {
            let values = table.values(encoded.from);
            design.extend(rows.iter().map(|&row| encoded.of(values.get(row).copied().unwrap_or(f64::NAN))));
        }
        let matrix = Matrix::new(&design, rows.len(), encoding.len());
        let failed = |row: &usize| table.failed().get(*row).copied().unwrap_or(false);
        let outcomes: Vec<f64> = rows.iter().map(|row| indicator(failed(row))).collect();
        let base = mean(outcomes.iter().copied());
        let mut grown = Self {
            columns: table.columns().len(),
            encoding,
            start: 0.0,
            scale: 1.0 / settings.seeds.max(1) as f64,
            trees: Vec::new(),
            forest: OnceLock::new(),
        };
        for seed in 1..=settings.seeds.max(1) {
            let mut booster = booster(settings, base, seed);
            booster
                .fit_unweighted(&matrix, &outcomes, None)
                .map_err(|error| LearnError::Trees(error.to_string()))?;
            grown.start += booster.base_score * grown.scale;
            for tree in &booster.trees {
                grown.trees.push(Tree::of(tree).map_err(|fault| LearnError::Trees(fault.to_string()))?);
            }
        }
        Ok(grown)
    }

    /// Checks what was read from outside.
    pub(super) fn check(&self, columns: usize) -> Result<(), TreeFault> {
        if self.columns != columns {
            return Err(TreeFault::OtherColumns { found: self.columns, expected: columns });
        }
        if self.trees.len() > TREES_MAX {
            return Err(TreeFault::TooMany { trees: self.trees.len() });
        }
        self.trees.iter().try_for_each(|tree| tree.check(self.encoding.len()))
    }
}

impl Learner for Trees {
    fn log_odds(&self, raw: &[f64]) -> f64 {
        let row: Vec<f64> = encode(&self.encoding, raw).collect();
        self.start + self.scale * self.trees.iter().map(|tree| tree.answer(&row)).sum::<f64>()
    }

    fn attribute(&self, raw: &[f64]) -> Attribution {
        let row: Vec<f64> = encode(&self.encoding, raw).collect();
        let forest = self.forest.get_or_init(|| Forest::of(&self.trees));
        let mut encoded = vec![0.0; row.len()];
        forest.add(&row, &mut encoded);
        let mut contributions = vec![0.0; self.columns];
        for (from, value) in self.encoding.iter().map(|encoded| encoded.from).zip(encoded) {
            if let Some(sum) = contributions.get_mut(from) {
                *sum += self.scale * value;
            }
        }
        let base = self.start + self.scale * forest.mean();
        Attribution { base, contributions }
    }
}

fn booster(settings: &TreesSettings, base: f64, seed: u64) -> GradientBooster {
    let openness = base * (1.0 - base);
    let mut booster = GradientBooster::default()
        .set_iterations(settings.trees)
        .set_learning_rate(settings.learning_rate)
        .set_max_depth(DEPTH_MAX)
        .set_max_leaves(settings.leaves_max)
        .set_l2(settings.l2)
        .set_min_leaf_weight(narrow(settings.leaf_rows_min * openness))
        .set_initialize_base_score(true)
        .set_colsample_bytree(settings.columns_share)
        .set_parallel(false)
        .set_seed(seed);
    booster.grow_policy = GrowPolicy::LossGuide;
    booster
}

/// The library computes with single precision.
#[expect(clippy::cast_possible_truncation, reason = "a weight needs no more digits")]
fn narrow(value: f64) -> f32 {
    value as f32
}
