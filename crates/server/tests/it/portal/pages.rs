//! The pages in a real browser: that they can be read, listened to, operated, at any width and in both colours.

use anyhow::{Context as _, Result};
use api::command::{ApproveRequest, CommentRequest};
use api::request::ChangeRequest;
use api::run::{ProgressRequest, StartRequest};
use api::runner::AnnounceRunner;
use client::Client;
use domain::plan::{Failure, Observation, Outcome, Part, Task};
use domain::text::FreeText;
use serde_json::json;
use thirtyfour::prelude::*;

use super::browser::Browser;
use crate::harness::{TestApp, small_change, text};

/// Widths at which both pages are looked at, in CSS pixels.
const WIDTHS: [u32; 5] = [360, 768, 1024, 1200, 1440];

/// Changes in several states, and their numbers.
struct Seeded {
    waiting: String,
    running: String,
    rolled_back: String,
}

async fn seed(app: &TestApp) -> Result<Seeded> {
    let catalogue = json!({ "services": [
        { "name": "greeter", "tier": 2 },
        { "name": "chat-backend", "tier": 0 },
        { "name": "identity", "tier": 0 },
        { "name": "billing", "tier": 1, "depends_on": ["identity"] },
        { "name": "a-service-with-quite-a-long-name-for-narrow-screens", "tier": 3, "depends_on": ["identity"] },
    ] });
    app.admin.apply_catalog(&serde_json::from_value(catalogue)?, false).await?;
    let owner = app.human("maya.okafor", &[]).await?;
    let agent = app.actor("cortex-orchestrator", "agent", Some("maya.okafor"), &[]).await?;
    let lead = app.human("tech-lead@cortex.ai", &["technical_lead"]).await?;
    let deployer = app.actor("cortex-deployer", "service", Some("maya.okafor"), &["implementer"]).await?;
    owner.create_change(&small_change("greeter"), "small").await?;
    let waiting = agent.create_change(&wide_change(), "wide").await?.change_id;
    let remark =
        "Rotating the keys of every tenant at once worries me: <b>please</b> say how long tokens stay valid.";
    lead.comment(&waiting, &CommentRequest { text: remark.to_owned() }).await?;
    let team = Team { agent: &agent, lead: &lead, deployer: &deployer };
    let smoke_test = Task::new(Part::Step, "smoke test".parse()?);
    let runs = [Observation::Started { task: smoke_test, attempt: 1 }];
    let running = team.run("Deploy the chat backend 4.12", Outcome::Succeeded, &runs).await?;
    let undo = Task::new(Part::Undo, "deploy".parse()?);
    let undone = [
        Observation::Started { task: undo.clone(), attempt: 1 },
        Observation::Ended {
            task: undo,
            attempt: 1,
            outcome: Outcome::Succeeded,
            duration_millis: 8_100,
            log: None,
        },
        Observation::RollbackEnded,
    ];
    let failed = Outcome::Failed { failure: Failure::ExitStatus { status: 2 } };
    let rolled_back = team.run("Deploy the chat backend 4.13", failed, &undone).await?;
    Ok(Seeded { waiting, running, rolled_back })
}

/// A change that reaches Tier 0, about which little is known.
fn wide_change() -> ChangeRequest {
    ChangeRequest {
        title: "Rotate the signing keys of identity and of everything that trusts it, region by region"
            .to_owned(),
        description: Some(
            "Keys are replaced one region at a time.\nTokens signed with the old key stay valid for an hour."
                .to_owned(),
        ),
        affected_services: vec!["identity".to_owned(), "unlisted-gateway".to_owned()],
        impact: Some("critical".to_owned()),
        evidence: None,
        ..small_change("identity")
    }
}

/// Who asks, who approves and who implements.
struct Team<'a> {
    agent: &'a Client,
    lead: &'a Client,
    deployer: &'a Client,
}

impl Team<'_> {
    /// Runs a change whose first step ends as `outcome` says, followed by what is observed `then`.
    async fn run(&self, title: &str, outcome: Outcome, then: &[Observation]) -> Result<String> {
        let plan = json!({ "steps": [
            { "name": "deploy", "run": "make deploy VERSION=4.12", "undo": "make deploy VERSION=4.11" },
            { "name": "smoke test", "check": { "http": "http://greeter.internal/health" }, "timeout": "2m" },
        ]});
        let request = ChangeRequest {
            title: title.to_owned(),
            implementation_plan: Some(serde_json::from_value(plan)?),
            ..small_change("chat-backend")
        };
        let change = self.agent.create_change(&request, &title.replace(" ", "-")).await?;
        let approval = ApproveRequest { digest: change.digest.clone(), ..ApproveRequest::default() };
        let change = self.lead.approve(&change.change_id, &approval).await?;
        let start = StartRequest {
            holder: "runner-1".to_owned(),
            digest: change.digest.parse()?,
            commit: None,
            auto_rollback: true,
        };
        let fencing_token = self.deployer.start(&change.change_id, &start).await?.fencing_token;
        let task = Task::new(Part::Step, "deploy".parse()?);
        let log = Some(FreeText::new("pulling image\nrolling out 3 replicas\n3 of 3 ready")?);
        let started = Observation::Started { task: task.clone(), attempt: 1 };
        let ended = Observation::Ended { task, attempt: 1, outcome, duration_millis: 41_300, log };
        for observation in [started, ended].iter().chain(then) {
            let report = ProgressRequest { fencing_token, observation: observation.clone() };
            self.deployer.progress(&change.change_id, &report).await?;
        }
        Ok(change.change_id)
    }
}

/// What every page must be, whatever it shows.
async fn check_page(browser: &Browser, title: &str) -> Result<()> {
    assert_eq!(browser.page.title().await?, format!("{title} · Cortex Change"));
    let facts = browser
        .eval(
            "const all = (selector) => [...document.querySelectorAll(selector)];
             const named = (e) => e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim();
             const ids = all('[id]').map((e) => e.id);
             return {
               language: document.documentElement.lang,
               mains: all('main').length,
               heads: all('h1').length,
               navigations: all('nav').filter((e) => !e.getAttribute('aria-label')).length,
               unnamed: all('input:not([type=hidden]), select, button, a').filter((e) => !named(e)).map((e) => e.outerHTML),
               headless: all('th').filter((e) => !e.scope && e.ariaHidden !== 'true').map((e) => e.outerHTML),
               doubled: ids.filter((id, at) => ids.indexOf(id) !== at),
               dangling: all('[aria-labelledby], [aria-describedby]').flatMap((e) =>
                 `${e.getAttribute('aria-labelledby') ?? ''} ${e.getAttribute('aria-describedby') ?? ''}`.trim().split(/\\s+/)
               ).filter((id) => !document.getElementById(id)),
               styled: all('[style]').length,
               scripts: all('script').length,
               wide: document.documentElement.scrollWidth - innerWidth,
               spilling: all('.card, .side').filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.className),
             };",
        )
        .await?;
    let expected = json!({
        "language": "en", "mains": 1, "heads": 1, "navigations": 0, "unnamed": [], "headless": [], "doubled": [],
        "dangling": [], "styled": 0, "scripts": 0, "wide": 0, "spilling": [],
    });
    assert_eq!(facts, expected, "{title}");
    Ok(())
}

/// Texts whose contrast with what lies behind them is less than WCAG asks for.
async fn check_contrast(browser: &Browser) -> Result<()> {
    let poor = browser
        .eval(
            "const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
             const seen = new Map();
             const rgba = (colour) => {
               if (!seen.has(colour)) {
                 canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
                 seen.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
               }
               return seen.get(colour);
             };
             const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
               .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
               .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
             const behind = (e) => {
               for (; e; e = e.parentElement) {
                 const colour = rgba(getComputedStyle(e).backgroundColor);
                 if (colour[3] === 255) return colour;
               }
               return [255, 255, 255];
             };
             const poor = new Set();
             const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
             while (walker.nextNode()) {
               const e = walker.currentNode.parentElement;
               if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest('.sr, svg, .skip')) continue;
               const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
               const ratio = (a + 0.05) / (b + 0.05);
               if (ratio < 4.5) poor.add(`${e.className || e.tagName}: ${ratio.toFixed(2)} ${walker.currentNode.data.trim().slice(0, 30)}`);
             }
             return [...poor];",
        )
        .await?;
    assert_eq!(poor, json!([]));
    Ok(())
}

/// Looks at a page at every width and in both colours.
async fn look_at(browser: &Browser, address: &str, title: &str, name: &str) -> Result<()> {
    browser.page.goto(address).await?;
    for width in WIDTHS {
        browser.be_wide(width).await?;
        check_page(browser, title).await?;
    }
    for (width, scheme) in [(1440, "dark"), (1440, "light"), (360, "light")] {
        browser.be_wide(width).await?;
        browser.prefer(scheme).await?;
        check_contrast(browser).await?;
        browser.keep_picture(&format!("{name}-{width}-{scheme}")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn pages_can_be_read_at_any_width_in_both_colours() -> Result<()> {
    let app = TestApp::start().await?;
    let Seeded { waiting, running, rolled_back } = seed(&app).await?;
    let Some(browser) = Browser::start().await? else { return app.stop().await };
    let url = app.url();
    look_at(&browser, &format!("{url}/changes"), "Sign in", "sign-in").await?;
    look_at(&browser, &format!("{url}/docs/problems"), "Problems", "problems-signed-out").await?;
    browser.page.goto(format!("{url}/changes")).await?;

    let field = browser.page.find(By::Id("token")).await?;
    field.send_keys(app.admin_token.as_str()).await?;
    field.send_keys(Key::Enter).await?;
    browser.page.query(By::Css("table.list")).first().await?;
    look_at(&browser, &format!("{url}/changes"), "Changes", "changes").await?;
    look_at(&browser, &format!("{url}/changes?level=low&q=none"), "Changes", "changes-empty").await?;
    let wide = format!("{waiting} {}", wide_change().title);
    look_at(&browser, &format!("{url}/changes/{waiting}"), &wide, "change-waiting").await?;
    let title = format!("{running} Deploy the chat backend 4.12");
    look_at(&browser, &format!("{url}/changes/{running}"), &title, "change-running").await?;
    let title = format!("{rolled_back} Deploy the chat backend 4.13");
    look_at(&browser, &format!("{url}/changes/{rolled_back}"), &title, "change-rolled-back").await?;
    let title = "There is nothing here";
    look_at(&browser, &format!("{url}/changes/CHG-1999-000001"), title, "not-found").await?;
    look_at(&browser, &format!("{url}/docs/problems#refused"), "Problems", "problems").await?;

    browser.page.goto(format!("{url}/changes")).await?;
    browser.page.find(By::Tag("body")).await?.send_keys(Key::Tab).await?;
    let focused = "const e = document.activeElement, box = e.getBoundingClientRect();
                   return [e.textContent, box.left >= 0, getComputedStyle(e).outlineStyle]";
    assert_eq!(browser.eval(focused).await?, json!(["Skip to content", true, "solid"]));

    let errors = browser.errors().await?;
    let others: Vec<_> = errors.iter().filter(|text| !text.contains("CHG-1999-000001")).collect();
    assert!(others.is_empty(), "{others:?}");
    app.stop().await
}

/// A freeze, a maintenance window, two changes that get in each other's way, and a stop.
async fn plan(app: &TestApp) -> Result<String> {
    let root = app.root();
    let entry = |name: &str, kind: &str, starts: &str, duration: &str| json!({ "name": name, "kind": kind, "title": "the spring sale of all the shops", "starts": starts, "duration": duration });
    let entries = "/api/v1/calendar/entries";
    root.post(entries, &entry("spring-sale", "freeze", "2026-03-05T08:00", "2d")).await?;
    let mut nights = entry("nights", "maintenance", "2026-03-01T22:00", "4h");
    nights["rule"] = json!("FREQ=WEEKLY;BYDAY=MO,WE");
    nights["services"] = json!(["billing"]);
    root.post(entries, &nights).await?;
    let mut planned = serde_json::to_value(wide_change())?;
    planned["window"] = json!({ "start": "2026-03-03T22:00:00Z", "end": "2026-03-04T02:00:00Z" });
    root.create(&planned).await?;
    let id = text(&root.create(&planned).await?["change_id"]).to_owned();
    let stop = json!({ "scope": "service", "of": "billing", "reason": "data loss under investigation: nobody knows yet how far it goes" });
    root.post("/api/v1/stops", &stop).await?;
    Ok(id)
}

#[tokio::test]
async fn the_calendar_and_a_stop_can_be_read_at_any_width_in_both_colours() -> Result<()> {
    let app = TestApp::start().await?;
    seed(&app).await?;
    let planned = plan(&app).await?;
    let Some(browser) = Browser::start().await? else { return app.stop().await };
    let url = app.url();
    browser.page.goto(format!("{url}/calendar")).await?;
    let field = browser.page.find(By::Id("token")).await?;
    field.send_keys(app.admin_token.as_str()).await?;
    field.send_keys(Key::Enter).await?;
    browser.page.query(By::Css("ul.agenda")).first().await?;
    look_at(&browser, &format!("{url}/calendar"), "Calendar", "calendar").await?;
    look_at(&browser, &format!("{url}/calendar?week=2027-01-01"), "Calendar", "calendar-empty").await?;
    look_at(&browser, &format!("{url}/changes"), "Changes", "changes-stopped").await?;
    let title = format!("{planned} {}", wide_change().title);
    look_at(&browser, &format!("{url}/changes/{planned}"), &title, "change-in-conflict").await?;
    assert!(browser.errors().await?.is_empty());
    app.stop().await
}

/// A meeting of the CAB in which one member has voted about `waiting`, and who is on call for emergencies.
async fn meet(app: &TestApp, waiting: &str) -> Result<()> {
    let cara = app.person("cara", &["cab_member"]).await?;
    let manager = app.person("mona", &["change_manager"]).await?;
    app.person("eva", &["ecab_member"]).await?;
    let meeting = json!({ "extraordinary": "the keys of every tenant cannot wait until Thursday" });
    cara.post("/api/v1/cab/meetings", &meeting).await?;
    let digest = cara.change(waiting).await?["digest"].clone();
    let rationale = "rotated twice on staging, region by region, without a token that was refused";
    let ballot = json!({ "change_id": waiting, "digest": digest, "vote": "approve", "rationale": rationale });
    cara.post("/api/v1/cab/votes", &ballot).await?;
    let rotation = json!({ "name": "lead", "members": ["eva"], "starts": "2026-03-02T08:00", "rule": "FREQ=WEEKLY;BYDAY=MO" });
    manager.post("/api/v1/ecab/rotations", &rotation).await?;
    Ok(())
}

/// A runner at work, and one that takes nothing on any more.
async fn announce(app: &TestApp, working_on: &str) -> Result<()> {
    for (name, state, working_on) in [("eu-1", "looking", vec![working_on]), ("us-1", "draining", Vec::new())]
    {
        let labels: Vec<String> = (0..12).map(|label| format!("label-of-some-length-{label}")).collect();
        let seen = AnnounceRunner {
            host: format!("{name}.a-long-name-of-a-machine.in-a-long-domain.example"),
            version: "0.1.0".to_owned(),
            labels,
            concurrency: 4,
            waiting: 1,
            working_on: working_on.into_iter().map(str::to_owned).collect(),
            state: state.to_owned(),
        };
        app.admin.announce_runner(name, &seen).await?;
    }
    Ok(())
}

#[tokio::test]
async fn boards_and_what_waits_can_be_read_at_any_width_in_both_colours() -> Result<()> {
    let app = TestApp::start().await?;
    let Seeded { waiting, .. } = seed(&app).await?;
    let Some(browser) = Browser::start().await? else { return app.stop().await };
    let url = app.url();
    browser.page.goto(format!("{url}/boards")).await?;
    let field = browser.page.find(By::Id("token")).await?;
    field.send_keys(app.admin_token.as_str()).await?;
    field.send_keys(Key::Enter).await?;
    browser.page.query(By::Css("main h1")).first().await?;
    look_at(&browser, &format!("{url}/boards"), "Boards", "boards-before").await?;
    meet(&app, &waiting).await?;
    look_at(&browser, &format!("{url}/boards"), "Boards", "boards").await?;
    look_at(&browser, &format!("{url}/approvals"), "Approvals", "approvals").await?;
    look_at(&browser, &format!("{url}/approvals?for=all"), "Approvals", "approvals-all").await?;
    look_at(&browser, &format!("{url}/runners"), "Runners", "runners-none").await?;
    announce(&app, &waiting).await?;
    look_at(&browser, &format!("{url}/runners"), "Runners", "runners").await?;
    assert!(browser.errors().await?.is_empty());
    app.stop().await
}

#[tokio::test]
async fn the_list_is_searched_sorted_and_left_with_the_keyboard_and_without_a_script() -> Result<()> {
    let app = TestApp::start().await?;
    let Seeded { waiting, .. } = seed(&app).await?;
    let Some(browser) = Browser::start().await? else { return app.stop().await };
    browser.be_wide(1440).await?;
    browser.page.cdp().send_raw("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await?;
    browser.page.goto(format!("{}/changes", app.url())).await?;
    let field = browser.page.find(By::Id("token")).await?;
    field.send_keys(app.admin_token.as_str()).await?;
    field.send_keys(Key::Enter).await?;

    let search = browser.page.query(By::Id("q")).first().await?;
    search.send_keys("SIGNING keys").await?;
    search.send_keys(Key::Enter).await?;
    let title = browser.page.query(By::LinkText(wide_change().title.as_str())).first().await?;
    assert_eq!(browser.page.find_all(By::Css("table.list tbody tr")).await?.len(), 1);
    title.send_keys(Key::Enter).await?;
    browser.page.query(By::Css("#missing")).first().await?;
    assert!(browser.page.current_url().await?.path().ends_with(&waiting));
    let text = browser.page.find(By::Css("#trail")).await?.text().await?;
    assert!(text.contains("<b>please</b> say how long"), "{text}");

    browser.page.find(By::Css("form[action='/theme'] button")).await?.click().await?;
    browser.page.query(By::Css("html[data-theme='light']")).first().await?;
    assert!(browser.page.current_url().await?.path().ends_with(&waiting), "back where one was");
    browser.page.goto(format!("{}/changes?sort=id", app.url())).await?;
    let first = browser.page.query(By::Css("table.list tbody td")).first().await?.text().await?;
    assert!(first.ends_with("-000001"), "{first}");
    browser.page.find(By::Css("form[action='/logout'] button")).await?.click().await?;
    browser.page.query(By::Id("token")).first().await.context("signed out")?;
    app.stop().await
}
