//! Answers to questions about the system as a whole, which depend on nothing but principal, action and context, kept so
//! that whoever asks again and again is not decided about anew. A set of policies never changes, so neither do they.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::authorization::Answer;

use crate::Action;
use crate::question::{Context, Principal};

/// Most principals whose answers are kept; then all are forgotten.
const PRINCIPALS_MAX: usize = 1_024;
/// Most answers that are kept of one principal; then those are forgotten.
const ANSWERS_MAX: usize = 64;

type Answers = HashMap<(Action, Context), Answer>;

/// Answers of one set of policies. Copies of the set share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<HashMap<Principal, Answers>>>);

impl Memory {
    /// The answer that was given before, or else what `decide` answers.
    pub(crate) fn recall(
        &self,
        principal: &Principal,
        action: Action,
        context: Context,
        decide: impl FnOnce() -> Answer,
    ) -> Answer {
        let known = self.with(|answers| answers.get(principal)?.get(&(action, context)).cloned());
        known.unwrap_or_else(|| {
            let answer = decide();
            self.with(|answers| keep(answers, principal, action, context, &answer));
            answer
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<Principal, Answers>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn keep(
    answers: &mut HashMap<Principal, Answers>,
    principal: &Principal,
    action: Action,
    context: Context,
    answer: &Answer,
) {
    if answers.len() >= PRINCIPALS_MAX && !answers.contains_key(principal) {
        answers.clear();
    }
    let of_principal = answers.entry(principal.clone()).or_default();
    if of_principal.len() >= ANSWERS_MAX {
        of_principal.clear();
    }
    of_principal.insert((action, context), answer.clone());
}

#[cfg(test)]
mod tests {
    use domain::id::ActorId;

    use super::*;

    fn allowed(by: &str) -> Answer {
        Answer::Allowed { by: vec![by.parse().unwrap()] }
    }

    #[test]
    fn an_answer_is_recalled_for_the_same_question_and_for_no_other() {
        let memory = Memory::default();
        let system = Principal::system();
        let ask = |principal: &Principal, action, context, by: &str| {
            memory.recall(principal, action, context, || allowed(by))
        };
        let (plain, on_call) = (Context::default(), Context { on_call: Some(true), ..Context::default() });
        assert_eq!(ask(&system, Action::Create, plain, "first"), allowed("first"));
        assert_eq!(ask(&system, Action::Create, plain, "second"), allowed("first"));
        assert_eq!(ask(&system, Action::Submit, plain, "third"), allowed("third"));
        assert_eq!(ask(&system, Action::Create, on_call, "fourth"), allowed("fourth"));
        let inactive = Principal { active: false, ..system };
        assert_eq!(ask(&inactive, Action::Create, plain, "fifth"), allowed("fifth"));
    }

    #[test]
    fn memory_is_bounded() {
        let memory = Memory::default();
        let principals = (0..=PRINCIPALS_MAX).map(|number| Principal {
            id: ActorId::new(format!("act_{number}")).unwrap(),
            ..Principal::system()
        });
        for principal in principals {
            memory.recall(&principal, Action::Create, Context::default(), || allowed("any"));
        }
        assert_eq!(memory.with(|answers| answers.len()), 1);
        for emergency_debt in 0..=u32::try_from(ANSWERS_MAX).unwrap() {
            let context = Context { emergency_debt: Some(emergency_debt), ..Context::default() };
            memory.recall(&Principal::system(), Action::Create, context, || allowed("any"));
        }
        assert_eq!(memory.with(|answers| answers[&Principal::system()].len()), 1);
    }
}
