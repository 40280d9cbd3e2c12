//! A QR code as SVG: one path of black squares on a white sheet, as cameras like it in any theme.

use std::fmt::Write as _;

use askama::Template;
use qrcodegen::{QrCode, QrCodeEcc};

/// White squares around, as the standard wants (ISO/IEC 18004, 6.3.8).
const MARGIN: i32 = 4;

/// A QR code.
#[derive(Clone, PartialEq, Template)]
#[template(path = "parts/qr.html")]
pub struct Qr {
    side: i32,
    path: String,
    /// What a screen reader says.
    pub label: String,
}

/// It may hold a secret.
impl std::fmt::Debug for Qr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Qr").field("side", &self.side).finish_non_exhaustive()
    }
}

impl askama::filters::HtmlSafe for Qr {}

impl Qr {
    /// Of a text; none if it is too long for one.
    pub fn new(text: &str, label: impl Into<String>) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
        let size = code.size();
        let mut path = String::new();
        for y in 0..size {
            let mut x = 0;
            while x < size {
                let from = x;
                while x < size && code.get_module(x, y) {
                    x += 1;
                }
                if x > from {
                    let n = x - from;
                    let (left, top) = (from + MARGIN, y + MARGIN);
                    let _ = write!(path, "M{left} {top}h{n}v1h-{n}z");
                }
                x += 1;
            }
        }
        Some(Self { side: size + 2 * MARGIN, path, label: label.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_squares_are_those_of_the_code() {
        let text = "[Interface]\nAddress = 10.9.0.2/32\n";
        let (qr, code) = (
            Qr::new(text, "l").expect("short"),
            QrCode::encode_text(text, QrCodeEcc::Low).unwrap(),
        );
        let black = (0..code.size() * code.size())
            .filter(|i| code.get_module(i % code.size(), i / code.size()))
            .count() as i32;
        let drawn: i32 = qr
            .path
            .split('M')
            .skip(1)
            .map(|run| run.split(['h', 'v']).nth(1).unwrap().parse::<i32>().unwrap())
            .sum();
        assert_eq!((qr.side, drawn), (code.size() + 8, black));
    }

    #[test]
    fn what_is_too_long_has_none_and_debug_tells_nothing() {
        assert_eq!(Qr::new(&"x".repeat(5_000), ""), None);
        let told = format!("{:?}", Qr::new("PrivateKey = abc", "label").unwrap());
        assert!(!told.contains('M') && told.contains("side"), "{told}");
    }
}
