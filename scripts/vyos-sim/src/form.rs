//! Forms, as `multipart/form-data` (RFC 7578) and `application/x-www-form-urlencoded` (WHATWG URL).
//! In: the body with its type. Out: names and values, the last of a name counts.

/// No form has more fields.
const MOST: usize = 64;

/// The fields of a form; empty where the body is none.
pub(crate) fn fields(kind: &str, body: &[u8]) -> Vec<(String, String)> {
    let (kind, rest) = kind.split_once(';').unwrap_or((kind, ""));
    match kind.trim().to_ascii_lowercase().as_str() {
        "multipart/form-data" => {
            let boundary = rest.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
            boundary.map(|boundary| multipart(boundary.trim_matches('"'), body)).unwrap_or_default()
        }
        "application/x-www-form-urlencoded" => urlencoded(&String::from_utf8_lossy(body)),
        _ => Vec::new(),
    }
}

fn multipart(boundary: &str, body: &[u8]) -> Vec<(String, String)> {
    let mark = format!("--{boundary}");
    let mut found = Vec::new();
    let mut rest = body;
    let Some(first) = position(rest, mark.as_bytes()) else { return found };
    rest = &rest[first + mark.len()..];
    while found.len() < MOST && rest.starts_with(b"\r\n") {
        let end = position(rest, format!("\r\n{mark}").as_bytes());
        let Some(end) = end else { break };
        let part = rest.get(2..end).unwrap_or_default();
        if let Some(gap) = position(part, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&part[..gap]).into_owned();
            let value = String::from_utf8_lossy(&part[gap + 4..]).into_owned();
            let name = head.split(';').find_map(|piece| piece.trim().strip_prefix("name="));
            if let Some(name) = name.and_then(|name| name.lines().next()) {
                found.push((name.trim_matches('"').to_owned(), value));
            }
        }
        rest = &rest[end + 2 + mark.len()..];
    }
    found
}

fn position(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn urlencoded(body: &str) -> Vec<(String, String)> {
    // Without any `=` there is no field, which is how bare JSON under this type gets through.
    let pair =
        |pair: &str| pair.split_once('=').map(|(name, value)| (decoded(name), decoded(value)));
    body.split('&').take(MOST).filter_map(pair).collect()
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                if let (Some(high), Some(low)) = (digit(), digit()) {
                    out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_forms_are_read() {
        let body =
            b"--x\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{\"a\": 1}\r\n--x\r\n\
                     Content-Disposition: form-data; name=\"key\"\r\n\r\nsecret\r\n--x--\r\n";
        let expected = vec![("data".into(), "{\"a\": 1}".into()), ("key".into(), "secret".into())];
        assert_eq!(fields("multipart/form-data; boundary=x", body), expected);
        let form = "application/x-www-form-urlencoded";
        assert_eq!(fields(form, b"data=%7B%22a%22%3A+1%7D&key=secret"), expected);
        assert_eq!(fields(form, b"{\"op\": 1}"), []);
        assert_eq!(fields("multipart/form-data; boundary=x", b"--x\r\nhalf"), []);
    }
}
