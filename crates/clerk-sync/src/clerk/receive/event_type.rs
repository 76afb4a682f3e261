/// The event types of Clerk's document "webhooks 2025-04-15", without those about users and sessions.
const OTHERS: [&str; 37] = [
    "email.created",
    "organization.created",
    "organization.deleted",
    "organization.updated",
    "organizationDomain.created",
    "organizationDomain.deleted",
    "organizationDomain.updated",
    "organizationInvitation.accepted",
    "organizationInvitation.created",
    "organizationInvitation.revoked",
    "organizationMembership.created",
    "organizationMembership.deleted",
    "organizationMembership.updated",
    "paymentAttempt.created",
    "paymentAttempt.updated",
    "permission.created",
    "permission.deleted",
    "permission.updated",
    "role.created",
    "role.deleted",
    "role.updated",
    "sms.created",
    "subscription.active",
    "subscription.created",
    "subscription.pastDue",
    "subscription.updated",
    "subscriptionItem.abandoned",
    "subscriptionItem.active",
    "subscriptionItem.canceled",
    "subscriptionItem.ended",
    "subscriptionItem.freeTrialEnding",
    "subscriptionItem.incomplete",
    "subscriptionItem.pastDue",
    "subscriptionItem.upcoming",
    "subscriptionItem.updated",
    "waitlistEntry.created",
    "waitlistEntry.updated",
];

/// What an event type asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventType {
    /// `user.created` or `user.updated`.
    UserChanged,
    /// `user.deleted`.
    UserDeleted,
    /// `session.created`: a sign-in.
    SessionCreated,
    /// Any other event of a session.
    SessionChanged,
    /// An event of Clerk's that says nothing of a user's row.
    Other,
    /// Not in Clerk's list.
    Unlisted,
}

impl EventType {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "user.created" | "user.updated" => Self::UserChanged,
            "user.deleted" => Self::UserDeleted,
            "session.created" => Self::SessionCreated,
            "session.pending" | "session.ended" | "session.removed" | "session.revoked" => {
                Self::SessionChanged
            }
            _ if OTHERS.contains(&name) => Self::Other,
            _ => Self::Unlisted,
        }
    }
}

/// The events whose bodies carry one-time codes.
pub(super) const WITH_CODES: [&str; 2] = ["email.created", "sms.created"];
