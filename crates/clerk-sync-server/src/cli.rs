//! The commands.

mod emulator;
mod migrate;
mod serve;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::config::Raw;
use crate::{bench, config, demo, dev, telemetry};

/// Keeps an app's users table equal to Clerk: a person who can sign in always has exactly one correct row, and
/// nobody else has one.
#[derive(Debug, Parser)]
#[command(name = "clerk-sync", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes webhooks and answers GET /me, beside any backend.
    #[command(after_help = "Examples:
  CLERK_SECRET_KEY=sk_test_… CLERK_PUBLISHABLE_KEY=pk_test_… CLERK_WEBHOOK_SIGNING_SECRET=whsec_… clerk-sync serve
  clerk-sync serve --config /etc/clerk-sync.toml --listen 0.0.0.0:8787

Every setting is in docs/configuration.md.")]
    Serve(Serve),
    /// An offline Clerk, a server and a page to play with: no account, no configuration.
    #[command(after_help = "Examples:
  clerk-sync dev
  clerk-sync dev --listen 127.0.0.1:9000 --database-url sqlite:dev.db
  clerk-sync dev --clerk-js node_modules/@clerk/clerk-js

Clerk's Frontend API is at /__clerk: let the page's development server forward /__clerk and /me there, give Clerk's SDK
proxyUrl=\"/__clerk\" and the publishable key that is printed, and sign up with any address and the code 424242.")]
    Dev(dev::Settings),
    /// Plays every failure there is over real HTTP and gives its verdict.
    #[command(after_help = "Examples:
  clerk-sync demo
  clerk-sync demo --only race --only email_reused
  clerk-sync demo --json | jq -r '.scenario + \" \" + .verdict'
  clerk-sync demo --seed 7 --database-url sqlite:/tmp/demo.db")]
    Demo(Demo),
    /// An offline Clerk by itself: Frontend API, Backend API, session tokens and signed webhooks.
    #[command(after_help = "Examples:
  clerk-sync emulator --webhook-url http://127.0.0.1:3000/webhooks/clerk
  clerk-sync emulator --listen 127.0.0.1:4010 --speed 60 --weather '{\"webhook_drop\":0.05}'
  clerk-sync emulator --users 100000 --no-rate-limit
  clerk-sync emulator --clerk-js node_modules/@clerk/clerk-js --multi-session

Clerk's SDK finds its Frontend API at /__clerk (proxyUrl); the code of every e-mail is 424242.")]
    Emulator(emulator::Settings),
    /// Applies pending migrations of the database.
    #[command(after_help = "Examples:
  clerk-sync migrate
  clerk-sync migrate --check --database-url sqlite:users.db
  clerk-sync migrate --print --database-url postgres://localhost/app")]
    Migrate(migrate::Settings),
    /// Prints every setting of `serve`: variable, key in the file, default, meaning.
    #[command(after_help = "Examples:
  clerk-sync settings
  clerk-sync settings | grep WEBHOOK")]
    Settings,
    /// Prints the OpenAPI description of what `serve` answers.
    #[command(after_help = "Examples:
  clerk-sync openapi > openapi.json
  clerk-sync openapi | jq '.paths | keys'")]
    Openapi,
    /// Measures, and checks that nothing is lost: sign-ups, a stampede, kill -9.
    #[command(
        subcommand,
        after_help = "Examples:
  clerk-sync bench signups --count 10000
  clerk-sync bench stampede
  clerk-sync bench kill --rounds 200"
    )]
    Bench(bench::Bench),
}

#[derive(Debug, Args)]
struct Serve {
    /// Configuration file; without it clerk-sync.toml, if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on, over CLERK_SYNC_LISTEN.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where the users are, over DATABASE_URL.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Args)]
struct Demo {
    /// Where each scenario gets a database of its own; without it in a temporary folder.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Makes the weather and the moments of kills repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object a line: scenario, verdict, timeline.
    #[arg(long)]
    json: bool,
    /// Only this scenario; may be given several times.
    #[arg(long, value_name = "SCENARIO")]
    only: Vec<String>,
}

impl Cli {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let ok = |()| ExitCode::SUCCESS;
        match self.command {
            Command::Serve(serve) => {
                telemetry::start("info");
                let flags =
                    Raw::default().with("listen", serve.listen).with("database_url", serve.database_url);
                serve::serve(flags, serve.config.as_deref()).await.map(ok)
            }
            Command::Dev(settings) => {
                telemetry::start("warn");
                dev::run(settings).await.map(ok)
            }
            Command::Demo(settings) => {
                telemetry::start("error");
                let style = if settings.json { demo::Style::Json } else { demo::Style::Person };
                let program = demo::Program {
                    seed: settings.seed,
                    database_url: settings.database_url,
                    only: settings.only,
                    style,
                };
                Ok(code(demo::run(&program).await?))
            }
            Command::Emulator(settings) => {
                telemetry::start("info");
                emulator::run(settings).await.map(ok)
            }
            Command::Migrate(settings) => {
                telemetry::start("warn");
                Ok(code(migrate::run(settings).await?))
            }
            Command::Settings => {
                say(config::page().trim_end());
                Ok(ExitCode::SUCCESS)
            }
            Command::Openapi => {
                say(&serde_json::to_string_pretty(&clerk_sync::http::openapi())?);
                Ok(ExitCode::SUCCESS)
            }
            Command::Bench(bench) => {
                telemetry::start("error");
                Ok(code(bench.run().await?))
            }
        }
    }
}

fn code(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line for whoever started the program; a closed pipe is theirs to close.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// An error with its chain, for a person.
pub(crate) fn complain(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "clerk-sync: {error:#}");
    ExitCode::FAILURE
}
