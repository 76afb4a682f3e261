//! A throw-away PostgreSQL for one run of the tests.
//!
//! A watcher outside this process stops the server and removes its files once this process is gone, however it
//! ends: it waits for the end of a pipe only this process holds.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

const MISSING: &str = "PostgreSQL's server programs were not found in /usr/lib/postgresql/*/bin or PATH; \
                       install them: apt-get install -y postgresql";

/// Who runs the server: PostgreSQL refuses root, so then it is the user its package makes.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None`: whoever runs the tests.
    fn find() -> Option<Self> {
        let id = Command::new("id").arg("-u").output().expect("the program id");
        if id.stdout.trim_ascii() != b"0" {
            return None;
        }
        let passwd = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
        let line = passwd.lines().find(|line| line.starts_with("postgres:"));
        let line =
            line.expect("root needs the user postgres, which comes with: apt-get install -y postgresql");
        let number = |i: usize| line.split(':').nth(i).and_then(|n| n.parse().ok()).expect("a number");
        Some(Self { uid: number(2), gid: number(3) })
    }
}

/// A running server.
pub(crate) struct Cluster {
    bin: PathBuf,
    directory: PathBuf,
    options: String,
    account: Option<Account>,
    port: u16,
    // Its standard input is the pipe the watcher waits for.
    _watcher: Child,
}

impl Cluster {
    /// Creates a cluster, and starts it with `settings` beside our own.
    pub(crate) fn start(settings: &str) -> Self {
        // It is part of the name of the socket, too.
        let port =
            settings.split_once("port=").map_or("5432", |(_, port)| port).parse().expect("a port at the end");
        let bin = programs();
        let account = Account::find();
        // Short, since the name of a socket may have 107 bytes.
        let directory = TempDir::with_prefix_in("cspg", "/tmp").expect("a directory in /tmp").keep();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
        if let Some(Account { uid, gid }) = account {
            std::os::unix::fs::chown(&directory, Some(uid), Some(gid)).unwrap();
        }
        let script = format!(
            "trap '' INT TERM HUP; cat; '{0}/pg_ctl' -D '{1}/d' -m immediate -w stop; rm -rf '{1}'",
            bin.display(),
            directory.display()
        );
        let mut watcher = as_account(Command::new("/bin/sh"), account);
        watcher.args(["-c", &script]).stdin(Stdio::piped()).process_group(0);
        watcher.stdout(Stdio::null()).stderr(Stdio::null());
        let watcher = watcher.spawn().expect("a shell");
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c fsync=off -c full_page_writes=off \
             -c max_connections=300 -c shared_buffers=64MB {settings}",
            directory.display()
        );
        let cluster = Self { bin, directory, options, account, port, _watcher: watcher };
        let data = cluster.directory.join("d");
        let mut init = cluster.command("initdb");
        init.arg("-D").arg(&data);
        init.args(["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--no-locale", "--no-instructions"]);
        run(init);
        cluster.up();
        cluster
    }

    /// Starts the server again.
    pub(crate) fn up(&self) {
        let mut start = self.pg_ctl();
        start.arg("-l").arg(self.directory.join("log")).args(["-o", &self.options, "start"]);
        run(start);
    }

    /// Stops the server as a power cut would.
    pub(crate) fn down(&self) {
        let mut stop = self.pg_ctl();
        stop.args(["-m", "immediate", "stop"]);
        run(stop);
    }

    fn pg_ctl(&self) -> Command {
        let mut command = self.command("pg_ctl");
        command.arg("-w").arg("-D").arg(self.directory.join("d"));
        command
    }

    fn command(&self, program: &str) -> Command {
        self.as_server(self.bin.join(program))
    }

    /// `program`, run by whoever runs the server.
    pub(crate) fn as_server(&self, program: impl AsRef<Path>) -> Command {
        let mut command = as_account(Command::new(program.as_ref()), self.account);
        command.current_dir(&self.directory);
        command
    }

    /// Where the server keeps its socket; whoever runs it may write there.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the database is.
    pub(crate) fn url(&self, database: &str) -> String {
        let directory = self.directory.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{directory}:{}/{database}", self.port)
    }
}

fn as_account(mut command: Command, account: Option<Account>) -> Command {
    if let Some(Account { uid, gid }) = account {
        command.uid(uid).gid(gid);
    }
    command
}

/// The newest server there is.
fn programs() -> PathBuf {
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = packaged
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("postgres").exists())
        .collect();
    versions.sort();
    if let Some((_, bin)) = versions.pop() {
        return bin;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let here = |bin: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| bin.join(name).exists());
    std::env::split_paths(&path).find(here).expect(MISSING)
}

/// Runs a command to its end, which must be a good one.
fn run(mut command: Command) {
    // A server that is started keeps what it inherits, so it gets no pipe of ours.
    let errors = tempfile::NamedTempFile::new().unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.reopen().unwrap());
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = std::fs::read_to_string(errors.path()).unwrap_or_default();
    assert!(status.success(), "{command:?}: {status}: {errors}");
}
