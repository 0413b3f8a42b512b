//! A large landscape of configuration items.
//!
//! Systems of 25 items (a service, the workloads that it contains, what they read and where data lies) with five relations
//! each. Four of five relations stay within the system and are hard; the fifth leads to the service of an earlier system,
//! the earlier the likelier, and one in eight of those is hard. So the number of dependents follows a power law: most items
//! have a handful, the first systems carry nearly everything.

use anyhow::{Context as _, Result};
use domain::Timestamp;
use domain::catalog::{Strength, Tier};
use domain::cmdb::{CiEvent, CiType, Cmdb, Description, Relation, RelationType, SourceName};
use domain::id::CiName;

const RELATIONS_OF_ONE: usize = 5;
/// The last items of a system have few others to lean on: so often another one is looked for.
const TRIES_MAX: usize = 60;
const SYSTEM_ITEMS: u32 = 25;

/// The CMDB of a landscape.
///
/// # Errors
/// When a name is too long, which these are not.
pub fn landscape(items: u32, random: &mut Random) -> Result<Cmdb> {
    let mut cmdb = Cmdb::default();
    for item in 0..items {
        let described = CiEvent::Described { description: ci_description(item, random)? };
        cmdb.evolve(&ci_name(item)?, &described, Timestamp::UNIX_EPOCH);
    }
    Ok(cmdb)
}

/// Xorshift: the same landscape on every machine.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit)).unwrap_or(0)
    }

    /// A number below `limit`, the smaller the likelier.
    fn small_below(&mut self, limit: u32) -> u32 {
        let (number, limit) = (u64::from(self.below(limit)), u64::from(limit));
        u32::try_from(number * number * number / (limit * limit)).unwrap_or(0)
    }
}

/// Who describes the items.
///
/// # Errors
/// Never: the name is one.
pub fn ci_source() -> Result<SourceName> {
    Ok(SourceName::new("kubernetes:platform")?)
}

fn ci_type(item: u32) -> CiType {
    match item % SYSTEM_ITEMS {
        0 => CiType::Service,
        1..=10 => CiType::Workload,
        11..=20 => CiType::Configuration,
        _ => CiType::Database,
    }
}

/// The name of the item with a number.
///
/// # Errors
/// When it is too long, which it is not.
pub fn ci_name(item: u32) -> Result<CiName> {
    let (system, place) = (item / SYSTEM_ITEMS, item % SYSTEM_ITEMS);
    let kind = match ci_type(item) {
        CiType::Service => "Component",
        CiType::Workload => "Deployment",
        CiType::Configuration => "ConfigMap",
        _ => "StatefulSet",
    };
    Ok(CiName::new(format!("{kind}/team-{}/system-{system}-{place}", system % 97))?)
}

/// What is said of the item with a number: the same items, and other relations each time.
///
/// # Errors
/// When a name is too long, which these are not.
pub fn ci_description(item: u32, random: &mut Random) -> Result<Description> {
    let (system, place) = (item / SYSTEM_ITEMS, item % SYSTEM_ITEMS);
    let mut description = Description::new(ci_source()?, ci_type(item));
    if place == 0 {
        description.tier = Some(Tier::try_from(u8::try_from(system % 4)?)?);
    }
    for _ in 0..TRIES_MAX {
        if description.relations.len() == RELATIONS_OF_ONE {
            break;
        }
        let within = SYSTEM_ITEMS - 1 - place;
        let leaves = within == 0 || random.below(5) == 0;
        let (to, strength) = match leaves {
            true if system == 0 => continue,
            true => {
                let strength = if random.below(8) == 0 { Strength::Hard } else { Strength::Soft };
                (random.small_below(system) * SYSTEM_ITEMS, strength)
            }
            false => (item + 1 + random.below(within), Strength::Hard),
        };
        let to = ci_name(to)?;
        let relation_type =
            *RelationType::ALL.get(usize::try_from(random.below(5))?).context("there are five types")?;
        if description.relations.iter().all(|relation| relation.to != to) {
            description.relations.push(Relation { relation_type, to, strength, because: None });
        }
    }
    Ok(description.normalised())
}
