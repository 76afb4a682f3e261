//! Keeps an app's `users` table equal to Clerk.
mod engine;
mod metrics;
