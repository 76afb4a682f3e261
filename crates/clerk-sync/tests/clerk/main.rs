//! Clerk's wire against what Clerk sends and against what nobody should.
