//! `config`: the settings of a server, each key with its meaning, its default and its present value.

use clap::Subcommand;
use server::Config;
use toml::{Table, Value};

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::settings::SettingsArgs;
use crate::shell::{Format, Shell};

/// Stands for a value that may hold a password.
const HIDDEN: &str = "(set, and not shown: it may hold a password)";

/// A table of settings, in the order of the file. The first one has no name.
struct Section {
    name: &'static str,
    keys: &'static [Key],
}

/// A setting.
struct Key {
    name: &'static str,
    meaning: &'static str,
    /// What a value looks like, where the default is not to have one.
    example: Option<&'static str>,
    /// Whether the value may hold a secret.
    is_secret: bool,
}

const fn key(name: &'static str, meaning: &'static str) -> Key {
    Key { name, meaning, example: None, is_secret: false }
}

const fn optional(name: &'static str, meaning: &'static str, example: &'static str) -> Key {
    Key { name, meaning, example: Some(example), is_secret: false }
}

const SECTIONS: &[Section] = &[
    Section {
        name: "",
        keys: &[
            key("listen", "Address and port to listen on; port 0 takes a free one."),
            key("data", "Folder of the embedded database and the signing key."),
            Key {
                is_secret: true,
                ..optional(
                    "database_url",
                    "PostgreSQL to use instead of the embedded database.",
                    "postgresql://change@db.example/change",
                )
            },
            optional(
                "public_url",
                "Address under which users reach this server, for links in notifications.",
                "https://change.example",
            ),
            key("log_name", "Name of this log in its signed checkpoints (C2SP origin)."),
        ],
    },
    Section {
        name: "policies",
        keys: &[
            optional(
                "folder",
                "Folder with further Cedar policies. They may restrict and widen by role, never lift a shipped control.",
                "/etc/cortex-change/policies",
            ),
            optional(
                "prover",
                "Program that proves what policies never allow; what it does not prove does not come into force.",
                "/usr/local/bin/cortex-change-prover",
            ),
            optional(
                "properties",
                "Folder with further properties for the prover.",
                "/etc/cortex-change/properties",
            ),
        ],
    },
    Section {
        name: "conflicts",
        keys: &[
            key("same_item", "Two changes at the same time on the same item: ignore, wait or deny."),
            key(
                "related",
                "One of them changes what an item of the other one leans on: ignore, wait or deny.",
            ),
            key("shared_host", "Items of both run on the same host: ignore, wait or deny."),
            key("distance", "Most relations between two items that count as related, 1 to 3."),
        ],
    },
    Section {
        name: "approvals.low",
        keys: &[key("automated", "Whether low risk may do without a person, where policy permits it.")],
    },
    Section {
        name: "approvals.medium",
        keys: &[
            key("technical_leads", "How many technical leads must approve."),
            key("deadline_seconds", "Time to decide, in seconds; afterwards the change is rejected."),
        ],
    },
    Section {
        name: "approvals.high",
        keys: &[
            key("cab_quorum", "How many members of the change advisory board must approve."),
            key("technical_leads", "How many technical leads must approve."),
            key("leads_first", "Whether the technical leads decide before the board is asked."),
            key(
                "leads_deadline_seconds",
                "Time for the technical leads, in seconds, where they decide first.",
            ),
            key("deadline_seconds", "Time for the board, in seconds; afterwards the change is rejected."),
        ],
    },
    Section {
        name: "approvals.critical",
        keys: &[
            key(
                "cab_quorum",
                "How many members of the change advisory board must approve, beside CISO and CTO.",
            ),
            key("cab_first", "Whether the board decides before CISO and CTO are asked."),
            key(
                "executives_deadline_seconds",
                "Time for CISO and CTO, in seconds, where the board decides first.",
            ),
            key("deadline_seconds", "Time for the board, in seconds; afterwards the change is rejected."),
        ],
    },
    Section {
        name: "approvals.emergency",
        keys: &[
            key("ecab_members", "How many on-call members of the emergency board must authorise it."),
            key("deadline_seconds", "Time to authorise, in seconds; afterwards it must be submitted anew."),
            key(
                "retrospective_seconds",
                "Time for the retrospective review, in seconds from the authorisation.",
            ),
        ],
    },
    Section {
        name: "boards",
        keys: &[key(
            "zone",
            "Time zone in which the CAB meets on Thursdays at 14:00 until `cab set` says something else.",
        )],
    },
    Section {
        name: "notify",
        keys: &[
            optional(
                "webhook",
                "Address to which each notification is posted as JSON, unsigned; a channel of its own.",
                "https://chat.example/hooks/change",
            ),
            key("allow_private_network", "Whether channels may lie in a private network."),
            key(
                "channels",
                "The ways to tell somebody something: a list of { name, kind, … }; see docs/notifications.md.",
            ),
            key(
                "subscriptions",
                "Which channel is told of what: a list of { channel, events, roles, services, levels, quiet_hours, digest_minutes }.",
            ),
        ],
    },
    Section {
        name: "notify.slack",
        keys: &[
            key(
                "signing_secrets",
                "Where the signing secret of the app in Slack is read from: a list of { file } or { env }.",
            ),
            key("users", "Which actors the users of Slack are: a list of { user, actor }."),
        ],
    },
    Section {
        name: "health",
        keys: &[
            optional(
                "prometheus",
                "Address of a Prometheus that is asked how healthy the system is.",
                "http://prometheus:9090",
            ),
            key("allow_private_network", "Whether it may lie in a private network."),
            key(
                "interval_seconds",
                "Time from one round of queries to the next, in seconds. An answer older than three of them is none.",
            ),
            key("timeout_seconds", "Longest time for one answer, in seconds."),
            key(
                "signals",
                "What is asked: a list of { name, query, healthy_at_most or healthy_at_least }, at most 20.",
            ),
        ],
    },
    Section {
        name: "lease",
        keys: &[
            key("seconds", "How long a runner's lease lives without a heartbeat, in seconds."),
            key("grace_seconds", "How long after its end a lease may be taken over, in seconds."),
        ],
    },
    Section {
        name: "limits",
        keys: &[
            key("concurrent_requests", "Requests worked on at once; further ones are answered 503."),
            key("request_seconds", "Longest time for one request, in seconds."),
            key("event_subscribers", "Subscribers to the event stream at once."),
            key("shutdown_seconds", "Longest time for requests to end at shutdown, in seconds."),
            key("refusals_recorded_per_hour", "Refused attempts of one actor that are recorded per hour."),
            key(
                "trail_entries",
                "Entries of a change's trail after which people can add nothing more to it.",
            ),
        ],
    },
];

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print every setting with its meaning, default and present value, as a file that can be used
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change config show > cortex-change.toml")]
struct ShowArgs {
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(crate) fn run(Args { command: ConfigCommand::Show(args) }: Args, shell: &Shell) -> Outcome {
    let config = args.settings.read(shell)?;
    match shell.format() {
        Format::Text => shell.data(&commented(&config)?)?,
        Format::Json => {
            let mut shown = config;
            shown.database_url = shown.database_url.map(|_| HIDDEN.to_owned());
            shell.json(&shown)?;
        }
    }
    Ok(ExitStatus::Done)
}

/// The settings as a commented file.
fn commented(config: &Config) -> Result<String, Failure> {
    let (default, present) = (table(&Config::default())?, table(config)?);
    let mut lines = Vec::new();
    for section in SECTIONS {
        if !section.name.is_empty() {
            lines.push(format!("[{}]", section.name));
        }
        for key in section.keys {
            lines.push(format!("# {}", key.meaning));
            let default = value(&default, section, key);
            lines.push(format!(
                "# Default: {}",
                default.map_or_else(|| "none".to_owned(), ToString::to_string)
            ));
            lines.push(match value(&present, section, key) {
                Some(_) if key.is_secret => format!("# {} = {HIDDEN}", key.name),
                Some(present) => format!("{} = {present}", key.name),
                None => format!("# {} = \"{}\"", key.name, key.example.unwrap_or_default()),
            });
            lines.push(String::new());
        }
    }
    Ok(lines.join("\n"))
}

fn table(config: &Config) -> Result<Table, Failure> {
    Table::try_from(config).map_err(|error| Failure::new("the settings cannot be written").caused_by(&error))
}

fn value<'a>(table: &'a Table, section: &Section, key: &Key) -> Option<&'a Value> {
    let mut table = table;
    for part in section.name.split('.').filter(|part| !part.is_empty()) {
        table = table.get(part)?.as_table()?;
    }
    table.get(key.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key of a table, with its path.
    fn paths(table: &Table, above: &str) -> Vec<String> {
        let each = table.iter().flat_map(|(name, value)| match value {
            Value::Table(inner) => paths(inner, &format!("{above}{name}.")),
            _ => vec![format!("{above}{name}")],
        });
        each.collect()
    }

    /// Settings in which every key has a value.
    fn complete() -> Config {
        let mut config = Config {
            database_url: Some("postgresql://change:hunter2@db/change".to_owned()),
            public_url: Some("https://change.example".to_owned()),
            policies: server::Policies {
                folder: Some("/policies".into()),
                prover: Some("/prover".into()),
                properties: Some("/properties".into()),
            },
            ..Config::default()
        };
        config.notify.webhook = Some("https://chat.example".to_owned());
        config.notify.channels = vec![server::Channel::Webhook(server::WebhookChannel {
            name: "ops".to_owned(),
            url: "https://ops.example".to_owned(),
            secrets: vec![server::SecretFrom::File("/etc/cortex-change/ops".into())],
        })];
        config.notify.subscriptions = vec![server::Subscription {
            channel: "ops".to_owned(),
            events: vec![domain::change::Notice::Approved],
            roles: Vec::new(),
            services: Vec::new(),
            levels: Vec::new(),
            quiet_hours: Some(server::QuietHours {
                from: "22:00".to_owned(),
                to: "07:00".to_owned(),
                zone: "Europe/Berlin".to_owned(),
            }),
            digest_minutes: Some(60),
        }];
        config.health.prometheus = Some("http://prometheus:9090".to_owned());
        config.health.signals = vec![server::Signal {
            name: "errors".to_owned(),
            query: "sum(rate(errors_total[5m]))".to_owned(),
            healthy_at_most: Some(0.5),
            healthy_at_least: None,
        }];
        config
    }

    #[test]
    fn every_key_is_explained_and_every_explained_key_exists() {
        let mut existing = paths(&table(&complete()).unwrap(), "");
        let mut explained: Vec<_> = SECTIONS
            .iter()
            .flat_map(|section| {
                let above =
                    if section.name.is_empty() { String::new() } else { format!("{}.", section.name) };
                section.keys.iter().map(move |key| format!("{above}{}", key.name))
            })
            .collect();
        existing.sort();
        explained.sort();
        assert_eq!(explained, existing);
    }

    #[test]
    fn what_is_shown_is_a_file_that_means_the_same() {
        let shown = commented(&Config::default()).unwrap();
        assert_eq!(Config::from_toml(&shown).unwrap(), Config::default());
        let read = Config::from_toml(&commented(&complete()).unwrap()).unwrap();
        assert_eq!(read, Config { database_url: None, ..complete() });
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = commented(&complete()).unwrap();
        assert!(!shown.contains("hunter2") && shown.contains(HIDDEN), "{shown}");
    }
}
