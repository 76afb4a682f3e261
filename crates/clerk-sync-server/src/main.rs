//! The clerk-sync program.
fn main() {}
