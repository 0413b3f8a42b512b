//! Figures that depend on the order of predictions only. Equal predictions share their places evenly, so a figure does
//! not depend on the order in which rows happen to stand.

/// Rows from the riskiest to the safest.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Rows in order of falling risk.
    order: Vec<usize>,
    /// Whether the row at a place has the same prediction as the one before it.
    tied: Vec<bool>,
    failed: Vec<bool>,
}

/// Successes and failures, by weight.
#[derive(Debug, Clone, Copy, Default)]
struct Mass {
    failures: f64,
    successes: f64,
}

impl Ranking {
    /// Ranks rows by their predictions.
    #[must_use]
    pub fn new(predictions: &[f64], failed: &[bool]) -> Self {
        let of = |row: usize| predictions.get(row).copied().unwrap_or(f64::NEG_INFINITY);
        let mut order: Vec<usize> = (0..predictions.len().min(failed.len())).collect();
        order.sort_by(|&one, &other| of(other).total_cmp(&of(one)));
        let befores = std::iter::once(None).chain(order.iter().map(|&row| Some(of(row))));
        let tied = befores.zip(&order).map(|(before, &row)| before == Some(of(row))).collect();
        Self { order, tied, failed: failed.to_vec() }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The chance that a failure is ranked above a success: the area under the ROC curve. 0.5 when there are none of
    /// either.
    #[must_use]
    pub fn auc(&self) -> f64 {
        self.auc_of(&|_| 1.0)
    }

    /// The mean of the precision at each failure.
    #[must_use]
    pub fn average_precision(&self) -> f64 {
        self.average_precision_of(&|_| 1.0)
    }

    /// The share of failures among the riskiest `share` of rows.
    #[must_use]
    pub fn caught(&self, share: f64) -> f64 {
        self.caught_of(share, &|_| 1.0)
    }

    pub(super) fn auc_of(&self, weight: &dyn Fn(usize) -> f64) -> f64 {
        let (mut above, mut pairs) = (Mass::default(), 0.0);
        for block in self.blocks(weight) {
            // Each success of the block is below all failures above, and ties with those of its own.
            pairs += block.successes * (above.failures + block.failures / 2.0);
            above = above.plus(block);
        }
        let all = above.failures * above.successes;
        if all > 0.0 { pairs / all } else { 0.5 }
    }

    pub(super) fn average_precision_of(&self, weight: &dyn Fn(usize) -> f64) -> f64 {
        let (mut above, mut sum) = (Mass::default(), 0.0);
        for block in self.blocks(weight) {
            above = above.plus(block);
            if block.failures > 0.0 {
                sum += block.failures * above.failures / (above.failures + above.successes);
            }
        }
        if above.failures > 0.0 { sum / above.failures } else { 0.0 }
    }

    pub(super) fn caught_of(&self, share: f64, weight: &dyn Fn(usize) -> f64) -> f64 {
        let blocks: Vec<Mass> = self.blocks(weight).collect();
        let all = blocks.iter().fold(Mass::default(), |sum, block| sum.plus(*block));
        let mut room = (share * (all.failures + all.successes)).floor();
        let mut caught = 0.0;
        for block in blocks {
            let size = block.failures + block.successes;
            if size >= room {
                caught += if size > 0.0 { block.failures * room / size } else { 0.0 };
                break;
            }
            caught += block.failures;
            room -= size;
        }
        if all.failures > 0.0 { caught / all.failures } else { 0.0 }
    }

    /// Rows of equal prediction, summed up by weight.
    fn blocks<'a>(&'a self, weight: &'a dyn Fn(usize) -> f64) -> impl Iterator<Item = Mass> + 'a {
        let mut rows = self.order.iter().zip(&self.tied).peekable();
        std::iter::from_fn(move || {
            let (first, _) = rows.next()?;
            let mut block = self.mass(*first, weight);
            while let Some((row, _)) = rows.next_if(|(_, tied)| **tied) {
                block = block.plus(self.mass(*row, weight));
            }
            Some(block)
        })
    }

    fn mass(&self, row: usize, weight: &dyn Fn(usize) -> f64) -> Mass {
        let weight = weight(row);
        match self.failed.get(row) {
            Some(true) => Mass { failures: weight, successes: 0.0 },
            Some(false) | None => Mass { failures: 0.0, successes: weight },
        }
    }
}

impl Mass {
    fn plus(self, other: Self) -> Self {
        Self { failures: self.failures + other.failures, successes: self.successes + other.successes }
    }
}
