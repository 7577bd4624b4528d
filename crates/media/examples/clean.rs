//! Times the cleaning of one image in this process: `clean FILE ROUNDS THUMBNAILS`, with sizes by commas. Prints
//! milliseconds of each round, and writes what came out beside the file when asked with a fourth argument.

use std::time::Instant;

use media::image::{Order, clean};
use media::kind::Kind;

#[expect(clippy::print_stdout, reason = "its result")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bytes = std::fs::read(&arguments[0]).expect("a file");
    let rounds: u32 = arguments[1].parse().expect("a number of rounds");
    let thumbnails = arguments[2].split(',').filter_map(|size| size.parse().ok()).collect();
    let kind = Kind::sniff(&bytes).expect("an image");
    let order = Order { kind, max_pixels: 100_000_000, max_frames: 1000, quality: 85, thumbnails, lossless: false };
    for _ in 0..rounds {
        let started = Instant::now();
        let cleaned = clean(&bytes, &order).expect("a good image");
        println!("{:.2}", started.elapsed().as_secs_f64() * 1000.0);
        if let Some(prefix) = arguments.get(3) {
            for (number, picture) in
                std::iter::once(&cleaned.main).chain(cleaned.thumbnails.iter().map(|small| &small.picture)).enumerate()
            {
                std::fs::write(format!("{prefix}{number}.{}", picture.kind.extension()), &picture.bytes)
                    .expect("a place");
            }
        }
    }
}
