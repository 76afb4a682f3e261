//! Development commands: `cargo xtask test` is what CI runs, nothing more.
#![expect(clippy::print_stdout, reason = "a command-line program")]

mod advisories;
mod fuzz;
mod mutants;
mod run;
mod sbom;
mod servers;
mod test;
mod tidy;
mod tools;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <command>

  test         everything that must hold before a change lands; installs what is missing on
               Debian or Ubuntu and says so, stops what it starts
  tidy         the rules of the house: who may know whom, where features are named, file length
  advisories   known vulnerabilities of crates and npm packages; needs the network, and says
               when it cannot reach its data
  fuzz         every fuzz target with libFuzzer, ten minutes each, or --minutes M, --seconds S
  mutants      plants faults in core, one by one, and tells which no test notices
  sbom         what the program and the npm packages are made of, as CycloneDX, with checksums;
               written to target/sbom";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let root = run::workspace_root()?;
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test"] => test::test(&root),
        ["tidy"] => tidy::tidy(&root),
        ["fuzz", words @ ..] => fuzz::fuzz(&root, words),
        ["mutants"] => mutants::mutants(&root),
        ["sbom"] => sbom::sbom(&root),
        ["advisories"] => advisories::advisories(&root),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command {other:?}\n\n{USAGE}"),
    }
}
