//! Draws the Mandelbrot set: 384 tiles, each a call that computes for some milliseconds, awaited together by a plain join.
//!
//! ```text
//! $ cargo run --release --example mandelbrot                # on the terminal, by two workers
//! $ cargo run --release --example mandelbrot -- set.pgm     # and as a picture of 1,536 by 1,024 points
//! $ cargo run --release --example mandelbrot -- --compare 5 # five times in turn with the same code in one plain thread
//! ```

use std::{env, fs};

use atasks::LocalCluster;
use futures_util::future::try_join_all;
use tokio::time::Instant;

const WORKERS: usize = 2;

/// Points a side of a tile.
const TILE: usize = 64;
const COLUMNS: usize = 24;
const ROWS: usize = 16;
const WIDTH: usize = COLUMNS * TILE;
const HEIGHT: usize = ROWS * TILE;

/// A point that has not escaped by then never will.
const STEPS: u32 = 1500;

/// Greys from dark to light, and the set itself.
const INKS: &[u8] = b" .,:;-=+*#%@ ";

/// The tile of that column and row, line by line: a grey for each point.
#[atasks::task]
async fn tile(column: usize, row: usize) -> atasks::Result<Vec<u8>> {
    Ok(paint(column, row))
}

fn paint(column: usize, row: usize) -> Vec<u8> {
    let points = (0..TILE * TILE).map(|at| (column * TILE + at % TILE, row * TILE + at / TILE));
    points.map(|(x, y)| grey(x, y)).collect()
}

/// How long a point takes to escape: black if at once, white if never.
fn grey(x: usize, y: usize) -> u8 {
    // The middle of the point, 3 by 2 around (-0.75, 0).
    let re = (x as f64 + 0.5) / WIDTH as f64 * 3.0 - 2.25;
    let im = (y as f64 + 0.5) / HEIGHT as f64 * 2.0 - 1.0;
    let (mut a, mut b) = (0.0, 0.0);
    for step in 1..STEPS {
        (a, b) = (a * a - b * b + re, 2.0 * a * b + im);
        if a * a + b * b > 4.0 {
            return (f64::from(step).ln() / f64::from(STEPS).ln() * 255.0) as u8;
        }
    }
    u8::MAX
}

/// The whole picture, drawn by whoever has time.
async fn draw() -> atasks::Result<Vec<Vec<u8>>> {
    try_join_all(places().map(|(column, row)| tile(column, row))).await
}

/// The same by this thread alone.
fn draw_here() -> Vec<Vec<u8>> {
    places().map(|(column, row)| paint(column, row)).collect()
}

fn places() -> impl Iterator<Item = (usize, usize)> {
    (0..ROWS * COLUMNS).map(|at| (at % COLUMNS, at / COLUMNS))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> atasks::Result<()> {
    // A worker is this very program, and goes no further than here.
    let cluster = LocalCluster::builder().workers(WORKERS).executors(1).start().await?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => show(&timed().await?),
        ["--compare", rounds] => compare(rounds.parse()?).await?,
        [path] => fs::write(path, pgm(&timed().await?))?,
        _ => return Err(atasks::Error::msg("mandelbrot [PICTURE.pgm | --compare ROUNDS]")),
    }
    cluster.shutdown().await;
    Ok(())
}

/// Draws, and says how long that took.
async fn timed() -> atasks::Result<Vec<Vec<u8>>> {
    let begun = Instant::now();
    let tiles = draw().await?;
    println!("{} tiles on {WORKERS} workers: {} ms", tiles.len(), begun.elapsed().as_millis());
    Ok(tiles)
}

/// Draws on the workers and in one thread, in turn, and says how much faster the workers were.
async fn compare(rounds: usize) -> atasks::Result<()> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let (begun, drawn) = (Instant::now(), draw().await?);
        let spread = begun.elapsed().as_secs_f64();
        let (begun, alone) = (Instant::now(), draw_here());
        let plain = begun.elapsed().as_secs_f64();
        if drawn != alone {
            return Err(atasks::Error::msg("the pictures differ"));
        }
        println!("{WORKERS} workers {:.0} ms, one thread {:.0} ms: {:.2} x", spread * 1e3, plain * 1e3, plain / spread);
        times.push(plain / spread);
    }
    times.sort_by(f64::total_cmp);
    let median = times.get(rounds / 2).copied().unwrap_or_default();
    println!("{} tiles, {rounds} rounds, median: {median:.2} x", ROWS * COLUMNS);
    Ok(())
}

fn point(tiles: &[Vec<u8>], x: usize, y: usize) -> u8 {
    tiles[y / TILE * COLUMNS + x / TILE][y % TILE * TILE + x % TILE]
}

/// A picture in grey, in the format of netpbm.
fn pgm(tiles: &[Vec<u8>]) -> Vec<u8> {
    let points = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| point(tiles, x, y)));
    format!("P5\n{WIDTH} {HEIGHT}\n255\n").into_bytes().into_iter().chain(points).collect()
}

/// A point of every 16 by 32, which is what a terminal has room for.
fn show(tiles: &[Vec<u8>]) {
    for y in (16..HEIGHT).step_by(32) {
        let ink = |x| char::from(INKS[usize::from(point(tiles, x, y)) * (INKS.len() - 1) / 255]);
        println!("{}", (8..WIDTH).step_by(16).map(ink).collect::<String>());
    }
}
