//! Who is signed in: sessions of systemd-logind, or utmp(5) where there are none.

use wire::report::User;

use super::tree::short;

/// Reads a file of `/run/systemd/sessions`; [`None`] for one that is no person's or closing.
pub(crate) fn session(text: &str) -> Option<User> {
    let value = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.filter(|value| !value.is_empty())
    };
    if value("STATE") == Some("closing") || value("CLASS").is_some_and(|class| class != "user") {
        return None;
    }
    let since = value("REALTIME").and_then(|micros| micros.parse::<i64>().ok());
    Some(User {
        name: short(value("USER")?),
        tty: value("TTY").map(short),
        from: value("REMOTE_HOST").map(short),
        since: since.map(|micros| micros / 1000),
    })
}

/// Ordinary sign-ins in utmp.
const USER_PROCESS: i16 = 7;

/// Reads `/run/utmp`. A record has 384 octets where times kept their 32 bits, as on `x86_64`, and
/// 400 elsewhere.
pub(crate) fn utmp(octets: &[u8], long: bool) -> Vec<User> {
    let users = octets.chunks_exact(if long { 400 } else { 384 }).filter_map(|record| {
        let kind = i16::from_ne_bytes(record.get(..2)?.try_into().ok()?);
        let text = |from: usize, to: usize| {
            let field = record.get(from..to)?.split(|octet| *octet == 0).next()?;
            let text = short(&String::from_utf8_lossy(field));
            (!text.is_empty()).then_some(text)
        };
        let seconds = if long {
            i64::from_ne_bytes(record.get(344..352)?.try_into().ok()?)
        } else {
            i64::from(i32::from_ne_bytes(record.get(340..344)?.try_into().ok()?))
        };
        (kind == USER_PROCESS).then_some(())?;
        Some(User {
            name: text(44, 76)?,
            tty: text(8, 40),
            from: text(76, 332),
            since: Some(seconds.saturating_mul(1000)),
        })
    });
    users.take(64).collect()
}
