//! Streams of two arms made up from a seed: what the judge is rehearsed and measured on.
//!
//! The families are those that canary analysis meets: equal arms whose rate is steady, swings, breaks for both at once or
//! wanders for each arm on its own, and regressions of a given size from a given second on. Pure: the seed arrives as data,
//! and the same seed gives the same stream on every machine with the same floating-point functions.
//!
//! Numbers come from xoshiro256++ (Blackman and Vigna 2021) seeded by SplitMix64.

use super::numeric::{ln_gamma, whole};

/// Seconds in a wander block of the generator, where a family says nothing else.
const BLOCK_SECONDS: u32 = 60;
/// Above this mean a Poisson number is drawn by transformed rejection.
const POISSON_BY_PRODUCT_MAX: f64 = 12.0;

/// What a stream is made of. Times in seconds, rates per second, shares from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// What it is called in tables.
    pub name: String,
    /// How long it lasts.
    pub seconds: u32,
    /// Requests per second of the baseline.
    pub baseline_rate: f64,
    /// Requests per second of the canary.
    pub canary_rate: f64,
    /// Share of requests that fail when nothing is wrong.
    pub error_share: f64,
    /// What a regression adds to the canary's share.
    pub added: f64,
    /// From when on.
    pub onset: u32,
    /// How the rate of both wanders.
    pub wander: Wander,
    /// How much both arms' share rises for five minutes after 20 minutes.
    pub shared_incident: f64,
    /// How far the share of both swings within the hour, as a share of itself.
    pub drift: f64,
}

/// How error rates wander besides the noise of counting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wander {
    /// Not at all.
    None,
    /// Both arms together: a gamma multiplier of mean 1 and this variance for each minute.
    Shared {
        /// Its variance.
        variance: f64,
    },
    /// Each arm by itself: a lognormal multiplier for each block.
    Own {
        /// Standard deviation of its logarithm.
        deviation: f64,
        /// How long a block lasts.
        block_seconds: u32,
        /// Correlation of one block's logarithm with the next one's.
        correlation: f64,
    },
}

/// One second of both arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Requests and failed requests of the baseline.
    pub baseline: (u64, u64),
    /// Requests and failed requests of the canary.
    pub canary: (u64, u64),
}

impl Family {
    /// Equal arms at 50 requests a second of which 0.5 % fail, for an hour.
    pub fn equal(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            seconds: 3_600,
            baseline_rate: 50.0,
            canary_rate: 50.0,
            error_share: 0.005,
            added: 0.0,
            onset: 0,
            wander: Wander::None,
            shared_incident: 0.0,
            drift: 0.0,
        }
    }

    /// Each arm wanders by itself, a minute at a time.
    #[must_use]
    pub fn own(self, deviation: f64) -> Self {
        Self { wander: Wander::Own { deviation, block_seconds: BLOCK_SECONDS, correlation: 0.0 }, ..self }
    }

    /// The stream of a seed.
    pub fn rows(&self, seed: u64) -> impl Iterator<Item = Row> + '_ {
        let mut random = Random::new(seed);
        let phase = random.uniform();
        let mut multipliers = Multipliers { log: (0.0, 0.0), now: (1.0, 1.0) };
        (0..self.seconds).map(move |second| {
            multipliers.advance(self.wander, second, &mut random);
            let hour = f64::from(second) / f64::from(self.seconds.max(1)) + phase;
            let swing = 1.0 + self.drift * (std::f64::consts::TAU * hour).sin();
            let incident = if (1_200..1_500).contains(&second) { self.shared_incident } else { 0.0 };
            let added = if second >= self.onset { self.added } else { 0.0 };
            let share = self.error_share * swing;
            let (baseline, canary) = multipliers.now;
            Row {
                baseline: arm(self.baseline_rate, share * baseline + incident, &mut random),
                canary: arm(self.canary_rate, share * canary + incident + added, &mut random),
            }
        })
    }
}

/// Poisson many requests of which each fails by itself: failed and other requests are then independent Poisson numbers.
fn arm(rate: f64, share: f64, random: &mut Random) -> (u64, u64) {
    let share = share.clamp(0.0, 1.0);
    let errors = random.poisson(rate * share);
    (errors + random.poisson(rate * (1.0 - share)), errors)
}

/// What the rates of both arms are multiplied by at present.
struct Multipliers {
    log: (f64, f64),
    now: (f64, f64),
}

impl Multipliers {
    fn advance(&mut self, wander: Wander, second: u32, random: &mut Random) {
        match wander {
            Wander::None => {}
            Wander::Shared { variance } => {
                if second.is_multiple_of(BLOCK_SECONDS) {
                    let multiplier = variance * random.gamma(1.0 / variance);
                    self.now = (multiplier, multiplier);
                }
            }
            Wander::Own { deviation, block_seconds, correlation } => {
                if second.is_multiple_of(block_seconds.max(1)) {
                    let fresh = if second == 0 { 1.0 } else { (1.0 - correlation * correlation).sqrt() };
                    let kept = if second == 0 { 0.0 } else { correlation };
                    self.log.0 = kept * self.log.0 + fresh * deviation * random.normal();
                    self.log.1 = kept * self.log.1 + fresh * deviation * random.normal();
                    self.now = (self.log.0.exp(), self.log.1.exp());
                }
            }
        }
    }
}

/// Latencies of one arm, in milliseconds: lognormal around 40 with deviation 0.6 of the logarithm, of which 1 % and
/// `tail` more are eight times slower, all of them `1 + shift` times as long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latencies {
    /// How much longer all take, as a share.
    pub shift: f64,
    /// How many more are slow, as a share.
    pub tail: f64,
    /// Standard deviation of the logarithm of a multiplier that each block of ten seconds has.
    pub wander: f64,
    /// Correlation of that from block to block.
    pub correlation: f64,
}

/// A source of latencies of one arm.
#[derive(Debug, Clone)]
pub struct LatencySource {
    random: Random,
    log: f64,
    seconds: u32,
}

impl LatencySource {
    /// From a seed, which must differ between the arms.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), log: 0.0, seconds: 0 }
    }

    /// The next second's `count` latencies, in milliseconds.
    pub fn second(&mut self, latencies: Latencies, count: usize) -> Vec<f64> {
        let Latencies { shift, tail, wander, correlation } = latencies;
        if wander > 0.0 && self.seconds.is_multiple_of(10) {
            let fresh = if self.seconds == 0 { 1.0 } else { (1.0 - correlation * correlation).sqrt() };
            self.log = correlation * self.log + fresh * wander * self.random.normal();
        }
        self.seconds += 1;
        let factor = (1.0 + shift) * self.log.exp();
        (0..count)
            .map(|_| {
                let usual = (40.0_f64.ln() + 0.6 * self.random.normal()).exp();
                let slow = if self.random.uniform() < 0.01 + tail { 8.0 } else { 1.0 };
                usual * slow * factor
            })
            .collect()
    }
}

/// xoshiro256++.
#[derive(Debug, Clone)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        let mut word = seed;
        let state = std::array::from_fn(|_| {
            word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = word;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        });
        Self { state }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// Uniform from 0 inclusive to 1 exclusive.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Poisson.
    fn poisson(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean > POISSON_BY_PRODUCT_MAX {
            return self.poisson_by_rejection(mean);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0);
        while product > limit {
            product *= self.uniform();
            count += 1;
        }
        count
    }

    /// PTRS of Hörmann 1993, "The transformed rejection method for generating Poisson random variables".
    fn poisson_by_rejection(&mut self, mean: f64) -> u64 {
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.024_83 * b;
        let inverse_alpha = 1.123_9 + 1.132_8 / (b - 3.4);
        let v_r = 0.927_7 - 3.622_4 / (b - 2.0);
        loop {
            let u = self.uniform() - 0.5;
            let v = 1.0 - self.uniform();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
            if us >= 0.07 && v <= v_r {
                return whole(k);
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let left = (v * inverse_alpha / (a / (us * us) + b)).ln();
            if left <= k * mean.ln() - mean - ln_gamma(k + 1.0) {
                return whole(k);
            }
        }
    }

    /// Gamma of scale 1 (Marsaglia and Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = (1.0 - self.uniform()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.uniform()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}
