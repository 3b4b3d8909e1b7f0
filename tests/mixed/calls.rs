//! Calls between nodes of both builds: each goes where it fits, or nowhere.

use std::collections::BTreeSet;

use atasks::{Placement, Ran, TaskError, Unplaced};

use super::{Over, Place, client, client_says, unplaced};
use crate::programs::Running;
use crate::shared::{below, below_everywhere, call, made};

/// What both builds have, each with other types or another version.
const CHANGED: [&str; 6] =
    ["field_added", "fields_swapped", "arguments_swapped", "variant_inserted", "result_changed", "version_changed"];

/// What fits all, whatever else has changed; the first by its shape and the second by its user's word.
const SAME: [&str; 3] = ["unchanged", "vouched_for", "body_changed"];

/// A worker of each build, which are linked.
struct Both {
    old: Place,
    new: Place,
    _processes: [Running; 2],
}

impl Both {
    fn new(test: &str) -> Self {
        let [old, new] = [1, 2].map(|number| Place::new(Over::Unix, test, number));
        let processes = [old.start("old", &[]), new.start("new", &[&old])];
        Self { old, new, _processes: processes }
    }

    fn places(&self) -> [&Place; 2] {
        [&self.old, &self.new]
    }

    /// Where calls of this build belong, and where they do not.
    fn sides(&self, build: &str) -> (&Place, &Place) {
        if build == "old" { (&self.old, &self.new) } else { (&self.new, &self.old) }
    }
}

#[tokio::test]
async fn guarantee_10_a_call_goes_only_where_its_types_are_the_same() {
    let both = Both::new("guarantee-10");
    let node = client(&both.places()).await;
    let (old, new) = (&both.old.name, &both.new.name);
    let calls = async {
        for name in CHANGED {
            for number in 0..20 {
                for place in [Placement::Auto, Placement::Spread, Placement::Key(number)] {
                    let ran = call(name, place).await.unwrap();
                    assert!(ran.ends_with(&format!("old on {old}")), "{name}: {ran}");
                }
            }
            let error = call(name, Placement::Node(new.clone())).await.unwrap_err();
            assert_eq!(error.ran(), Ran::No);
            let (reason, text) = unplaced(Err(error));
            println!("{text}\n");
            let Unplaced::VersionMismatch { here, there } = reason else { panic!("{name}: {text}") };
            assert!(there.len() == 1 && there[0].0.name() == new && there[0].1 != here, "{text}");
            assert!(text.contains(&format!("`upgrade::{name}`: its fingerprint is {here} here, ")), "{text}");
            assert!(text.contains(&format!("{} on {new}#", there[0].1)) && text.contains("same source"), "{text}");
        }
        for name in ["unchanged", "vouched_for", "body_changed"] {
            let mut ran = BTreeSet::new();
            for place in both.places() {
                ran.insert(call(name, Placement::Node(place.name.clone())).await.unwrap());
            }
            assert!(ran.len() == 2 && ran.iter().any(|ran| ran.contains("new on")), "{ran:?}");
            let everywhere: BTreeSet<_> =
                made(name).everywhere().await.unwrap().into_iter().map(|(_, ran)| ran.unwrap()).collect();
            assert_eq!(everywhere, ran);
        }
    };
    node.scope(calls).await;
}

#[tokio::test]
async fn clients_of_both_builds_reach_workers_of_theirs() {
    let both = Both::new("clients");
    for build in ["old", "new"] {
        let (fits, differs) = both.sides(build);
        let there = |name: &str| format!("{name}@{}", differs.name);
        let mut orders: Vec<_> = CHANGED.iter().flat_map(|name| [(*name).to_owned(), there(name)]).collect();
        orders.extend(SAME.iter().map(|name| there(name)));
        orders.extend(["greet".to_owned(), there("greet"), "unknown_shape".to_owned(), there("unknown_shape")]);
        orders.extend(["*field_added".to_owned(), "*unchanged".to_owned()]);
        let orders: Vec<_> = orders.iter().map(String::as_str).collect();
        for (order, said) in orders.iter().zip(client_says(build, &both.places(), &orders)) {
            println!("{build} {order}: {said}");
            let by_other = SAME.iter().any(|name| order.starts_with(name));
            match order.split_once('@') {
                _ if order.starts_with("*unchanged") => {
                    assert!(said.contains("old on ") && said.contains(" & ") && said.contains("new on "), "{said}");
                }
                Some(_) if by_other => assert!(said.ends_with(&format!(" on {}", differs.name)), "{said}"),
                Some(_) => assert!(
                    said.starts_with("refused: no node can run ") && said.contains(&format!(" on {}#", differs.name)),
                    "{said}"
                ),
                None => assert!(said.ends_with(&format!("{build} on {}", fits.name)), "{said}"),
            }
        }
    }
}

#[tokio::test]
async fn a_task_that_one_build_lacks_is_called_where_it_is() {
    let both = Both::new("lacks");
    for (build, name) in [("old", "removed"), ("new", "added")] {
        let (fits, lacks) = both.sides(build);
        let orders = [name.to_owned(), format!("{name}@{}", lacks.name), format!("*{name}")];
        let said = client_says(build, &both.places(), &[&orders[0], &orders[1], &orders[2]]);
        println!("{said:#?}");
        let ran = format!("{build} on {}", fits.name);
        assert_eq!((&said[0], &said[2]), (&ran, &ran));
        let refused = format!("refused: no node can run `upgrade::{name}`: no worker that may run it has it");
        assert!(said[1].starts_with(&refused) && said[1].contains("another build"), "{}", said[1]);
    }
}

#[tokio::test]
async fn calls_made_by_tasks_go_by_the_build_that_makes_them() {
    let both = Both::new("nested");
    for build in ["old", "new"] {
        let (fits, differs) = both.sides(build);
        // Each build has tasks of the other one call what that has; and those cannot call across either.
        let orders: Vec<_> = CHANGED
            .iter()
            .flat_map(|name| [format!("{}>{name}", differs.name), format!("{}>{name}@{}", differs.name, fits.name)])
            .collect();
        let orders: Vec<_> = orders.iter().map(String::as_str).collect();
        for (order, said) in orders.iter().zip(client_says(build, &both.places(), &orders)) {
            let other = format!("{} on {}", if build == "old" { "new" } else { "old" }, differs.name);
            if order.contains('@') {
                assert!(said.starts_with("refused: ") && said.contains(&format!(" on {}#", fits.name)), "{said}");
            } else {
                assert!(said.starts_with(&format!("{other} > ")) && said.ends_with(&other), "{order}: {said}");
            }
        }
    }
    let node = client(&both.places()).await;
    for place in both.places() {
        let at = |name: &str| below_everywhere(name.to_owned()).place(Placement::Node(place.name.clone()));
        let ran = node.scope(at("field_added")).await.unwrap();
        assert!(ran.len() == 1 && ran[0].0.name() == place.name && ran[0].1.is_ok(), "{ran:?}");
        assert_eq!(node.scope(at("body_changed")).await.unwrap().len(), 2);
    }
    // A refusal two awaits away says the same.
    let [old, new] = both.places();
    let nested = below("field_added".to_owned(), Some(new.name.clone())).place(Placement::Node(old.name.clone()));
    let (reason, text) = unplaced(node.scope(nested).await);
    assert!(matches!(reason, Unplaced::VersionMismatch { .. }), "{text}");
}

#[tokio::test]
async fn a_body_of_another_file_is_never_run_for_one_of_its_name() {
    let both = Both::new("files");
    let node = client(&both.places()).await;
    let (reason, text) = unplaced(node.scope(made("greet")).await);
    println!("{text}");
    let Unplaced::VersionMismatch { there, .. } = reason else { panic!("{text}") };
    let names: BTreeSet<_> = there.iter().map(|(node, _)| node.name()).collect();
    assert_eq!(names, both.places().iter().map(|place| &place.name[..]).collect());
    assert!(text.contains("source file"), "{text}");
    let error = node.scope(made("greet").everywhere().into_future()).await.unwrap_err();
    assert!(matches!(error, TaskError::Unplaced { reason: Unplaced::VersionMismatch { .. }, .. }), "{error}");
    // Types of unknown shape are good for one build, and this is another one.
    let (reason, text) = unplaced(node.scope(made("unknown_shape")).await);
    println!("{text}");
    assert!(
        matches!(reason, Unplaced::VersionMismatch { .. }) && text.contains("one `version` in `#[task(..)]`"),
        "{text}"
    );
    node.scope(made("vouched_for")).await.unwrap();
}
