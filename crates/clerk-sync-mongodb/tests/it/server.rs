//! A server that speaks MongoDB's wire protocol, for tests only: a process of its own, from PyPI, never linked
//! and never shipped.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::Duration;

const PACKAGE: &str = "SecantusDB==0.7.0b3";

/// Another deployment to test against, such as a real replica set.
const ELSEWHERE: &str = "CLERK_SYNC_TEST_MONGODB_URI";

/// The shell lives as long as it can read, which is as long as the process of the tests, however that ends;
/// then it ends the server.
const UNTIL_END_OF_INPUT: &str =
    r#""$@" </dev/null & server=$!; echo $server; read -r _; kill -9 $server; wait $server 2>/dev/null"#;

/// A running server. It ends when this is dropped, or with the process.
pub(crate) struct Server {
    shell: Child,
    input: Option<ChildStdin>,
    process: String,
    port: u16,
}

impl Server {
    /// Starts a server on a free port that keeps nothing.
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::start_at(0, ":memory:", more)
    }

    /// Starts a server; port 0 is any that is free.
    pub(crate) fn start_at(port: u16, storage: &str, more: &[&str]) -> Self {
        let program = installed();
        let mut shell = Command::new("sh")
            .args(["-c", UNTIL_END_OF_INPUT, "sh"])
            .arg(program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--storage-path", storage, "--log-level", "INFO", "--enable-test-commands"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh");
        let input = shell.stdin.take();
        let mut process = String::new();
        let mut number = BufReader::new(shell.stdout.take().expect("what it prints"));
        number.read_line(&mut process).expect("its number");
        let output = shell.stderr.take().expect("what it says");
        let (sender, ports) = channel();
        // Reads to the end, so that the server never waits for a reader.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on 127.0.0.1:") {
                    let digits: String = address.chars().take_while(char::is_ascii_digit).collect();
                    let _ = sender.send(digits.parse::<u16>().expect("a port"));
                }
            }
        });
        let port = ports.recv_timeout(Duration::from_secs(60)).expect("the test server does not start");
        Self { shell, input, process: process.trim().into(), port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Stops the server where it is, without its connections being closed, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        run(Command::new("kill").args([signal, &self.process]));
        // A thread that was running when the signal came may still answer before it stops.
        while frozen && self.is_any_thread_running() {
            std::thread::yield_now();
        }
    }

    /// Where the system tells; elsewhere no.
    fn is_any_thread_running(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process)).into_iter().flatten();
        let stats = threads.flatten().filter_map(|t| std::fs::read_to_string(t.path().join("stat")).ok());
        let stopped = |stat: &str| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'));
        stats.into_iter().any(|stat| !stopped(&stat))
    }

    pub(crate) fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }
}

impl Drop for Server {
    /// As a power cut would.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.shell.wait();
    }
}

/// The address of a deployment that all tests of this process share, each with its own database.
pub(crate) fn shared() -> String {
    static SHARED: OnceLock<Server> = OnceLock::new();
    match std::env::var(ELSEWHERE) {
        Ok(uri) => uri,
        Err(_) => SHARED.get_or_init(|| Server::start(&[])).uri(),
    }
}

/// The program, installed once below `target`.
fn installed() -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(install).clone()
}

fn install() -> PathBuf {
    // target/debug/deps/it-…
    let test = std::env::current_exe().expect("this test's path");
    let tools = test.ancestors().nth(3).expect("target").join("tools");
    std::fs::create_dir_all(&tools).expect("a folder below target");
    let home = tools.join("secantus");
    let program = home.join("bin/secantusd-py");
    let ready = home.join("ready");
    // Other test processes may want the same.
    let lock = File::create(tools.join("secantus.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    if std::fs::read_to_string(&ready).is_ok_and(|text| text == PACKAGE) {
        return program;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&home));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--pre", PACKAGE];
    run(Command::new(home.join("bin/python")).args(pip));
    assert!(Path::new(&program).exists(), "{PACKAGE} has no secantusd-py");
    std::fs::write(ready, PACKAGE).expect("a mark");
    program
}

fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).status();
    assert!(
        done.as_ref().is_ok_and(std::process::ExitStatus::success),
        "the tests of this store need python3 with venv, and pip with access to PyPI (on Debian: apt-get \
         install python3-venv), or a replica set of their own named by {ELSEWHERE}; this failed: \
         {command:?}: {done:?}"
    );
}
