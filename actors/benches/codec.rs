//! What the codec takes: `cargo bench -p atasks-actors --bench codec`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::hint::black_box;

use atasks_actors::codec::{decode, encode};
use criterion::{Criterion, Throughput};
use serde_bytes::ByteBuf;

const LIMIT: usize = 64 << 20;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    small(&mut criterion);
    large(&mut criterion);
    criterion.final_summary();
}

/// The arguments of `add`.
fn small(criterion: &mut Criterion) {
    let arguments = (17_i64, 4_i64);
    let bytes = encode(&arguments, LIMIT).unwrap();
    criterion.bench_function("codec/encode two numbers", |bench| {
        bench.iter(|| encode(black_box(&arguments), LIMIT).unwrap());
    });
    criterion.bench_function("codec/decode two numbers", |bench| {
        bench.iter(|| decode::<(i64, i64)>(black_box(&bytes)).unwrap());
    });
}

/// A `Vec<u8>` as tasks send it.
fn large(criterion: &mut Criterion) {
    let value = ByteBuf::from(vec![7; 1 << 20]);
    let bytes = encode(&value, LIMIT).unwrap();
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Bytes(1 << 20));
    group.bench_function("encode 1 MiB", |bench| bench.iter(|| encode(black_box(&value), LIMIT).unwrap()));
    group.bench_function("decode 1 MiB", |bench| bench.iter(|| decode::<ByteBuf>(black_box(&bytes)).unwrap()));
    group.finish();
}
