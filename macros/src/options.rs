//! What the parentheses of each macro may hold.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Ident, LitStr, Path};

use crate::{
    duration,
    errors::Errors,
    facade::Facade,
    settings::{Forms, Settings},
};

const TASK: Forms = &[
    ("name", "name = \"images::resize\""),
    ("message", "message = Resize"),
    ("timeout", "timeout = \"30s\""),
    ("idempotent", "idempotent"),
    ("retry", "retry = 3"),
    ("max", "max = 4"),
    ("blocking", "blocking"),
    ("version", "version = \"2\""),
    ("crate", "crate = path::to::atasks"),
];

const MAIN: Forms =
    &[("setup", "setup = path::to::setup"), ("worker", "worker = \"serve\""), ("crate", "crate = path::to::atasks")];

const TEST: Forms = &[("cluster", "cluster = 3"), ("sim", "sim = 3"), ("crate", "crate = path::to::atasks")];

/// The options of `#[task]`.
pub(crate) struct TaskOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) message: Option<Ident>,
    pub(crate) blocking: bool,
    pub(crate) facade: Facade,
    timeout_millis: Option<u64>,
    idempotent: bool,
    retry: Option<u32>,
    max: Option<u32>,
    version: Option<LitStr>,
}

impl TaskOptions {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut settings = Settings::parse(tokens, TASK, errors);
        Self {
            name: settings.text("name", errors),
            message: settings.ident("message", errors),
            blocking: settings.flag("blocking", errors),
            facade: Facade::new(settings.path("crate", errors)),
            timeout_millis: settings.text("timeout", errors).and_then(|text| millis(&text, errors)),
            idempotent: settings.flag("idempotent", errors),
            retry: settings.number("retry", 0, errors),
            max: settings.number("max", 1, errors),
            version: settings.text("version", errors),
        }
    }
}

fn millis(text: &LitStr, errors: &mut Errors) -> Option<u64> {
    match duration::millis(&text.value()) {
        Ok(millis) => Some(millis),
        // An empty text is told of already.
        Err(_) if text.value().is_empty() => None,
        Err(message) => {
            errors.at(text, message);
            None
        }
    }
}

/// The value of `Task::OPTIONS`.
impl ToTokens for TaskOptions {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let facade = &self.facade;
        let timeout = self.timeout_millis.map(|millis| quote!(.timeout(::core::time::Duration::from_millis(#millis))));
        let idempotent = self.idempotent.then(|| quote!(.idempotent()));
        let retry = self.retry.map(|times| quote!(.retry(#times)));
        let max = self.max.map(|running| quote!(.max(#running)));
        let blocking = self.blocking.then(|| quote!(.blocking()));
        let version = self.version.as_ref().map(|version| quote!(.version(#version)));
        tokens.extend(quote!(#facade::TaskOptions::new() #timeout #idempotent #retry #max #blocking #version));
    }
}

/// The options of `#[main]`.
pub(crate) struct MainOptions {
    pub(crate) setup: Option<Path>,
    pub(crate) worker: Option<LitStr>,
    pub(crate) facade: Facade,
}

impl MainOptions {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut settings = Settings::parse(tokens, MAIN, errors);
        Self {
            setup: settings.path("setup", errors),
            worker: settings.text("worker", errors),
            facade: Facade::new(settings.path("crate", errors)),
        }
    }
}

/// The options of `#[test]`; at most one of `cluster` and `sim` is there.
pub(crate) struct TestOptions {
    pub(crate) cluster: Option<u32>,
    pub(crate) sim: Option<u32>,
    pub(crate) facade: Facade,
}

impl TestOptions {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut settings = Settings::parse(tokens, TEST, errors);
        if let (Some(_), Some(sim)) = (settings.key("cluster"), settings.key("sim")) {
            errors.at(sim, "a test has a cluster of processes or a simulated one: keep one of `cluster` and `sim`");
        }
        Self {
            cluster: settings.number("cluster", 1, errors),
            sim: settings.number("sim", 1, errors),
            facade: Facade::new(settings.path("crate", errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens, quote};

    use super::{TaskOptions, TestOptions};
    use crate::errors::Errors;

    #[test]
    fn only_what_is_given_is_set() {
        let mut errors = Errors::default();
        let options = TaskOptions::parse(quote!(), &mut errors);
        assert_eq!(options.to_token_stream().to_string(), quote!(::atasks::TaskOptions::new()).to_string());
        let given = quote!(version = "2", max = 4, timeout = "2m", retry = 0, blocking, idempotent, crate = facade);
        let options = TaskOptions::parse(given, &mut errors);
        let expected = quote!(
            facade::TaskOptions::new()
                .timeout(::core::time::Duration::from_millis(120000u64))
                .idempotent()
                .retry(0u32)
                .max(4u32)
                .blocking()
                .version("2")
        );
        assert_eq!(options.to_token_stream().to_string(), expected.to_string());
        assert!(errors.messages().is_empty());
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let mut errors = Errors::default();
        TaskOptions::parse(quote!(timeout = "soon", max = 0, message = "Resize", name, timeot = "1s"), &mut errors);
        assert_eq!(errors.messages().len(), 5);
    }

    #[test]
    fn an_empty_timeout_is_told_once() {
        let mut errors = Errors::default();
        TaskOptions::parse(quote!(timeout = ""), &mut errors);
        assert_eq!(errors.messages(), ["`timeout` is empty: write `timeout = \"30s\"`"]);
    }

    #[test]
    fn a_test_has_one_kind_of_cluster() {
        let mut errors = Errors::default();
        TestOptions::parse(quote!(cluster = 2, sim = 2), &mut errors);
        assert_eq!(errors.messages().len(), 1);
    }
}
