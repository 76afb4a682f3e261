//! Moments as people write and read them: RFC 3339 in UTC, or how long ago.

use clerk_sync::core::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// A moment as RFC 3339, to the millisecond.
pub(crate) fn show(moment: Timestamp) -> String {
    let millis = moment.as_millis();
    let (days, rest) = (millis.div_euclid(DAY_MS), millis.rem_euclid(DAY_MS));
    let (year, month, day) = civil(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// A moment out of `90s`, `15m`, `2h`, `7d` (so long before `now`), a date, or a time as shown.
pub(crate) fn read(text: &str, now: Timestamp) -> Option<Timestamp> {
    ago(text, now).or_else(|| absolute(text))
}

fn ago(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    Some(now.plus_millis(-i64::from(number) * unit_ms))
}

fn absolute(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(date, '-')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(clock, ':')?;
    let milli: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let in_range = (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    let days = days_from_epoch(year, month, day);
    // A day there is not comes back as another.
    let exists = in_range && civil(days) == (year, month, day);
    let millis = days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000 + milli;
    exists.then(|| Timestamp::from_millis(millis))
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let read = |part: &str| {
        let plain = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| plain)
    };
    let parts = text.split(separator).map(read).collect::<Option<Vec<i64>>>()?;
    parts.try_into().ok()
}

/// Days since 1970-01-01, by eras of 400 years that begin in March.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_769_500_801_016);

    #[test]
    fn shown_and_read_again() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_769_500_801_016, "2026-01-27T08:00:01.016Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        ] {
            let moment = Timestamp::from_millis(millis);
            assert_eq!(show(moment), text);
            assert_eq!(read(text, NOW), Some(moment));
        }
    }

    #[test]
    fn read_as_people_write() {
        assert_eq!(read("90s", NOW), Some(NOW.plus_millis(-90_000)));
        assert_eq!(read("2h", NOW), Some(NOW.plus_millis(-7_200_000)));
        assert_eq!(read("7d", NOW), Some(NOW.plus_millis(-7 * DAY_MS)));
        assert_eq!(read("2026-01-27", NOW), Some(Timestamp::from_millis(1_769_472_000_000)));
        for wrong in
            ["", "h", "-2h", "2w", "é", "2026-02-30", "2026-13-01", "2026-01-01T25:00:00Z", "yesterday"]
        {
            assert_eq!(read(wrong, NOW), None, "{wrong}");
        }
    }
}
