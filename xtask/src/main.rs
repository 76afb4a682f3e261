//! Development commands: `cargo xtask test` is what CI runs, nothing more.
#![expect(clippy::print_stdout, reason = "a command-line program")]

mod advisories;
mod package;
mod run;
mod servers;
mod test;
mod tidy;
mod tools;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <command>

  test         everything that must hold before a change lands; installs what is missing on
               Debian or Ubuntu and says so, stops what it starts
  package      the npm package alone: install, build, tests, sizes, types and packing
  tidy         the rules of the house: who may know whom, where features are named, file length
  advisories   known vulnerabilities of crates and npm packages; needs the network, and says
               when it cannot reach its data";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let root = run::workspace_root()?;
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test"] => test::test(&root),
        ["package"] => package::package(&root, &tools::Tools::with_node(&root)?).map(drop),
        ["tidy"] => tidy::tidy(&root),
        ["advisories"] => advisories::advisories(&root),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command {other:?}\n\n{USAGE}"),
    }
}
