//! How long it takes to find the past changes most like a new one, and how much memory that needs.

use std::time::Instant;

use anyhow::{Context as _, Result};
use bench::{Options, Table, milliseconds, permille};
use prediction::similar::{Fingerprint, SimilarIndex, Subject};

const CHANGES: usize = 1_000_000;
const QUICK_CHANGES: usize = 20_000;
const QUERIES: usize = 2_000;
const QUICK_QUERIES: usize = 100;
const NEAREST: usize = 5;

/// How many different names there are of each kind; a few of them occur in most changes.
const SERVICES: u64 = 5_000;
const ITEMS: u64 = 100_000;
const FILES: u64 = 200_000;
const WORDS: u64 = 30_000;
const FILES_OF_ONE: u64 = 4;
const WORDS_OF_ONE: u64 = 14;

fn main() -> Result<()> {
    let options = Options::read()?;
    let changes = options.count(CHANGES, QUICK_CHANGES);
    let mut numbers = Numbers(1);
    let mut index = SimilarIndex::default();
    let began = Instant::now();
    for _ in 0..changes {
        index.add(&numbers.change()).context("the index is full")?;
    }
    let filled = began.elapsed();
    let mut times = Vec::new();
    for _ in 0..options.count(QUERIES, QUICK_QUERIES) {
        let asked = numbers.change();
        let began = Instant::now();
        let found = index.nearest(&asked, NEAREST);
        times.push(milliseconds(began.elapsed()));
        anyhow::ensure!(found.len() == NEAREST, "only {} similar changes", found.len());
    }
    times.sort_unstable_by(f64::total_cmp);
    let mut table = Table::new(&["changes", "added per second", "memory", "p50", "p99", "slowest"]);
    let per_second = changes as f64 / filled.as_secs_f64();
    table.row([
        changes.to_string(),
        format!("{per_second:.0}"),
        format!("{} MiB", index.memory_bytes() / 1024 / 1024),
        format!("{:.2} ms", permille(&times, 500)),
        format!("{:.2} ms", permille(&times, 990)),
        format!("{:.2} ms", times.last().copied().unwrap_or_default()),
    ]);
    println!("{table}");
    let met = if permille(&times, 990) < 10.0 { "met" } else { "**not met**" };
    println!("- The five most similar of {changes} changes, p99: aim under 10 ms: {met}.");
    Ok(())
}

/// A fixed sequence of numbers (SplitMix64; Steele, Lea and Flood 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `count` names, the first ones far more often than the last ones.
    fn name(&mut self, count: u64) -> u64 {
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below `count`")]
        let rank = ((count as f64).powf(uniform) - 1.0) as u64;
        rank.min(count - 1)
    }

    fn change(&mut self) -> Fingerprint {
        let service = format!("service-{}", self.name(SERVICES));
        let item = format!("Deployment/shop/item-{}", self.name(ITEMS));
        let files: Vec<String> = (0..FILES_OF_ONE)
            .map(|_| self.name(FILES))
            .map(|file| format!("apps/folder-{}/file-{file}.yaml", file % 997))
            .collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let words: Vec<String> = (0..WORDS_OF_ONE).map(|_| format!("word{}", self.name(WORDS))).collect();
        Fingerprint::of(&Subject {
            services: &[&service],
            items: &[&item],
            files: &files,
            category: "deployment",
            title: &words.join(" "),
            description: "",
        })
    }
}
