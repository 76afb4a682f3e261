//! Development commands: `cargo xtask test` is what CI runs, nothing more.
#![expect(clippy::print_stdout, reason = "a command-line program")]

mod advisories;
mod browser;
mod fuzz;
mod model;
mod mutants;
mod package;
mod run;
mod sbom;
mod servers;
mod sim;
mod test;
mod tidy;
mod tools;
mod torture;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <command>

  test         everything that must hold before a change lands; installs what is missing on
               Debian or Ubuntu and says so, stops what it starts
  model        every state of the protocol, within the scopes of CI; with --full the large ones too
               (minutes, gigabytes); further words go to the model: --scope NAME, --max-states N
  torture      real faults on the real program: [--store sqlite|postgres|mongodb] [--rounds 1000]
               [--quick], and what else `clerk-sync torture` knows
  package      the npm package alone: install, build, tests, sizes, types and packing
  browser      the example page with Clerk's own SDK in Chromium, against the real program, after
               `package` and `cargo build --release`; --runs N in a row
  tidy         the rules of the house: who may know whom, where features are named, file length
  sim          schedules from seeds, on the real library: --seeds N, --minutes M, --replay SEED;
               all its options: cargo xtask sim --help
  sim --planted [NAME]
               the simulator against faults planted in a copy of the sources
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
        ["model", options @ ..] => model::model(&root, options),
        ["package"] => package::package(&root, &tools::Tools::with_node(&root)?).map(drop),
        ["browser", words @ ..] => browser::command(&root, words),
        ["tidy"] => tidy::tidy(&root),
        ["fuzz", words @ ..] => fuzz::fuzz(&root, words),
        ["mutants"] => mutants::mutants(&root),
        ["sbom"] => sbom::sbom(&root),
        ["sim", words @ ..] => sim::sim(&root, words),
        ["torture", rest @ ..] => torture::torture(&root, rest),
        ["advisories"] => advisories::advisories(&root),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command {other:?}\n\n{USAGE}"),
    }
}
