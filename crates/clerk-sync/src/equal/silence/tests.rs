use super::*;

const MINUTE: i64 = 60_000;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(minute * MINUTE)
}

fn watching() -> Silence {
    Silence::new(at(0))
}

fn look(silence: Silence, now: i64, delivery: Option<i64>, sign_ups: &[i64]) -> Silence {
    silence.after(at(now), delivery.map(at), sign_ups.iter().copied().map(at), 10 * MINUTE)
}

#[test]
fn quiet_is_not_silent() {
    let mut silence = watching();
    for now in 1..100 {
        silence = look(silence, now, None, &[]);
        assert!(!silence.is_silent());
    }
}

#[test]
fn a_sign_up_without_a_webhook_is_silence_after_the_patience() {
    let silence = look(watching(), 1, None, &[1]);
    assert!(!look(silence, 10, None, &[]).is_silent());
    let silent = look(silence, 11, None, &[]);
    assert!(silent.is_silent());
    // Since when stays as it is.
    assert_eq!(look(silent, 20, None, &[15]).silent_since_ms, Some(11 * MINUTE));
}

#[test]
fn a_webhook_breaks_the_silence_and_those_before_it_do_not_count_again() {
    let silent = look(look(watching(), 1, None, &[1]), 11, None, &[]);
    let heard = look(silent, 12, Some(12), &[1, 5, 11]);
    assert!(!heard.is_silent());
    assert!(!look(heard, 60, Some(12), &[11]).is_silent());
    // And it can fall silent again.
    let unheard = look(heard, 61, Some(12), &[61]);
    assert!(look(unheard, 71, Some(12), &[]).is_silent());
}

#[test]
fn webhooks_that_keep_coming_keep_it_from_silence() {
    let mut silence = watching();
    for now in 1..100 {
        silence = look(silence, now, Some(now - 1), &[now]);
        assert!(!silence.is_silent());
    }
}

#[test]
fn users_from_before_do_not_count() {
    let watching = Silence::new(at(1_000));
    let looked = watching.after(at(1_001), None, [at(3), at(999)], 10 * MINUTE);
    assert!(!looked.after(at(2_000), None, [], 10 * MINUTE).is_silent());
}

#[test]
fn a_sign_up_of_tomorrow_does_not_count() {
    let looked = look(watching(), 1, None, &[100]);
    assert!(!look(looked, 120, None, &[]).is_silent());
}
