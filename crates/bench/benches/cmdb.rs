//! What the CMDB costs in memory and time: a large landscape is built, asked for blast radii and near misses, and edited.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::request::ChangeRequest;
use bench::{Options, Random, SMALL, Table, ci_description, ci_name, ci_source, permille, shown};
use domain::Timestamp;
use domain::cmdb::{CiEvent, Cmdb, Deletion, Follow, ReachLimits};
use domain::risk::{AssessmentFacts, History, assess};

const ITEMS: u32 = 1_000_000;
const QUICK_ITEMS: u32 = 10_000;
const QUERIES: usize = 10_000;
const SEARCHES: usize = 200;
/// What an assessment looks at, at most.
const REACH_ITEMS_MAX: usize = 10_000;
const REACH_AIM: Duration = Duration::from_millis(1);
const SEED: u64 = 0x5EED_0F17;

fn main() -> Result<()> {
    let options = Options::read()?;
    let items = if options.quick { QUICK_ITEMS } else { ITEMS };
    let mut random = Random(SEED);
    let mut landscape = Landscape::build(items, &mut random)?;
    let mut table = Table::new(&["", "half take at most", "99 of 100 take at most", "longest"]);
    let mut row = |name: &str, times: &mut Vec<Duration>| {
        times.sort_unstable();
        let longest = times.last().copied().unwrap_or_default();
        table.row([
            name.to_owned(),
            shown(permille(times, 500)),
            shown(permille(times, 990)),
            shown(longest),
        ]);
        permille(times, 500)
    };
    let one = row("blast radius of one item", &mut landscape.reaches(1, &mut random)?);
    let three = row("blast radius of three items", &mut landscape.reaches(3, &mut random)?);
    row("assessing a change of one item", &mut landscape.assessments(&mut random)?);
    row("an edit of one item with its relations", &mut landscape.edits(&mut random)?);
    row("an import of one item, unchanged", &mut landscape.imports(&mut random)?);
    row("a near miss", &mut landscape.near_misses(&mut random)?);
    println!("{}\n{table}", landscape.described());
    for (name, took) in [("one item", one), ("three items", three)] {
        let verdict = if took < REACH_AIM { "met" } else { "**not met**" };
        println!(
            "- Half of the blast radii of {name}: {}, aim under {}: {verdict}.",
            shown(took),
            shown(REACH_AIM)
        );
    }
    Ok(())
}

struct Landscape {
    cmdb: Cmdb,
    items: u32,
    took: Duration,
}

impl Landscape {
    fn build(items: u32, random: &mut Random) -> Result<Self> {
        let mut cmdb = Cmdb::default();
        let mut took = Duration::ZERO;
        for item in 0..items {
            let (name, description) = (ci_name(item)?, ci_description(item, random)?);
            let event = CiEvent::Described { description };
            let began = Instant::now();
            cmdb.evolve(&name, &event, Timestamp::UNIX_EPOCH);
            took += began.elapsed();
        }
        ensure!(cmdb.len() == usize::try_from(items)?, "{} items are described", cmdb.len());
        Ok(Self { cmdb, items, took })
    }

    fn described(&self) -> String {
        let (items, relations) = (self.cmdb.len(), self.cmdb.relations());
        let memory = self.cmdb.memory_bytes();
        format!(
            "{items} items with {relations} relations: taken in within {}, {} MB of memory, {} bytes for an item \
             with its relations.\n",
            shown(self.took),
            memory / 1_000_000,
            memory / items.max(1),
        )
    }

    fn reaches(&self, changed: usize, random: &mut Random) -> Result<Vec<Duration>> {
        let limits = ReachLimits { items_max: REACH_ITEMS_MAX, ..ReachLimits::default() };
        let mut times = Vec::new();
        for _ in 0..QUERIES {
            let names =
                (0..changed).map(|_| ci_name(random.below(self.items))).collect::<Result<Vec<_>>>()?;
            let began = Instant::now();
            let items = names.iter().filter_map(|name| self.cmdb.get(name.as_str()));
            let reach = self.cmdb.reach(items, Follow::Hard, limits);
            let last = reach.reached().last();
            let path = last.map(|last| (last.depth, reach.path(&last)));
            times.push(began.elapsed());
            if let Some((depth, path)) = path {
                ensure!(path.hops.len() == usize::try_from(depth)?, "a path is not as long as its depth");
            }
        }
        Ok(times)
    }

    fn assessments(&self, random: &mut Random) -> Result<Vec<Duration>> {
        let request: ChangeRequest = api::read::json(SMALL.as_bytes(), api::BODY_BYTES_MAX)?;
        let mut content = request.to_domain()?;
        let history = History::default();
        content.affected_services.clear();
        let mut times = Vec::new();
        for _ in 0..QUERIES {
            content.affected_cis = [ci_name(random.below(self.items))?].into();
            let facts = AssessmentFacts {
                content: &content,
                cmdb: &self.cmdb,
                history: &history,
                prediction: None,
                similar: &[],
                circumstances: &domain::risk::Circumstances::default(),
                covered_by_model: false,
            };
            let began = Instant::now();
            black_box(assess(&facts));
            times.push(began.elapsed());
        }
        Ok(times)
    }

    fn edits(&mut self, random: &mut Random) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..QUERIES {
            let item = random.below(self.items);
            let (name, description) = (ci_name(item)?, ci_description(item, random)?);
            let first = description.relations.first().map(|relation| relation.to.clone());
            let event = CiEvent::Described { description };
            let began = Instant::now();
            self.cmdb.evolve(&name, &event, Timestamp::UNIX_EPOCH);
            times.push(began.elapsed());
            if let Some(to) = first {
                let to = self.cmdb.get(to.as_str()).context("a target is not there")?;
                ensure!(to.dependents().any(|link| link.ci.name() == name.as_str()), "an edit is not seen");
            }
        }
        Ok(times)
    }

    fn imports(&mut self, random: &mut Random) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..QUERIES {
            let item = random.below(self.items);
            let described = [(ci_name(item)?, ci_description(item, random)?)];
            let source = ci_source()?;
            for (name, description) in &described {
                let event = CiEvent::Described { description: description.clone() };
                self.cmdb.evolve(name, &event, Timestamp::UNIX_EPOCH);
            }
            let began = Instant::now();
            let plan = self.cmdb.plan_import(&source, &described, Deletion::Keep)?;
            times.push(began.elapsed());
            ensure!(plan.changes.is_empty(), "the same import makes a difference");
        }
        Ok(times)
    }

    fn near_misses(&self, random: &mut Random) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..SEARCHES {
            let meant = ci_name(random.below(self.items))?;
            let mut given = meant.as_str().to_owned();
            given.remove(given.len() / 2);
            let began = Instant::now();
            let found = self.cmdb.suggest(&given);
            times.push(began.elapsed());
            ensure!(!found.is_empty(), "`{given}` finds nothing, not even `{meant}`");
        }
        Ok(times)
    }
}
