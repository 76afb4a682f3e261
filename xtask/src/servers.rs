//! Databases for the stages that run the program: real servers, in a temporary folder, on free ports.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::run::{command, run};
use crate::tools;

/// The MongoDB-wire server the tests run against; a beta, under GPL, so a process of its own and nothing more.
const SECANTUS: &str = "SecantusDB==0.7.0b3";

/// A PostgreSQL server; it ends and its folder goes when this is dropped.
pub(crate) struct Postgres {
    folder: PathBuf,
    bin: PathBuf,
    as_root: bool,
    port: u16,
}

impl Postgres {
    pub(crate) fn start(root: &Path) -> Result<Self> {
        let bin = tools::postgres_folder().context("install postgresql")?;
        let folder = std::env::temp_dir().join(format!("clerk-sync-pg-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let as_root = tools::is_root(root);
        if as_root {
            run(command(root, &["chown", "postgres", &folder.to_string_lossy()])?)?;
        }
        let port = free_port()?;
        let server = Self { folder, bin, as_root, port };
        let data = server.data();
        let initdb = [
            "initdb",
            "-D",
            &data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-instructions",
        ];
        run(server.tool(&initdb))?;
        server.pg_ctl(&server.start_words())?;
        Ok(server)
    }

    /// Where it is, as a `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A shell command that stops it as a crash would.
    pub(crate) fn stop_command(&self) -> String {
        self.shell(&["pg_ctl", "-D", &self.data(), "-m", "immediate", "-w", "stop"])
    }

    /// A shell command that starts it again.
    pub(crate) fn start_command(&self) -> String {
        let words = self.start_words();
        self.shell(&[&["pg_ctl"][..], &words.iter().map(String::as_str).collect::<Vec<_>>()].concat())
    }

    fn data(&self) -> String {
        self.folder.join("data").to_string_lossy().into_owned()
    }

    fn start_words(&self) -> Vec<String> {
        let folder = self.folder.to_string_lossy();
        let settings = format!(
            "-c listen_addresses=127.0.0.1 -p {} -c unix_socket_directories={folder} -c max_connections=200",
            self.port
        );
        let log = self.folder.join("log").to_string_lossy().into_owned();
        ["-D", &self.data(), "-w", "-l", &log, "-o", &settings, "start"].map(str::to_owned).to_vec()
    }

    fn pg_ctl(&self, words: &[String]) -> Result<()> {
        let words: Vec<&str> = std::iter::once("pg_ctl").chain(words.iter().map(String::as_str)).collect();
        run(self.tool(&words))
    }

    /// One of PostgreSQL's tools, which refuse to be run by root.
    fn tool(&self, words: &[&str]) -> Command {
        let program = self.bin.join(words.first().copied().unwrap_or_default());
        let mut command = if self.as_root { Command::new("runuser") } else { Command::new(&program) };
        if self.as_root {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        command.args(words.iter().skip(1)).current_dir(&self.folder).stdout(Stdio::null());
        command
    }

    fn shell(&self, words: &[&str]) -> String {
        let command = self.tool(words);
        let all = std::iter::once(command.get_program()).chain(command.get_args());
        all.map(|word| format!("'{}'", word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        if let Err(error) = run(self.tool(&["pg_ctl", "-D", &data, "-m", "immediate", "-w", "stop"])) {
            println!("PostgreSQL was not stopped: {error}");
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            println!("{} stays: {error}", self.folder.display());
        }
    }
}

/// A server of MongoDB's wire protocol, its data in a folder so that it can be stopped and started; both go when this
/// is dropped.
pub(crate) struct Mongodb {
    folder: PathBuf,
    port: u16,
}

impl Mongodb {
    pub(crate) fn start(root: &Path) -> Result<Self> {
        let tools = root.join("target/tools/secantus");
        let program = tools.join("bin/secantusd-py");
        if !program.is_file() {
            println!("==> installing {SECANTUS} in {}", tools.display());
            run(command(root, &["python3", "-m", "venv", &tools.to_string_lossy()])?)?;
            let pip = tools.join("bin/pip").to_string_lossy().into_owned();
            run(command(root, &[&pip, "install", "--quiet", "--pre", SECANTUS])?)?;
        }
        let folder = std::env::temp_dir().join(format!("clerk-sync-mongo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let port = free_port()?;
        let server = Self { folder, port };
        let data = server.folder.join("data");
        std::fs::create_dir_all(&data)?;
        let (log, pid) = (server.folder.join("log"), server.folder.join("pid"));
        let (program, data, log, pid) = (program.display(), data.display(), log.display(), pid.display());
        // It keeps a session of its storage for every connection it ever had, and refuses everybody once there are
        // as many as it was started with; MongoDB's own server has as many as this.
        let sessions = "--session-max 33000";
        // Without this it acknowledges writes that ask for the journal before they are in it.
        let journal = "--sync-on-commit";
        // Up is when it says so once more in its log.
        let start = format!(
            "seen=$(grep -c 'listening on' '{log}' 2>/dev/null || true)
'{program}' --host 127.0.0.1 --port {port} --storage-path '{data}' --log-level INFO {sessions} {journal} </dev/null >>'{log}' 2>&1 &
echo $! >'{pid}'
for _ in $(seq 300); do
  [ \"$(grep -c 'listening on' '{log}')\" -gt \"${{seen:-0}}\" ] && exit 0
  kill -0 \"$(cat '{pid}')\" || exit 1
  sleep 0.1
done
exit 1
"
        );
        // As a crash would, and only once it is gone.
        let stop = format!(
            "kill -9 \"$(cat '{pid}')\"
for _ in $(seq 200); do
  case \"$(cut -d' ' -f3 /proc/$(cat '{pid}')/stat 2>/dev/null)\" in ''|Z) exit 0 ;; esac
  sleep 0.05
done
exit 1
"
        );
        std::fs::write(server.folder.join("start.sh"), start)?;
        std::fs::write(server.folder.join("stop.sh"), stop)?;
        run(command(root, &["sh", "-c", &server.start_command()])?)
            .context("the MongoDB-wire server cannot be started")?;
        Ok(server)
    }

    /// Where it is, as a `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/app?replicaSet=secantus", self.port)
    }

    /// A shell command that kills it.
    pub(crate) fn stop_command(&self) -> String {
        format!("sh '{}'", self.folder.join("stop.sh").display())
    }

    /// A shell command that starts it again, on the data it had.
    pub(crate) fn start_command(&self) -> String {
        format!("sh '{}'", self.folder.join("start.sh").display())
    }
}

impl Drop for Mongodb {
    fn drop(&mut self) {
        let stopped = command(&self.folder, &["sh", "stop.sh"]).and_then(run);
        if let Err(error) = stopped {
            println!("the MongoDB-wire server was not stopped: {error}");
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            println!("{} stays: {error}", self.folder.display());
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
