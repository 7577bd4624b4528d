//! Turning: the eight orientations of Exif, applied to planes of one, three or four bytes a pixel.

use image::metadata::Orientation;

/// Rows and columns that are turned together, so that both sides stay in the cache.
const BLOCK: usize = 32;

/// Where the pixel that comes to lie at the first place of the first row was, and which way its neighbours lay: the three
/// bits of an orientation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Rows become columns.
    pub(super) transposed: bool,
    /// Of what came, columns run backwards.
    pub(super) mirrored: bool,
    /// Of what came, rows run backwards.
    pub(super) flipped: bool,
}

impl Turn {
    pub(super) const NONE: Self = Self { transposed: false, mirrored: false, flipped: false };

    /// What makes an image of this orientation upright.
    pub(super) fn upright(orientation: Orientation) -> Self {
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

    /// The size after the turn.
    pub(super) fn size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.transposed { (height, width) } else { (width, height) }
    }

    /// Turns a plane of `N` bytes a pixel, row after row without gaps.
    pub(super) fn plane<const N: usize>(self, from: &[u8], width: usize, height: usize) -> Vec<u8> {
        let (from, _) = from.as_chunks::<N>();
        let from = &from[..width * height];
        let mut to = vec![[0_u8; N]; width * height];
        let row = |y: usize| if self.flipped { height - 1 - y } else { y };
        if self.transposed {
            // Of what comes, a row is a column: of a block, all is read before the next is begun.
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

    /// The letter F and what each orientation makes of it, as the Exif specification draws them.
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
            let turn = Turn::upright(Orientation::from_exif(number).unwrap());
            let (width, height) = (rows[0].len(), rows.len());
            assert_eq!(turn.size((width, height)), (3, 5));
            assert_eq!(turn.plane::<1>(&flat(rows), width, height), flat(&upright), "{number}");
            let thrice: Vec<u8> = flat(rows).iter().flat_map(|byte| [*byte; 3]).collect();
            let expected: Vec<u8> = flat(&upright).iter().flat_map(|byte| [*byte; 3]).collect();
            assert_eq!(turn.plane::<3>(&thrice, width, height), expected, "{number}");
        }
    }

    #[test]
    fn blocks_meet_without_a_seam() {
        let (width, height) = (BLOCK * 2 + 3, BLOCK + 5);
        let from: Vec<u8> = (0..width * height).map(|n| (n % 251).to_le_bytes()[0]).collect();
        for number in 1..=8 {
            let turn = Turn::upright(Orientation::from_exif(number).unwrap());
            let to = turn.plane::<1>(&from, width, height);
            let (to_width, _) = turn.size((width, height));
            for (at, pixel) in to.iter().enumerate() {
                let (x, y) = (at % to_width, at / to_width);
                let (x, y) = if turn.transposed { (y, x) } else { (x, y) };
                let x = if turn.mirrored { width - 1 - x } else { x };
                let y = if turn.flipped { height - 1 - y } else { y };
                assert_eq!(*pixel, from[y * width + x], "{number} at {at}");
            }
        }
    }
}
