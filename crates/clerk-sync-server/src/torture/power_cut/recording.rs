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

/// A call that has ended well, on the file whose name ends so: nothing for the database, `-wal` and `-journal`.
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
    /// `began`: Unix seconds. What was written while it was under way is not in it.
    Sync {
        file: String,
        began: f64,
    },
    Remove {
        file: String,
    },
}

/// Reads a recording; `database`: the name of the database's file. A call counts from its end, which for a
/// write under way during a sync is the worse of the two.
pub(super) fn read(record: &Path, database: &str) -> Result<Vec<Call>> {
    let file = std::fs::File::open(record).context("nothing was recorded: is strace there?")?;
    let mut under_way: HashMap<String, (f64, String)> = HashMap::new();
    let mut calls = vec![];
    for line in BufReader::new(file).lines() {
        let line = line?;
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((time, text)) = rest.trim_start().split_once(' ') else { continue };
        let Ok(time) = time.parse::<f64>() else { continue };
        if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            under_way.insert(thread.to_owned(), (time, begun.to_owned()));
            continue;
        }
        let (began, whole) = if text.starts_with("<... ") {
            let Some((began, begun)) = under_way.remove(thread) else { continue };
            let end = text.split_once("resumed>").map_or("", |(_, end)| end);
            (began, begun + end)
        } else {
            (time, text.to_owned())
        };
        calls.extend(call(&whole, began, database));
    }
    Ok(calls)
}

/// `name(arguments) = result`
fn call(text: &str, began: f64, database: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") = ")?;
    let result: usize = result.split_whitespace().next()?.parse().ok()?;
    let mut arguments = arguments.split(", ");
    let first = arguments.next()?;
    let path = if name == "unlink" { first.trim_matches('"') } else { first.split_once('<')?.1.trim_end_matches('>') };
    let path = String::from_utf8(bytes(path)?).ok()?;
    let file = path.rsplit('/').next()?.strip_prefix(database)?.to_owned();
    match name {
        "pwrite64" => {
            let mut bytes = bytes(arguments.next()?.trim_matches('"'))?;
            bytes.truncate(result);
            Some(Call::Write { file, offset: arguments.nth(1)?.parse().ok()?, bytes })
        }
        "ftruncate" => Some(Call::Truncate { file, length: arguments.next()?.parse().ok()? }),
        "fsync" | "fdatasync" => Some(Call::Sync { file, began }),
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
            format!("7 11.0 pwrite64(9<{wal}>, \"{}\", 3, 32) = -1 ENOSPC (No space left on device)", hex("abc")),
        ]);
        let file = "-wal".to_owned();
        let wanted = [
            Call::Write { file: file.clone(), offset: 32, bytes: b"abc".to_vec() },
            Call::Sync { file: file.clone(), began: 10.6 },
            Call::Truncate { file, length: 0 },
            Call::Remove { file: "-journal".into() },
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn a_call_counts_from_its_end() {
        let database = hex("/t/a.db");
        let read = calls(&[
            format!("7 10.5 fsync(9<{database}> <unfinished ...>"),
            format!("8 10.6 pwrite64(9<{database}>, \"{}\", 1, 0) = 1", hex("x")),
            "7 10.7 <... fsync resumed>) = 0".to_owned(),
        ]);
        // The order is that of their ends, and the sync may have missed the write: its moment is its beginning.
        assert_eq!(read[0], Call::Write { file: String::new(), offset: 0, bytes: b"x".to_vec() });
        assert_eq!(read[1], Call::Sync { file: String::new(), began: 10.5 });
    }
}
