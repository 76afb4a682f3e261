//! Runs the program.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

/// The program with these words, and an environment of these variables alone.
pub(crate) fn program(words: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clerk-sync"));
    command.args(words).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs it to its end, in an empty folder.
pub(crate) fn run(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    program(words, variables).current_dir(folder.path()).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running program; it is killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// Every address it said it listens on.
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl Running {
    /// Starts it and waits for the line with its address.
    pub(crate) fn start(words: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(words, variables);
        command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().expect("it ended without a word").unwrap();
        let (_, address) = line.split_once("http://").expect("the first line has no address");
        let url = format!("http://{address}");
        // Reads on, or the program would be stopped by a full or closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, _folder: folder }
    }

    pub(crate) fn terminate(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
