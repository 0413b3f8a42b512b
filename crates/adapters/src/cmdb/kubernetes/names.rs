//! Names of Services in texts: in variables, arguments and configuration.
//!
//! A name with `.svc` in it is one wherever it stands. A shorter one (`redis`, `redis.shop`) is taken for a host only in
//! the place of one: in an address with a scheme, right before a port, or as the value of a variable whose name ends as
//! those of hosts do. Whether there is such a Service is for [`super::world`] to say.

/// Longest label of a host name, in bytes.
const LABEL_BYTES_MAX: usize = 63;
/// How far around a host the other parts of its address are looked for, in bytes.
const AUTHORITY_BYTES_MAX: usize = 512;
/// Last words of the names of variables that hold a host.
const HOST_WORDS: [&str; 16] = [
    "HOST",
    "HOSTS",
    "HOSTNAME",
    "URL",
    "URLS",
    "URI",
    "ADDR",
    "ADDRESS",
    "ADDRESSES",
    "ENDPOINT",
    "ENDPOINTS",
    "SERVER",
    "SERVERS",
    "BROKERS",
    "DSN",
    "UPSTREAM",
];
/// Words in the names of variables that hold where telemetry goes. A program works on without it. Words for systems
/// that are also asked for data, such as Prometheus, are not among them.
const TELEMETRY_WORDS: [&str; 17] = [
    "OTEL",
    "OTLP",
    "OPENTELEMETRY",
    "TELEMETRY",
    "TRACING",
    "JAEGER",
    "ZIPKIN",
    "STATSD",
    "DATADOG",
    "DD",
    "SENTRY",
    "METRICS",
    "PUSHGATEWAY",
    "LOKI",
    "FLUENTD",
    "FLUENTBIT",
    "LOGSTASH",
];

/// How a host stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// In an address with a scheme, as the value of a variable for hosts, or with its full name.
    Authority,
    /// Before a colon and a number, and nothing else.
    BeforePort(u16),
}

/// A name that may be that of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
    /// Whether it is written with `.svc`.
    pub(super) is_full: bool,
    pub(super) position: Position,
}

/// The hosts in a text.
pub(super) fn hosts_in(text: &str) -> Vec<Host<'_>> {
    let mut hosts = Vec::new();
    let mut rest_at = 0;
    while let Some(start) =
        text.get(rest_at..).and_then(|rest| rest.find(is_host_char)).map(|at| at + rest_at)
    {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(|c| !is_host_char(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(length);
        let before = text.get(..start).unwrap_or_default();
        hosts.extend(host(before, run, after));
        rest_at = start + length;
    }
    hosts
}

/// The hosts in the value of a variable or of an argument of this name.
pub(super) fn hosts_in_value<'a>(name: &str, value: &'a str) -> Vec<Host<'a>> {
    let mut hosts = hosts_in(value);
    if !is_host_name(name) {
        return hosts;
    }
    for part in value.split([',', ';', ' ']) {
        let authority = part.split_once("://").map_or(part, |(_, authority)| authority);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let end = authority.find([':', '/']).unwrap_or(authority.len());
        let host = authority.get(..end).and_then(|host| labels(host, Position::Authority));
        if let Some(host) = host {
            hosts.retain(|known| (known.name, known.namespace) != (host.name, host.namespace));
            hosts.push(host);
        }
    }
    hosts
}

/// Whether a variable of this name holds where telemetry goes.
pub(super) fn is_telemetry(name: &str) -> bool {
    words(name).any(|word| TELEMETRY_WORDS.contains(&word.as_str()))
}

fn is_host_name(name: &str) -> bool {
    words(name).last().is_some_and(|word| HOST_WORDS.contains(&word.as_str()))
}

fn words(name: &str) -> impl Iterator<Item = String> {
    name.split(['_', '-', '.']).map(str::to_ascii_uppercase)
}

/// Host names in manifests are lower-case; what is not is a word of a sentence or a name in a program.
fn is_host_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.'
}

/// Takes a run of characters for a host, where what is around it lets it be one.
fn host<'a>(before: &str, run: &'a str, after: &str) -> Option<Host<'a>> {
    // What continues a variable or a longer word is a part of something unknown.
    let continues = |c: char| c.is_ascii_alphanumeric() || "_$%{}<>*\\".contains(c);
    if before.ends_with(continues) || after.starts_with(|c| c != '}' && c != '<' && c != '\\' && continues(c))
    {
        return None;
    }
    let run = run.trim_end_matches('.');
    if let Some(full) = labels(run, Position::Authority).filter(|host| host.is_full) {
        return Some(full);
    }
    if is_in_authority(before) {
        return if is_user(after) { None } else { labels(run, Position::Authority) };
    }
    let is_apart =
        before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || "\"'`=,@([|".contains(c));
    let port = after.strip_prefix(':').and_then(port)?;
    if is_apart { labels(run, Position::BeforePort(port)) } else { None }
}

/// Whether what comes next is the host of an address with a scheme.
fn is_in_authority(before: &str) -> bool {
    let lead = before.floor_char_boundary(before.len().saturating_sub(AUTHORITY_BYTES_MAX));
    let before = before.get(lead..).unwrap_or_default();
    let token = before.rsplit(|c: char| c.is_whitespace() || "\"'`".contains(c)).next().unwrap_or_default();
    match token.rsplit_once("://") {
        Some((_, "")) => true,
        Some((_, userinfo)) => userinfo.ends_with('@') && !userinfo.contains('/'),
        None => false,
    }
}

/// Whether what came before it names a user: an `@` follows within the address.
fn is_user(after: &str) -> bool {
    let end = after.floor_char_boundary(AUTHORITY_BYTES_MAX);
    let rest = after.get(..end).unwrap_or_default();
    let authority =
        rest.split(|c: char| c.is_whitespace() || "\"'`/?#".contains(c)).next().unwrap_or_default();
    authority.contains('@')
}

/// A port, when digits and nothing more of a word come next.
fn port(text: &str) -> Option<u16> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, after) = text.split_at(digits);
    let is_whole = !after.starts_with(|c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c));
    if is_whole { number.parse().ok().filter(|port| *port > 0) } else { None }
}

/// Takes a host name apart: `service`, `service.namespace` or `service.namespace.svc…`; in a full name, pods and the like may
/// stand before the service.
fn labels(host: &str, position: Position) -> Option<Host<'_>> {
    let labels: Vec<&str> = host.split('.').collect();
    if !labels.iter().all(|label| is_label(label)) {
        return None;
    }
    let service = |name, namespace, is_full| Some(Host { name, namespace, is_full, position });
    match labels.iter().position(|label| *label == "svc") {
        Some(at) => match labels.get(..at)? {
            [.., name, namespace] => service(*name, Some(*namespace), true),
            [_] | [] => None,
        },
        None => match labels.as_slice() {
            [name] => service(*name, None, false),
            [name, namespace] => service(*name, Some(*namespace), false),
            _ => None,
        },
    }
}

fn is_label(label: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    label.len() <= LABEL_BYTES_MAX
        && label.starts_with(ends)
        && label.ends_with(ends)
        && label.chars().all(is_host_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: Vec<Host<'_>>, expected: &[&str]) {
        let shown: Vec<String> = hosts
            .iter()
            .map(|host| match (host.namespace, host.is_full, host.position) {
                (Some(namespace), true, _) => format!("{}.{namespace}.svc", host.name),
                (Some(namespace), false, Position::Authority) => format!("{}.{namespace}", host.name),
                (None, _, Position::Authority) => host.name.to_owned(),
                (Some(namespace), false, Position::BeforePort(port)) => {
                    format!("{}.{namespace}:{port}", host.name)
                }
                (None, _, Position::BeforePort(port)) => format!("{}:{port}", host.name),
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn full_names_are_found_wherever_they_stand() {
        let text =
            "see cart.shop.svc.cluster.local, http://pay.shop.svc:80/x (db-0.db.data.svc.cluster.local.)";
        check(hosts_in(text), &["cart.shop.svc", "pay.shop.svc", "db.data.svc"]);
        check(hosts_in("resolver kubernetes.default.svc;"), &["kubernetes.default.svc"]);
    }

    #[test]
    fn short_names_are_hosts_only_in_the_place_of_one() {
        check(hosts_in("redis and http://cart/x and redis://u:p@cache:6379/0"), &["cart", "cache"]);
        check(hosts_in("proxy_pass http://api.shop:8080; server db:5432"), &["api.shop", "db:5432"]);
        check(hosts_in("--addr=redis:6379 mongodb://a:27017,b:27017/x"), &["redis:6379", "a", "b:27017"]);
        check(hosts_in("image redis:7-alpine registry/redis:6379 at 10:30:12 x:99999"), &[]);
    }

    #[test]
    fn parts_of_something_unknown_are_no_hosts() {
        check(
            hosts_in("http://$(NAME).shop.svc http://${A}.shop.svc {n}.shop.svc *.shop.svc my_db.shop.svc"),
            &[],
        );
        check(hosts_in("http://redis-$X http://db{{ .n }} %s.shop.svc http://a.b.c"), &[]);
    }

    #[test]
    fn variables_for_hosts_may_hold_bare_names() {
        check(hosts_in_value("REDIS_HOST", "redis"), &["redis"]);
        check(hosts_in_value("DB_URL", "postgres://u:p@db:5432/x"), &["db"]);
        check(hosts_in_value("KAFKA_BROKERS", "k1:9092,k2.mq:9092"), &["k1", "k2.mq"]);
        check(hosts_in_value("MODE", "redis"), &[]);
        check(hosts_in_value("redis-host", "redis.shop"), &["redis.shop"]);
    }

    #[test]
    fn telemetry_is_told_by_whole_words() {
        assert!(is_telemetry("OTEL_EXPORTER_OTLP_ENDPOINT") && is_telemetry("DD_AGENT_HOST"));
        assert!(!is_telemetry("PROMETHEUS_URL") && !is_telemetry("ADDRESS_BOOK"));
    }
}
