use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

use super::{Refusal, SessionError};

/// The session token of a request; `None` when it carries none.
///
/// `Authorization: Bearer` comes first, in any letter case (Clerk's SDK knows only `Bearer`); it wins over
/// cookies, even when they differ. Then the cookies `__session_<suffix>` and `__session`, in this order, the
/// first of equal names. `cookie_suffix` is that of the publishable key
/// ([`PublishableKey::cookie_suffix`](crate::clerk::PublishableKey::cookie_suffix)).
///
/// The names and their order are those of npm `@clerk/backend` 3.25.0.
///
/// ```
/// # use clerk_sync::clerk::session::token_from;
/// let mut headers = http::HeaderMap::new();
/// headers.insert("cookie", "theme=dark; __session=plain; __session_naoXFJnI=suffixed".parse().unwrap());
/// assert_eq!(token_from(&headers, Some("naoXFJnI")), Ok(Some("suffixed")));
/// headers.insert("authorization", "Bearer header".parse().unwrap());
/// assert_eq!(token_from(&headers, Some("naoXFJnI")), Ok(Some("header")));
/// ```
///
/// # Errors
/// For two `Authorization` headers, another scheme, an empty or unreadable value.
pub fn token_from<'a>(
    headers: &'a HeaderMap,
    cookie_suffix: Option<&str>,
) -> Result<Option<&'a str>, SessionError> {
    let mut authorizations = headers.get_all(AUTHORIZATION).iter();
    if let Some(authorization) = authorizations.next() {
        if authorizations.next().is_some() {
            return Err(Refusal::TwoHeaders.into());
        }
        let text = authorization.to_str().map_err(|_| Refusal::Scheme)?;
        return bearer(text).map(Some).ok_or(Refusal::Scheme.into());
    }
    let suffixed = cookie_suffix.and_then(|suffix| cookie(headers, "__session_", suffix));
    Ok(suffixed.or_else(|| cookie(headers, "__session", "")))
}

/// One space and no more, as in Clerk's SDK: of two readers of a header none may see another token.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let one_word = !token.is_empty() && !token.contains(' ');
    (scheme.eq_ignore_ascii_case("bearer") && one_word).then_some(token)
}

/// The first filled cookie named `prefix` and `suffix`; HTTP/2 may send several Cookie headers.
fn cookie<'a>(headers: &'a HeaderMap, prefix: &str, suffix: &str) -> Option<&'a str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(name, _)| name.trim().strip_prefix(prefix) == Some(suffix));
    let mut values = named.map(|(_, value)| value.trim());
    values.find(|value| !value.is_empty())
}
