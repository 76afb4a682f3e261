//! What the instance offers, as the SDK and its prebuilt components want to know it. No captcha, because its script would
//! come from elsewhere.

use serde_json::{Value, json};

use super::{Call, Reply};
use crate::api_error::ApiError;
use crate::app::App;

pub(super) fn read(app: &App, _: &mut Call) -> Result<Reply, ApiError> {
    Ok(Reply::Bare(json!({
        "object": "environment",
        "id": app.identity.instance_id,
        "auth_config": {
            "object": "auth_config",
            "id": app.identity.instance_id,
            "single_session_mode": !app.identity.multi_session,
            "claimed_at": null,
            "reverification": false,
            "session_minter": false
        },
        "display_config": display(),
        "user_settings": user_settings(),
        "organization_settings": {
            "enabled": false,
            "max_allowed_memberships": 0,
            "force_organization_selection": false,
            "actions": {"admin_delete": false},
            "domains": {"enabled": false, "enrollment_modes": [], "default_role": null}
        },
        "commerce_settings": {
            "billing": {
                "stripe_publishable_key": null,
                "free_plan_id": null,
                "organization": {"enabled": false, "has_paid_plans": false},
                "user": {"enabled": false, "has_paid_plans": false}
            }
        },
        "api_keys_settings": {"user_api_keys_enabled": false, "orgs_api_keys_enabled": false},
        "protect_config": null,
        "maintenance_mode": false,
        "client_debug_mode": false,
        "partitioned_cookies": false
    })))
}

fn display() -> Value {
    json!({
        "object": "display_config",
        "id": "display_config",
        "application_name": "Offline Clerk",
        "instance_environment_type": "development",
        "preferred_sign_in_strategy": "password",
        "captcha_public_key": null,
        "captcha_public_key_invisible": null,
        "captcha_widget_type": null,
        "captcha_provider": null,
        "captcha_oauth_bypass": [],
        "captcha_heartbeat": false,
        "home_url": "/",
        "sign_in_url": "/sign-in",
        "sign_up_url": "/sign-up",
        "user_profile_url": "/user",
        "after_sign_in_url": "/",
        "after_sign_up_url": "/",
        "after_sign_out_all_url": "/",
        "after_sign_out_one_url": "/",
        "after_switch_session_url": "/",
        "branded": false,
        "theme": {},
        "show_devmode_warning": false
    })
}

fn user_settings() -> Value {
    let email = json!({
        "enabled": true,
        "required": true,
        "used_for_first_factor": true,
        "first_factors": ["email_code"],
        "used_for_second_factor": false,
        "second_factors": [],
        "verifications": ["email_code"],
        "verify_at_sign_up": true
    });
    json!({
        "attributes": {
            "email_address": email,
            "password": attribute(true),
            "first_name": attribute(true),
            "last_name": attribute(true),
            "username": attribute(false),
            "phone_number": attribute(false),
            "web3_wallet": attribute(false),
            "passkey": attribute(false),
            "authenticator_app": attribute(false),
            "backup_code": attribute(false)
        },
        "actions": {"delete_self": true, "create_organization": false},
        "sign_in": {"second_factor": {"required": false, "enabled": false}},
        "sign_up": {
            "captcha_enabled": false,
            "captcha_widget_type": null,
            "custom_action_required": false,
            "progressive": true,
            "mode": "public",
            "legal_consent_enabled": false
        },
        "password_settings": {
            "min_length": 8,
            "max_length": 72,
            "require_lowercase": false,
            "require_numbers": false,
            "require_special_char": false,
            "require_uppercase": false,
            "allowed_special_characters": "",
            "show_zxcvbn": false,
            "min_zxcvbn_strength": 0,
            "disable_hibp": true,
            "enforce_hibp_on_sign_in": false
        },
        "passkey_settings": {"allow_autofill": false, "show_sign_in_button": false},
        "username_settings": {"min_length": 4, "max_length": 64},
        "social": {},
        "enterprise_sso": {"enabled": false}
    })
}

/// Something a user may have and need not.
fn attribute(enabled: bool) -> Value {
    json!({
        "enabled": enabled,
        "required": false,
        "used_for_first_factor": false,
        "first_factors": [],
        "used_for_second_factor": false,
        "second_factors": [],
        "verifications": [],
        "verify_at_sign_up": false
    })
}
