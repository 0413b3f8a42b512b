//! Who gets in, how long they stay, and what a browser is told.

use anyhow::Result;
use jiff::SignedDuration;

use super::asking::{answer, form, own_form, page, session, sign_in};
use crate::harness::{TestApp, text};
use crate::http::{Answer, Ask};

/// Whether the answer leads to where one signs in.
fn is_turned_away(answer: &Answer) -> bool {
    answer.status == 303 && answer.header("location").is_some_and(|location| location.starts_with("/login"))
}

fn check(answer: &Answer, status: u16, parts: &[&str]) {
    assert_eq!(answer.status, status, "{answer:?}");
    let text = answer.text();
    for part in parts {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[tokio::test]
async fn a_visitor_is_led_through_the_sign_in_to_the_wanted_page() -> Result<()> {
    let app = TestApp::start().await?;
    let turned_away = answer(&app, Ask::get("/changes?level=high")).await?;
    assert_eq!(turned_away.header("location"), Some("/login?next=%2Fchanges%3Flevel%3Dhigh"));
    let empty = answer(&app, Ask::get("/login?next=%2Fchanges%3Flevel%3Dhigh")).await?;
    check(&empty, 200, &["value=\"/changes?level=high\""]);

    let signed_in = sign_in(&app, &app.admin_token).await?;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/changes?level=high")));
    let cookie = signed_in.header("set-cookie").unwrap_or_default();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(&app.admin_token), "{cookie}");

    let list = page(&app, &session(&signed_in)?, "/changes?level=high").await?;
    check(&list, 200, &["bootstrap-admin"]);
    let policy = list.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(list.header("cache-control"), Some("no-store"));
    assert!(!list.text().contains(&app.admin_token));
    app.stop().await
}

/// Pages that say nothing of what the server holds. This list may only shrink.
const OPEN: [&str; 2] = ["/login", "/docs/problems"];

#[tokio::test]
async fn pages_are_closed_to_whoever_is_not_signed_in() -> Result<()> {
    let app = TestApp::start().await?;
    for path in OPEN {
        check(&answer(&app, Ask::get(path)).await?, 200, &["<main"]);
    }
    for path in ["/changes", "/changes?q=x", "/changes/CHG-2026-000001"] {
        assert!(is_turned_away(&answer(&app, Ask::get(path)).await?), "{path}");
    }
    app.stop().await
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_what_it_means() -> Result<()> {
    let app = TestApp::start().await?;
    // Whoever has no token can read what that means.
    let refused = Ask::get("/api/v1/changes").send(app.address).await?.refused(401, "unauthenticated")?;
    let (address, anchor) = text(&refused["type"]).split_once('#').unwrap();
    let page = answer(&app, Ask::get(address)).await?;
    check(&page, 200, &[&format!("id=\"{anchor}\""), "cortex-change token issue"]);
    // So it is with everything that the documentation lists, and that requests of all other tests are refused with.
    let documented = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/problems.md");
    let documented = std::fs::read_to_string(documented)?;
    let kinds: Vec<_> = documented.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(kinds.len() > 30, "{kinds:?}");
    for kind in kinds {
        check(&page, 200, &[&format!("id=\"{kind}\"")]);
    }
    app.stop().await
}

#[tokio::test]
async fn only_a_good_token_from_one_of_our_own_pages_lets_anybody_in() -> Result<()> {
    let app = TestApp::start().await?;
    let unknown = sign_in(&app, "cct_unknown").await?;
    check(&unknown, 401, &["the token is unknown"]);
    assert!(unknown.header("set-cookie").is_none() && !unknown.text().contains("cct_unknown"), "{unknown:?}");
    let body = format!("token={}&next=", app.admin_token);
    for foreign in [
        form("/login", &body),
        form("/login", &body).header("sec-fetch-site", "cross-site"),
        form("/login", &body).header("origin", "http://evil.example.org"),
        form("/login", &body).header("origin", "null"),
    ] {
        let refused = answer(&app, foreign).await?;
        check(&refused, 403, &["The form was not sent from a page of this server", "same-origin"]);
        assert!(refused.header("set-cookie").is_none(), "{refused:?}");
    }
    let own = answer(&app, form("/login", &body).header("origin", &app.url())).await?;
    assert_eq!((own.status, own.header("location")), (303, Some("/changes")));
    let elsewhere = format!("token={}&next=%2F%2Fevil.example.org", app.admin_token);
    let kept_here = answer(&app, own_form("/login", &elsewhere)).await?;
    assert_eq!(kept_here.header("location"), Some("/changes"));
    check(&answer(&app, own_form("/login", "")).await?, 400, &["Paste one access token"]);
    app.stop().await
}

#[tokio::test]
async fn a_session_ends_with_its_token_its_time_or_a_click() -> Result<()> {
    let app = TestApp::start().await?;
    let reader = app.person("reader", &[]).await?;
    let issued = app.admin.list_tokens("reader").await?.items;
    let first = session(&sign_in(&app, &reader.token).await?)?;
    assert_eq!(page(&app, &first, "/changes").await?.status, 200);
    for token in issued {
        app.admin.revoke_token("reader", &token.token_id).await?;
    }
    assert!(is_turned_away(&page(&app, &first, "/changes").await?));

    let second = session(&sign_in(&app, &app.admin_token).await?)?;
    let foreign = answer(&app, form("/logout", "").header("cookie", &second)).await?;
    assert_eq!(foreign.status, 403);
    assert_eq!(page(&app, &second, "/changes").await?.status, 200);
    let gone = answer(&app, own_form("/logout", "").header("cookie", &second)).await?;
    assert!(gone.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")), "{gone:?}");
    assert!(is_turned_away(&page(&app, &second, "/changes").await?));

    let third = session(&sign_in(&app, &app.admin_token).await?)?;
    app.pass(SignedDuration::from_hours(12) - SignedDuration::from_secs(1));
    assert_eq!(page(&app, &third, "/changes").await?.status, 200);
    app.pass(SignedDuration::from_secs(1));
    assert!(is_turned_away(&page(&app, &third, "/changes").await?));
    app.stop().await
}

#[tokio::test]
async fn whoever_guesses_has_to_wait() -> Result<()> {
    let app = TestApp::start().await?;
    for _ in 0..20 {
        assert_eq!(sign_in(&app, "cct_guess").await?.status, 401);
    }
    assert_eq!(sign_in(&app, "cct_guess").await?.status, 429);
    assert_eq!(sign_in(&app, &app.admin_token).await?.status, 429);
    app.pass(SignedDuration::from_mins(1));
    assert_eq!(sign_in(&app, &app.admin_token).await?.status, 303);
    app.stop().await
}

#[tokio::test]
async fn a_token_that_may_not_read_is_refused_with_rule_and_next_step() -> Result<()> {
    let app = TestApp::start().await?;
    app.person("approver", &["technical_lead"]).await?;
    let approver = app.token("approver", &["approve"]).await?;
    let session = session(&sign_in(&app, &approver.token).await?)?;
    let refused = page(&app, &session, "/changes").await?;
    check(&refused, 403, &["You may not do this", "token-scope-read", "Next: use a token with the scope"]);
    app.stop().await
}

#[tokio::test]
async fn an_address_that_is_none_answers_each_in_its_own_way() -> Result<()> {
    let app = TestApp::start().await?;
    let browser = |path| Ask::get(path).header("accept", "text/html,*/*;q=0.8");
    let problem = Some("application/problem+json");
    let missing = answer(&app, browser("/changs")).await?;
    check(&missing, 404, &["<h1 id=\"problem\">There is nothing here</h1>"]);
    assert_eq!(answer(&app, Ask::get("/changs")).await?.header("content-type"), problem);
    let api = answer(&app, browser("/api/v1/changs")).await?;
    assert_eq!((api.status, api.header("content-type")), (404, problem));

    let session = session(&sign_in(&app, &app.admin_token).await?)?;
    for (path, part) in [
        ("/changes/CHG-2026-000099", "There is no change <code>CHG-2026-000099</code>."),
        ("/changes/nonsense", "There is no change <code>nonsense</code>."),
        ("/assets/portal.css", "There is no page <code>/assets/portal.css</code>."),
    ] {
        check(&page(&app, &session, path).await?, 404, &[part]);
    }
    for (path, part) in [
        ("/changes?levle=high", "unknown field <code>levle</code>"),
        ("/changes?level=urgent", "is not a risk level"),
        ("/changes?cursor=x", "cursor"),
        ("/changes/CHG-2026-000001?before=x", "before"),
    ] {
        check(&page(&app, &session, path).await?, 422, &[part]);
    }
    app.stop().await
}

#[tokio::test]
async fn the_style_sheet_may_be_kept_for_ever() -> Result<()> {
    let app = TestApp::start().await?;
    let text = answer(&app, Ask::get("/login")).await?.text();
    let style = text.split('"').find(|part| part.starts_with("/assets/portal-")).unwrap_or_default();
    let sheet = answer(&app, Ask::get(style)).await?;
    assert_eq!((sheet.status, sheet.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(sheet.header("cache-control"), Some("public, max-age=31536000, immutable"));
    app.stop().await
}
