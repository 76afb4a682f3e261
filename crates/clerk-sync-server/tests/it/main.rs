//! The real program, from outside.

mod commands;
mod dev;
mod program;
mod serve;
