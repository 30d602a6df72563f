//! The pieces of the codec: header, mask, UTF-8. Each public operation is a group; the kernels' names are in the names.

use core::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wsframe::{Header, Mask, Role, Rsv, Utf8Validator, kernels};

const SIZES: [(usize, &str); 6] =
    [(16, "16B"), (64, "64B"), (1024, "1KiB"), (4096, "4KiB"), (65_536, "64KiB"), (1 << 20, "1MiB")];

fn header(c: &mut Criterion) {
    let mut group = c.benchmark_group("header/parse");
    for (name, bytes) in [
        ("7-bit", &b"\x81\x85\x01\x02\x03\x04"[..]),
        ("16-bit", b"\x81\xfe\x01\x00\x01\x02\x03\x04"),
        ("64-bit", b"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00\x01\x02\x03\x04"),
    ] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| b.iter(|| Header::parse(black_box(bytes), Role::Server, Rsv::NONE)));
    }
    group.finish();
}

/// The kernels that this machine and this build choose: `RUSTFLAGS='--cfg wsframe_force="avx2"'` limits them.
fn mask(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("mask/{}", kernels()));
    for (size, name) in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        let mut buffer = vec![0x5a; size + 4];
        for phase in 0..4 {
            group.bench_function(BenchmarkId::new(format!("phase-{phase}"), name), |b| {
                let mut mask = Mask::new([1, 2, 3, 4]);
                mask.apply(&mut [0; 3][..phase]);
                b.iter(|| mask.clone().apply(black_box(&mut buffer[..size])));
            });
        }
    }
    group.finish();
}

fn utf8(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("utf8/{}", kernels()));
    for (size, name) in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        for (kind, text) in
            [("ascii", "plain letters, digits 0123 and so on; "), ("multilingual", "naïve, ещё, 文字, 🙂; ")]
        {
            let text: Vec<u8> = text.bytes().cycle().take(size).collect();
            group.bench_function(BenchmarkId::new(kind, name), |b| {
                b.iter(|| Utf8Validator::new().update(black_box(&text)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, header, mask, utf8);
criterion_main!(benches);
