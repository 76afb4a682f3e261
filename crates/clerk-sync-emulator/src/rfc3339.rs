//! Times as Clerk's Backend API takes them in requests (RFC 3339); everywhere else it speaks milliseconds.

/// Unix milliseconds of an RFC 3339 time, or nothing if the text is not one. Fractions beyond milliseconds are cut.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone_at);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_from_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds - offset_s(zone)?) * 1_000 + milliseconds(fraction)?)
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut read = |width: usize| {
        let part = parts.next()?;
        let plain = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        if plain { part.parse().ok() } else { None }
    };
    let found = [read(widths[0])?, read(widths[1])?, read(widths[2])?];
    if parts.next().is_some() { None } else { Some(found) }
}

fn milliseconds(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    fraction.chars().chain("000".chars()).take(3).collect::<String>().parse().ok()
}

fn offset_s(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let plain = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !plain || !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let seconds = hours * 3_600 + minutes * 60;
    Some(if sign == "-" { -seconds } else { seconds })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counting years from March so that leap days come last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse_ms;

    #[test]
    fn reads_what_the_documents_allow() {
        assert_eq!(parse_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_ms("2012-10-20T07:15:20.902Z"), Some(1_350_717_320_902));
        assert_eq!(parse_ms("2024-02-29T23:59:59+02:00"), Some(1_709_243_999_000));
        assert_eq!(parse_ms("1969-12-31T23:59:59.5Z"), Some(-500));
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", "now", "2023-02-29T00:00:00Z", "2024-1-01T00:00:00Z", "2024-01-01T00:00:00"] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
        assert_eq!(parse_ms("2024-01-01T24:00:00Z"), None);
        assert_eq!(parse_ms("2024-01-01T00:00:00+25:00"), None);
    }
}
