//! The built example draws the picture, whoever has drawn which part of it.

use std::{env, fs, process::Command};

const WIDTH: usize = 1536;
const HEIGHT: usize = 1024;

#[test]
fn every_tile_is_drawn_once_and_in_its_place() {
    let test = env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples/mandelbrot");
    assert!(example.exists(), "{} is missing: run `cargo build --example mandelbrot`", example.display());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.pgm");
    let ran = Command::new(example).arg(&path).output().unwrap();
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{complaints}");
    assert!(told.starts_with("384 tiles on 2 workers: "), "{told}");

    let picture = fs::read(path).unwrap();
    let points = picture.strip_prefix(b"P5\n1536 1024\n255\n").unwrap();
    assert_eq!(points.len(), WIDTH * HEIGHT);
    // The set is its own image in the real axis, and no column of tiles, nor half a row of them, is that of another.
    let rows: Vec<&[u8]> = points.chunks(WIDTH).collect();
    assert!((0..HEIGHT).all(|y| rows[y] == rows[HEIGHT - 1 - y]));
    assert!((1..HEIGHT / 128).all(|row| rows[row * 64] != rows[row * 64 - 64]));
    // 0 never escapes, -2.25 - i does so at once; what is outside has all greys, and most of the circle around 0 is inside.
    assert_eq!((rows[HEIGHT / 2][WIDTH * 3 / 4], rows[0][0]), (255, 0));
    let inside = points.iter().filter(|point| **point == 255).count() as f64 / points.len() as f64 * 6.0;
    assert!((1.5..1.53).contains(&inside), "the set's area is 1.5066, and not {inside}");
}
