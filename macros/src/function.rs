//! A function as the user wrote it, whether or not it is one that the macro can take.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    AttrStyle, Attribute, ReturnType, Signature, Token, Type, Visibility, braced,
    parse::{Parse, ParseStream},
    token::Brace,
};

/// An item that starts like a function.
pub(crate) struct Function {
    /// Those before it and those at the start of its body.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// `None` if it ends in `;`.
    pub(crate) body: Option<Body>,
}

/// What stands in the braces. It is not parsed: rustc does that later, and knows more of the language.
pub(crate) struct Body {
    braces: Brace,
    statements: TokenStream,
}

impl Function {
    /// The return type that it states, if it states one.
    pub(crate) fn returns(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, returns) => Some(returns),
        }
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        if input.parse::<Option<Token![;]>>()?.is_some() {
            return Ok(Self { attrs, vis, sig, body: None });
        }
        let inside;
        let braces = braced!(inside in input);
        for inner in inside.call(Attribute::parse_inner)? {
            attrs.push(Attribute { style: AttrStyle::Outer, ..inner });
        }
        let body = Some(Body { braces, statements: inside.parse()? });
        Ok(Self { attrs, vis, sig, body })
    }
}

impl ToTokens for Body {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.braces.surround(tokens, |tokens| self.statements.to_tokens(tokens));
    }
}
