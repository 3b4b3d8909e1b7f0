//! `#[test]`: a test in the scope of a node.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::{attributes::last_name, errors::Errors, launch, options::TestOptions, signature};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = TestOptions::parse(options, &mut errors);
    let Some(function) = signature::entry_point(item.clone(), "#[atasks::test]", &mut errors) else {
        return [errors.into_tokens(), item].into_iter().collect();
    };
    for other in function.attrs.iter().filter(|attr| last_name(attr.path()) == "test") {
        errors.at(other, "`#[atasks::test]` makes it a test already: remove this attribute");
    }
    if let Err(error) = errors.or(()) {
        return error.into_compile_error();
    }
    let TestOptions { cluster, sim, facade } = options;
    let name = &function.sig.ident;
    // Without a suffix: the runner counts in `usize`.
    let cluster = cluster.map(Literal::u32_unsuffixed).map(|workers| quote!(.cluster(#workers)));
    let sim = sim.map(Literal::u32_unsuffixed).map(|workers| quote!(.sim(#workers)));
    let runner = quote!(#facade::__private::Trial::new(#facade::__private::test_name!(#name)) #cluster #sim);
    let test = launch::wrapped(&function, &runner);
    quote!(#[::core::prelude::v1::test] #test)
}
