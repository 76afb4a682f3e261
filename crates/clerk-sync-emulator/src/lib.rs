//! An offline Clerk: Backend API, session tokens and signed webhooks, with weather.
