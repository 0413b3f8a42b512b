//! Requests: an address that may be kept, headers without secrets, and an answer that can be expected.

use std::collections::BTreeSet;

use super::{ENTRIES_MAX, Field, METHODS, PlanError, VALUE_BYTES_MAX, quoted};
use crate::plan::HttpRequest;

/// Headers whose values are secrets.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "x-auth-token",
    "private-token",
    "x-vault-token",
];

impl HttpRequest {
    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        if !METHODS.contains(&self.method.as_str()) {
            return Err(field
                .at("method")
                .refuse(quoted(&self.method), format!("one of {}", METHODS.join(", "))));
        }
        field.at("url").address(&self.url)?;
        self.validate_headers(field)?;
        if let Some(body) = &self.body {
            field.at("body").bytes(body, VALUE_BYTES_MAX)?;
        }
        let (first, last) = self.expected_status;
        if !(100 <= first && first <= last && last <= 599) {
            let expected = "a first and a last status from 100 to 599, such as 200 to 299";
            return Err(field.at("expected_status").refuse(format!("`{first}` to `{last}`"), expected));
        }
        Ok(())
    }

    /// Headers, the secret ones among them named by variables only, and none of them twice.
    fn validate_headers(&self, field: &Field<'_>) -> Result<(), PlanError> {
        let (written, held) = (field.at("headers"), field.at("headers_env"));
        written.count(self.headers.len(), 0..=ENTRIES_MAX, "headers")?;
        held.count(self.header_variables.len(), 0..=ENTRIES_MAX, "headers")?;
        self.credentials.iter().try_for_each(|credentials| credentials.validate(field))?;
        let mut names: BTreeSet<String> =
            self.credentials.iter().map(|_| "authorization".to_owned()).collect();
        let mut header = |headers: &Field<'_>, name: &str| {
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(headers.refuse(quoted(name), "header names such as `Content-Type`"));
            }
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(headers.refuse(format!("{} a second time", quoted(name)), "every header once"));
            }
            Ok(())
        };
        for (name, value) in &self.headers {
            header(&written, name)?;
            if SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
                let expected = "`token_env`, `user` and `password_env`, or `headers_env`, which name the variable that holds \
                                the secret where the runner runs: a plan is read by many and kept for ever";
                return Err(written.at(name).refuse("a secret in the plan", expected));
            }
            if value.len() > VALUE_BYTES_MAX || value.chars().any(|c| c.is_control() && c != '\t') {
                let expected = format!("one line of at most {VALUE_BYTES_MAX} bytes");
                return Err(written.at(name).refuse("too long or not one line", expected));
            }
        }
        for (name, variable) in &self.header_variables {
            header(&held, name)?;
            held.at(name).variable(variable)?;
        }
        Ok(())
    }
}
