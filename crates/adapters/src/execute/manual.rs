//! `manual`: what a person does. Never executed: whoever runs the plan asks a person and waits for the answer.

use super::{Attempt, Performed};

pub(super) fn execute(instructions: &str) -> Attempt {
    Attempt { result: Performed::NeedsPerson { instructions: instructions.to_owned() }, log: String::new() }
}
