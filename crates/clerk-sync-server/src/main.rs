//! The clerk-sync program.
//!
//! `serve` runs beside any backend, `dev` and `demo` need no configuration, `emulator` is an offline Clerk.

mod bench;
mod cli;
mod compose;
mod config;
mod demo;
mod dev;
mod doctor;
mod listen;
mod moment;
mod rig;
mod telemetry;
mod torture;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cli::complain(&error.into()),
    };
    match runtime.block_on(cli.run()) {
        Ok(code) => code,
        Err(error) => cli::complain(&error),
    }
}
