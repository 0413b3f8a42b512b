//! The calendar as other programs read it: an independent parser of iCalendar, and who may subscribe.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Database, on_sqlite, text};
use crate::http::Ask;
use crate::peers;
use crate::team::{approved, in_steps, team_with};

on_sqlite!(
    an_independent_parser_reads_what_was_planned,
    only_a_token_that_can_do_nothing_else_stands_in_an_address,
);

/// The events of a feed as Debian's `python3-icalendar` reads them; nothing where it is not installed.
fn parsed(feed: &str) -> Result<Option<Value>> {
    const SCRIPT: &str = "\
import json, sys
try:
    from icalendar import Calendar
except ImportError:
    print('null')
    sys.exit()
calendar = Calendar.from_ical(sys.stdin.buffer.read())
assert not calendar.errors, calendar.errors
assert calendar['version'] == '2.0' and calendar['prodid'] and calendar['method'] == 'PUBLISH'
events = []
for event in calendar.walk('VEVENT'):
    assert not event.errors, event.errors
    for name in ('dtstamp', 'dtstart', 'dtend', 'last-modified'):
        assert event[name].dt.utcoffset().total_seconds() == 0, name
    told = {name: str(event[name]) for name in ('uid', 'summary', 'description', 'status', 'transp')}
    told['sequence'] = int(event['sequence'])
    told['categories'] = event['categories'].to_ical().decode()
    told['url'] = str(event['url']) if 'url' in event else None
    told['stamp'] = event['dtstamp'].dt.isoformat()
    told['start'] = event['dtstart'].dt.isoformat()
    told['end'] = event['dtend'].dt.isoformat()
    events.append(told)
print(json.dumps(events))
";
    let mut command = Command::new(peers::program());
    let command = command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.stderr(Stdio::piped()).spawn()?;
    process.stdin.take().context("its input")?.write_all(feed.as_bytes())?;
    let output = process.wait_with_output()?;
    ensure!(output.status.success(), "{}\n{feed}", String::from_utf8_lossy(&output.stderr));
    let events: Value = serde_json::from_slice(&output.stdout)?;
    Ok(Some(events).filter(|events| !events.is_null()))
}

/// What is served at an address with a token.
async fn fetched(app: &crate::harness::TestApp, token: &str) -> Result<String> {
    let answer = Ask::get(&format!("/api/v1/calendar.ics?token={token}")).send(app.address).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(answer.text())
}

const LONG_TITLE: &str = "Größere Körbe; \"alles, was nötig ist\" \\ → jetzt: ein Titel, der länger ist als eine Zeile, damit sie gefaltet wird";

async fn an_independent_parser_reads_what_was_planned(database: Database) -> Result<()> {
    if parsed("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nMETHOD:PUBLISH\r\nEND:VCALENDAR\r\n")?.is_none()
    {
        eprintln!("skipped: python3-icalendar is not installed");
        return Ok(());
    }
    let public = |config: &mut server::Config| config.public_url = Some("https://change.example/".to_owned());
    let (app, ann, lead) = team_with(database, public).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let entries = "/api/v1/calendar/entries";
    let nights = json!({ "name": "nights", "kind": "maintenance", "title": "shop, at night; \"really\"",
        "starts": "2026-03-14T22:00", "zone": "Europe/Berlin", "duration": "2h", "rule": "FREQ=WEEKLY;BYDAY=SA",
        "until": "2026-04-05T00:00:00Z", "services": ["greeter"] });
    manager.post(entries, &nights).await?;
    let freeze = json!({ "name": "easter", "kind": "freeze", "title": LONG_TITLE, "starts": "2026-04-03T00:00", "duration": "4d" });
    manager.post(entries, &freeze).await?;
    let mut planned = in_steps(&json!([{ "name": "one", "run": "true", "undo": "true" }]));
    planned["title"] = json!(LONG_TITLE);
    planned["window"] = json!({ "start": "2026-03-28T23:30:00Z", "end": "2026-03-29T02:30:00Z" });
    let id = approved(&ann, &lead, &planned).await?;
    let waiting = text(&ann.create(&planned).await?["change_id"]).to_owned();
    let feed_token = app.token("ann", &["calendar"]).await?.token;
    let feed = fetched(&app, &feed_token).await?;
    assert!(feed.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{feed}");
    let events = parsed(&feed)?.context("a parser")?;
    let events: Vec<_> = events.as_array().context("events")?.iter().collect();
    let of = |part: &str| -> Result<Vec<&Value>> {
        let found: Vec<_> =
            events.iter().copied().filter(|event| text(&event["uid"]).starts_with(part)).collect();
        ensure!(!found.is_empty(), "{part}: {events:?}");
        Ok(found)
    };
    // 22:00 in Berlin, before and after the clocks change.
    let starts: Vec<_> = of("nights")?.iter().map(|event| text(&event["start"])).collect();
    let expected = ["14T21", "21T21", "28T21"].map(|at| format!("2026-03-{at}:00:00+00:00"));
    let expected: Vec<_> = expected.iter().map(String::as_str).chain(["2026-04-04T20:00:00+00:00"]).collect();
    assert_eq!(starts, expected);
    let night = of("nights")?[0];
    assert_eq!(text(&night["summary"]), "Maintenance nights: shop, at night; \"really\"");
    assert_eq!((text(&night["transp"]), text(&night["categories"])), ("TRANSPARENT", "MAINTENANCE"));
    let easter = of("easter")?[0];
    assert_eq!(text(&easter["summary"]), format!("Freeze easter: {LONG_TITLE}"));
    ensure!(text(&easter["description"]).contains("\nIt covers everything."), "{easter}");
    let change = of(&id)?[0];
    assert_eq!(text(&change["uid"]), format!("{id}@cortex-change"));
    assert_eq!(text(&change["summary"]), format!("{id}: {LONG_TITLE}"));
    assert_eq!(
        (text(&change["start"]), text(&change["end"])),
        ("2026-03-28T23:30:00+00:00", "2026-03-29T02:30:00+00:00")
    );
    assert_eq!(text(&change["url"]), format!("https://change.example/changes/{id}"));
    assert_eq!((text(&change["status"]), text(&of(&waiting)?[0]["status"])), ("CONFIRMED", "TENTATIVE"));
    // The same again is the same; what happens to a change raises its sequence and keeps its identifier.
    assert_eq!(fetched(&app, &feed_token).await?, feed);
    app.pass(SignedDuration::from_mins(1));
    lead.approve(&waiting).await?;
    let later = parsed(&fetched(&app, &feed_token).await?)?.context("a parser")?;
    let later = later.as_array().context("events")?;
    let moved =
        later.iter().find(|event| text(&event["uid"]).starts_with(&waiting)).context("still there")?;
    let before = of(&waiting)?[0];
    assert_eq!(text(&moved["status"]), "CONFIRMED");
    ensure!(moved["sequence"].as_i64() > before["sequence"].as_i64(), "{before} {moved}");
    ensure!(text(&moved["stamp"]) > text(&before["stamp"]), "{before} {moved}");
    app.stop().await
}

async fn only_a_token_that_can_do_nothing_else_stands_in_an_address(database: Database) -> Result<()> {
    let (app, ann, _) = team_with(database, |_| {}).await?;
    let feed = app.token("ann", &["calendar"]).await?;
    let answer = feed.send(Ask::get("/api/v1/calendar.ics")).await?;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/calendar; charset=utf-8")));
    fetched(&app, &feed.token).await?;
    // It reads the calendar and nothing else.
    for path in ["/api/v1/changes", "/api/v1/calendar", "/api/v1/actors"] {
        feed.send(Ask::get(path)).await?.refused(403, "refused-by-policy")?;
    }
    for token in [&ann.token, &app.token("ann", &["calendar", "read"]).await?.token] {
        let answer = Ask::get(&format!("/api/v1/calendar.ics?token={token}")).send(app.address).await?;
        let problem = answer.refused(401, "unauthenticated")?;
        ensure!(text(&problem["detail"]).contains("revoke it"), "{problem}");
    }
    // A revoked one is good for nothing.
    let tokens = app.root().get("/api/v1/actors/ann/tokens").await?;
    let tokens = tokens["items"].as_array().context("tokens")?;
    let own = tokens.iter().find(|token| token["scopes"] == json!(["calendar"])).context("the token")?;
    let path = format!("/api/v1/actors/ann/tokens/{}", text(&own["token_id"]));
    app.root().send(Ask::new("DELETE", &path)).await?.good()?;
    let answer = Ask::get(&format!("/api/v1/calendar.ics?token={}", feed.token)).send(app.address).await?;
    answer.refused(401, "unauthenticated")?;
    app.stop().await
}
