//! SQLite store of clerk-sync.
