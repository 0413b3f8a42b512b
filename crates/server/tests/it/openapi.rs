//! The OpenAPI document: what is served is what is committed, and its checker notices what it should.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::contract::{check, document, operations};
use crate::harness::TestApp;
use crate::http::{Answer, Ask};

/// Set to write the document instead of comparing it.
const UPDATE: &str = "UPDATE_OPENAPI";

fn committed() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let text = format!("{:#}\n", document());
    if std::env::var_os(UPDATE).is_some() {
        fs::write(committed(), &text).unwrap();
    }
    let known = fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        known == text,
        "docs/openapi.json is not what the server says: look at the difference after \
         `{UPDATE}=1 cargo test -p server --test it openapi`"
    );
}

/// Two types of one name have one schema in the document, and the answers that hold the other one do not fit it.
#[test]
fn every_type_of_the_wire_has_a_schema_of_its_own() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../api/src");
    let mut folders = vec![folder];
    let mut names = std::collections::BTreeMap::<String, PathBuf>::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = fs::read_to_string(&entry).unwrap();
            // Each item with its attributes, from one end of an item to the next.
            for item in text.split("\n}").filter(|item| item.contains("ToSchema)]")) {
                let after = |mark: &str| item.split(mark).nth(1);
                let name =
                    after("schema(as = ").or_else(|| after("pub struct ")).or_else(|| after("pub enum "));
                let name = name.unwrap().split([' ', ')', '<']).next().unwrap().to_owned();
                let other = names.insert(name.clone(), entry.clone());
                assert_eq!(other, None, "{name} of {entry:?} is there twice: say `#[schema(as = …)]`");
            }
        }
    }
    assert!(names.len() > 100, "{}", names.len());
}

#[test]
fn every_operation_says_what_it_does_and_how_it_refuses() {
    let mut names = std::collections::BTreeSet::new();
    for (method, path, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{name} is there twice");
        assert!(operation["summary"].as_str().is_some_and(|summary| summary.len() > 8), "{method} {path}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{method} {path}");
        let problem = "#/components/schemas/Problem";
        let default = &operation["responses"]["default"]["content"]["application/problem+json"];
        assert_eq!(default["schema"]["$ref"], problem, "{method} {path}");
        // Every open part of the address is described.
        let parts = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        for part in parts {
            let parameters = operation["parameters"].as_array().context("parameters").unwrap();
            let is_described = parameters.iter().any(|known| known["name"] == part && known["in"] == "path");
            assert!(is_described, "{part} of {method} {path}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let is_part = path.contains(&format!("{{{name}}}"));
            assert_eq!(parameter["in"] == "path", is_part, "{name} of {method} {path}: {parameter}");
        }
    }
    assert!(names.len() > 40, "{}", names.len());
}

#[tokio::test]
async fn the_document_needs_a_token_and_is_served_whole() -> Result<()> {
    let app = TestApp::start().await?;
    let path = "/api/v1/openapi.json";
    Ask::get(path).send(app.address).await?.refused(401, "unauthenticated")?;
    assert_eq!(&app.root().get(path).await?, document());
    app.stop().await
}

/// The checker is what the other tests rely on, so it is held against answers with one mistake each.
#[test]
fn answers_that_differ_from_the_document_are_noticed() {
    let answer = |status: u16, media_type: &str, body: &serde_json::Value| Answer {
        status,
        headers: vec![("content-type".to_owned(), media_type.to_owned())],
        body: body.to_string().into_bytes(),
    };
    let good = json!({ "size": 3, "root": "00", "note": "n", "verifier_key": "k" });
    let checkpoint = |answer: &Answer| check("GET", "/api/v1/audit/checkpoint", answer);
    checkpoint(&answer(200, "application/json", &good)).unwrap();
    let mut wrong = vec![(answer(202, "application/json", &good), "status 202")];
    wrong.push((answer(200, "text/plain", &good), "media type text/plain"));
    for (field, value, complaint) in [
        ("size", json!("3"), "is not"),
        ("extra", json!(1), "extra is not in the document"),
        ("size", json!(-1.5), "is not"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        wrong.push((answer(200, "application/json", &body), complaint));
    }
    let mut short = good.clone();
    short.as_object_mut().unwrap().remove("root");
    wrong.push((answer(200, "application/json", &short), "root is missing"));
    wrong.push((answer(404, "application/problem+json", &json!({ "type": "x" })), "is missing"));
    for (answer, complaint) in wrong {
        let error = checkpoint(&answer).unwrap_err().to_string();
        assert!(error.contains(complaint), "{complaint}: {error}");
    }
    let nested = json!({ "items": [{ "incident_id": 7 }], "next_cursor": null });
    let error = check("GET", "/api/v1/incidents", &answer(200, "application/json", &nested)).unwrap_err();
    assert!(error.to_string().contains("items[0]"), "{error}");
}
