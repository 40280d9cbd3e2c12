//! Comma-separated values, RFC 4180: quoted fields, doubled quotes, line breaks inside quotes.

/// All records of a text with the line each starts on, counted from 1. Empty lines are left out.
pub(crate) fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut all = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let (mut line, mut start) = (1, 1);
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            line += 1;
        }
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            _ if quoted => field.push(c),
            '"' if field.is_empty() => quoted = true,
            ',' => record.push(std::mem::take(&mut field)),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                finish(&mut all, &mut record, &mut field, start);
                start = line;
            }
            _ => field.push(c),
        }
    }
    finish(&mut all, &mut record, &mut field, start);
    all
}

fn finish(
    all: &mut Vec<(usize, Vec<String>)>,
    record: &mut Vec<String>,
    field: &mut String,
    line: usize,
) {
    if record.is_empty() && field.is_empty() {
        return;
    }
    record.push(std::mem::take(field));
    all.push((line, std::mem::take(record)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_commas_and_line_breaks_stay_inside_their_field() {
        let text = "a,\"b, \"\"c\"\"\nd\"\r\n\r\n\"iPhone14,6\",e";
        assert_eq!(
            records(text),
            [
                (1, vec!["a".to_owned(), "b, \"c\"\nd".to_owned()]),
                (4, vec!["iPhone14,6".to_owned(), "e".to_owned()]),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text: String) {
            let _ = records(&text);
        }

        #[test]
        fn what_was_quoted_is_read_back(fields in proptest::collection::vec(".{1,12}", 1..5)) {
            let quoted: Vec<_> =
                fields.iter().map(|f| format!("\"{}\"", f.replace('"', "\"\""))).collect();
            prop_assert_eq!(records(&quoted.join(",")), vec![(1, fields)]);
        }
    }
}
