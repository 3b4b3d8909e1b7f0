//! What is emitted after a mistake, so that those who use the function see no mistakes of their own.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Type, TypeImplTrait, TypeReference, visit::Visit};

use crate::{attributes::Attributes, facade::Facade, function::Function};

/// A function with the same arguments that returns a call.
pub(crate) fn call(function: &Function, facade: &Facade) -> TokenStream {
    let Function { attrs, vis, sig, .. } = function;
    let Attributes { cfg, call, .. } = Attributes::sort(attrs.clone());
    let (name, inputs) = (&sig.ident, &sig.inputs);
    let (generics, clause) = (&sig.generics, &sig.generics.where_clause);
    let returns = match function.returns() {
        Some(returns) if is_emitted(returns) => quote!(#returns),
        _ => quote!(#facade::Result<()>),
    };
    quote! {
        #(#cfg)* #(#call)*
        #[allow(dead_code, unused_mut, unused_variables)]
        #vis fn #name #generics(#inputs) -> #facade::TaskCall<#returns> #clause {
            ::core::unreachable!()
        }
    }
}

/// Whether a return type gives no further errors in a function without a body.
fn is_emitted(returns: &Type) -> bool {
    struct Found(bool);
    impl<'ast> Visit<'ast> for Found {
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = true;
        }
        fn visit_type_reference(&mut self, _: &'ast TypeReference) {
            self.0 = true;
        }
    }
    let mut found = Found(false);
    found.visit_type(returns);
    !found.0
}
