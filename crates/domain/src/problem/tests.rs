use super::*;

fn text(text: &str) -> FreeText {
    FreeText::new(text).unwrap()
}

fn opened() -> (Problems, ProblemId) {
    let mut problems = Problems::default();
    let id = problems.next_id();
    let incident = "INC-2026-000001".parse().unwrap();
    let event = problems.open(incident, text("slow"), text("again")).unwrap();
    problems.evolve(1, Timestamp::UNIX_EPOCH, &ActorId::system(), &event);
    (problems, id)
}

fn apply(problems: &mut Problems, id: ProblemId, command: ProblemCommand) -> Result<(), ProblemRefusal> {
    if let Some(event) = problems.decide(id, command)? {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<ProblemEvent>(&json).unwrap(), event);
        problems.evolve(problems.version() + 1, Timestamp::UNIX_EPOCH, &ActorId::system(), &event);
    }
    Ok(())
}

fn to(state: ProblemState) -> ProblemCommand {
    ProblemCommand::MoveTo { state, remedy: None }
}

#[test]
fn a_problem_is_resolved_when_cause_and_remedy_are_known() {
    let (mut problems, id) = opened();
    assert_eq!(id.to_string(), "PRB-1");
    apply(&mut problems, id, to(ProblemState::Investigating)).unwrap();
    let missing = apply(&mut problems, id, to(ProblemState::Resolved)).unwrap_err();
    assert_eq!(missing, ProblemRefusal::Missing("the cause"));
    let (cause, workaround) = (text("the pool is too small"), text("restart it at night"));
    apply(&mut problems, id, ProblemCommand::RecordKnownError { cause, workaround }).unwrap();
    assert_eq!(problems.get(id).unwrap().state, ProblemState::KnownError);
    let missing = apply(&mut problems, id, to(ProblemState::Resolved)).unwrap_err();
    assert_eq!(missing, ProblemRefusal::Missing("the remedy"));
    let remedy = Some(text("the pool is larger"));
    apply(&mut problems, id, ProblemCommand::MoveTo { state: ProblemState::Resolved, remedy }).unwrap();
    apply(&mut problems, id, to(ProblemState::Closed)).unwrap();
    assert_eq!(problems.get(id).unwrap().remedy, Some(text("the pool is larger")));
    // It has come back: the cause is known, but nothing has removed it.
    apply(&mut problems, id, to(ProblemState::Investigating)).unwrap();
    let again = problems.get(id).unwrap();
    assert_eq!((again.known_error.is_some(), again.remedy.as_ref()), (true, None));
    let missing = apply(&mut problems, id, to(ProblemState::Resolved)).unwrap_err();
    assert_eq!(missing, ProblemRefusal::Missing("the remedy"));
    let remedy = Some(text("the pool grows by itself"));
    apply(&mut problems, id, ProblemCommand::MoveTo { state: ProblemState::Resolved, remedy }).unwrap();
    assert_eq!(problems.get(id).unwrap().state, ProblemState::Resolved);
}

#[test]
fn a_remedy_is_told_when_the_cause_is_removed_and_at_no_other_time() {
    let (mut problems, id) = opened();
    let state = ProblemState::Investigating;
    let early = ProblemCommand::MoveTo { state, remedy: Some(text("restarted")) };
    let refused = apply(&mut problems, id, early).unwrap_err();
    assert_eq!(refused, ProblemRefusal::RemedyTooEarly(state));
}

#[test]
fn as_many_as_are_open_at_most_leave_no_room_for_one_that_comes_back() {
    let (mut problems, id) = opened();
    let mut first = problems.get(id).unwrap().clone();
    first.state = ProblemState::Closed;
    problems.all.insert(id, Arc::new(first));
    for _ in 0..PROBLEMS_MAX {
        let event = problems.open("INC-2026-000001".parse().unwrap(), text("slow"), text("again")).unwrap();
        problems.evolve(problems.version() + 1, Timestamp::UNIX_EPOCH, &ActorId::system(), &event);
    }
    let back = apply(&mut problems, id, to(ProblemState::Investigating));
    assert_eq!(back, Err(ProblemRefusal::TooMany));
}

#[test]
fn a_timeline_keeps_its_first_entry_and_the_last_ones_within_its_bytes() {
    let (mut problems, id) = opened();
    let long = |letter: &str| text(&letter.repeat(crate::text::TEXT_BYTES_MAX));
    for letter in ["a", "b", "c", "d", "e"] {
        apply(&mut problems, id, ProblemCommand::Note(long(letter))).unwrap();
    }
    let timeline = &problems.get(id).unwrap().timeline;
    let starts: String = timeline.iter().filter_map(|entry| entry.text.as_str().chars().next()).collect();
    assert_eq!(starts, "acde");
    let bytes: usize = timeline.iter().map(|entry| entry.text.as_str().len()).sum();
    assert!(bytes <= TIMELINE_BYTES_MAX, "{bytes}");
    for _ in 0..TIMELINE_MAX {
        apply(&mut problems, id, ProblemCommand::Note(text("x"))).unwrap();
    }
    assert!(problems.get(id).unwrap().timeline.len() <= TIMELINE_MAX);
}

#[test]
fn every_move_of_a_problem() {
    let mut table = String::new();
    for from in ProblemState::ALL {
        for state in ProblemState::ALL {
            let (problems, id) = opened();
            let problem = Problem { state: *from, ..problems.get(id).unwrap().clone() };
            let remedy = (*state == ProblemState::Resolved).then(|| text("removed"));
            let verdict = match problem.moved(*state, remedy) {
                Ok(_) => "yes".to_owned(),
                Err(refusal) => refusal.to_string(),
            };
            table.push_str(&format!("{from} -> {state}: {verdict}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn links_are_made_once_and_found() {
    let (mut problems, id) = opened();
    let incident: IncidentId = "INC-2026-000002".parse().unwrap();
    for _ in 0..2 {
        apply(&mut problems, id, ProblemCommand::Link(Link::Incident(incident))).unwrap();
    }
    apply(&mut problems, id, ProblemCommand::Link(Link::Change("CHG-2026-000009".parse().unwrap()))).unwrap();
    assert_eq!(problems.version(), 3);
    assert_eq!(problems.behind(incident).count(), 1);
    let unknown = "PRB-9".parse().unwrap();
    assert_eq!(
        apply(&mut problems, unknown, to(ProblemState::Closed)),
        Err(ProblemRefusal::Unknown(unknown))
    );
}
