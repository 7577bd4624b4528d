//! Measures how long cleaning an image takes, without the sandbox: `clean FILE ROUNDS THUMBNAILS
//! [PREFIX]`. `THUMBNAILS` is a comma-separated list of sizes. Prints the milliseconds of each
//! round. With `PREFIX`, also writes the output files, named with that prefix.

#![expect(clippy::expect_used, reason = "a measurement ends at the first error")]

use std::time::Instant;

use media::image::{CleanOptions, clean};
use media::kind::Kind;

#[expect(clippy::print_stdout, reason = "the output of the benchmark")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bytes = std::fs::read(&arguments[0]).expect("a file");
    let rounds: u32 = arguments[1].parse().expect("a number of rounds");
    let thumbnails = arguments[2].split(',').filter_map(|size| size.parse().ok()).collect();
    let kind = Kind::sniff(&bytes).expect("an image");
    let options =
        CleanOptions { kind, max_pixels: 100_000_000, max_frames: 1000, quality: 85, thumbnails, lossless: false };
    for _ in 0..rounds {
        let started = Instant::now();
        let cleaned = clean(&bytes, &options).expect("a valid image");
        println!("{:.2}", started.elapsed().as_secs_f64() * 1000.0);
        if let Some(prefix) = arguments.get(3) {
            for (number, picture) in
                std::iter::once(&cleaned.main).chain(cleaned.thumbnails.iter().map(|small| &small.picture)).enumerate()
            {
                std::fs::write(format!("{prefix}{number}.{}", picture.kind.extension()), &picture.bytes)
                    .expect("a writable path");
            }
        }
    }
}
