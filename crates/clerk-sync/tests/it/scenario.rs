//! Scripts with golden output: what is done, and what is seen of it, as text a reader can check.
//!
//! A line that starts with `> ` is a command (see [`play`]), one with `#` a remark, all others are output. Each
//! script runs on every store; with `BLESS=1` the output is written back instead of compared.

mod play;
mod show;

use std::path::PathBuf;

use crate::harness::World;
use play::Play;

/// Runs a script and answers it with the output it makes.
fn played(script: &str, world: World) -> String {
    let mut play = Play::new(world);
    let mut text = String::new();
    for line in script.lines() {
        let command = line.strip_prefix("> ");
        if command.is_none() && !line.is_empty() && !line.starts_with('#') {
            continue;
        }
        text.push_str(line);
        text.push('\n');
        for output in command.map(|command| play.run(command)).unwrap_or_default() {
            text.push_str(&output);
            text.push('\n');
        }
    }
    text
}

fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenario").join(name);
    let golden = std::fs::read_to_string(&path).unwrap();
    let in_memory = played(&golden, World::in_memory());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &in_memory).unwrap();
    } else {
        same(name, "memory", &golden, &in_memory);
    }
    same(name, "sqlite", &in_memory, &played(&golden, World::on_sqlite()));
}

#[track_caller]
fn same(name: &str, store: &str, expected: &str, found: &str) {
    let lines = expected.lines().zip(found.lines()).enumerate();
    if let Some((number, (expected, found))) = lines.into_iter().find(|(_, (a, b))| a != b) {
        panic!("{name}:{} on {store}\n  expected: {expected}\n  found:    {found}", number + 1);
    }
    assert_eq!(expected, found, "{name} on {store}");
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(concat!(stringify!($name), ".txt"));
            }
        )*

        #[test]
        fn every_script_is_run() {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenario");
            let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            let scripts = files.filter_map(|name| name.to_str()?.strip_suffix(".txt").map(String::from));
            let mut scripts: Vec<_> = scripts.collect();
            scripts.sort();
            assert_eq!(scripts, [$(stringify!($name)),*]);
        }
    };
}

scenarios! { answers deletions faults log names order roles sign_ins versions }
