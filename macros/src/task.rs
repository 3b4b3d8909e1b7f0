//! `#[task]`: a function that makes a call, and all that stands behind it.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Type, Visibility};

use crate::{
    attributes::Attributes,
    errors::Errors,
    fallback,
    function::{Body, Function},
    message::Message,
    options::TaskOptions,
    signature::{self, Argument},
};

/// The name of the function that runs.
const BODY: &str = "__atasks_body";

/// A task with nothing wrong in its signature.
pub(crate) struct Task {
    attributes: Attributes,
    vis: Visibility,
    name: Ident,
    arguments: Vec<Argument>,
    returns: Type,
    asynchronous: bool,
    /// `None` if another program has it.
    body: Option<Body>,
    options: TaskOptions,
}

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = TaskOptions::parse(options, &mut errors);
    let Ok(function) = syn::parse2::<Function>(item.clone()) else {
        errors.push(syn::Error::new(Span::call_site(), "a task is a function: put `#[task]` on an `async fn`"));
        return [errors.into_tokens(), item].into_iter().collect();
    };
    if function.body.is_none() {
        errors.at(
            &function.sig.ident,
            "a task has a body: write it, or declare a task of other programs in `atasks::declare! { .. }`",
        );
    }
    checked(function, options, errors)
}

/// The expansion of a task, or what is wrong with it and a stand-in.
pub(crate) fn checked(function: Function, options: TaskOptions, mut errors: Errors) -> TokenStream {
    let arguments = signature::check(&function, options.blocking, &mut errors);
    if let Err(error) = errors.or(()) {
        let stand_in = fallback::call(&function, &options.facade);
        return [error.into_compile_error(), stand_in].into_iter().collect();
    }
    let Some(returns) = function.returns().cloned() else { return TokenStream::new() };
    let asynchronous = function.sig.asyncness.is_some();
    let Function { attrs, vis, sig, body } = function;
    let attributes = Attributes::sort(attrs);
    Task { attributes, vis, name: sig.ident, arguments, returns, asynchronous, body, options }.expand()
}

impl Task {
    fn expand(&self) -> TokenStream {
        let Self { attributes, vis, name, arguments, returns, .. } = self;
        let Attributes { cfg, call, .. } = attributes;
        let facade = &self.options.facade;
        let public = self.options.message.as_ref();
        let message = Message { task: name, arguments, facade, public, vis, cfg };
        let (outside, inside) = if public.is_some() { (Some(&message), None) } else { (None, Some(&message)) };
        let (names, types): (Vec<_>, Vec<_>) = arguments.iter().map(|argument| (&argument.name, &argument.ty)).unzip();
        let (body, task, entry) = (self.body(), self.task(&message.name()), self.entry(&message.name()));
        let message = message.name();
        quote! {
            #outside
            #(#cfg)* #(#call)*
            // Registered, it is in use, even where this program itself never calls it.
            #[allow(dead_code)]
            #[track_caller]
            #vis fn #name(#(#names: #types),*) -> #facade::TaskCall<#returns> {
                #inside
                #body
                #task
                #entry
                #[allow(clippy::used_underscore_binding)]
                let message = #message { #(#names),* };
                #facade::Task::call(message)
            }
        }
    }

    /// The user's function, unchanged but for its name.
    fn body(&self) -> Option<TokenStream> {
        let Self { attributes, arguments, returns, body, .. } = self;
        let body = body.as_ref()?;
        // What being a task asks for: async, owned arguments, a `Result`.
        let (asynchronous, allowed) = if self.asynchronous {
            (Some(quote!(async)), quote!(clippy::unused_async))
        } else {
            (None, quote!(clippy::needless_pass_by_value, clippy::unnecessary_wraps))
        };
        let attrs = &attributes.body;
        let arguments = arguments.iter().map(|Argument { mutability, name, ty }| quote!(#mutability #name: #ty));
        let name = format_ident!("{BODY}");
        Some(quote! {
            #(#attrs)*
            #[allow(#allowed, clippy::too_many_arguments)]
            #asynchronous fn #name(#(#arguments),*) -> #returns #body
        })
    }

    fn task(&self, message: &Ident) -> TokenStream {
        let Self { name, returns, options, .. } = self;
        let facade = &options.facade;
        let name = match &options.name {
            Some(name) => quote!(#name),
            None => quote!(#facade::__private::task_name!(#name)),
        };
        let (run, tell) = (self.run(), self.tell());
        quote! {
            #[allow(non_local_definitions)]
            impl #facade::Task for #message {
                type Return = #returns;
                const NAME: &'static str = #name;
                const OPTIONS: #facade::TaskOptions = #options;
                #run
                #tell
                fn entry() -> ::core::option::Option<&'static #facade::__private::Entry> {
                    ::core::option::Option::Some(&__ATASKS_ENTRY)
                }
            }
        }
    }

    fn run(&self) -> TokenStream {
        let Self { name, arguments, returns, .. } = self;
        let facade = &self.options.facade;
        let names = arguments.iter().map(|argument| &argument.name);
        let arguments = quote!(#(self.#names),*);
        match (&self.body, self.asynchronous) {
            (Some(_), true) => {
                // At the task's name, which is where rustc shows that the future is not `Send`.
                let body = Ident::new(BODY, name.span());
                let future = quote_spanned! {name.span()=>
                    impl ::core::future::Future<Output = #returns> + ::core::marker::Send
                };
                let call = quote_spanned!(name.span()=> keep_only_send_values_across_await(#body(#arguments)));
                quote! {
                    fn run(self) -> #future {
                        use #facade::__private::keep_only_send_values_across_await;
                        #call
                    }
                }
            }
            (Some(_), false) => {
                let body = format_ident!("{BODY}");
                quote!(async fn run(self) -> #returns { #body(#arguments) })
            }
            (None, _) => quote! {
                async fn run(self) -> #returns {
                    #facade::TaskReturn::from_task_error(#facade::__private::no_body(<Self as #facade::Task>::NAME))
                }
            },
        }
    }

    /// Tells a failure for people. Here its type is known, so whether it has a text is.
    fn tell(&self) -> Option<TokenStream> {
        self.body.as_ref()?;
        let (facade, returns) = (&self.options.facade, &self.returns);
        Some(quote! {
            #[allow(unused_imports, clippy::needless_borrow)]
            fn tell(returned: &#returns) -> ::core::option::Option<#facade::__private::Text> {
                use #facade::__private::{ToldAsError as _, ToldAsText as _, ToldAsValue as _};
                (&&&#facade::__private::Told(returned)).tell()
            }
        })
    }

    /// The task's place in the program's table; the call finds it without a search.
    fn entry(&self, message: &Ident) -> TokenStream {
        let facade = &self.options.facade;
        let named = self.options.name.is_some();
        let make = format_ident!("{}", if self.body.is_some() { "entry_of" } else { "entry_declared" });
        quote! {
            #[#facade::__private::linkme::distributed_slice(#facade::__private::TASKS)]
            #[linkme(crate = #facade::__private::linkme)]
            static __ATASKS_ENTRY: #facade::__private::Entry =
                #facade::__private::#make::<#message>(#facade::__private::origin!(named = #named));
        }
    }
}
