//! One metric: its evidence, and whether wandering could have brought it about.

use std::collections::VecDeque;

use super::Verdict;
use super::interval;
use super::odds::{Bets, Sums, Tally, stake};
use super::wander::{Beliefs, Block};
use crate::change::kind::words;

/// Most bets of one metric; the weakest is given up for a new one, which can only lower the evidence.
pub(super) const BETS_MAX: usize = 96;
/// Most blocks that are remembered for learning how equal arms wander.
pub(super) const BLOCKS_MAX: usize = 240;
/// How far below the needed evidence a bet may be, in logarithms, to be asked about wandering at all.
const LN_WORTH_ASKING: f64 = 1.5;
/// Confidence of every interval that is told: 95 %.
const INTERVAL_ALPHA: f64 = 0.05;

/// How far two arms are feared to wander in the first two blocks, when there is no record of equal arms: a standard
/// deviation of the logarithmic odds ratio, that of two arms of which each wanders by a third.
const FEARED: f64 = 0.5;
/// Number of blocks in which nothing can have been learned yet.
const EARLY_BLOCKS: usize = 2;
/// Number of blocks from which on what was learned is good for more.
const LEARNED_BLOCKS: usize = 20;
/// Chances granted to wandering, for the budget of 1 %: at a restart within the early blocks, and for each look before and
/// after enough was learned.
const CHANCE_EARLY_RESTART: f64 = 1e-4;
const CHANCE_LEARNING: f64 = 4e-6;
const CHANCE_LEARNED: f64 = 1.4e-5;
/// The budget for which the chances hold.
const CHANCES_FOR_BUDGET: f64 = 0.01;

/// A time at which more may be granted to wandering than between. Few looks, each about three times as late as the one
/// before, can each be granted more than looking all the time. Times in blocks since the beginning.
#[derive(Debug)]
struct Look {
    from: f64,
    until: f64,
    chance: f64,
    /// Events for which it is meant, of arms with equal traffic. Where fewer are seen, less is granted, as luck explains more; where more are seen
    /// too, as then luck explains less of what is granted and wandering more.
    events: f64,
}

const LOOKS: [Look; 6] = [
    Look { from: 0.0, until: 0.15, chance: 0.005_5, events: 20.0 },
    Look { from: 0.38, until: 0.467, chance: 0.01, events: 38.0 },
    Look { from: 1.067, until: 1.334, chance: 0.01, events: 22.0 },
    Look { from: 1.067, until: 1.334, chance: 0.012, events: 80.0 },
    Look { from: 3.2, until: 3.5, chance: 0.001_4, events: 220.0 },
    Look { from: 9.6, until: 10.0, chance: 0.000_6, events: 600.0 },
];
/// What is granted between the looks of the early blocks.
const CHANCE_BETWEEN: f64 = 0.0003;

words!(
    /// What is measured.
    Metric, "metric of a canary", {
        /// Failed requests.
        Errors = "errors",
        /// A request of the canary slower than one of the baseline.
        LatencyShift = "latency_shift",
        /// Requests slower than the baseline's 95th percentile.
        LatencyP95 = "latency_p95",
        /// Requests slower than the baseline's 99th percentile.
        LatencyP99 = "latency_p99",
    }
);

impl Metric {
    /// What an event of it is, in the plural.
    fn events(self) -> &'static str {
        match self {
            Self::Errors => "failed requests",
            Self::LatencyShift => "slower requests of each pair",
            Self::LatencyP95 => "requests beyond the baseline's 95th percentile",
            Self::LatencyP99 => "requests beyond the baseline's 99th percentile",
        }
    }

    /// How far equal arms are feared to wander in this metric, as a share of what is feared of errors. Where every request
    /// counts, and not only the rare ones, a little more load changes the odds less.
    pub(super) fn wander_share(self) -> f64 {
        match self {
            Self::Errors => 1.0,
            Self::LatencyShift => 0.3,
            Self::LatencyP95 => 0.6,
            Self::LatencyP99 => 0.7,
        }
    }

    fn bets(self, odds_tolerance: f64) -> Bets {
        match self {
            Self::Errors | Self::LatencyP95 | Self::LatencyP99 => {
                Bets { tolerance: odds_tolerance, ratios: Bets::RARE }
            }
            // The tolerance for latencies is taken off them before they are compared.
            Self::LatencyShift => Bets { tolerance: 1.05, ratios: Bets::COMMON },
        }
    }
}

/// What is found out about one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which one.
    pub metric: Metric,
    /// What it says by itself.
    pub verdict: Verdict,
    /// Natural logarithm of the evidence against "no worse than tolerated"; a factor of 20 is 3.0.
    pub ln_evidence: f64,
    /// The same of those bets alone whose difference wandering does not explain; minus infinity when there is none.
    pub ln_evidence_beyond_wander: f64,
    /// What either must reach for this metric alone to end the rollout.
    pub ln_evidence_needed: f64,
    /// Odds of an event in the canary over those in the baseline, and the 95 % interval that holds at any time.
    pub odds_ratio: Option<(f64, f64, f64)>,
    /// From when on that is counted, in milliseconds: the restart that the evidence speaks for.
    pub since_millis: u64,
    /// Events of baseline and canary since then.
    pub events: (f64, f64),
    /// The chance that equal arms wander that far, where it was asked for.
    pub wander_chance: Option<f64>,
    /// How far the arms are believed to wander: standard deviation of the logarithmic odds ratio.
    pub wander: f64,
}

/// A bet: everything since a restart.
#[derive(Debug, Clone)]
struct Bet {
    /// The block that begins with it, counted from the beginning of the rollout.
    block: u64,
    ln_stake: f64,
    before: Sums,
    /// What is believed about wandering when this is where the arms parted, and after which block.
    beliefs: Option<(u64, Beliefs)>,
}

/// The bet that tells most of those of which it was asked whether wandering explains them: one that it does not explain,
/// where there is one, for nothing else is decided by.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// The block that begins with it.
    block: u64,
    /// Logarithm of its staked evidence.
    value: f64,
    /// The chance that equal arms wander that far.
    chance: f64,
    is_beyond: bool,
}

/// The state of one metric.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    metric: Metric,
    bets_on: Bets,
    /// Share of the budget.
    weight: f64,
    budget: f64,
    block_millis: u64,
    restarts: u32,
    history: Option<Beliefs>,
    sums: Sums,
    bets: Vec<Bet>,
    /// Completed blocks, the oldest first, and the number of the block after them.
    blocks: VecDeque<Option<Block>>,
    block: u64,
    block_begin: Sums,
    at_millis: u64,
    last_millis: u64,
    asked: Option<Asked>,
    ln_total: f64,
    ln_beyond: f64,
}

/// What a channel is made of.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) metric: Metric,
    pub(super) weight: f64,
    pub(super) budget: f64,
    pub(super) odds_tolerance: f64,
    pub(super) restart_seconds: u32,
    pub(super) horizon_seconds: u32,
    pub(super) history: Option<Beliefs>,
}

impl Channel {
    pub(super) fn new(terms: Terms) -> Self {
        let Terms { metric, weight, budget, odds_tolerance, restart_seconds, horizon_seconds, history } =
            terms;
        let mut channel = Self {
            metric,
            bets_on: metric.bets(odds_tolerance),
            weight,
            budget,
            block_millis: u64::from(restart_seconds.max(1)) * 1_000,
            restarts: horizon_seconds.div_ceil(restart_seconds.max(1)),
            history,
            sums: Sums::default(),
            bets: Vec::new(),
            blocks: VecDeque::new(),
            block: 0,
            block_begin: Sums::default(),
            at_millis: 0,
            last_millis: 0,
            asked: None,
            ln_total: f64::NEG_INFINITY,
            ln_beyond: f64::NEG_INFINITY,
        };
        channel.restart();
        channel
    }

    /// Goes on to a sample that ends at a time, completing blocks before it.
    pub(super) fn advance(&mut self, at_millis: u64) {
        self.last_millis = self.at_millis;
        self.at_millis = at_millis;
        let block = at_millis.saturating_sub(1) / self.block_millis;
        // After a long silence only the last blocks matter, and all of them were empty.
        self.block = self.block.max(block.saturating_sub(BLOCKS_MAX as u64));
        while self.block < block {
            self.blocks.push_back(Block::of(&self.sums.since(&self.block_begin)));
            if self.blocks.len() > BLOCKS_MAX {
                self.blocks.pop_front();
            }
            self.block += 1;
            self.block_begin = self.sums;
            self.restart();
        }
    }

    /// Takes events in and says whether anything changed.
    pub(super) fn add(&mut self, tally: Tally) {
        self.sums.add(tally, &self.bets_on);
        self.judge();
    }

    pub(super) fn weight(&self) -> f64 {
        self.weight
    }

    /// Logarithm of the evidence of all bets together, and of those that wandering does not explain.
    pub(super) fn ln_evidence(&self) -> (f64, f64) {
        (self.ln_total, self.ln_beyond)
    }

    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    /// Completed blocks.
    pub(super) fn blocks(&self) -> Vec<Option<Block>> {
        self.blocks.iter().copied().collect()
    }

    /// Odds ratio over everything, and its interval.
    pub(super) fn overall(&self) -> Option<(f64, f64, f64)> {
        ratio_interval(&self.sums)
    }

    /// How far the arms are believed to wander.
    pub(super) fn wander(&self) -> f64 {
        self.beliefs_before().after(&self.blocks(), None).summary().0
    }

    pub(super) fn finding(&self, verdict: Verdict) -> Finding {
        let strongest = self.strongest();
        let (segment, block) =
            strongest.map_or((self.sums, 0), |bet| (self.sums.since(&bet.before), bet.block));
        Finding {
            metric: self.metric,
            verdict,
            ln_evidence: self.ln_total,
            ln_evidence_beyond_wander: self.ln_beyond,
            ln_evidence_needed: self.ln_needed(),
            odds_ratio: ratio_interval(&segment),
            since_millis: block * self.block_millis,
            events: (segment.baseline_events, segment.canary_events),
            wander_chance: self.asked.filter(|asked| asked.block == block).map(|asked| asked.chance),
            wander: self.wander(),
        }
    }

    fn ln_needed(&self) -> f64 {
        -(self.budget * self.weight).ln()
    }

    /// The bet that speaks for the metric: what decides, where something does, otherwise the one with the most evidence.
    fn strongest(&self) -> Option<&Bet> {
        let decisive = self.asked.filter(|asked| asked.is_beyond);
        let decisive = decisive.and_then(|asked| self.bets.iter().find(|bet| bet.block == asked.block));
        if decisive.is_some() {
            return decisive;
        }
        let value = |bet: &Bet| bet.ln_stake + self.sums.since(&bet.before).ln_evidence();
        self.bets.iter().max_by(|one, other| value(one).total_cmp(&value(other)))
    }

    fn beliefs_before(&self) -> Beliefs {
        self.history.clone().unwrap_or_else(|| Beliefs::before(self.metric.wander_share()))
    }

    fn restart(&mut self) {
        if self.bets.len() >= BETS_MAX {
            let value = |bet: &Bet| bet.ln_stake + self.sums.since(&bet.before).ln_evidence();
            let weakest = (0..self.bets.len()).min_by(|one, other| {
                let of = |at: &usize| self.bets.get(*at).map_or(f64::INFINITY, value);
                of(one).total_cmp(&of(other))
            });
            if let Some(weakest) = weakest {
                self.bets.swap_remove(weakest);
            }
        }
        let restart = u32::try_from(self.block).unwrap_or(u32::MAX);
        let ln_stake = stake(restart, self.restarts).ln();
        self.bets.push(Bet { block: self.block, ln_stake, before: self.sums, beliefs: None });
    }

    /// Sums the bets up; asks about wandering only when there is enough evidence otherwise.
    fn judge(&mut self) {
        let needed = self.ln_needed();
        let values: Vec<f64> =
            self.bets.iter().map(|bet| bet.ln_stake + self.sums.since(&bet.before).ln_evidence()).collect();
        self.ln_total = super::numeric::ln_sum_exp(values.iter().copied());
        self.ln_beyond = f64::NEG_INFINITY;
        self.asked = None;
        // Below the stake that is needed for all metrics together, no bet is worth asking.
        if self.ln_total < needed - LN_WORTH_ASKING {
            return;
        }
        let worth_asking =
            values.into_iter().enumerate().filter(|(_, value)| *value >= needed - LN_WORTH_ASKING);
        let asked: Vec<Asked> =
            worth_asking.filter_map(|(place, value)| self.ask_about_wandering(place, value)).collect();
        let beyond = asked.iter().filter(|asked| asked.is_beyond).map(|asked| asked.value);
        self.ln_beyond = super::numeric::ln_sum_exp(beyond);
        let by_weight = |one: &Asked, other: &Asked| {
            one.is_beyond.cmp(&other.is_beyond).then(one.value.total_cmp(&other.value))
        };
        self.asked = asked.into_iter().max_by(by_weight);
    }

    /// Whether the difference since a bet began is more than equal arms wander.
    fn ask_about_wandering(&mut self, place: usize, value: f64) -> Option<Asked> {
        let bet = self.bets.get(place)?;
        let segment = self.sums.since(&bet.before);
        let current = self.sums.since(&self.block_begin);
        let first = bet.block;
        let completed = self.block_begin.since(&bet.before);
        let mut events = self.events_from(first);
        events.push(current.events());
        let is_early = first == 0 && self.block < EARLY_BLOCKS as u64;
        let beliefs = self.beliefs(place, is_early);
        let chance = if is_early {
            // Nothing was learned yet that tells wandering from a regression, but whether the blocks agree.
            beliefs.chance_by_blocks(&[completed, current])
        } else {
            beliefs.chance(&segment, &events)
        };
        let is_beyond = chance <= self.granted(first, segment.balanced_events());
        Some(Asked { block: first, value, chance, is_beyond })
    }

    fn beliefs(&mut self, place: usize, is_early: bool) -> Beliefs {
        match &self.history {
            None if is_early => return Beliefs::exactly(FEARED * self.metric.wander_share()),
            Some(history) if is_early => return history.clone(),
            None | Some(_) => {}
        }
        let (blocks, before, block) = (self.blocks(), self.beliefs_before(), self.block);
        let oldest = block.saturating_sub(blocks.len() as u64);
        let Some(bet) = self.bets.get_mut(place) else { return before };
        match &bet.beliefs {
            Some((after, beliefs)) if *after == block => beliefs.clone(),
            Some(_) | None => {
                let step = bet.block.checked_sub(oldest).and_then(|step| usize::try_from(step).ok());
                let beliefs = before.after(&blocks, step);
                bet.beliefs = Some((block, beliefs.clone()));
                beliefs
            }
        }
    }

    /// Events of each completed block from one on.
    fn events_from(&self, first: u64) -> Vec<f64> {
        let oldest = self.block.saturating_sub(self.blocks.len() as u64);
        let skipped = usize::try_from(first.saturating_sub(oldest)).unwrap_or(usize::MAX);
        self.blocks.iter().skip(skipped).map(|block| block.map_or(0.0, |block| block.events())).collect()
    }

    /// The chance that wandering is granted for a bet that began with block `first` and has seen `events`.
    fn granted(&self, first: u64, events: f64) -> f64 {
        let share = self.weight * self.budget / CHANCES_FOR_BUDGET;
        let is_early = self.block < EARLY_BLOCKS as u64;
        let look = if first == 0 { self.open_look(events) } else { None };
        let otherwise = match (first, is_early) {
            (0, true) => CHANCE_BETWEEN,
            (_, true) => CHANCE_EARLY_RESTART,
            (_, false) if self.history.is_some() || self.block >= LEARNED_BLOCKS as u64 => CHANCE_LEARNED,
            (_, false) => CHANCE_LEARNING,
        };
        share * look.unwrap_or(otherwise)
    }

    fn open_look(&self, events: f64) -> Option<f64> {
        let in_blocks = |millis: u64| millis as f64 / self.block_millis as f64;
        let (now, last) = (in_blocks(self.at_millis), in_blocks(self.last_millis));
        // A sample that comes rarely is the look whose time it steps over.
        let open = LOOKS.iter().filter(|look| now >= look.from && last < look.until);
        let granted = open.map(|look| {
            let fit = (look.events / events.max(1.0)).min(events / look.events);
            look.chance * fit * fit
        });
        granted.reduce(f64::max)
    }

    /// The state in words.
    pub(super) fn words(&self, finding: &Finding) -> String {
        let (baseline, canary) = finding.events;
        let since = finding.since_millis / 1_000;
        let Some((ratio, low, high)) = finding.odds_ratio else {
            return format!("no {} so far", self.metric.events());
        };
        let counts =
            format!("{canary:.0} in the canary and {baseline:.0} in the baseline since second {since}");
        let odds = format!("{ratio:.1} times the odds (95 % interval {low:.1} to {high:.1})");
        let evidence = format!(
            "evidence {:.3e}, needed {:.0}",
            finding.ln_evidence.exp(),
            finding.ln_evidence_needed.exp()
        );
        let wander = finding
            .wander_chance
            .map(|chance| format!("; equal arms would wander that far with chance {chance:.1e}"));
        format!("{}: {counts}, {odds}; {evidence}{}", self.metric.events(), wander.unwrap_or_default())
    }
}

fn ratio_interval(sums: &Sums) -> Option<(f64, f64, f64)> {
    let ratio = sums.odds_ratio()?;
    let offset = sums.ln_odds_expected()?;
    let (low, high) = interval::share(sums.canary_events, sums.events(), INTERVAL_ALPHA);
    let odds = |share: f64| (share / (1.0 - share)) / offset.exp();
    Some((ratio, odds(low), odds(high)))
}
