//! What `strace` wrote down, as calls on the database's files.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};

/// The calls that change files or sync them; SQLite uses no others.
const CALLS: &str = "trace=pwrite64,fsync,fdatasync,ftruncate,unlink";

/// The words that start a program so that it is recorded in `file`. It stays our child: the recorder is the grandchild.
pub(super) fn launcher(file: &str) -> [&str; 13] {
    ["strace", "-D", "-f", "-qq", "-s", "1048576", "-xx", "-ttt", "-y", "-e", CALLS, "-o", file]
}

/// A call that went well, on the file whose name ends so: nothing for the database, `-wal` and `-journal`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Call {
    Write {
        file: String,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        length: usize,
    },
    /// A sync began, at this moment in Unix seconds: what is written from here on is not in it.
    SyncBegan {
        file: String,
        at: f64,
    },
    /// It has ended, and what was written before it began is kept.
    SyncEnded {
        file: String,
    },
    Remove {
        file: String,
    },
}

/// Reads a recording; `database`: the name of the database's file. A write counts from its end: one that is under
/// way when a sync begins is not in it.
pub(super) fn read(record: &Path, database: &str) -> Result<Vec<Call>> {
    let file = std::fs::File::open(record).context("nothing was recorded: is strace there?")?;
    let mut under_way: HashMap<String, String> = HashMap::new();
    let mut calls = vec![];
    for line in BufReader::new(file).lines() {
        let line = line?;
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((time, text)) = rest.trim_start().split_once(' ') else { continue };
        let Ok(time) = time.parse::<f64>() else { continue };
        if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            calls.extend(synced(begun, database).map(|file| Call::SyncBegan { file, at: time }));
            under_way.insert(thread.to_owned(), begun.to_owned());
        } else if text.starts_with("<... ") {
            let Some(begun) = under_way.remove(thread) else { continue };
            let end = text.split_once("resumed>").map_or("", |(_, end)| end);
            calls.extend(call(&(begun + end), database));
        } else {
            calls.extend(synced(text, database).map(|file| Call::SyncBegan { file, at: time }));
            calls.extend(call(text, database));
        }
    }
    Ok(calls)
}

/// The file of a sync that has begun.
fn synced(text: &str, database: &str) -> Option<String> {
    let (name, arguments) = text.split_once('(')?;
    matches!(name, "fsync" | "fdatasync").then(|| file(arguments, database)).flatten()
}

/// The file a first argument names as `9<path>` or `"path"`; `None` for other files than the database's.
fn file(argument: &str, database: &str) -> Option<String> {
    let path = argument.split(['<', '"']).nth(1)?.split(['>', '"']).next()?;
    let path = String::from_utf8(bytes(path)?).ok()?;
    Some(path.rsplit('/').next()?.strip_prefix(database)?.to_owned())
}

/// `name(arguments) = result`
fn call(text: &str, database: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") = ")?;
    let result: usize = result.split_whitespace().next()?.parse().ok()?;
    let mut arguments = arguments.split(", ");
    let file = file(arguments.next()?, database)?;
    match name {
        "pwrite64" => {
            let mut bytes = bytes(arguments.next()?.trim_matches('"'))?;
            bytes.truncate(result);
            Some(Call::Write { file, offset: arguments.nth(1)?.parse().ok()?, bytes })
        }
        "ftruncate" => Some(Call::Truncate { file, length: arguments.next()?.parse().ok()? }),
        "fsync" | "fdatasync" => Some(Call::SyncEnded { file }),
        "unlink" => Some(Call::Remove { file }),
        _ => None,
    }
}

/// `\x2f\x77` as bytes.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "/t/a.db" and its companions.
    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    fn calls(lines: &[String]) -> Vec<Call> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        read(file.path(), "a.db").unwrap()
    }

    #[test]
    fn reads_writes_syncs_and_removals() {
        let (wal, journal) = (hex("/t/a.db-wal"), hex("/t/a.db-journal"));
        let read = calls(&[
            format!("7 10.5 pwrite64(9<{wal}>, \"{}\", 3, 32) = 3", hex("abc")),
            format!("7 10.6 fdatasync(9<{wal}>) = 0"),
            format!("7 10.7 ftruncate(9<{wal}>, 0) = 0"),
            format!("7 10.8 unlink(\"{journal}\") = 0"),
            format!("7 10.9 fsync(3<{}>) = 0", hex("/t")),
            format!(
                "7 11.0 pwrite64(9<{wal}>, \"{}\", 3, 32) = -1 ENOSPC (No space left on device)",
                hex("abc")
            ),
        ]);
        let file = "-wal".to_owned();
        let wanted = [
            Call::Write { file: file.clone(), offset: 32, bytes: b"abc".to_vec() },
            Call::SyncBegan { file: file.clone(), at: 10.6 },
            Call::SyncEnded { file: file.clone() },
            Call::Truncate { file, length: 0 },
            Call::Remove { file: "-journal".into() },
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn a_write_under_way_when_a_sync_begins_is_not_in_it() {
        let database = hex("/t/a.db");
        let read = calls(&[
            format!("7 10.5 fsync(9<{database}> <unfinished ...>"),
            format!("8 10.6 pwrite64(9<{database}>, \"{}\", 1, 0) = 1", hex("x")),
            "7 10.7 <... fsync resumed>) = 0".to_owned(),
        ]);
        let file = String::new();
        assert_eq!(read[0], Call::SyncBegan { file: file.clone(), at: 10.5 });
        assert_eq!(read[1], Call::Write { file: file.clone(), offset: 0, bytes: b"x".to_vec() });
        assert_eq!(read[2], Call::SyncEnded { file });
    }
}
