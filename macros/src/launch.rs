//! `#[main]`: the main function of a node.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{errors::Errors, function::Function, options::MainOptions, signature};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = MainOptions::parse(options, &mut errors);
    let Some(function) = signature::entry_point(item.clone(), "#[atasks::main]", &mut errors) else {
        return [errors.into_tokens(), item].into_iter().collect();
    };
    let name = &function.sig.ident;
    if let Err(error) = errors.or(()) {
        let error = error.into_compile_error();
        return quote!(#error fn #name() {});
    }
    let MainOptions { setup, worker, facade } = options;
    let worker = worker.map_or_else(|| quote!("worker"), |word| quote!(#word));
    let setup = setup.map(|setup| quote!(.setup(#setup)));
    wrapped(&function, &quote!(#facade::__private::Launch::new(#worker) #setup))
}

/// The function with its body inside, run by `runner`.
pub(crate) fn wrapped(function: &Function, runner: &TokenStream) -> TokenStream {
    let Function { attrs, vis, sig, body } = function;
    let (name, asynchronous, returns) = (&sig.ident, &sig.asyncness, &sig.output);
    let run = if asynchronous.is_some() { quote!(run_async) } else { quote!(run_sync) };
    quote! {
        #(#attrs)*
        #vis fn #name() #returns {
            #[allow(clippy::unused_async)]
            #asynchronous fn __atasks_body() #returns #body
            #runner.#run(__atasks_body)
        }
    }
}
