//! The change advisory board: when it meets, how votes are counted, what standing decisions cover.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::approval::Quorum;
use domain::board::{
    AgendaItem, Ballot, Board, BoardEvent, BoardRefusal, Constitution, HELD_KEPT_MAX, MeetingId, Member,
    Minutes, StandingTerms, Verdict, Voting,
};
use domain::calendar::ZoneName;
use domain::canonical::Digest;
use domain::change::Category;
use domain::id::{ActorId, ChangeId};
use domain::number::RiskScore;
use domain::risk::Level;
use domain::text::FreeText;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> ZoneName {
    name.parse().unwrap()
}

fn actor(name: &str) -> ActorId {
    ActorId::new(format!("act_{name}")).unwrap()
}

fn words(text: &str) -> FreeText {
    FreeText::new(text).unwrap()
}

fn change() -> ChangeId {
    ChangeId::new(2026, 7).unwrap()
}

fn digest() -> Digest {
    Digest::of_bytes(b"what runs")
}

fn then(board: &mut Board, by: &str, when: &str, event: &BoardEvent) {
    board.evolve(board.version() + 1, at(when), &actor(by), event);
}

fn item() -> AgendaItem {
    AgendaItem {
        change: change(),
        digest: digest(),
        title: words("Move the ledger"),
        level: Level::High,
        score: RiskScore::new(70).unwrap(),
        requested_at: at("2026-03-02T09:00:00Z"),
    }
}

/// A board with an open extraordinary meeting about one change.
fn meeting() -> Board {
    let mut board = Board::default();
    let event = board.open(&zone("UTC"), None, Some(words("now")), vec![item()]);
    then(&mut board, "cara", "2026-03-02T10:00:00Z", &event);
    board
}

fn voting(ballot: Ballot) -> Voting {
    let conditions = match ballot {
        Ballot::ApproveWithConditions => vec![words("a backup")],
        Ballot::Approve | Ballot::Reject | Ballot::Defer => Vec::new(),
    };
    Voting { change: change(), digest: digest(), ballot, conditions, rationale: words("because") }
}

fn cast(board: &mut Board, by: &str, ballot: Ballot) {
    let event = board.vote(voting(ballot), &BTreeSet::new(), digest()).unwrap();
    then(board, by, "2026-03-02T10:05:00Z", &event);
}

fn verdict(board: &Board, digest: Digest) -> Verdict {
    let meeting = board.meeting().unwrap();
    meeting.item(change()).unwrap().tally(meeting.quorum, digest).verdict
}

#[test]
fn it_meets_on_thursdays_at_two_whatever_the_clocks_do() {
    let board = Board::default();
    let starts = |zone: &ZoneName, from: &str| -> Vec<String> {
        let meetings = board.meetings(zone, at(from), 3);
        meetings.iter().map(|one| format!("{} after {}", one.occurrence.start, one.cut_off)).collect()
    };
    assert_eq!(
        starts(&zone("Europe/Berlin"), "2026-03-20T00:00:00Z"),
        [
            "2026-03-26T13:00:00Z after 2026-03-25T13:00:00Z",
            "2026-04-02T12:00:00Z after 2026-04-01T12:00:00Z",
            "2026-04-09T12:00:00Z after 2026-04-08T12:00:00Z",
        ]
    );
    // While it takes place it is still the next one.
    let during = starts(&zone("UTC"), "2026-03-05T14:59:59Z");
    assert_eq!(during[0], "2026-03-05T14:00:00Z after 2026-03-04T14:00:00Z");
    assert_eq!(
        starts(&zone("UTC"), "2026-03-05T15:00:00Z")[0],
        "2026-03-12T14:00:00Z after 2026-03-11T14:00:00Z"
    );
}

#[test]
fn a_meeting_opens_once_its_agenda_is_settled_and_is_held_once() {
    let (mut board, utc) = (Board::default(), zone("UTC"));
    let (cut_off, meets) = (at("2026-03-04T14:00:00Z"), at("2026-03-05T14:00:00Z"));
    let early = board.convenes(&utc, at("2026-03-04T13:59:59Z"), false);
    assert_eq!(early, Err(BoardRefusal::TooEarly { meets, cut_off }));
    let convened = board.convenes(&utc, cut_off, false).unwrap();
    let event = board.open(&utc, convened, None, Vec::new());
    then(&mut board, "cara", "2026-03-04T14:00:00Z", &event);
    let open: MeetingId = "CAB-1".parse().unwrap();
    assert_eq!(board.convenes(&utc, meets, true), Err(BoardRefusal::Open(open)));
    let event = board.close().unwrap();
    then(&mut board, "cara", "2026-03-04T15:00:00Z", &event);
    assert_eq!(board.close(), Err(BoardRefusal::NotOpen));
    assert_eq!(board.meetings(&utc, meets, 1)[0].occurrence.start, at("2026-03-12T14:00:00Z"));
    for _ in 0..HELD_KEPT_MAX {
        let event = board.open(&utc, None, Some(words("again")), Vec::new());
        then(&mut board, "cara", "2026-03-04T16:00:00Z", &event);
        let event = board.close().unwrap();
        then(&mut board, "cara", "2026-03-04T16:00:00Z", &event);
    }
    assert_eq!(board.held().count(), HELD_KEPT_MAX, "the first one is in the log only");
}

#[test]
fn more_than_half_of_the_votes_decide_once_there_is_a_quorum() {
    use Ballot::{Approve, ApproveWithConditions, Defer, Reject};
    let cases: [(&[Ballot], Verdict); 9] = [
        (&[], Verdict::NoQuorum),
        (&[Approve], Verdict::NoQuorum),
        (&[Approve, Approve], Verdict::Approved),
        (&[Approve, ApproveWithConditions, Reject], Verdict::Approved),
        (&[Approve, Reject], Verdict::Deferred),
        (&[Approve, Reject, Reject], Verdict::Rejected),
        (&[Approve, Reject, Defer], Verdict::Deferred),
        (&[Approve, Approve, Defer, Defer], Verdict::Deferred),
        (&[Defer, Defer], Verdict::Deferred),
    ];
    for (ballots, expected) in cases {
        let mut board = meeting();
        for (at, ballot) in ballots.iter().enumerate() {
            cast(&mut board, &format!("m{at}"), *ballot);
        }
        assert_eq!(verdict(&board, digest()), expected, "{ballots:?}");
        let other = Digest::of_bytes(b"something else");
        assert_eq!(verdict(&board, other), Verdict::NoQuorum, "votes on something else count for nothing");
    }
}

#[test]
fn a_person_has_one_vote_which_may_change_until_the_item_is_decided() {
    let mut board = meeting();
    cast(&mut board, "cara", Ballot::Approve);
    cast(&mut board, "carl", Ballot::Approve);
    cast(&mut board, "cara", Ballot::Reject);
    assert_eq!(board.meeting().unwrap().item(change()).unwrap().votes.len(), 2);
    assert_eq!(verdict(&board, digest()), Verdict::Deferred);
    let others = BTreeSet::from([actor("carl")]);
    let again = board.vote(voting(Ballot::Approve), &others, digest());
    assert_eq!(again, Err(BoardRefusal::VotedOtherwise(change())));
    let mut without = voting(Ballot::ApproveWithConditions);
    without.conditions.clear();
    assert_eq!(board.vote(without, &BTreeSet::new(), digest()), Err(BoardRefusal::Conditions));
    let current = Digest::of_bytes(b"amended");
    let stale = board.vote(voting(Ballot::Approve), &BTreeSet::new(), current);
    assert_eq!(stale, Err(BoardRefusal::DigestMismatch { given: digest(), current }));
    let event = board.decided(change(), Verdict::Deferred, None).unwrap();
    then(&mut board, "cara", "2026-03-02T10:10:00Z", &event);
    let late = board.vote(voting(Ballot::Approve), &BTreeSet::new(), digest());
    assert_eq!(late, Err(BoardRefusal::Decided(change())));
}

#[test]
fn minutes_have_one_digest_which_every_vote_changes() {
    let mut board = meeting();
    assert_eq!(board.close(), Err(BoardRefusal::Undecided(change())));
    let before = Minutes::of(board.meeting().unwrap()).digest().unwrap();
    cast(&mut board, "cara", Ballot::Approve);
    let after = Minutes::of(board.meeting().unwrap()).digest().unwrap();
    assert_ne!(before, after);
    let event = board.decided(change(), Verdict::NoQuorum, None).unwrap();
    then(&mut board, "cara", "2026-03-02T10:10:00Z", &event);
    let event = board.close().unwrap();
    then(&mut board, "cara", "2026-03-02T10:11:00Z", &event);
    let held = board.held().next().unwrap();
    let closing = held.closing.as_ref().unwrap();
    assert_eq!(Minutes::of(held).digest().unwrap(), closing.minutes);
    let mut forged = held.clone();
    forged.items[0].votes[0].rationale = words("never said");
    assert_ne!(Minutes::of(&forged).digest().unwrap(), closing.minutes);
}

fn terms() -> StandingTerms {
    StandingTerms {
        title: words("patches"),
        categories: BTreeSet::from([Category::Patch]),
        services: BTreeSet::new(),
        environments: BTreeSet::new(),
        level_max: Level::High,
        score_max: RiskScore::new(70).unwrap(),
        conditions: Vec::new(),
        expires_at: at("2026-06-01T00:00:00Z"),
    }
}

#[test]
fn a_standing_decision_holds_with_a_quorum_of_people_and_until_its_end() {
    let (mut board, utc, now) = (Board::default(), zone("UTC"), at("2026-03-02T10:00:00Z"));
    let event = board.propose(&utc, terms(), now).unwrap();
    let id = board.next_standing_id();
    then(&mut board, "cara", "2026-03-02T10:00:00Z", &event);
    let holds = |board: &Board, when: &str| board.standing().next().unwrap().holds(at(when));
    assert!(!holds(&board, "2026-03-02T11:00:00Z"));
    let aliases = BTreeSet::from([actor("cara2"), actor("cara")]);
    assert_eq!(board.support(id, &aliases, now), Err(BoardRefusal::Supported(id)));
    let event = board.support(id, &BTreeSet::from([actor("carl")]), now).unwrap();
    then(&mut board, "carl", "2026-03-02T10:01:00Z", &event);
    assert!(holds(&board, "2026-05-31T23:59:59Z") && !holds(&board, "2026-06-01T00:00:00Z"));
    let over = board.support(id, &BTreeSet::from([actor("cleo")]), at("2026-06-01T00:00:00Z"));
    assert_eq!(over, Err(BoardRefusal::NoSuchStanding(id)));
    let event = board.revoke(id, words("no more")).unwrap();
    then(&mut board, "carl", "2026-03-02T10:02:00Z", &event);
    assert_eq!(board.revoke(id, words("no more")), Err(BoardRefusal::NoSuchStanding(id)));
    let everything = StandingTerms { categories: BTreeSet::new(), ..terms() };
    assert_eq!(board.propose(&utc, everything, now), Err(BoardRefusal::StandingScope));
}

#[test]
fn a_board_has_members_and_meets() {
    let fine = Constitution::of_zone(&zone("UTC"));
    Board::default().set(fine.clone()).unwrap();
    let nobody = Constitution { members: BTreeSet::new(), ..fine.clone() };
    assert_eq!(Board::default().set(nobody), Err(BoardRefusal::Members(0)));
    let many = (0..=100).map(|at| Member::Actor(actor(&format!("m{at}")))).collect();
    let crowd = Constitution { members: many, ..fine.clone() };
    assert_eq!(Board::default().set(crowd), Err(BoardRefusal::Members(101)));
    assert!(Board::default().set(Constitution { cut_off_minutes: 40_321, ..fine }).is_err());
}

proptest! {
    /// Whatever is voted, an approval needs a quorum and more than half, and rejecting ones never approve.
    #[test]
    fn no_minority_decides(ballots in prop::collection::vec(prop::sample::select(Ballot::ALL), 0..12), quorum in 1_u64..8) {
        let mut board = meeting();
        for (at, ballot) in ballots.iter().enumerate() {
            cast(&mut board, &format!("m{at}"), *ballot);
        }
        let quorum = Quorum::new(quorum).unwrap();
        let item = board.meeting().unwrap().item(change()).unwrap();
        let tally = item.tally(quorum, digest());
        let cast = tally.approving + tally.rejecting + tally.deferring;
        prop_assert_eq!(cast, ballots.len());
        let has_quorum = cast >= usize::from(quorum.get());
        prop_assert_eq!(tally.verdict == Verdict::Approved, has_quorum && tally.approving > tally.rejecting + tally.deferring);
        prop_assert_eq!(tally.verdict == Verdict::Rejected, has_quorum && tally.rejecting > tally.approving + tally.deferring);
        prop_assert_eq!(tally.verdict == Verdict::NoQuorum, !has_quorum);
    }
}
