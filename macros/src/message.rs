//! The struct that carries a task's arguments.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Ident, LitStr, PathArguments, Type, Visibility, spanned::Spanned};

use crate::{facade::Facade, signature::Argument};

/// The message of one task.
pub(crate) struct Message<'a> {
    /// The task's name.
    pub(crate) task: &'a Ident,
    pub(crate) arguments: &'a [Argument],
    pub(crate) facade: &'a Facade,
    /// Its name if it stands outside, as visible as the task.
    pub(crate) public: Option<&'a Ident>,
    pub(crate) vis: &'a Visibility,
    pub(crate) cfg: &'a [Attribute],
}

impl Message<'_> {
    /// The struct's name.
    pub(crate) fn name(&self) -> Ident {
        self.public.cloned().unwrap_or_else(|| format_ident!("__AtasksMessage"))
    }
}

/// The struct, with docs and visibilities if others see it.
impl ToTokens for Message<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { task, arguments, facade, public, vis, cfg } = self;
        let (name, serde) = (self.name(), facade.text("__private::serde"));
        let fields = arguments.iter().map(|argument| {
            let Argument { name, ty, .. } = argument;
            // At the argument's type, which is where rustc shows that it cannot travel.
            let portable = format!("<_ as {}>", facade.text("Portable"));
            let [write, read] = ["write", "read"].map(|way| LitStr::new(&format!("{portable}::{way}"), ty.span()));
            let seen = public.map(|_| {
                let doc = format!("The argument `{name}`.");
                quote!(#[doc = #doc] pub)
            });
            // As serde does it for fields that it reads by itself; only JSON ever leaves one out.
            let default = is_option(ty).then(|| quote!(#[serde(default)]));
            quote!(#default #[serde(serialize_with = #write, deserialize_with = #read)] #seen #name: #ty)
        });
        let (head, vis) = match public {
            Some(_) => {
                let doc = format!("The message of the task `{task}`: its arguments.");
                (
                    quote!(#(#cfg)* #[doc = #doc] #[allow(missing_debug_implementations, clippy::pub_underscore_fields)]),
                    Some(vis),
                )
            }
            None => (TokenStream::new(), None),
        };
        tokens.extend(quote! {
            #head
            #[derive(#facade::__private::serde::Serialize, #facade::__private::serde::Deserialize)]
            #[serde(crate = #serde, deny_unknown_fields)]
            #vis struct #name { #(#fields),* }
        });
    }
}

/// Whether the type is spelt as the standard library's `Option`.
fn is_option(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.ident == "Option" && matches!(last.arguments, PathArguments::AngleBracketed(_)))
}
