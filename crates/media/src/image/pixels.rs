//! Decoded pixels that are not planes: three bytes each, or four with transparency, in sRGB; and how they are encoded.

use image::{ExtendedColorType, ImageEncoder as _, codecs::png};

use super::planes::Turn;
use super::{Picture, Refusal};
use crate::kind::Kind;

/// Rows from the top, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Four bytes a pixel instead of three.
    pub(super) alpha: bool,
    pub(super) bytes: Vec<u8>,
}

impl Pixels {
    pub(super) fn turned(self, turn: Turn) -> Self {
        if turn == Turn::NONE {
            return self;
        }
        let (width, height) = (size(self.width), size(self.height));
        let bytes = if self.alpha {
            turn.plane::<4>(&self.bytes, width, height)
        } else {
            turn.plane::<3>(&self.bytes, width, height)
        };
        let (width, height) = turn.size((self.width, self.height));
        Self { width, height, alpha: self.alpha, bytes }
    }

    /// Without the fourth bytes, if they say nothing.
    pub(super) fn without_idle_alpha(self) -> Self {
        let (quads, _) = self.bytes.as_chunks::<4>();
        if !self.alpha || quads.iter().any(|[.., alpha]| *alpha != 255) {
            return self;
        }
        let bytes = quads.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect();
        Self { alpha: false, bytes, ..self }
    }

    pub(super) fn jpeg(&self, quality: u8) -> Result<Picture, Refusal> {
        let mut compressor = turbojpeg::Compressor::new().map_err(|_| Refusal::TooCostly)?;
        let image = turbojpeg::Image {
            pixels: self.bytes.as_slice(),
            width: size(self.width),
            pitch: size(self.width) * 3,
            height: size(self.height),
            format: turbojpeg::PixelFormat::RGB,
        };
        let set = compressor.set_quality(i32::from(quality)).and_then(|()| {
            compressor.set_subsamp(turbojpeg::Subsamp::Sub2x2)?;
            compressor.compress_to_vec(image)
        });
        self.picture(Kind::Jpeg, set.map_err(|_| Refusal::TooCostly)?)
    }

    pub(super) fn png(&self) -> Result<Picture, Refusal> {
        let mut bytes = Vec::new();
        let color = if self.alpha { ExtendedColorType::Rgba8 } else { ExtendedColorType::Rgb8 };
        let encoder =
            png::PngEncoder::new_with_quality(&mut bytes, png::CompressionType::Default, png::FilterType::Adaptive);
        encoder.write_image(&self.bytes, self.width, self.height, color).map_err(|_| Refusal::TooCostly)?;
        self.picture(Kind::Png, bytes)
    }

    pub(super) fn webp(&self, quality: u8) -> Result<Picture, Refusal> {
        let encoder = if self.alpha {
            webp::Encoder::from_rgba(&self.bytes, self.width, self.height)
        } else {
            webp::Encoder::from_rgb(&self.bytes, self.width, self.height)
        };
        let mut config = webp::WebPConfig::new().map_err(|()| Refusal::TooCostly)?;
        config.quality = f32::from(quality);
        // Of a scale to 6: half the time of the usual 4, at nearly its size.
        config.method = 2;
        let bytes = encoder.encode_advanced(&config).map_err(|_| Refusal::TooCostly)?;
        self.picture(Kind::Webp, bytes.to_vec())
    }

    fn picture(&self, kind: Kind, bytes: Vec<u8>) -> Result<Picture, Refusal> {
        Ok(Picture { kind, width: self.width, height: self.height, bytes })
    }
}

/// A length of pixels as one of bytes in memory.
pub(super) fn size(pixels: u32) -> usize {
    usize::try_from(pixels).unwrap_or(usize::MAX)
}
