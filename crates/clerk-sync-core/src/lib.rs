//! What is known of a user, and what follows from a new fact: no clock, no I/O.
