//! Where the expansion finds the crate `atasks`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Path;

/// The path of the crate `atasks`: `::atasks`, unless the option `crate` says otherwise.
pub(crate) struct Facade(TokenStream);

impl Facade {
    pub(crate) fn new(path: Option<Path>) -> Self {
        Self(path.map_or_else(|| quote!(::atasks), Path::into_token_stream))
    }

    /// A path below it, as the string that serde's attributes want.
    pub(crate) fn text(&self, below: &str) -> String {
        let text = format!("{}::{below}", self.0);
        text.split_whitespace().collect()
    }
}

impl ToTokens for Facade {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::Facade;

    #[test]
    fn it_is_absolute_unless_renamed() {
        assert_eq!(Facade::new(None).text("a::b"), "::atasks::a::b");
        assert_eq!(Facade::new(Some(parse_quote!(crate::mine))).text("a::b"), "crate::mine::a::b");
    }
}
