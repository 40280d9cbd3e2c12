//! Forms with files in them, as browsers send them (RFC 7578): the body's bytes in, names and texts
//! out. Files are texts too here; what is not in UTF-8 is no form of ours.

/// The most parts of a form.
const MOST_PARTS: usize = 64;

/// The boundary in a content type of `multipart/form-data`; none for other types.
pub(crate) fn boundary(kind: &str) -> Option<&str> {
    let (kind, parameters) = kind.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?;
    let value = value.trim_matches('"');
    // RFC 2046, 5.1.1.
    ((1..=70).contains(&value.len())).then_some(value)
}

/// The fields of a body in the order in which they were sent, or what is wrong with it.
pub(crate) fn fields(boundary: &str, body: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
    read(boundary, body).ok_or("The form is cut off, or what was chosen is no text file.")
}

fn read(boundary: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    let body = std::str::from_utf8(body).ok()?;
    let line = format!("--{boundary}");
    let mut rest = body.strip_prefix(line.as_str())?;
    let between = format!("\r\n{line}");
    let mut fields = Vec::new();
    loop {
        if rest.starts_with("--") {
            return Some(fields);
        }
        if fields.len() == MOST_PARTS {
            return None;
        }
        let (part, after) = rest.strip_prefix("\r\n")?.split_once(between.as_str())?;
        let (head, text) = match part.strip_prefix("\r\n") {
            Some(text) => ("", text),
            None => part.split_once("\r\n\r\n")?,
        };
        fields.push((name(head)?, text.to_owned()));
        rest = after;
    }
}

/// The field's name in the header lines of a part.
fn name(head: &str) -> Option<String> {
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let value = line.split(';').find_map(|one| one.trim().strip_prefix("name="))?;
    Some(value.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_and_files_are_found() {
        let kind = "multipart/form-data; boundary=----x1";
        let mark = boundary(kind).unwrap();
        let body = "------x1\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nff\r\n\
                    ------x1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.ovpn\"\r\n\
                    Content-Type: application/octet-stream\r\n\r\na\r\n--b\n\r\n------x1--\r\n";
        let pairs = fields(mark, body.as_bytes()).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("csrf", "ff"), ("file", "a\r\n--b\n")]);
    }

    #[test]
    fn what_is_cut_off_or_not_text_is_no_form() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--";
        assert_eq!(read("x", body.as_bytes()).map(|all| all.len()), Some(1));
        for end in [0, 10, body.len() - 2, body.len() - 6] {
            assert_eq!(read("x", &body.as_bytes()[..end]), None, "{end}");
        }
        assert_eq!(read("x", b"--x\r\n\r\n\xff\r\n--x--"), None);
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pairs in proptest::collection::vec(("[a-z_]{1,9}", "[ -~\r\n]{0,40}"), 0..6),
        ) {
            let mut body = String::new();
            for (name, value) in &pairs {
                let part = &format!("--q7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
                body.push_str(part);
            }
            body += "--q7--\r\n";
            prop_assert_eq!(read("q7", body.as_bytes()), Some(pairs));
        }

        #[test]
        fn no_bytes_break_it(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = fields("x", &body);
        }
    }
}
