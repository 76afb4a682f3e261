//! The organization in a token, in the long form of version 1 and the compact one of version 2.

use serde_json::value::RawValue;

use super::Organization;
use crate::clerk::json::{Members, filled_text, integer, text};

/// The organization `claims` name; `None` for a personal session.
///
/// Version 2 packs permissions as bits: `per` names them, and `fpm` has one number for each
/// organization-scoped feature of `fea`, bit 0 for the first name. Clerk's page counts every feature, its SDK
/// skips those of the user; this follows the SDK (npm `@clerk/shared` 4.41.0, and the vectors made with it).
pub(super) fn organization(claims: &Members<'_>) -> Option<Organization> {
    match claims.member("v").and_then(integer) {
        Some(2) => version_2(claims),
        _ => version_1(claims),
    }
}

fn version_1(claims: &Members<'_>) -> Option<Organization> {
    let list = claims.member("org_permissions").map(RawValue::get).unwrap_or("[]");
    let permissions = serde_json::from_str::<Vec<&RawValue>>(list).unwrap_or_default();
    Some(Organization {
        id: filled_text(claims.member("org_id"))?,
        slug: filled_text(claims.member("org_slug")),
        role: filled_text(claims.member("org_role")),
        permissions: permissions.into_iter().filter_map(text).collect(),
    })
}

fn version_2(claims: &Members<'_>) -> Option<Organization> {
    let organization = Members::read(claims.member("o")?.get())?;
    let member = |name| filled_text(organization.member(name));
    let features = filled_text(claims.member("fea")).unwrap_or_default();
    Some(Organization {
        id: member("id")?,
        slug: member("slg"),
        role: member("rol").map(|role| format!("org:{role}")),
        permissions: permissions(
            &features,
            &member("per").unwrap_or_default(),
            &member("fpm").unwrap_or_default(),
        ),
    })
}

fn permissions(features: &str, names: &str, masks: &str) -> Vec<String> {
    let of_organization = features.split(',').filter_map(|entry| {
        let (scope, feature) = entry.trim().split_once(':')?;
        scope.contains('o').then_some(feature)
    });
    let masks = masks.split(',').map(|mask| mask.trim().parse::<u64>().unwrap_or(0));
    let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let mut permissions = Vec::new();
    for (feature, mask) in of_organization.zip(masks) {
        for (bit, name) in names.iter().enumerate().take(64) {
            if mask >> bit & 1 == 1 {
                permissions.push(format!("org:{feature}:{name}"));
            }
        }
    }
    permissions
}
