//! Keeps an app's users table equal to Clerk: webhooks, just-in-time creation, GET /me.

pub mod clerk;
