use super::*;

#[test]
fn the_page_of_the_documentation_is_what_the_program_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/doctor.md");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, page(), "run: cargo run -- doctor --list > docs/doctor.md");
}

#[test]
fn names_are_given_once() {
    let mut names: Vec<&str> =
        GROUPS.iter().flat_map(|(_, checks)| checks.iter()).map(|check| check.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 20, "{count}");
}
