//! Which of a task's attributes goes where.

use syn::{Attribute, Meta, Path, Token, punctuated::Punctuated};

/// The attributes of a task, by what they are about.
#[derive(Default)]
pub(crate) struct Attributes {
    /// Whether the task is there at all: for everything that is emitted.
    pub(crate) cfg: Vec<Attribute>,
    /// For the function that makes the call; lints reach from there into the body.
    pub(crate) call: Vec<Attribute>,
    /// For the function that runs, as `#[tracing::instrument]` is.
    pub(crate) body: Vec<Attribute>,
}

impl Attributes {
    pub(crate) fn sort(attrs: Vec<Attribute>) -> Self {
        let mut sorted = Self::default();
        for attr in attrs {
            let place = match last_name(&subject(&attr)).as_str() {
                "cfg" => &mut sorted.cfg,
                "doc" | "deprecated" | "must_use" | "allow" | "warn" | "deny" | "forbid" | "expect" => &mut sorted.call,
                _ => &mut sorted.body,
            };
            place.push(attr);
        }
        sorted
    }
}

/// The attribute's name; for `cfg_attr` that of the first attribute in it.
fn subject(attr: &Attribute) -> Path {
    if attr.path().is_ident("cfg_attr")
        && let Ok(inside) = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
        && let Some(first) = inside.get(1)
    {
        return first.path().clone();
    }
    attr.path().clone()
}

/// The last part of a path.
pub(crate) fn last_name(path: &Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::Attributes;

    #[test]
    fn each_attribute_has_its_place() {
        let sorted = Attributes::sort(vec![
            parse_quote!(#[cfg(unix)]),
            parse_quote!(#[doc = "A."]),
            parse_quote!(#[tracing::instrument(skip(x))]),
            parse_quote!(#[expect(clippy::too_many_lines, reason = "a table")]),
            parse_quote!(#[cfg_attr(docsrs, doc(cfg(unix)))]),
            parse_quote!(#[cfg_attr(all(unix, feature = "x"), tracing::instrument, inline)]),
        ]);
        assert_eq!((sorted.cfg.len(), sorted.call.len(), sorted.body.len()), (1, 3, 2));
    }
}
