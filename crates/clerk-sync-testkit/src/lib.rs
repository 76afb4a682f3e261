//! The meaning of a clerk-sync store, as a test suite, and the fakes that tests share.
