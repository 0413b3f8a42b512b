//! The address of a database as variables that `psql` reads: on its command line every user of the machine could see it.

use std::collections::BTreeMap;

use url::Url;

/// Parts of an address that have a variable.
const PARAMETERS: [(&str, &str); 14] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("dbname", "PGDATABASE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("application_name", "PGAPPNAME"),
    ("options", "PGOPTIONS"),
];
const CONNECT_TIMEOUT_SECONDS: &str = "10";

/// An address that cannot be used. It is never repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnusableAddress {
    #[error("it is not an address such as `postgresql://user@host/database`")]
    Form,
    #[error("its parameter `{0}` is not known here: put it into the server's or the user's settings")]
    Parameter(String),
}

/// The variables that lead to the database.
pub(super) fn variables(address: &str) -> Result<BTreeMap<String, String>, UnusableAddress> {
    let url = Url::parse(address).map_err(|_| UnusableAddress::Form)?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(UnusableAddress::Form);
    }
    let mut variables = BTreeMap::from([
        ("PGCONNECT_TIMEOUT".to_owned(), CONNECT_TIMEOUT_SECONDS.to_owned()),
        ("PGAPPNAME".to_owned(), "cortex-change".to_owned()),
    ]);
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            variables.insert(name.to_owned(), value);
        }
    };
    let decoded = |text: &str| {
        let pairs = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
        url::form_urlencoded::parse(pairs.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    set("PGHOST", url.host_str().map(|host| host.trim_matches(['[', ']'])).and_then(decoded));
    set("PGPORT", url.port().map(|port| port.to_string()));
    set("PGUSER", decoded(url.username()));
    set("PGPASSWORD", url.password().and_then(decoded));
    set("PGDATABASE", decoded(url.path().trim_start_matches('/')));
    for (name, value) in url.query_pairs() {
        let known = PARAMETERS.iter().find(|(parameter, _)| *parameter == name);
        let (_, variable) = known.ok_or_else(|| UnusableAddress::Parameter(name.clone().into_owned()))?;
        set(variable, Some(value.into_owned()));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_variables_and_what_is_not_one_is_not_repeated() {
        let shown = |address: &str| {
            let variables = variables(address).unwrap();
            variables.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            shown("postgresql://ann:p%40ss+word@db.example:5433/shop?sslmode=verify-full"),
            "PGAPPNAME=cortex-change PGCONNECT_TIMEOUT=10 PGDATABASE=shop PGHOST=db.example PGPASSWORD=p@ss+word \
             PGPORT=5433 PGSSLMODE=verify-full PGUSER=ann"
        );
        assert_eq!(
            shown("postgres:///shop?host=/run/postgresql&user=bob"),
            "PGAPPNAME=cortex-change PGCONNECT_TIMEOUT=10 PGDATABASE=shop PGHOST=/run/postgresql PGUSER=bob"
        );
        for unusable in
            ["host=db password=secret", "mysql://secret@db/x", "postgresql://db/x?passfile=secret"]
        {
            let error = variables(unusable).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
