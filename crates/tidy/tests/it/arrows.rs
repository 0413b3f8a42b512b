use anyhow::Result;
use tidy::rules::arrows::arrows_point_one_way;
use tidy::{Repo, Violation};

const API: (&str, &str) = ("crates/api/Cargo.toml", "[package]\nname = \"api\"");
const CLIENT: (&str, &str) = ("crates/client/Cargo.toml", "[package]\nname = \"client\"");

/// What is found, but for the arrows of crates that a snippet leaves out.
fn found(files: &[(&str, &str)]) -> Result<Vec<String>> {
    let found = arrows_point_one_way(&Repo::of(files)?);
    Ok(found.iter().map(Violation::to_string).filter(|text| !text.contains("there is no crate")).collect())
}

#[test]
fn an_arrow_of_the_table_is_allowed() -> Result<()> {
    let client = "[package]\nname = \"client\"\n[dependencies]\napi.workspace = true\nserde.workspace = true";
    assert_eq!(found(&[API, ("crates/client/Cargo.toml", client)])?, Vec::<String>::new());
    Ok(())
}

#[test]
fn an_arrow_backwards_is_found_in_every_section() -> Result<()> {
    for section in
        ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
    {
        let api = format!("[package]\nname = \"api\"\n[{section}]\nclient = {{ workspace = true }}");
        let expected = "crates/api/Cargo.toml:1: `api` must not use `client`; it may use domain";
        assert_eq!(found(&[CLIENT, ("crates/api/Cargo.toml", &api)])?, [expected], "in [{section}]");
    }
    Ok(())
}

#[test]
fn an_arrow_of_tests_is_no_arrow_of_code() -> Result<()> {
    let server =
        |section: &str| format!("[package]\nname = \"server\"\n[{section}]\nclient.workspace = true");
    assert_eq!(found(&[CLIENT, ("crates/server/Cargo.toml", &server("dev-dependencies"))])?.len(), 0);
    assert_eq!(found(&[CLIENT, ("crates/server/Cargo.toml", &server("dependencies"))])?.len(), 1);
    Ok(())
}

#[test]
fn a_crate_outside_the_table_is_found() -> Result<()> {
    let expected = "crates/new/Cargo.toml:1: crate `new` has no arrows: add it to the table in tidy";
    assert_eq!(found(&[("crates/new/Cargo.toml", "[package]\nname = \"new\"")])?, [expected]);
    Ok(())
}

#[test]
fn a_row_of_a_crate_that_is_gone_is_found() -> Result<()> {
    let all = arrows_point_one_way(&Repo::of(&[API])?);
    assert!(
        all.iter().any(|violation| violation.to_string().contains("there is no crate `domain`")),
        "{all:?}"
    );
    assert!(
        !all.iter().any(|violation| violation.to_string().contains("there is no crate `api`")),
        "{all:?}"
    );
    Ok(())
}
