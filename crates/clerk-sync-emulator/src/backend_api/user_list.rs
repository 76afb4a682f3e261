//! The parameters of `GET /v1/users` and `GET /v1/users/count`.

use super::params::Query;
use crate::api_error::ApiError;
use crate::state::{OrderBy, OrderKey, Page, UserQuery};

/// The filters, the same for both endpoints.
pub(super) fn filters(query: &Query<'_>) -> Result<UserQuery, ApiError> {
    let provider = query.first("provider");
    let provider_user_id = query.list("provider_user_id")?;
    if provider.is_some() && provider_user_id.is_empty() {
        return Err(ApiError::param_missing("provider_user_id"));
    }
    if provider.is_none() && !provider_user_id.is_empty() {
        return Err(ApiError::param_missing("provider"));
    }
    let active_since = query.integer("last_active_at_since")?;
    Ok(UserQuery {
        user_id: query.signed("user_id")?,
        external_id: query.signed("external_id")?,
        organization_id: query.signed("organization_id")?,
        email_address: query.list("email_address")?,
        phone_number: query.list("phone_number")?,
        username: query.list("username")?,
        web3_wallet: query.list("web3_wallet")?,
        query: query.first("query"),
        email_address_query: query.first("email_address_query"),
        phone_number_query: query.first("phone_number_query"),
        username_query: query.first("username_query"),
        name_query: query.first("name_query"),
        banned: query.boolean("banned")?,
        created_at_after: query.integer("created_at_after")?,
        created_at_before: query.integer("created_at_before")?,
        // The older name of the same filter.
        last_active_at_after: query.integer("last_active_at_after")?.or(active_since),
        last_active_at_before: query.integer("last_active_at_before")?,
        last_sign_in_at_after: query.integer("last_sign_in_at_after")?,
        last_sign_in_at_before: query.integer("last_sign_in_at_before")?,
        provider,
        provider_user_id,
    })
}

/// Order, limit, offset and cursor.
pub(super) fn page(query: &Query<'_>) -> Result<Page, ApiError> {
    // If it is repeated only the first counts.
    let order = order_by(query.first("order_by").as_deref().unwrap_or("-created_at"))?;
    let (offset, starting_after) = (query.offset()?, query.first("starting_after"));
    if starting_after.is_some() {
        if order.key != OrderKey::CreatedAt {
            return Err(ApiError::param_value("order_by"));
        }
        if offset != 0 {
            return Err(ApiError::param_value("offset"));
        }
    }
    Ok(Page { order, offset, limit: query.limit()?, starting_after })
}

fn order_by(text: &str) -> Result<OrderBy, ApiError> {
    let descending = text.starts_with('-');
    let key = match text.strip_prefix(['-', '+']).unwrap_or(text) {
        "created_at" => OrderKey::CreatedAt,
        "updated_at" => OrderKey::UpdatedAt,
        "email_address" => OrderKey::EmailAddress,
        "web3wallet" => OrderKey::Web3Wallet,
        "first_name" => OrderKey::FirstName,
        "last_name" => OrderKey::LastName,
        "phone_number" => OrderKey::PhoneNumber,
        "username" => OrderKey::Username,
        "last_active_at" => OrderKey::LastActiveAt,
        "last_sign_in_at" => OrderKey::LastSignInAt,
        _ => return Err(ApiError::param_value("order_by")),
    };
    Ok(OrderBy { key, descending })
}

#[cfg(test)]
mod tests {
    use super::super::params::pairs;
    use super::*;

    fn page_of(text: &str) -> Result<Page, ApiError> {
        page(&Query(&pairs(text)))
    }

    #[test]
    fn defaults_are_clerks() {
        let page = page_of("").unwrap();
        assert_eq!((page.limit, page.offset), (10, 0));
        assert_eq!(page.order, OrderBy { key: OrderKey::CreatedAt, descending: true });
        assert_eq!(page_of("limit=501").unwrap_err(), ApiError::param_value("limit"));
        assert_eq!(page_of("offset=-1").unwrap_err(), ApiError::param_value("offset"));
    }

    #[test]
    fn a_cursor_needs_its_order_and_no_offset() {
        for order in
            ["", "&order_by=created_at", "&order_by=%2Bcreated_at", "&order_by=-created_at", "&offset=0"]
        {
            page_of(&format!("starting_after=user_a{order}")).unwrap();
        }
        let refused = |text: &str| page_of(&format!("starting_after=user_a&{text}")).unwrap_err();
        assert_eq!(refused("order_by=-updated_at"), ApiError::param_value("order_by"));
        assert_eq!(refused("offset=10"), ApiError::param_value("offset"));
    }

    #[test]
    fn orders_are_a_closed_list() {
        assert_eq!(page_of("order_by=-web3wallet").unwrap().order.key, OrderKey::Web3Wallet);
        assert!(!page_of("order_by=%2Blast_sign_in_at&order_by=-email_address").unwrap().order.descending);
        assert_eq!(page_of("order_by=id").unwrap_err(), ApiError::param_value("order_by"));
    }

    #[test]
    fn a_provider_goes_with_its_ids() {
        let filters_of = |text: &str| filters(&Query(&pairs(text)));
        let missing = filters_of("provider=oauth_github").unwrap_err();
        assert_eq!(missing, ApiError::param_missing("provider_user_id"));
        assert_eq!(filters_of("provider_user_id=1").unwrap_err(), ApiError::param_missing("provider"));
        filters_of("provider=oauth_github&provider_user_id=1&banned=true&created_at_after=5").unwrap();
        assert_eq!(filters_of("created_at_after=x").unwrap_err(), ApiError::param_type("created_at_after"));
    }
}
