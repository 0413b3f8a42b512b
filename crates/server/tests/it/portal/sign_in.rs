//! Who gets in, how long they stay, and what a browser is told.

use anyhow::Result;
use api::actor::IssueToken;
use jiff::SignedDuration;

use super::raw::{Answer, Ask};
use crate::harness::TestApp;

async fn sign_in(app: &TestApp, token: &str) -> Result<Answer> {
    Ask::form(&format!("token={token}&next=%2Fchanges%3Flevel%3Dhigh")).send(app, "/login").await
}

/// Whether the answer leads to where one signs in.
fn is_turned_away(answer: &Answer) -> bool {
    answer.status == 303 && answer.header("location").is_some_and(|location| location.starts_with("/login"))
}

#[tokio::test]
async fn a_visitor_is_led_through_the_sign_in_to_the_wanted_page() -> Result<()> {
    let app = TestApp::start().await?;
    let turned_away = Ask::new().send(&app, "/changes?level=high").await?;
    assert_eq!(turned_away.header("location"), Some("/login?next=%2Fchanges%3Flevel%3Dhigh"));
    let form = Ask::new().send(&app, "/login?next=%2Fchanges%3Flevel%3Dhigh").await?;
    assert!(form.body.contains("value=\"/changes?level=high\""), "{}", form.body);

    let signed_in = sign_in(&app, &app.admin_token).await?;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/changes?level=high")));
    let cookie = signed_in.header("set-cookie").unwrap_or_default();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(&app.admin_token), "{cookie}");

    let page = Ask::new().with_cookie_of(&signed_in)?.send(&app, "/changes?level=high").await?;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(
        page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(!page.body.contains(&app.admin_token));
    app.stop().await
}

#[tokio::test]
async fn only_a_good_token_from_one_of_our_own_pages_lets_anybody_in() -> Result<()> {
    let app = TestApp::start().await?;
    let unknown = sign_in(&app, "cct_unknown").await?;
    assert_eq!((unknown.status, unknown.header("set-cookie")), (401, None));
    assert!(
        unknown.body.contains("the token is unknown") && !unknown.body.contains("cct_unknown"),
        "{}",
        unknown.body
    );
    let body = format!("token={}&next=", app.admin_token);
    for foreign in [
        Ask::foreign_form(&body),
        Ask::foreign_form(&body).header("Sec-Fetch-Site", "cross-site"),
        Ask::foreign_form(&body).header("Origin", "http://evil.example.org"),
        Ask::foreign_form(&body).header("Origin", "null"),
    ] {
        let answer = foreign.send(&app, "/login").await?;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{foreign:?}");
    }
    let origin = app.url();
    let own = Ask::foreign_form(&body).header("Origin", &origin).send(&app, "/login").await?;
    assert_eq!((own.status, own.header("location")), (303, Some("/changes")));
    let elsewhere = Ask::form(&format!("token={}&next=%2F%2Fevil.example.org", app.admin_token));
    assert_eq!(elsewhere.send(&app, "/login").await?.header("location"), Some("/changes"));
    let empty = Ask::form("").send(&app, "/login").await?;
    assert_eq!(empty.status, 400, "{}", empty.body);
    app.stop().await
}

#[tokio::test]
async fn a_session_ends_with_its_token_its_time_or_a_click() -> Result<()> {
    let app = TestApp::start().await?;
    app.human("reader", &[]).await?;
    let request = IssueToken {
        scopes: vec!["read".to_owned()],
        expires_in: Some("30d".to_owned()),
        label: "portal".to_owned(),
    };
    let issued = app.admin.issue_token("reader", &request).await?;
    let first = Ask::new().with_cookie_of(&sign_in(&app, &issued.token).await?)?;
    assert_eq!(first.send(&app, "/changes").await?.status, 200);
    app.admin.revoke_token("reader", &issued.token_id).await?;
    assert!(is_turned_away(&first.send(&app, "/changes").await?));

    let second = sign_in(&app, &app.admin_token).await?;
    let session = Ask::new().with_cookie_of(&second)?;
    let foreign = Ask::foreign_form("").with_cookie_of(&second)?.send(&app, "/logout").await?;
    assert_eq!(foreign.status, 403);
    assert_eq!(session.send(&app, "/changes").await?.status, 200);
    let gone = Ask::form("").with_cookie_of(&second)?.send(&app, "/logout").await?;
    assert!(gone.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")), "{gone:?}");
    assert!(is_turned_away(&session.send(&app, "/changes").await?));

    let third = Ask::new().with_cookie_of(&sign_in(&app, &app.admin_token).await?)?;
    app.pass(SignedDuration::from_hours(12) - SignedDuration::from_secs(1));
    assert_eq!(third.send(&app, "/changes").await?.status, 200);
    app.pass(SignedDuration::from_secs(1));
    assert!(is_turned_away(&third.send(&app, "/changes").await?));
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
    app.human("approver", &["technical_lead"]).await?;
    let request = IssueToken {
        scopes: vec!["approve".to_owned()],
        expires_in: Some("30d".to_owned()),
        label: "approve only".to_owned(),
    };
    let issued = app.admin.issue_token("approver", &request).await?;
    let session = Ask::new().with_cookie_of(&sign_in(&app, &issued.token).await?)?;
    let page = session.send(&app, "/changes").await?;
    assert_eq!(page.status, 403);
    for part in ["You may not do this", "token-scope-read", "Next: use a token with the scope"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    app.stop().await
}

#[tokio::test]
async fn an_address_that_is_none_answers_each_in_its_own_way() -> Result<()> {
    let app = TestApp::start().await?;
    let browser = Ask::new().header("Accept", "text/html,*/*;q=0.8");
    let page = browser.send(&app, "/changs").await?;
    assert_eq!(page.status, 404);
    assert!(page.body.contains("<h1 id=\"problem\">There is nothing here</h1>"), "{}", page.body);
    assert_eq!(
        Ask::new().send(&app, "/changs").await?.header("content-type"),
        Some("application/problem+json")
    );
    let api = browser.send(&app, "/api/v1/changs").await?;
    assert_eq!((api.status, api.header("content-type")), (404, Some("application/problem+json")));
    let session = Ask::new().with_cookie_of(&sign_in(&app, &app.admin_token).await?)?;
    for (path, part) in [
        ("/changes/CHG-2026-000099", "There is no change `CHG-2026-000099`."),
        ("/changes/nonsense", "There is no change `nonsense`."),
        ("/assets/portal.css", "There is no page `/assets/portal.css`."),
    ] {
        let page = session.send(&app, path).await?;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.body.contains(part), "{path}: {}", page.body);
    }
    for (path, part) in [
        ("/changes?levle=high", "unknown field `levle`"),
        ("/changes?level=urgent", "is not a risk level"),
        ("/changes?cursor=x", "cursor"),
        ("/changes/CHG-2026-000001?before=x", "before"),
    ] {
        let page = session.send(&app, path).await?;
        assert!((400..500).contains(&page.status), "{path}: {}", page.status);
        assert!(page.body.contains(part), "{path}: {}", page.body);
    }
    app.stop().await
}

#[tokio::test]
async fn the_style_sheet_may_be_kept_for_ever() -> Result<()> {
    let app = TestApp::start().await?;
    let page = Ask::new().send(&app, "/login").await?;
    let style = page.body.split('"').find(|part| part.starts_with("/assets/portal-")).unwrap_or_default();
    let answer = Ask::new().send(&app, style).await?;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    app.stop().await
}
