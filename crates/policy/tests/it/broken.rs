//! Added policy files that are refused, each with place, reason and next step.

use policy::{Action, FILE_BYTES_MAX, FILES_MAX, POLICIES_MAX, PolicyFile, PolicySet};

use crate::asked::ask;

fn refusal(files: &[PolicyFile<'_>]) -> String {
    let error = PolicySet::with_additional(files).expect_err("the files were accepted");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

const HEAD: &str = "@id(\"ours\")\n@title(\"Ours\")\n@fix(\"Do this\")\n";

/// Each case's name and refusal; `HEAD` in a case's text stands for the three annotations.
fn refusals(cases: &[(&str, &str)]) -> String {
    let refused = cases.iter().map(|(name, text)| {
        let text = text.replace("HEAD", HEAD);
        format!("{name}\n  {}\n", refusal(&[PolicyFile { name: "ours.cedar", text: &text }]))
    });
    refused.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_malformed_policy_is_refused_with_file_line_and_next_step() {
    let cases = [
        ("not Cedar", "allow everything"),
        ("unfinished", "HEADforbid (principal, action, resource) when { true }"),
        ("misspelt effect", "HEADforbids (principal, action, resource);"),
        ("template", "HEADforbid (principal == ?principal, action, resource);"),
        ("no id", r#"@title("T") @fix("F") forbid (principal, action, resource);"#),
        ("no title", "// Ours.\n\n@id(\"x\")\npermit (principal, action, resource);"),
        ("blank fix", r#"@id("x") @title("T") @fix(" ") forbid (principal, action, resource);"#),
        ("misspelt annotation", "HEAD@contol(\"X\")\nforbid (principal, action, resource);"),
        ("id with blanks", r#"@id("a b") @title("T") permit (principal, action, resource);"#),
        ("reserved id", r#"@id("no-permission") @title("T") permit (principal, action, resource);"#),
        (
            "id of a shipped policy",
            r#"@id("runner-identity") @title("T") permit (principal, action, resource);"#,
        ),
        (
            "id twice",
            "HEADforbid (principal, action, resource);\n\nHEADpermit (principal, action, resource);",
        ),
    ];
    insta::assert_snapshot!(refusals(&cases));
}

#[test]
fn a_policy_that_does_not_fit_the_schema_is_refused_with_file_line_and_next_step() {
    let start = |condition: &str| {
        format!("HEADforbid (principal, action == Action::\"start\", resource)\nwhen {{ {condition} }};")
    };
    let cases = [
        ("misspelt attribute", start("resource.scroe > 3")),
        ("unguarded optional", start("resource.score > 3")),
        ("wrong type", start("resource has level && resource.level == \"low\"")),
        ("look-alike letters", start("resource.services.contains(\"shоp\")")),
        ("misspelt role", "HEADforbid (\n  principal in Role::\"admin\",\n  action, resource);".to_owned()),
        ("misspelt action", "HEADforbid (principal, action == Action::\"approv\", resource);".to_owned()),
        ("unknown type", "HEADforbid (principal, action, resource is Server);".to_owned()),
        (
            "attribute of another resource",
            "HEADforbid (principal, action, resource)\nwhen { resource.validated };".to_owned(),
        ),
        (
            "can never apply",
            "HEADforbid (principal, action == Action::\"start\", resource is Cmdb);".to_owned(),
        ),
    ];
    let cases: Vec<(&str, &str)> = cases.iter().map(|(name, text)| (*name, text.as_str())).collect();
    insta::assert_snapshot!(refusals(&cases));
}

#[test]
fn the_place_is_that_of_the_file_at_fault() {
    let good = "@id(\"good\") @title(\"T\") @fix(\"F\")\nforbid (principal, action, resource);";
    let bad = "@id(\"bad\") @title(\"T\") @fix(\"F\")\nforbid (principal, action, resource)\nwhen { principal.age > 3 };";
    let files = [PolicyFile { name: "good.cedar", text: good }, PolicyFile { name: "bad.cedar", text: bad }];
    let refusal = refusal(&files);
    assert!(
        refusal.starts_with("policy file `bad.cedar` line 3 column 8: policy `bad` does not fit"),
        "{refusal}"
    );
}

#[test]
fn every_size_has_a_limit() {
    let long = format!("// {}", "x".repeat(FILE_BYTES_MAX));
    assert!(
        refusal(&[PolicyFile { name: "long.cedar", text: &long }]).contains("at most 16384 are accepted")
    );
    let names: Vec<String> = (0..=FILES_MAX).map(|number| format!("{number}.cedar")).collect();
    let files: Vec<PolicyFile<'_>> = names.iter().map(|name| PolicyFile { name, text: "" }).collect();
    assert!(refusal(&files).starts_with("201 policy files are too many"));
    let policy = |number| format!("@id(\"p{number}\") @title(\"T\") permit (principal, action, resource);\n");
    let texts: Vec<String> = (0..POLICIES_MAX).map(policy).collect();
    let texts: Vec<String> = texts.chunks(100).map(|chunk| chunk.concat()).collect();
    let files: Vec<PolicyFile<'_>> =
        texts.iter().zip(&names).map(|(text, name)| PolicyFile { name, text }).collect();
    assert!(refusal(&files).contains("at most 500 are accepted"));
    let twice = PolicyFile { name: "twice.cedar", text: "" };
    assert!(refusal(&[twice, twice]).contains("`twice.cedar` was given twice"));
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    let forms = [
        ("(", "true", ")"),
        ("[", "true", "]"),
        ("{a: ", "1", "}"),
        ("!", "true", ""),
        ("-", "1", ""),
        ("if true then true else ", "true", ""),
    ];
    for (open, middle, close) in forms {
        let depth = 15_000 / (open.len() + close.len());
        let nested = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
        let text = format!("{HEAD}forbid (principal, action, resource) when {{ {nested} }};");
        let refusal = refusal(&[PolicyFile { name: "deep.cedar", text: &text }]);
        assert!(refusal.starts_with("policy file `deep.cedar` line 4"), "{refusal}");
    }
}

/// How long a chain may get before evaluating it fails depends on the stack that is left; failing is a denial.
#[test]
fn the_longest_accepted_chains_are_evaluated_or_refused_and_not_a_crash() {
    for (link, last) in [("true&&", "true"), ("true||", "true"), ("1+", "1 > 2"), ("1*", "1 > 0")] {
        let chain = format!("{}{last}", link.repeat(16_000 / link.len()));
        let text =
            format!("{HEAD}permit (principal, action == Action::\"cancel\", resource) when {{ {chain} }};");
        let policies = PolicySet::with_additional(&[PolicyFile { name: "long.cedar", text: &text }]).unwrap();
        let verdict = ask(Action::Cancel).verdict(&policies);
        assert!(["+ ours", "- policy-error"].contains(&verdict.as_str()), "{link}: {verdict}");
    }
}
