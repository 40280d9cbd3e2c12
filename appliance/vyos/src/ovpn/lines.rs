//! The lines of a client file: directives with their words, and inline blocks. The rules of quotes,
//! backslashes and remarks are those of openvpn(8), "Options".

use super::Problem;

/// The largest file, in bytes.
pub const LARGEST: usize = 256 * 1024;
/// The most directives and blocks of a file.
const MOST: usize = 500;
/// The most words of a directive.
const MOST_WORDS: usize = 16;
/// The longest word outside of blocks, in bytes.
const LONGEST_WORD: usize = 256;

/// A directive or a block.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Counted from 1.
    pub(super) line: usize,
    /// Its name, without dashes.
    pub(super) name: String,
    /// What follows the name; empty for a block.
    pub(super) words: Vec<String>,
    /// What a block holds.
    pub(super) block: Option<String>,
}

/// The items of a text. `first` is the number of its first line.
pub(super) fn items(text: &str, first: usize) -> Result<Vec<Item>, Problem> {
    let failed = |line: usize, text: &str| Problem { line, text: text.to_owned() };
    if text.len() > LARGEST {
        return Err(failed(0, "the file is longer than 256 kB"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        return Err(failed(0, "this is no text file"));
    }
    let mut items = Vec::new();
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + first, line.trim()));
    while let Some((line, text)) = lines.next() {
        if items.len() == MOST {
            return Err(failed(line, "more directives than any client's file has"));
        }
        if let Some(name) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                return Err(failed(line, "a block's name is missing"));
            }
            let end = format!("</{name}>");
            let mut block = String::new();
            loop {
                let Some((_, inner)) = lines.next() else {
                    return Err(failed(line, &format!("the block <{name}> has no end")));
                };
                if inner == end {
                    break;
                }
                block.push_str(inner);
                block.push('\n');
            }
            let (name, words) = (name.to_ascii_lowercase(), Vec::new());
            items.push(Item { line, name, words, block: Some(block) });
            continue;
        }
        let mut words = split(text).map_err(|said| failed(line, said))?.into_iter();
        let Some(name) = words.next() else { continue };
        let name = name.trim_start_matches("--").to_owned();
        items.push(Item { line, name, words: words.collect(), block: None });
    }
    Ok(items)
}

/// The words of a line, up to a remark.
fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                let next = chars.next().ok_or("it ends with a backslash")?;
                word.get_or_insert_default().push(next);
            }
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('#' | ';', None) if word.is_none() => break,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark has no end");
    }
    words.extend(word);
    if words.len() > MOST_WORDS || words.iter().any(|word| word.len() > LONGEST_WORD) {
        return Err("it is longer than any directive");
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_openvpn_splits_them() {
        let words = |line| split(line).unwrap();
        assert_eq!(
            words("remote  gw.example.org\t1194 # home"),
            ["remote", "gw.example.org", "1194"]
        );
        assert_eq!(words(r#"setenv A "two words" ;x"#), ["setenv", "A", "two words"]);
        assert_eq!(words(r"cd a\ b 'c\d' x#y"), ["cd", "a b", r"c\d", "x#y"]);
        assert_eq!(words("; remark"), Vec::<String>::new());
        assert!(split("a \"b").is_err() && split("a \\").is_err());
    }

    #[test]
    fn blocks_keep_their_lines_and_need_an_end() {
        let items = items("--client\r\n<ca>\r\n A\r\n# B\r\n</ca>\n", 1).unwrap_or_default();
        assert_eq!(items[0].name, "client");
        assert_eq!((items[1].line, items[1].block.as_deref()), (2, Some("A\n# B\n")));
        assert!(super::items("<ca>\nA", 1).is_err());
        assert!(super::items(&"a\n".repeat(MOST + 1), 1).is_err());
    }
}
