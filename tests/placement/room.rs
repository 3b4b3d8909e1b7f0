//! Calls that find no room on a link wait for it, however many they are.

use std::time::Duration;

use atasks::{Node, Result, testing::simulate_cluster};
use futures_util::future::try_join_all;
use tokio::time::timeout;

#[atasks::task]
async fn measure(bytes: Vec<u8>) -> Result<usize> {
    Ok(bytes.len())
}

#[test]
fn thousands_that_wait_for_room_all_get_it() {
    // More large arguments than a peer takes at once, and so many small ones behind them that not all are tried in one go.
    let seed = 1;
    println!("seed {seed}");
    simulate_cluster([Node::builder()], seed, async |_| {
        let large = try_join_all((0..1000).map(|_| measure(vec![0; 100_000])));
        let small = try_join_all((0..3000).map(|_| measure(vec![0; 10])));
        let all = timeout(Duration::from_secs(3600), futures_util::future::try_join(large, small)).await;
        let (large, small) = all.expect("some wait for ever").unwrap();
        assert_eq!((large.len(), small.len()), (1000, 3000));
    });
}
