//! What all pages have around them, each part rendered by code of its own: what stands in a template
//! that others extend is compiled anew with each of them. In goes a [`Shell`].

use askama::Template;
use askama::filters::HtmlSafe;

use super::Shell;

macro_rules! parts {
    ($($(#[$about:meta])* $part:ident, $call:ident, $path:literal;)*) => {
        $($(#[$about])*
        #[derive(Template)]
        #[template(path = $path)]
        pub(crate) struct $part<'a> {
            shell: &'a Shell,
        }

        impl HtmlSafe for $part<'_> {})*

        impl Shell {
            $($(#[$about])*
            pub(crate) fn $call(&self) -> $part<'_> {
                $part { shell: self }
            })*
        }
    };
}

parts! {
    /// The document's beginning, to the style that all pages have.
    Opening, opening, "frame/opening.html";
    /// The scripts that all pages have.
    Scripts, scripts, "frame/scripts.html";
    /// The body's tag without its end, so that a class may follow.
    Body, body, "frame/body.html";
    /// Header, navigation, and what stands above any page's own content.
    Top, top, "frame/top.html";
    /// What stands below it.
    Foot, foot, "frame/foot.html";
}
