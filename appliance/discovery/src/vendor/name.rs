//! Registry names made readable: legal forms cut off, capitals brought down.
//!
//! In: an organisation as IEEE lists it. Out: the name people know it by, never empty unless the
//! owner is not named. When in doubt the original stays.

/// Legal forms, lower case without dots. Cut off from the end only, one after the other.
const LEGAL_FORMS: &[&str] = &[
    "ab",
    "ad",
    "ag",
    "aps",
    "as",
    "a/s",
    "asa",
    "bhd",
    "branch",
    "bv",
    "bvba",
    "co",
    "cokg",
    "coltd",
    "company",
    "corp",
    "corporate",
    "corporation",
    "cv",
    "doo",
    "eirl",
    "eood",
    "gmbh",
    "gmbh&cokg",
    "gmbh&co",
    "inc",
    "incorporated",
    "incorporation",
    "jsc",
    "kft",
    "kg",
    "kk",
    "lda",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "ltdsti",
    "ltdşti",
    "mbh",
    "nv",
    "oo",
    "ood",
    "oü",
    "oy",
    "oyj",
    "ojsc",
    "pl",
    "p/l",
    "plc",
    "private",
    "pte",
    "pty",
    "pvt",
    "ro",
    "rl",
    "sa",
    "s/a",
    "sac",
    "sacv",
    "sal",
    "sarl",
    "sas",
    "sasu",
    "sdn",
    "sia",
    "sl",
    "slu",
    "sp",
    "spa",
    "spj",
    "spk",
    "sprl",
    "spzoo",
    "srl",
    "sro",
    "sti",
    "şti",
    "ug",
    "zrt",
    "z",
    "zoo",
    "aş",
    "ooo",
    "k",
    "kgaa",
    "ltd.",
];

/// Words that are written in their own way whatever the registry does.
const OWN_SPELLING: &[&str] = &[
    "AMD",
    "AMX",
    "ASUSTek",
    "AVM",
    "AzureWave",
    "BenQ",
    "D-Link",
    "DrayTek",
    "eQ-3",
    "FiberHome",
    "HTC",
    "IBM",
    "iRobot",
    "JBL",
    "LG",
    "MikroTik",
    "NEC",
    "NVIDIA",
    "OnePlus",
    "OPPO",
    "QNAP",
    "QSAN",
    "SGI",
    "SMC",
    "TCL",
    "TiVo",
    "TP-Link",
    "USA",
    "VMware",
    "VTech",
    "WISOL",
    "ZTE",
    "ZyXEL",
];

/// Short words that are no abbreviations when a registry shouts them.
const PLAIN_WORDS: &[&str] = &[
    "air", "all", "art", "bay", "big", "box", "car", "eye", "fly", "for", "hon", "hai", "key",
    "lab", "mac", "net", "new", "one", "red", "sea", "sky", "sun", "tai", "tec", "the", "top",
    "van", "wan", "win", "yes",
];

/// Words that join others.
const JOINING: &[&str] = &["and", "de", "del", "des", "di", "du", "et", "for", "of", "the", "und"];

/// Shortens a registry name, such as `HUAWEI TECHNOLOGIES CO.,LTD` to `Huawei Technologies`.
///
/// Gives an empty name for owners who asked not to be named (`Private`) and for blocks that IEEE
/// keeps to hand out in smaller pieces.
pub fn shorten(organisation: &str) -> String {
    let organisation = organisation.split_whitespace().collect::<Vec<_>>().join(" ");
    if organisation.eq_ignore_ascii_case("private")
        || organisation.eq_ignore_ascii_case("ieee registration authority")
    {
        return String::new();
    }
    let head = without_owner(&organisation);
    let mut words: Vec<&str> =
        head.split([' ', ',', '\u{ff0c}', '\u{3000}']).filter(|word| !word.is_empty()).collect();
    strip_legal_forms(&mut words);
    if words.iter().all(|word| is_legal_form(word)) {
        return organisation.trim_matches(['"', '.', ',', ' ']).to_owned();
    }
    let shouted = !words.iter().any(|word| word.chars().any(char::is_lowercase));
    let cased: Vec<_> =
        words.iter().enumerate().map(|(at, word)| recase(word, shouted, at == 0)).collect();
    let text = cased.join(" ");
    // A quoted or bracketed tail that lost its end is cut at its start.
    let text = match (text.rfind('('), text.rfind(')')) {
        (Some(open), close) if close.is_none_or(|close| close < open) => &text[..open],
        _ => &text,
    };
    text.trim_matches(['"', ',', ';', '-', '\u{201c}', '\u{201d}', ' ']).trim().to_owned()
}

/// `Aruba, a Hewlett Packard Enterprise Company` without the part after the comma.
fn without_owner(name: &str) -> &str {
    let lower = name.to_ascii_lowercase();
    let clause = [", a ", ", an ", " - a ", ", part of ", ", a division of ", " d/b/a ", " dba "]
        .iter()
        .filter_map(|mark| lower.find(mark))
        .min();
    match clause {
        Some(at) if at >= 3 => &name[..at],
        _ => name,
    }
}

fn strip_legal_forms(words: &mut Vec<&str>) {
    while words.len() > 1 {
        let last = words[words.len() - 1];
        if is_legal_form(last) || matches!(last, "&" | "+" | "-" | "." | "and") {
            words.pop();
            continue;
        }
        break;
    }
    // Forms glued to the last word: `Foo.Co.Ltd`, `Ind.Co.` and the like.
    if let Some(last) = words.last_mut() {
        let bare = last.trim_end_matches('.');
        let lower = bare.to_ascii_lowercase();
        for glued in [".co.ltd", "co.ltd", ".ltd", ".inc", ".co", ".corp"] {
            if lower.ends_with(glued) && bare.len() >= glued.len() + 3 {
                *last = &bare[..bare.len() - glued.len()];
                break;
            }
        }
        if !last.trim_end_matches('.').contains('.') {
            *last = last.trim_end_matches('.');
        }
    }
}

fn is_legal_form(word: &str) -> bool {
    let plain: String = word
        .trim_matches(['(', ')', '"', '\'', ';'])
        .chars()
        .filter(|c| *c != '.')
        .collect::<String>()
        .to_lowercase();
    plain.is_empty() || LEGAL_FORMS.contains(&plain.as_str())
}

fn recase(word: &str, shouted: bool, first: bool) -> String {
    let own = |part: &str| OWN_SPELLING.iter().find(|own| own.eq_ignore_ascii_case(part));
    if let Some(own) = own(word) {
        return (*own).to_owned();
    }
    let lower = word.to_lowercase();
    if shouted && !first && JOINING.contains(&lower.as_str()) {
        return lower;
    }
    let mut out = String::with_capacity(word.len());
    for part in word.split_inclusive(['-', '/', '&', '(', '.', '+']) {
        let letters = part.chars().filter(|c| c.is_alphabetic()).count();
        let capitals = part.chars().any(char::is_alphabetic) && part.to_uppercase() == part;
        let digits = part.chars().any(|c| c.is_ascii_digit());
        let vowels = part.chars().any(|c| "AEIOUYÄÖÜ".contains(c));
        let plain = PLAIN_WORDS.contains(&part.to_lowercase().as_str());
        let loud = capitals
            && !digits
            && (letters >= 5 || shouted && vowels && letters == 4 || shouted && plain);
        match own(part.trim_end_matches(['-', '/', '&', '(', '.', '+'])) {
            Some(own) if own.chars().count() == letters => {
                out.push_str(own);
                out.extend(part.chars().rev().take(1).filter(|c| !c.is_alphanumeric()));
            }
            _ if loud => {
                let mut chars = part.chars();
                out.extend(chars.next());
                out.push_str(&chars.as_str().to_lowercase());
            }
            _ => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_what_people_call_the_vendor() {
        for (registry, expected) in [
            ("Apple, Inc.", "Apple"),
            ("HUAWEI TECHNOLOGIES CO.,LTD", "Huawei Technologies"),
            ("Samsung Electronics Co.,Ltd", "Samsung Electronics"),
            ("Intel Corporate", "Intel"),
            ("zte corporation", "ZTE"),
            ("TP-LINK TECHNOLOGIES CO.,LTD.", "TP-Link Technologies"),
            ("Hon Hai Precision Ind. Co.,Ltd.", "Hon Hai Precision Ind"),
            ("Motorola Mobility LLC, a Lenovo Company", "Motorola Mobility"),
            ("Aruba, a Hewlett Packard Enterprise Company", "Aruba"),
            (
                "AVM Audiovisuelles Marketing und Computersysteme GmbH",
                "AVM Audiovisuelles Marketing und Computersysteme",
            ),
            (
                "GUANGDONG OPPO MOBILE TELECOMMUNICATIONS CORP.,LTD",
                "Guangdong OPPO Mobile Telecommunications",
            ),
            ("ASUSTek COMPUTER INC.", "ASUSTek Computer"),
            ("Beckhoff Automation GmbH & Co. KG", "Beckhoff Automation"),
            ("Nokia Danmark A/S", "Nokia Danmark"),
            ("eero inc.", "eero"),
            (
                "Integrated Device Technology (Malaysia) Sdn. Bhd.",
                "Integrated Device Technology (Malaysia)",
            ),
            ("SONY", "Sony"),
            ("IGT", "IGT"),
            ("New H3C Technologies Co., Ltd", "New H3C Technologies"),
            ("Amazon.com, LLC", "Amazon.com"),
            ("AS", "AS"),
        ] {
            assert_eq!(shorten(registry), expected, "{registry}");
        }
    }

    #[test]
    fn owners_who_are_not_named_have_no_name() {
        assert_eq!(shorten("Private"), "");
        assert_eq!(shorten("IEEE Registration Authority"), "");
    }

    proptest! {
        #[test]
        fn a_name_never_becomes_longer_or_nothing(name in "[A-Za-z][A-Za-z&., ()/-]{2,40}") {
            let short = shorten(&name);
            prop_assert!(short.len() <= name.len() + 1, "{} -> {}", name, short);
        }

        #[test]
        fn no_text_makes_it_panic(name: String) {
            let _ = shorten(&name);
        }
    }
}
