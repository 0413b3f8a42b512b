//! From a learner's log-odds to probabilities that mean what they say, and how sure they are.
//!
//! A learner's log-odds rank well but may be too bold, or from other times. The map from them to probabilities is fitted
//! on later rows, which the learner has not seen. Where the share of failures has been moving, as it does when some are
//! found late, the map moves on with it for a while. Where one table holds several histories, each may have its own share
//! of failures: its own intercept then, drawn towards that of all, for few rows say little.

use serde::{Deserialize, Serialize};

use crate::metrics::log_loss;
use crate::newton::Problem;
use crate::number::{indicator, logit, mean, sigmoid};
use crate::table::Table;

/// A weak pull of the slope towards 0 keeps it finite where failures and successes are separated.
const SLOPE_PENALTY: f64 = 1e-2;
/// How strongly the movement over one span is pulled towards none: a standard deviation of 0.2 log-odds.
const MOVEMENT_PENALTY: f64 = 25.0;
/// How strongly a group's own intercept is pulled towards that of all: a standard deviation of 0.1 log-odds.
const OFFSET_PENALTY: f64 = 100.0;
/// With more groups than this none has an intercept of its own: each would rest on few rows.
const GROUPS_MAX: usize = 64;
/// A movement goes on for at most this many spans after the first one ended.
const SPANS_AHEAD_MAX: f64 = 1.0;
/// A map with more freedom must do better than Platt's by this share of the loss, or it follows chance.
const GAIN_MIN: f64 = 0.003;
/// Fewest rows from which isotonic regression is taken: it overfits smaller ones (Niculescu-Mizil and Caruana 2005).
const ISOTONIC_ROWS_MIN: usize = 1_000;
/// Most bands of similar log-odds.
const BANDS_MAX: usize = 20;
/// Fewest rows of a band.
const BAND_ROWS_MIN: usize = 50;
/// Standard deviations that 90 % of normal draws lie within.
const Z_90: f64 = 1.645;

/// The map from log-odds to probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    shape: Shape,
    movement: Option<Movement>,
    /// What is added in each group, by number; nothing in a group that was not met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    offsets: Vec<f64>,
}

/// The map at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Shape {
    /// Platt's method: a straight line over log-odds.
    Platt {
        /// Below 1 for a learner that is too bold.
        slope: f64,
        /// What is added to every log-odds.
        intercept: f64,
    },
    /// Isotonic regression: blocks in rising order, joined by straight lines between their middles.
    Isotonic {
        /// The mean log-odds of each block, and the log-odds of its share of failures.
        knots: Vec<(f64, f64)>,
    },
}

/// How the map moves with time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Movement {
    /// What one span of time adds to the log-odds.
    per_span: f64,
    /// The span of each group, by number: from its first row that was calibrated on to its last.
    spans: Vec<Option<(i64, i64)>>,
}

/// When a row happened, and in which history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// As in [`crate::Row`].
    pub at: i64,
    /// The number of its group; 0 where there is only one.
    pub group: usize,
}

/// Rows with the log-odds that a learner gave them without having seen them.
#[derive(Debug, Clone, Default)]
pub struct Scored {
    /// Log-odds.
    pub log_odds: Vec<f64>,
    /// What came of the rows.
    pub failed: Vec<bool>,
    /// When they happened.
    pub moments: Vec<Moment>,
}

/// Rows of similar log-odds: how many there were, and how many failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The largest log-odds of the band.
    pub until: f64,
    /// Rows.
    pub rows: u64,
    /// Failures among them.
    pub failures: u64,
}

impl Moment {
    /// The moment of a row of a table.
    #[must_use]
    pub fn of(table: &Table, row: usize) -> Self {
        let at = table.at().get(row).copied().unwrap_or(0);
        Self { at, group: table.group().get(row).copied().unwrap_or(0) }
    }
}

impl Scored {
    /// These rows and more.
    #[must_use]
    pub fn with(&self, more: &Self) -> Self {
        let mut all = self.clone();
        all.log_odds.extend(&more.log_odds);
        all.failed.extend(&more.failed);
        all.moments.extend(&more.moments);
        all
    }
}

impl Calibration {
    /// Leaves log-odds as they are.
    #[must_use]
    pub fn none() -> Self {
        Self::line(1.0, 0.0)
    }

    /// Fits the map by the method that would have done best: fitted to the rounds before it, judged on each round but
    /// the first. Where nothing is to be gained, the last round alone counts, by Platt's method.
    #[must_use]
    pub fn choose(earlier: &[Scored], late: &Scored) -> Self {
        let rounds = [earlier, std::slice::from_ref(late)].concat();
        let loss = |method: Method| {
            let judged = (1..rounds.len()).filter_map(|round| rounds.split_at_checked(round));
            let losses = judged.filter_map(|(before, after)| {
                let later = after.first()?;
                Some(log_loss(&method.fit(before).probabilities(later), &later.failed))
            });
            mean(losses)
        };
        let fits = |method: &Method| *method != Method::Isotonic || late.failed.len() >= ISOTONIC_ROWS_MIN;
        let freer = Method::FREER.into_iter().filter(fits).map(|method| (method, loss(method)));
        let best = freer.min_by(|one, other| one.1.total_cmp(&other.1));
        let enough = loss(Method::Platt) * (1.0 - GAIN_MIN);
        let method = best.filter(|(_, loss)| *loss < enough).map_or(Method::Platt, |(method, _)| method);
        method.fit(&rounds)
    }

    /// Platt's method.
    #[must_use]
    pub fn platt(rows: &Scored) -> Self {
        Self::fit_line(rows, None, 0)
    }

    /// Platt's method with a straight line over time besides.
    #[must_use]
    pub fn moving(rows: &Scored) -> Self {
        Self::fit_line(rows, Some(Movement { per_span: 0.0, spans: spans(&rows.moments) }), 0)
    }

    /// Platt's method with an intercept for each group.
    #[must_use]
    pub fn grouped(rows: &Scored) -> Self {
        Self::fit_line(rows, None, groups(&rows.moments))
    }

    /// Platt's method with a straight line over time and an intercept for each group.
    #[must_use]
    pub fn grouped_and_moving(rows: &Scored) -> Self {
        let movement = Movement { per_span: 0.0, spans: spans(&rows.moments) };
        Self::fit_line(rows, Some(movement), groups(&rows.moments))
    }

    fn line(slope: f64, intercept: f64) -> Self {
        Self { shape: Shape::Platt { slope, intercept }, movement: None, offsets: Vec::new() }
    }

    /// A straight line over log-odds, with as much freedom as is given: a movement, and intercepts of so many groups.
    fn fit_line(rows: &Scored, movement: Option<Movement>, groups: usize) -> Self {
        let groups = if groups > GROUPS_MAX { 0 } else { groups };
        let mut design = Vec::new();
        for (z, moment) in rows.log_odds.iter().zip(&rows.moments) {
            design.push(*z);
            design.extend(movement.as_ref().map(|movement| movement.place(*moment)));
            design.extend((0..groups).map(|group| indicator(group == moment.group)));
            design.push(1.0);
        }
        let mut penalties = vec![SLOPE_PENALTY];
        penalties.extend(movement.as_ref().map(|_| MOVEMENT_PENALTY));
        penalties.extend(vec![OFFSET_PENALTY; groups]);
        penalties.push(0.0);
        let fitted = Problem { design, outcomes: rows.outcomes(), penalties }.solve();
        let mut weights = fitted.into_iter().flatten();
        let Some(slope) = weights.next() else { return Self::none() };
        let movement = movement.and_then(|movement| Some(Movement { per_span: weights.next()?, ..movement }));
        let offsets = weights.by_ref().take(groups).collect();
        let intercept = weights.next().unwrap_or(0.0);
        Self { movement, offsets, ..Self::line(slope.max(0.0), intercept) }
    }

    /// Isotonic regression by pooling adjacent violators.
    #[must_use]
    pub fn isotonic(rows: &Scored) -> Self {
        let mut ordered: Vec<(f64, f64)> = rows.log_odds.iter().copied().zip(rows.outcomes()).collect();
        ordered.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut blocks: Vec<Block> = Vec::new();
        for (log_odds, failures) in ordered {
            let mut block = Block { rows: 1.0, log_odds, failures };
            while let Some(below) = blocks.pop_if(|below| below.share() >= block.share()) {
                block = below.with(&block);
            }
            blocks.push(block);
        }
        let base = mean(rows.outcomes().into_iter());
        // One imagined row of base risk keeps every block away from certainty.
        let knot = |block: &Block| (block.log_odds, logit((block.failures + base) / (block.rows + 1.0)));
        let mut knots: Vec<(f64, f64)> = blocks.iter().map(knot).collect();
        let mut highest = f64::NEG_INFINITY;
        for (_, calibrated) in &mut knots {
            highest = highest.max(*calibrated);
            *calibrated = highest;
        }
        Self { shape: Shape::Isotonic { knots }, movement: None, offsets: Vec::new() }
    }

    /// In a word, how probabilities are calibrated.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match (&self.shape, &self.movement, self.offsets.is_empty()) {
            (Shape::Isotonic { .. }, _, _) => "isotonic",
            (Shape::Platt { .. }, None, true) => "Platt",
            (Shape::Platt { .. }, Some(_), true) => "Platt, moving with time",
            (Shape::Platt { .. }, None, false) => "Platt, by group",
            (Shape::Platt { .. }, Some(_), false) => "Platt, by group and moving with time",
        }
    }

    /// The calibrated log-odds.
    #[must_use]
    pub fn log_odds(&self, log_odds: f64, moment: Moment) -> f64 {
        let moved = self.movement.as_ref().map_or(0.0, |movement| movement.per_span * movement.place(moment));
        let offset = self.offsets.get(moment.group).copied().unwrap_or(0.0);
        moved + offset + self.shape.log_odds(log_odds)
    }

    /// The calibrated probability.
    #[must_use]
    pub fn probability(&self, log_odds: f64, moment: Moment) -> f64 {
        sigmoid(self.log_odds(log_odds, moment))
    }

    /// The calibrated probabilities of rows.
    #[must_use]
    pub fn probabilities(&self, rows: &Scored) -> Vec<f64> {
        let pairs = rows.log_odds.iter().zip(&rows.moments);
        pairs.map(|(log_odds, moment)| self.probability(*log_odds, *moment)).collect()
    }
}

/// A way of calibrating: to the last round, or in its movement to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Platt,
    Isotonic,
    Moving,
    Grouped,
    GroupedAndMoving,
}

impl Method {
    /// Those with more freedom than Platt's.
    const FREER: [Self; 4] = [Self::Isotonic, Self::Moving, Self::Grouped, Self::GroupedAndMoving];

    fn fit(self, rounds: &[Scored]) -> Calibration {
        let last = || rounds.last().cloned().unwrap_or_default();
        let all = || rounds.iter().fold(Scored::default(), |all, round| all.with(round));
        match self {
            Self::Platt => Calibration::platt(&last()),
            Self::Isotonic => Calibration::isotonic(&last()),
            Self::Moving => Calibration::moving(&all()),
            Self::Grouped => Calibration::grouped(&last()),
            Self::GroupedAndMoving => Calibration::grouped_and_moving(&all()),
        }
    }
}

impl Scored {
    fn outcomes(&self) -> Vec<f64> {
        self.failed.iter().map(|failed| indicator(*failed)).collect()
    }
}

impl Shape {
    fn log_odds(&self, log_odds: f64) -> f64 {
        match self {
            Self::Platt { slope, intercept } => slope * log_odds + intercept,
            Self::Isotonic { knots } => {
                let above = knots.partition_point(|(z, _)| *z <= log_odds);
                let below = above.checked_sub(1).and_then(|place| knots.get(place));
                match (below, knots.get(above)) {
                    (Some((from, start)), Some((to, end))) => {
                        start + (end - start) * (log_odds - from) / (to - from)
                    }
                    (Some((_, only)), None) | (None, Some((_, only))) => *only,
                    (None, None) => log_odds,
                }
            }
        }
    }
}

impl Movement {
    /// Where a moment lies on its group's span: 0 at its begin, 1 at its end, and no further than the movement goes on.
    /// An unknown group counts as at the end.
    fn place(&self, moment: Moment) -> f64 {
        match self.spans.get(moment.group).copied().flatten() {
            Some((from, until)) if until > from => {
                let passed = moment.at.saturating_sub(from) as f64 / (until - from) as f64;
                passed.clamp(0.0, 1.0 + SPANS_AHEAD_MAX)
            }
            Some(_) | None => 1.0,
        }
    }
}

fn groups(moments: &[Moment]) -> usize {
    moments.iter().map(|moment| moment.group + 1).max().unwrap_or(0)
}

fn spans(moments: &[Moment]) -> Vec<Option<(i64, i64)>> {
    let mut spans: Vec<Option<(i64, i64)>> = vec![None; groups(moments)];
    for moment in moments {
        if let Some(span) = spans.get_mut(moment.group) {
            let (from, until) = span.unwrap_or((moment.at, moment.at));
            *span = Some((from.min(moment.at), until.max(moment.at)));
        }
    }
    spans
}

/// Neighbours that are pooled: their rows, mean log-odds and failures.
#[derive(Debug, Clone, Copy)]
struct Block {
    rows: f64,
    log_odds: f64,
    failures: f64,
}

impl Block {
    fn share(&self) -> f64 {
        self.failures / self.rows
    }

    fn with(&self, other: &Self) -> Self {
        let rows = self.rows + other.rows;
        Self {
            rows,
            log_odds: (self.log_odds * self.rows + other.log_odds * other.rows) / rows,
            failures: self.failures + other.failures,
        }
    }
}

/// Puts rows into bands of similar log-odds.
#[must_use]
pub(crate) fn bands(log_odds: &[f64], failed: &[bool]) -> Vec<Band> {
    let mut rows: Vec<(f64, bool)> = log_odds.iter().copied().zip(failed.iter().copied()).collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    let size = (rows.len().div_ceil(BANDS_MAX)).max(BAND_ROWS_MIN);
    let of = |part: &[(f64, bool)]| Band {
        until: part.last().map_or(0.0, |last| last.0),
        rows: part.len() as u64,
        failures: part.iter().filter(|(_, failed)| *failed).count() as u64,
    };
    rows.chunks(size).map(of).collect()
}

/// Between which probabilities the truth lies with 90 % confidence, by what came of the rows of similar log-odds
/// (Wilson's interval); it always holds `probability`.
#[must_use]
pub(crate) fn interval(bands: &[Band], log_odds: f64, probability: f64) -> (f64, f64) {
    let place = bands.partition_point(|band| band.until < log_odds);
    let Some(band) = bands.get(place).or(bands.last()) else { return (0.0, 1.0) };
    let (rows, share) = (band.rows as f64, band.failures as f64 / band.rows.max(1) as f64);
    let spread = Z_90 * Z_90 / rows.max(1.0);
    let middle = (share + spread / 2.0) / (1.0 + spread);
    let reach = (Z_90 * (share * (1.0 - share) / rows.max(1.0) + spread / (4.0 * rows.max(1.0))).sqrt())
        / (1.0 + spread);
    ((middle - reach).clamp(0.0, probability), (middle + reach).clamp(probability, 1.0))
}
