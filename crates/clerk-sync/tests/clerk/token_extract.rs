use clerk_sync::clerk::session::{Refusal, SessionError, token_from};
use http::{HeaderMap, HeaderValue};

const SUFFIX: Option<&str> = Some("naoXFJnI");

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

fn found(pairs: &[(&'static str, &'static str)]) -> Result<Option<String>, SessionError> {
    token_from(&headers(pairs), SUFFIX).map(|token| token.map(str::to_owned))
}

fn refused(refusal: Refusal) -> Result<Option<String>, SessionError> {
    Err(SessionError::Unauthenticated(refusal))
}

#[test]
fn t1_nothing_sent_is_no_token() {
    assert_eq!(found(&[]), Ok(None));
    assert_eq!(found(&[("cookie", "theme=dark; __sessions=x; x__session=y")]), Ok(None));
    assert_eq!(SessionError::Missing.code(), "unauthenticated");
}

#[test]
fn t2_an_empty_bearer_is_refused() {
    for value in ["Bearer", "Bearer ", "Bearer   ", ""] {
        assert_eq!(found(&[("authorization", value)]), refused(Refusal::Scheme), "{value:?}");
    }
}

#[test]
fn t3_bearer_in_any_case_and_nothing_else() {
    for value in ["Bearer abc", "bearer abc", "BEARER abc", "bEaReR abc"] {
        assert_eq!(found(&[("authorization", value)]), Ok(Some("abc".into())), "{value}");
    }
    // The SDK takes a bare token; a scheme we do not know is none we guess at.
    for value in ["Basic YTpi", "abc", "Bearerabc", "Token abc", "Bearer  abc", "Bearer a b"] {
        assert_eq!(found(&[("authorization", value)]), refused(Refusal::Scheme), "{value}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_bytes(b"Bearer \xff").unwrap());
    assert_eq!(token_from(&headers, SUFFIX), Err(SessionError::Unauthenticated(Refusal::Scheme)));
}

#[test]
fn t4_two_headers_are_refused_and_the_header_wins_over_cookies() {
    let two = [("authorization", "Bearer a"), ("authorization", "Bearer a")];
    assert_eq!(found(&two), refused(Refusal::TwoHeaders));
    let both = [("cookie", "__session=cookie"), ("authorization", "Bearer header")];
    assert_eq!(found(&both), Ok(Some("header".into())));
    // A wrong header is not made good by a cookie.
    let wrong = [("cookie", "__session=cookie"), ("authorization", "Basic x")];
    assert_eq!(found(&wrong), refused(Refusal::Scheme));
}

#[test]
fn cookies_come_suffixed_first_and_may_be_split() {
    let both = [("cookie", "__session=plain; __session_naoXFJnI=suffixed")];
    assert_eq!(found(&both), Ok(Some("suffixed".into())));
    let split = [("cookie", "a=b"), ("cookie", "__session_naoXFJnI=suffixed")];
    assert_eq!(found(&split), Ok(Some("suffixed".into())));
    // Another instance's cookie on the same site is not ours.
    assert_eq!(found(&[("cookie", "__session_otherXYZ=theirs")]), Ok(None));
    assert_eq!(found(&[("cookie", "__session_naoXFJnI=; __session=plain")]), Ok(Some("plain".into())));
    let no_suffix = token_from(&headers(&both), None).map(|token| token.map(str::to_owned));
    assert_eq!(no_suffix, Ok(Some("plain".into())));
}
