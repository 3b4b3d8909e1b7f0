//! `declare!`: tasks whose bodies are in other programs.

use proc_macro2::TokenStream;
use syn::{
    Attribute, Meta,
    parse::{ParseStream, Parser},
};

use crate::{attributes::last_name, errors::Errors, function::Function, options::TaskOptions, task};

pub(crate) fn expand(items: TokenStream) -> TokenStream {
    match all.parse2(items) {
        Ok(functions) => functions.into_iter().map(declared).collect(),
        Err(error) => {
            let mut errors = Errors::default();
            errors.push(syn::Error::new(
                error.span(),
                format!(
                    "{error}: a declaration is `#[task(name = \"..\")] async fn f(argument: Type) -> Result<T, E>;`"
                ),
            ));
            errors.into_tokens()
        }
    }
}

fn all(input: ParseStream<'_>) -> syn::Result<Vec<Function>> {
    let mut functions = Vec::new();
    while !input.is_empty() {
        functions.push(input.parse()?);
    }
    Ok(functions)
}

fn declared(mut function: Function) -> TokenStream {
    let mut errors = Errors::default();
    if let Some(body) = function.body.take() {
        errors.at(
            body,
            "a declared task has its body in another program: write `;` in its place, or use `#[task]` alone",
        );
    }
    let options = TaskOptions::parse(options(&mut function.attrs, &mut errors), &mut errors);
    if options.name.is_none() {
        errors.at(
            &function.sig.ident,
            "a declared task states the name that it has where its body is: write `#[task(name = \"..\")]` before it",
        );
    }
    task::checked(function, options, errors)
}

/// Takes what stands in `#[task(..)]` out of the attributes.
fn options(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> TokenStream {
    let (task, others) = std::mem::take(attrs).into_iter().partition(|attr| last_name(attr.path()) == "task");
    *attrs = others;
    let task: Vec<Attribute> = task;
    for second in task.iter().skip(1) {
        errors.at(second, "`#[task]` is given twice: write all options in one");
    }
    match task.into_iter().next().map(|attr| attr.meta) {
        Some(Meta::List(list)) => list.tokens,
        _ => TokenStream::new(),
    }
}
