//! Types whose shape is found.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ffi::OsString,
    marker::PhantomData,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    ops::Range,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::*;

#[test]
fn scalars_have_a_word_each() {
    assert_eq!(text::<(u8, u16, u32, u64, u128)>(), "(u8,u16,u32,u64,u128,)");
    assert_eq!(text::<(i8, i16, i32, i64, i128)>(), "(i8,i16,i32,i64,i128,)");
    assert_eq!(text::<(f32, f64, bool, char, ())>(), "(f32,f64,bool,char,(),)");
    assert_eq!(text::<(usize, isize, String, Box<str>, ByteBuf)>(), "(u64,i64,str,str,bytes,)");
    assert_eq!(text::<()>(), "()");
}

#[test]
fn containers_hold_what_they_hold() {
    assert_eq!(text::<Vec<u8>>(), "seq<u8,>");
    assert_eq!(text::<Vec<Vec<Vec<u8>>>>(), "seq<seq<seq<u8,>,>,>");
    assert_eq!(text::<Option<Option<u8>>>(), "option<option<u8>>");
    assert_eq!(text::<HashMap<String, Vec<Option<i8>>>>(), "map<str,seq<option<i8>,>,>");
    assert_eq!(text::<BTreeMap<u8, BTreeSet<u16>>>(), "map<u8,seq<u16,>,>");
    assert_eq!(text::<[Option<u8>; 3]>(), "(option<u8>,option<u8>,option<u8>,)");
    assert_eq!(text::<Vec<(Box<u8>, VecDeque<u8>)>>(), "seq<(u8,seq<u8,>,),>");
}

#[test]
fn samples_are_full_then_empty() {
    assert_eq!(traced::<(Option<u8>, Vec<u8>)>().1, [(Some(0), vec![0]), (None, vec![])]);
    assert_eq!(traced::<Vec<Option<u8>>>().1, [vec![Some(0)], vec![None], vec![]]);
}

#[test]
fn types_of_the_standard_library_are_known() {
    assert_eq!(text::<Duration>(), "#0\n#0 struct \"Duration\" [\"secs\", \"nanos\"] {u64,u32,}");
    text::<SystemTime>();
    assert!(text::<IpAddr>().contains("enum \"IpAddr\" [\"V4\", \"V6\"] {(u8,u8,u8,u8,)} {(u8,"));
    text::<SocketAddr>();
    assert_eq!(text::<PathBuf>(), "str");
    assert_eq!(text::<NonZeroU32>(), "u32");
    assert_eq!(traced::<NonZeroU32>().1[0].get(), 1);
    text::<Range<i32>>();
    text::<PhantomData<String>>();
    text::<std::num::Wrapping<u8>>();
    text::<std::cmp::Reverse<u8>>();
    text::<std::cell::RefCell<u8>>();
    assert!(text::<Result<u8, String>>().ends_with("enum \"Result\" [\"Ok\", \"Err\"] {u8} {str}"));
}

#[test]
fn a_variant_of_another_platform_is_marked() {
    assert!(text::<OsString>().ends_with("[\"Unix\", \"Windows\"] {seq<u8,>} {?}"), "{}", text::<OsString>());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Nothing,
    New(u32),
    Pair(u8, String),
    Named { x: Option<bool>, y: Vec<i64> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct New(Unit);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    kind: Kind,
    more: HashMap<String, Kind>,
    new: New,
    point: (f32, f64),
}

#[test]
fn named_types_are_described_below() {
    assert_eq!(
        text::<Vec<Order>>(),
        "seq<#0,>\n\
         #0 struct \"Order\" [\"id\", \"kind\", \"more\", \"new\", \"point\"] {u64,#1,map<str,#1,>,#2,(f32,f64,),}\n\
         #1 enum \"Kind\" [\"Nothing\", \"New\", \"Pair\", \"Named\"] {} {u32} {u8,str,} \
         {[\"x\", \"y\"] option<bool>,seq<i64,>,}\n\
         #2 newtype \"New\" [] {#3}\n\
         #3 unit \"Unit\" [] {}"
    );
}

#[test]
fn each_variant_is_a_sample() {
    let (_, samples) = traced::<Order>();
    let some = |wanted: fn(&Kind) -> bool| samples.iter().any(|order| wanted(&order.kind));
    assert!(some(|kind| *kind == Kind::Nothing) && some(|kind| *kind == Kind::New(0)));
    assert!(some(|kind| matches!(kind, Kind::Pair(0, text) if text.is_empty())));
    assert!(some(|kind| *kind == Kind::Named { x: Some(false), y: vec![0] }));
    assert!(some(|kind| *kind == Kind::Named { x: None, y: vec![] }));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Json {
    Object(BTreeMap<String, Json>),
    Array(Vec<Json>),
    Text(String),
    Null,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Sum {
    Add(Box<Sum>, Box<Sum>),
    Times { left: Box<Sum>, right: Box<Product> },
    Number(u64),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Product {
    Of(Box<Sum>),
    More(Box<Product>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Only {
    Branches(Vec<Only>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tree {
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
    leaf: Option<Leaf>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Leaf {
    tree: Vec<Tree>,
    kind: Kind,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Nameless(Vec<Nameless>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum NoWayOut {
    Inner(Box<NoWayOut>),
    Inward(Box<Inward>),
    Out,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inward {
    inner: Box<Inward>,
}

#[test]
fn recursive_types_come_to_an_end() {
    let json = "enum \"Json\" [\"Object\", \"Array\", \"Text\", \"Null\"] {map<str,#0,>} {seq<#0,>} {str} {}";
    assert_eq!(text::<Json>(), format!("#0\n#0 {json}"));
    assert_eq!(text::<Vec<Json>>(), format!("seq<#0,>\n#0 {json}"));
    assert_eq!(
        text::<Sum>(),
        "#0\n#0 enum \"Sum\" [\"Add\", \"Times\", \"Number\"] {#0,#0,} {[\"left\", \"right\"] #0,#1,} {u64}\n\
         #1 enum \"Product\" [\"Of\", \"More\"] {#0} {#1}"
    );
    assert_eq!(text::<Only>(), "#0\n#0 enum \"Only\" [\"Branches\"] {seq<#0,>}");
    assert!(
        text::<Tree>().starts_with("#0\n#0 struct \"Tree\" [\"children\", \"parent\", \"leaf\"] {seq<#0,>,option<#0>,")
    );
    assert!(text::<(Leaf, Tree)>().contains("[\"tree\", \"kind\"] {seq<#1,>,#2,}"), "{}", text::<(Leaf, Tree)>());
    assert!(text::<NoWayOut>().ends_with("{#0} {?} {}"), "{}", text::<NoWayOut>());
}

#[test]
fn types_that_recur_without_a_name_come_to_an_end() {
    assert_eq!(text::<Nameless>(), "seq<seq^0,>");
    assert_eq!(text::<(Nameless, Vec<Vec<Nameless>>)>(), "(seq<seq^0,>,seq<seq<seq^0,>,>,)");
    assert_eq!(text::<Chain>(), "option<option^0>");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Generic<T> {
    value: T,
}

mod first {
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub(super) struct Same {
        pub(super) x: u8,
    }
}

mod second {
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub(super) struct Same {
        pub(super) y: String,
    }
}

#[test]
fn types_of_one_name_are_told_apart() {
    assert_eq!(
        text::<(Generic<u8>, Generic<Generic<String>>)>(),
        "(#0,#1,)\n#0 struct \"Generic\" [\"value\"] {u8,}\n#1 struct \"Generic\" [\"value\"] {#2,}\n\
         #2 struct \"Generic\" [\"value\"] {str,}"
    );
    assert_eq!(
        text::<(first::Same, second::Same, first::Same)>(),
        "(#0,#1,#0,)\n#0 struct \"Same\" [\"x\"] {u8,}\n#1 struct \"Same\" [\"y\"] {str,}"
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "other", rename_all = "kebab-case", deny_unknown_fields)]
struct Attributes {
    long_name: u8,
    #[serde(default, alias = "was")]
    now: u16,
    #[serde(skip)]
    skipped: u32,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    last: Box<str>,
    shared: Box<[u8]>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Aliases {
    #[serde(alias = "Uno", alias = "Eins")]
    One(u8),
    #[serde(rename = "Zwei")]
    Two(u16),
    #[serde(skip)]
    #[expect(dead_code, reason = "it cannot be received")]
    Three,
    #[serde(other)]
    Rest,
}

#[test]
fn attributes_that_the_codec_carries_are_followed() {
    let shape = text::<Attributes>();
    assert!(shape.contains("struct \"other\" [\"long-name\""), "{shape}");
    assert!(shape.ends_with("{u8,u16,bytes,str,seq<u8,>,}"), "{shape}");
    let (shape, samples) = traced::<Aliases>();
    assert!(shape.contains("{u8} {u16} {}"), "{shape}");
    assert!(samples.contains(&Aliases::Rest) && samples.contains(&Aliases::Two(0)), "{samples:?}");
}

/// A type whose code accepts only some values.
macro_rules! validating {
    ($name:ident, $from:ty as $text:literal, $accepts:expr) => {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(try_from = $text, into = $text)]
        struct $name($from);

        const _: () = {
            impl TryFrom<$from> for $name {
                type Error = String;
                fn try_from(value: $from) -> Result<Self, String> {
                    let accepts: fn(&$from) -> bool = $accepts;
                    if accepts(&value) { Ok(Self(value)) } else { Err(format!("not {value:?}")) }
                }
            }
            impl From<$name> for $from {
                fn from(value: $name) -> Self {
                    value.0
                }
            }
        };
    };
}

validating!(Mail, String as "String", |text| text.contains('@'));
validating!(Hour, (u8, u8) as "(u8, u8)", |(hour, minute)| *hour == 1 && *minute == 1);
validating!(NotEmpty, Vec<u8> as "Vec<u8>", |list| !list.is_empty());
validating!(Present, Option<Mail> as "Option<Mail>", Option::is_some);
validating!(Unbuildable, u8 as "u8", |number| *number > 100);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Checked {
    mail: Mail,
    hours: HashMap<Text, Hour>,
    list: NotEmpty,
    present: Present,
    again: Option<Mail>,
}

validating!(Never, u64 as "u64", |_| false);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
struct Text(String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Choosy {
    Never(Never),
    List(NotEmpty),
    Mail { mail: Mail, next: Option<Box<Choosy>> },
}

#[test]
fn types_that_check_their_values_are_given_others() {
    let (shape, samples) = traced::<Checked>();
    assert!(shape.ends_with("{str,map<str,(u8,u8,),>,seq<u8,>,option<str>,option<str>,}"), "{shape}");
    assert!(samples.iter().any(|sample| sample.again.is_none()) && samples.iter().any(|sample| sample.again.is_some()));
    let (shape, samples) = traced::<Choosy>();
    assert!(shape.ends_with("{?} {seq<u8,>} {[\"mail\", \"next\"] str,option<#0>,}"), "{shape}");
    assert!(samples.iter().any(|sample| matches!(sample, Choosy::List(_))), "{samples:?}");
    assert!(opaque::<Unbuildable>().contains("not 1"), "{}", opaque::<Unbuildable>());
}

/// Enums within enums within enums, as of a protocol.
macro_rules! wide {
    ($name:ident($inner:ty)) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum $name {
            A,
            B($inner),
            C,
            D($inner, $inner),
            E,
            F,
            G { inner: $inner },
            H,
            I,
            J,
            K,
            L,
            M,
            N,
            O,
            P(Box<$name>),
        }
    };
}

wide!(Four(u8));
wide!(Three(Four));
wide!(Two(Three));
wide!(One(Two));

#[test]
fn wide_enums_within_each_other_take_a_pass_a_variant() {
    let (_, samples) = traced::<One>();
    assert!(samples.len() < 2 * 4 * 20, "{} samples", samples.len());
}
