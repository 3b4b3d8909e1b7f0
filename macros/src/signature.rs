//! What the signature of a task must be, and what to write instead.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    FnArg, GenericParam, Ident, Lifetime, Pat, PatIdent, PatType, Signature, Token, Type, TypeImplTrait, TypePath,
    TypeReference,
    visit::{self, Visit},
};

use crate::{attributes::last_name, errors::Errors, function::Function};

/// An argument of a task.
pub(crate) struct Argument {
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

/// Checks a task's signature. The arguments are all there if no mistake was found.
pub(crate) fn check(function: &Function, blocking: bool, errors: &mut Errors) -> Vec<Argument> {
    let sig = &function.sig;
    if sig.asyncness.is_none() && !blocking {
        errors.at(
            sig.fn_token,
            format!(
                "a task is an `async fn`: write `async fn {}`, or `#[task(blocking)]` for code that blocks its thread",
                sig.ident
            ),
        );
    }
    qualifiers(sig, "a task", errors);
    generics(sig, errors);
    if let Some(variadic) = &sig.variadic {
        errors.at(variadic, "a task takes a fixed number of arguments: pass a `Vec`");
    }
    match function.returns() {
        None => {
            errors.at(&sig.ident, "a task returns a `Result`, for its node can be lost: write `-> atasks::Result<()>`")
        }
        Some(returns) => Owned { what: "returns", errors }.visit_type(returns),
    }
    sig.inputs.iter().filter_map(|input| argument(input, errors)).collect()
}

/// Refuses `unsafe`, `extern` and `const`.
pub(crate) fn qualifiers(sig: &Signature, what: &str, errors: &mut Errors) {
    if let Some(token) = &sig.unsafety {
        errors.at(
            token,
            format!("{what} cannot be `unsafe`: remove it, and write `unsafe {{ .. }}` in the body where it is needed"),
        );
    }
    if let Some(token) = &sig.abi {
        errors.at(token, format!("{what} cannot be `extern`: remove it"));
    }
    if let Some(token) = &sig.constness {
        errors.at(token, format!("{what} cannot be `const`: remove it"));
    }
}

fn generics(sig: &Signature, errors: &mut Errors) {
    for param in &sig.generics.params {
        let message = match param {
            GenericParam::Lifetime(_) => {
                "a task has no lifetimes, for its arguments and its result travel to other processes: take and return owned values"
            }
            GenericParam::Type(_) | GenericParam::Const(_) => {
                "a task cannot be generic, for other processes find it by its name alone: write one task for each type, or take an enum"
            }
        };
        errors.at(param, message);
    }
    if let Some(clause) = &sig.generics.where_clause
        && sig.generics.params.is_empty()
    {
        errors.at(clause, "a task cannot be generic and has no `where`: remove it");
    }
}

fn argument(input: &FnArg, errors: &mut Errors) -> Option<Argument> {
    let PatType { attrs, pat, ty, .. } = match input {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            errors.at(
                receiver.self_token,
                "a task cannot take `self`, for it may run in another process: make it a function of its own that takes what it needs",
            );
            return None;
        }
    };
    if let Some(attr) = attrs.first() {
        errors.at(attr, "an argument of a task has no attributes: put lints on the function, serde's attributes on a type of your own");
    }
    Owned { what: "takes", errors }.visit_type(ty);
    match &**pat {
        Pat::Ident(PatIdent { by_ref: None, mutability, ident, subpat: None, .. }) => {
            Some(Argument { mutability: *mutability, name: ident.clone(), ty: (**ty).clone() })
        }
        Pat::Wild(wild) => {
            errors.at(wild, "an argument of a task has a name: write one, such as `_unused`");
            None
        }
        pattern => {
            let ty = ty.to_token_stream().to_string();
            errors.at(
                pattern,
                format!("an argument of a task has a name: write `argument: {ty}` and take it apart in the body"),
            );
            None
        }
    }
}

/// Finds what is borrowed or left open in a type.
struct Owned<'a> {
    what: &'static str,
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Owned<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let owned = owned(&reference.elem);
        let message = format!("a task {} owned values, for they travel between processes: write `{owned}`", self.what);
        self.errors.at(reference, message);
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        let message = format!("a task {} values of a known type, not `impl Trait`: name the type", self.what);
        self.errors.at(ty, message);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            let message =
                format!("a task {} owned values, for they travel between processes: write `'static`", self.what);
            self.errors.at(lifetime, message);
        }
    }

    fn visit_type_path(&mut self, ty: &'ast TypePath) {
        if let Some(first) = ty.path.segments.first()
            && first.ident == "Self"
        {
            self.errors.at(first, "a task belongs to no type: write the type's name in place of `Self`");
        }
        visit::visit_type_path(self, ty);
    }
}

/// The owned type to write for a borrowed one.
fn owned(ty: &Type) -> String {
    let tokens: TokenStream = match ty {
        Type::Slice(slice) => {
            let of = &slice.elem;
            quote!(Vec<#of>)
        }
        Type::Path(TypePath { qself: None, path }) => match last_name(path).as_str() {
            "str" => quote!(String),
            "Path" => quote!(PathBuf),
            "OsStr" => quote!(OsString),
            _ => quote!(#path),
        },
        other => quote!(#other),
    };
    tokens.to_string().replace(" :: ", "::").replace(" < ", "<").replace(" >", ">")
}

/// Reads a function that is called with no arguments, and returns `None` for what is no function.
pub(crate) fn entry_point(item: TokenStream, attribute: &str, errors: &mut Errors) -> Option<Function> {
    let function = match syn::parse2::<Function>(item) {
        Ok(function) if function.body.is_some() => function,
        _ => {
            let message = format!("`{attribute}` stands on a function with a body, as in `async fn f() {{ .. }}`");
            errors.push(syn::Error::new(proc_macro2::Span::call_site(), message));
            return None;
        }
    };
    let sig = &function.sig;
    qualifiers(sig, &format!("a function under `{attribute}`"), errors);
    if !sig.inputs.is_empty() {
        errors.at(&sig.inputs, format!("a function under `{attribute}` takes no arguments: remove them"));
    }
    if !sig.generics.params.is_empty() {
        errors.at(&sig.generics, format!("a function under `{attribute}` cannot be generic: remove this"));
    }
    Some(function)
}
