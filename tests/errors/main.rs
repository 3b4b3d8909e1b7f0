//! Every error that a call can end with, made to happen: what it says, and whether the work may have run.
//!
//! Some need processes, and so stand elsewhere; `tests/guarantees/tables.rs` sees to it that each is here:
//!
//! | error | made to happen by |
//! |---|---|
//! | `NotJoined` | `tests/wait.rs::a_program_without_a_runtime_joins_and_waits` |
//! | `Unplaced NoWorkers` | `tests/placement/table.rs::without_any_worker_all_wait_for_one_and_then_say_so` |
//! | `Unplaced NotRegistered` | `tests/placement/lacks.rs::calls_go_only_to_those_that_have_the_task` |
//! | `Unplaced VersionMismatch` | `tests/guarantees/bounds.rs::guarantee_10_a_call_goes_only_where_its_types_are_the_same` |
//! | `Unplaced Labels` | `tests/placement/table.rs::nobody_with_the_label_is_told_as_that_after_the_time_to_place` |
//! | `Unplaced Draining` | `tests/placement/draining.rs::with_all_draining_a_call_waits_for_another_and_then_says_so` |
//! | `Unplaced NoSuchNode` | `tests/placement/table.rs::a_name_reaches_its_node_and_nobody_of_it_is_told_after_the_time_to_place` |
//! | `Unplaced NotAWorker` | `tests/placement/table.rs::a_client_runs_nothing_here_and_says_so_at_once` |
//! | `Unplaced WorkersDown` | `tests/processes/launch.rs::a_setup_that_fails_in_local_workers_alone_is_told_and_the_call_ends` |
//! | `Unplaced NoneSuits` | `tests/placement/policy.rs::when_it_wants_none_the_call_waits_for_another_and_then_says_so` |
//! | `Rejected Draining` | `tests/cluster/draining.rs::a_named_node_that_drains_takes_no_more_calls` |
//! | `Rejected TreeTooLarge` | `tests/limits/processes.rs::a_recursion_without_end_does_not_cost_the_worker_its_life` |
//! | `TooLarge Arguments` | `tests/errors/payloads.rs::arguments_above_the_limit_are_too_large_and_tell_their_size` |
//! | `TooLarge Result` | `tests/errors/payloads.rs::a_result_above_the_limit_is_too_large_and_tells_its_size` |
//! | `TooLarge Baggage` | `tests/calls/options.rs::baggage_has_a_bound` |
//! | `Codec Arguments` | `tests/errors/payloads.rs::arguments_whose_code_fails_at_either_end_did_not_run` |
//! | `Codec Result` | `tests/errors/payloads.rs::a_result_whose_code_fails_at_either_end_did_run` |
//! | `Crashed` | `tests/errors/crashes.rs::it_tells_what_and_where_for_payloads_of_any_kind` |
//! | `NodeLost Left` | `tests/cluster/losses.rs::a_worker_that_says_goodbye_has_left` |
//! | `NodeLost Closed` | `tests/cluster/losses.rs::a_worker_that_is_killed_is_told_as_closed` |
//! | `NodeLost Silent` | `tests/cluster/losses.rs::a_worker_that_stops_answering_is_told_as_silent_and_ends_its_tasks_when_it_goes_on` |
//! | `NodeLost Restarted` | `tests/cluster/blips.rs::a_worker_that_was_started_again_meanwhile_is_told_as_restarted` |
//! | `NodeLost Evicted` | `tests/cluster/blips.rs::a_worker_that_has_given_a_client_up_tells_it_so` |
//! | `NodeLost Exited` | `tests/processes/losses.rs::how_a_process_ends_is_told` |
//! | `NodeLost Killed` | `tests/processes/losses.rs::a_killed_worker_is_told_at_once_by_name_and_signal` |
//! | `DeadlineExceeded Placement` | `tests/errors/deadlines.rs::for_a_node` |
//! | `DeadlineExceeded Link` | `tests/guarantees/bounds.rs::guarantee_11_what_waits_for_a_node_that_reads_nothing_is_bounded_and_waits_unsent` |
//! | `DeadlineExceeded Executor` | `tests/errors/deadlines.rs::for_its_turn` |
//! | `DeadlineExceeded Result` | `tests/errors/deadlines.rs::for_its_result` |
//! | `Cancelled Caller` | `tests/guarantees/endings.rs::guarantee_4_who_is_in_its_grace_calls_nobody_and_is_told_why` |
//! | `Cancelled Parent` | `tests/calls/spawned.rs::a_call_first_polled_after_its_parents_end_does_not_run` |
//! | `Cancelled Loss` | `tests/guarantees/endings.rs::guarantee_4_who_is_in_its_grace_calls_nobody_and_is_told_why` |
//! | `Cancelled Drain` | `tests/cluster/draining.rs::what_does_not_end_in_time_is_cancelled_and_told_so` |
//! | `Cancelled Leave` | `tests/calls/leave.rs::awaits_in_flight_end_as_cancelled_and_later_ones_as_not_joined` |
//! | `WouldBlock` | `tests/wait.rs::on_an_executor_thread_it_would_block` |
//! | `Other` | `tests/mixed/newer.rs::guarantee_10_an_error_of_a_later_version_is_told_by_code_and_text_and_passed_on` |
#![allow(clippy::unwrap_used, clippy::type_complexity)]

#[path = "../support/mod.rs"]
mod support;

mod crashes;
mod crossing;
mod deadlines;
mod drops;
mod hops;
mod payloads;
