//! Applies the eight Exif orientations to pixels of one, three or four bytes. Reads no metadata.

use image::metadata::Orientation;

/// The side of the square blocks in which pixels are transposed, so that source and target stay in
/// the CPU cache.
const BLOCK: usize = 32;

/// The transformation that makes an image with an Exif orientation upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExifTransform {
    /// Whether rows become columns.
    pub(super) transposed: bool,
    /// Whether the columns of the input are read in reverse order.
    pub(super) mirrored: bool,
    /// Whether the rows of the input are read in reverse order.
    pub(super) flipped: bool,
}

impl ExifTransform {
    /// The identity.
    pub(super) const NONE: Self = Self { transposed: false, mirrored: false, flipped: false };

    /// Returns the transformation for an Exif orientation.
    pub(super) fn from_orientation(orientation: Orientation) -> Self {
        let (transposed, mirrored, flipped) = match orientation {
            Orientation::NoTransforms => (false, false, false),
            Orientation::FlipHorizontal => (false, true, false),
            Orientation::Rotate180 => (false, true, true),
            Orientation::FlipVertical => (false, false, true),
            Orientation::Rotate90FlipH => (true, false, false),
            Orientation::Rotate90 => (true, false, true),
            Orientation::Rotate270FlipH => (true, true, true),
            Orientation::Rotate270 => (true, true, false),
        };
        Self { transposed, mirrored, flipped }
    }

    /// Returns the size after the transformation.
    pub(super) fn output_size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.transposed { (height, width) } else { (width, height) }
    }

    /// Transforms pixels of `N` bytes, stored in rows without padding.
    pub(super) fn apply<const N: usize>(self, from: &[u8], width: usize, height: usize) -> Vec<u8> {
        let (from, _) = from.as_chunks::<N>();
        let from = &from[..width * height];
        let mut to = vec![[0_u8; N]; width * height];
        let row = |y: usize| if self.flipped { height - 1 - y } else { y };
        if self.transposed {
            // Each output row is an input column; the blocks keep both in the cache.
            for left in (0..width).step_by(BLOCK) {
                for top in (0..height).step_by(BLOCK) {
                    for x in left..(left + BLOCK).min(width) {
                        let column = if self.mirrored { width - 1 - x } else { x };
                        let line = &mut to[x * height..(x + 1) * height];
                        for y in top..(top + BLOCK).min(height) {
                            line[y] = from[row(y) * width + column];
                        }
                    }
                }
            }
        } else {
            for (y, line) in to.chunks_exact_mut(width).enumerate() {
                let source = &from[row(y) * width..][..width];
                line.copy_from_slice(source);
                if self.mirrored {
                    line.reverse();
                }
            }
        }
        to.into_flattened()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The letter F as stored in each orientation, as drawn in the Exif specification.
    #[test]
    fn all_eight_orientations() {
        let upright = ["###", "#..", "##.", "#..", "#.."];
        let seen: [(u8, &[&str]); 8] = [
            (1, &["###", "#..", "##.", "#..", "#.."]),
            (2, &["###", "..#", ".##", "..#", "..#"]),
            (3, &["..#", "..#", ".##", "..#", "###"]),
            (4, &["#..", "#..", "##.", "#..", "###"]),
            (5, &["#####", "#.#..", "#...."]),
            (6, &["#....", "#.#..", "#####"]),
            (7, &["....#", "..#.#", "#####"]),
            (8, &["#####", "..#.#", "....#"]),
        ];
        let flat = |rows: &[&str]| rows.concat().into_bytes();
        for (number, rows) in seen {
            let transform = ExifTransform::from_orientation(Orientation::from_exif(number).unwrap());
            let (width, height) = (rows[0].len(), rows.len());
            assert_eq!(transform.output_size((width, height)), (3, 5));
            assert_eq!(transform.apply::<1>(&flat(rows), width, height), flat(&upright), "{number}");
            let thrice: Vec<u8> = flat(rows).iter().flat_map(|byte| [*byte; 3]).collect();
            let expected: Vec<u8> = flat(&upright).iter().flat_map(|byte| [*byte; 3]).collect();
            assert_eq!(transform.apply::<3>(&thrice, width, height), expected, "{number}");
        }
    }

    #[test]
    fn block_borders_are_correct() {
        let (width, height) = (BLOCK * 2 + 3, BLOCK + 5);
        let from: Vec<u8> = (0..width * height).map(|n| (n % 251).to_le_bytes()[0]).collect();
        for number in 1..=8 {
            let transform = ExifTransform::from_orientation(Orientation::from_exif(number).unwrap());
            let to = transform.apply::<1>(&from, width, height);
            let (to_width, _) = transform.output_size((width, height));
            for (at, pixel) in to.iter().enumerate() {
                let (x, y) = (at % to_width, at / to_width);
                let (x, y) = if transform.transposed { (y, x) } else { (x, y) };
                let x = if transform.mirrored { width - 1 - x } else { x };
                let y = if transform.flipped { height - 1 - y } else { y };
                assert_eq!(*pixel, from[y * width + x], "{number} at {at}");
            }
        }
    }
}
