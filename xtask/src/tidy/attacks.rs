//! The list of attacks: no row missing, and every row has its tests.

use std::path::Path;

use anyhow::{Context, Result};

use crate::run::{command, output};

const LIST: &str = "docs/attacks.md";
/// Another page whose tests must be there.
const MODEL: &str = "docs/threat-model.md";
/// How many rows each list has, by the letter its rows are numbered with.
const ROWS: [(char, usize); 2] = [('T', 55), ('W', 50)];

pub(super) fn attacks(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    let list = std::fs::read_to_string(root.join(LIST)).with_context(|| format!("{LIST} cannot be read"))?;
    let found: Vec<&str> = list.lines().filter_map(id).collect();
    let wanted: Vec<String> =
        ROWS.iter().flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}{n}"))).collect();
    if found != wanted {
        let missing: Vec<_> = wanted.iter().filter(|id| !found.contains(&id.as_str())).collect();
        faults.push(format!(
            "{LIST} does not list T1 to T55 and W1 to W50 once each, in order; missing: {missing:?}"
        ));
    }
    let files = output(command(root, &["git", "ls-files", "--cached", "--others", "--exclude-standard"])?)?;
    let untested = list.lines().filter(|line| tests(line).is_empty()).filter_map(id);
    faults.extend(untested.map(|id| format!("{LIST}: {id} has no test")));
    let model =
        std::fs::read_to_string(root.join(MODEL)).with_context(|| format!("{MODEL} cannot be read"))?;
    for (page, text) in [(LIST, &list), (MODEL, &model)] {
        for (file, name) in
            text.lines().flat_map(tests).filter(|(file, name)| !exists(root, &files, file, name))
        {
            faults.push(format!("{page}: there is no test {file}::{name}"));
        }
    }
    Ok(())
}

/// The id a row of a table begins with.
fn id(line: &str) -> Option<&str> {
    let id = line.strip_prefix("| ")?.split(' ').next()?;
    let number = id.strip_prefix(|letter| ROWS.iter().any(|(known, _)| *known == letter))?;
    number.parse::<usize>().is_ok().then_some(id)
}

/// Every `file::name` of a line.
fn tests(line: &str) -> Vec<(&str, &str)> {
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let spans = line.split('`').skip(1).step_by(2).filter_map(|span| span.split_once("::"));
    spans.filter(|(file, name)| word(file) && word(name)).collect()
}

/// Whether there is a test function of that name in a file of that name, or a script of a scenario.
fn exists(root: &Path, files: &str, file: &str, name: &str) -> bool {
    if file == "scenario" {
        return files.lines().any(|path| path.ends_with(&format!("/tests/it/scenario/{name}.txt")));
    }
    let path_end = format!("/{file}.rs");
    files.lines().filter(|path| path.ends_with(&path_end)).any(|path| {
        let text = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        // A function of the conformance suite is made a test by its macro.
        is_test(&text, name) || path.contains("/conformance/") && text.contains(&format!("fn {name}("))
    })
}

fn is_test(text: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let Some((before, _)) = text.split_once(&head) else { return false };
    // The attribute is between the end of what came before and the name.
    before
        .rsplit("\n\n")
        .next()
        .is_some_and(|near| near.contains("#[test]") || near.contains("#[tokio::test"))
}
