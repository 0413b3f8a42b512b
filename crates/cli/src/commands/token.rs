//! `token`: access tokens of an actor. A token is shown once, when it is issued, and never again.

use api::actor::IssueToken;
use clap::Subcommand;
use domain::actor::Scope;
use domain::duration::parse_duration_seconds;
use domain::id::TokenId;

use super::Outcome;
use crate::args::word;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// List an actor's tokens, without their secrets
    List(ListArgs),
    /// Issue a token; prints it, this once, on standard output
    Issue(IssueArgs),
    /// Revoke a token
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change token list shop-pipeline")]
struct ListArgs {
    /// The actor's name or id
    actor: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change token issue shop-pipeline --scope read --scope request --scope implement \
                        --label 'deploy job' --expires-in 30d"
)]
struct IssueArgs {
    /// The actor's name or id
    actor: String,
    /// What it may be used for; repeat for each
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = word(Scope::ALL))]
    scopes: Vec<Scope>,
    /// What it is for, in words
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// How long it lives, for example 30d; 90d when absent
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires_in: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change token revoke shop-pipeline tok_7k2m")]
struct RevokeArgs {
    /// The actor's name or id
    actor: String,
    /// The token's id, as `token list` shows it
    token: TokenId,
}

impl From<IssueArgs> for (String, IssueToken) {
    fn from(IssueArgs { actor, scopes, label, expires_in }: IssueArgs) -> Self {
        (actor, IssueToken { scopes: scopes.iter().map(ToString::to_string).collect(), expires_in, label })
    }
}

/// Checks the form and keeps the text, which the server reads itself.
fn lifetime(text: &str) -> Result<String, domain::duration::InvalidDuration> {
    parse_duration_seconds(text).map(|_| text.to_owned())
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command {
        TokenCommand::List(args) => {
            let page = client.list_tokens(&args.actor).await?;
            match shell.format() {
                Format::Text => shell.data(&render::actor::tokens(&page.items, shell.data_paint()))?,
                Format::Json => shell.json(&page)?,
            }
        }
        TokenCommand::Issue(args) => {
            let (actor, request) = args.into();
            let issued = client.issue_token(&actor, &request).await?;
            match shell.format() {
                Format::Text => shell.data(&format!("{}\n", issued.token))?,
                Format::Json => shell.json(&issued)?,
            }
            let until = render::instant(&issued.expires_at);
            shell.say(format!(
                "{} for {actor}, until {until}; the secret is shown this once",
                issued.token_id
            ));
        }
        TokenCommand::Revoke(args) => {
            client.revoke_token(&args.actor, args.token.as_str()).await?;
            shell.say(format!("{} is revoked", args.token));
        }
    }
    Ok(ExitStatus::Done)
}
