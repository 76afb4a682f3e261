//! The real program as a child process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clerk_sync_emulator::Emulator;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::DatabaseUrl;

/// The origin of the page the rig's browser signs in at.
pub(crate) const ORIGIN: &str = "http://localhost:3000";
/// How long a server may take to be ready.
const START_TIME: Duration = Duration::from_secs(20);
/// How long it may take to end when told to.
const STOP_TIME: Duration = Duration::from_secs(40);

/// What a server is started with: variables of its environment, and perhaps a program it is started by.
#[derive(Debug, Clone)]
pub(crate) struct ServerSettings {
    variables: Vec<(&'static str, String)>,
    launcher: Vec<String>,
    log: Option<PathBuf>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            variables: vec![
                ("RUST_LOG", "error".to_owned()),
                // Clerk's answers are never stale here unless the weather says so.
                ("CLERK_SYNC_STALENESS_BOUND_MS", "200".to_owned()),
                ("CLERK_SYNC_LISTEN", "127.0.0.1:0".to_owned()),
                // Whoever plays a lost webhook is to see what happens without it, unless it asks for more.
                ("CLERK_SYNC_CATCH_UP_MS", "0".to_owned()),
                ("CLERK_SYNC_SWEEP_EVERY_S", "0".to_owned()),
            ],
            launcher: vec![],
            log: None,
        }
    }
}

impl ServerSettings {
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// Starts it by another program, which must become it or pass its output on.
    #[must_use]
    pub(crate) fn launched_by(mut self, words: &[&str]) -> Self {
        self.launcher = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Appends what it logs to a file instead of showing it.
    #[must_use]
    pub(crate) fn logging_to(mut self, file: &Path) -> Self {
        self.log = Some(file.to_path_buf());
        self
    }

    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
    }

    /// Points it to an offline Clerk, whose Backend API is at `api_url`.
    pub(crate) fn at_clerk(&mut self, clerk: &Emulator, api_url: &str) {
        self.set("CLERK_SECRET_KEY", clerk.secret_key());
        self.set("CLERK_PUBLISHABLE_KEY", clerk.publishable_key());
        self.set("CLERK_WEBHOOK_SIGNING_SECRET", clerk.webhook_secret());
        self.set("CLERK_API_URL", api_url);
        self.set("CLERK_SYNC_AUTHORIZED_PARTIES", ORIGIN);
    }
}

impl ServerSettings {
    /// The program with other words in the same environment.
    pub(crate) fn command(&self, database: &DatabaseUrl, words: &[&str]) -> Result<Command> {
        let program = std::env::current_exe().context("this program does not know where it is")?;
        let mut command = match self.launcher.split_first() {
            Some((launcher, words)) => {
                let mut command = Command::new(launcher);
                command.args(words).arg(program);
                command
            }
            None => Command::new(program),
        };
        if let Some(file) = &self.log {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
            command.stderr(file);
        }
        command
            .args(words)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())))
            .env("DATABASE_URL", database.as_str())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }
}

/// A running server.
pub(crate) struct Server {
    settings: ServerSettings,
    database: DatabaseUrl,
    address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts one and waits until it serves.
    pub(crate) async fn start(settings: &ServerSettings, database: &DatabaseUrl) -> Result<Self> {
        let (child, address) = spawn(settings, database).await?;
        Ok(Self { settings: settings.clone(), database: database.clone(), address, child })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn webhook_url(&self) -> String {
        format!("{}/webhooks/clerk", self.url())
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// Sends it a signal by its name: `STOP`, `CONT`.
    pub(crate) async fn signal(&self, name: &str) -> Result<()> {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.pid()?.to_string()]).status().await?;
        ensure!(sent.success(), "the server could not be sent SIG{name}");
        Ok(())
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("the server could not be killed")
    }

    /// Starts it again at the same address and on the same database, with what was learnt kept nowhere else.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let settings = self.settings.clone().with("CLERK_SYNC_LISTEN", self.address.to_string());
        let (child, _) = spawn(&settings, &self.database).await?;
        self.child = child;
        Ok(())
    }

    /// Tells it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.signal("TERM").await?;
        let status = tokio::time::timeout(STOP_TIME, self.child.wait())
            .await
            .context("the server did not stop in time")??;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }
}

async fn spawn(settings: &ServerSettings, database: &DatabaseUrl) -> Result<(Child, SocketAddr)> {
    let mut child = settings
        .command(database, &["serve", "--until-input-ends"])?
        // Whatever ends us closes this pipe, and then the server ends as well.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the server could not be started")?;
    let stdout = child.stdout.take().context("the server has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let first = tokio::time::timeout(START_TIME, lines.next_line())
        .await
        .context("the server did not say where it listens in time")??;
    let Some(line) = first else {
        let status = child.wait().await?;
        bail!("the server ended before it served ({status})");
    };
    let address = line.rsplit("http://").next().and_then(|text| text.trim().parse().ok());
    let address = address.with_context(|| format!("the server said {line:?} instead of where it listens"))?;
    Ok((child, address))
}
