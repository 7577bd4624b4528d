//! Detects the media type of a file from its first bytes. Never trusts a declared type or a file
//! name.

use serde::{Deserialize, Serialize};

/// The number of leading bytes that [`Kind::sniff`] needs, in bytes; fewer if the file is shorter.
pub const SNIFFED: usize = 4096;

/// A supported media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`, including animated PNG.
    Png,
    /// `image/gif`
    Gif,
    /// `image/webp`
    Webp,
    /// `video/mp4`
    Mp4,
    /// `video/quicktime`
    Quicktime,
    /// `video/webm`
    Webm,
}

impl Kind {
    /// All supported types.
    pub const ALL: [Self; 7] = [Self::Jpeg, Self::Png, Self::Gif, Self::Webp, Self::Mp4, Self::Quicktime, Self::Webm];

    /// Returns the media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Mp4 => "video/mp4",
            Self::Quicktime => "video/quicktime",
            Self::Webm => "video/webm",
        }
    }

    /// Parses a media type, with or without parameters such as `codecs` (RFC 9110 section 8.3.1).
    /// Returns `None` for an unsupported one.
    pub fn parse(content_type: &str) -> Option<Self> {
        let essence = content_type.split_once(';').map_or(content_type, |(essence, _)| essence).trim_ascii();
        Self::ALL.into_iter().find(|kind| kind.content_type().eq_ignore_ascii_case(essence))
    }

    /// Returns the file name extension for output files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Mp4 => "mp4",
            Self::Quicktime => "mov",
            Self::Webm => "webm",
        }
    }

    /// Returns whether this is a video type.
    pub fn is_video(self) -> bool {
        matches!(self, Self::Mp4 | Self::Quicktime | Self::Webm)
    }

    /// Detects the type from the first bytes. Returns `None` for an unsupported one.
    pub fn sniff(head: &[u8]) -> Option<Self> {
        sniff_boxes(head).or_else(|| {
            let kind = Self::parse(infer::get(head)?.mime_type())?;
            // It knows these by a list of brands.
            (!matches!(kind, Self::Mp4 | Self::Quicktime)).then_some(kind)
        })
    }
}

/// The brands of still images, sound and documents in the ISO base media file format. All other
/// files of this format hold a video: cameras and phones have brands of their own.
const OTHER_BRANDS: [&[u8; 4]; 19] = [
    b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1", b"miaf",
    b"jp2 ", b"jpx ", b"jxl ", b"crx ", b"M4A ", b"M4B ", b"M4P ",
];

/// Detects a video of the ISO base media file format or `QuickTime` by its first box (ISO/IEC
/// 14496-12 section 4).
fn sniff_boxes(head: &[u8]) -> Option<Kind> {
    let size = u32::from_be_bytes(*head.first_chunk::<4>()?);
    let brand: Option<&[u8; 4]> = head.get(8..12).and_then(|brand| brand.try_into().ok());
    match head.get(4..8)? {
        b"ftyp" if size >= 16 && size.is_multiple_of(4) => match brand? {
            b"qt  " => Some(Kind::Quicktime),
            brand if OTHER_BRANDS.contains(&brand) => None,
            _ => Some(Kind::Mp4),
        },
        // QuickTime files before the file type box.
        b"moov" | b"mdat" | b"wide" | b"pnot" if size >= 8 || size <= 1 => Some(Kind::Quicktime),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_detected_from_the_first_bytes() {
        let brand = |brand: &[u8; 4]| [&[0, 0, 0, 24][..], b"ftyp", brand, &[0, 0, 2, 0], b"isomiso2"].concat();
        let cases: [(&[u8], Option<Kind>); 24] = [
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some(Kind::Jpeg)),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some(Kind::Png)),
            (b"GIF89a\x01\0\x01\0", Some(Kind::Gif)),
            (b"RIFF\x1a\0\0\0WEBPVP8 ", Some(Kind::Webp)),
            (&brand(b"isom"), Some(Kind::Mp4)),
            (&brand(b"mp42"), Some(Kind::Mp4)),
            (&brand(b"XAVC"), Some(Kind::Mp4)),
            (&brand(b"3gp4"), Some(Kind::Mp4)),
            (&brand(b"iso8"), Some(Kind::Mp4)),
            (&brand(b"MSNV"), Some(Kind::Mp4)),
            (&brand(b"new!"), Some(Kind::Mp4)),
            (&brand(b"qt  "), Some(Kind::Quicktime)),
            (b"\0\0\0\x08wide\0\0\x20\0mdat", Some(Kind::Quicktime)),
            (b"\0\0\0\x01mdat\0\0\0\0", Some(Kind::Quicktime)),
            (&brand(b"M4A "), None),
            (&brand(b"mif1"), None),
            (b"\0\0\0\x03ftypisom\0\0\0\0", None),
            (&brand(b"heic"), None),
            (&brand(b"avif"), None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None),
            (b"<!doctype html><script>", None),
            (b"RIFF\x1a\0\0\0AVI LIST", None),
            (b"MZ\x90\0", None),
            (b"", None),
        ];
        for (bytes, kind) in cases {
            assert_eq!(Kind::sniff(bytes), kind, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn media_types_parse_back() {
        assert!(Kind::ALL.into_iter().all(|kind| Kind::parse(kind.content_type()) == Some(kind)));
        assert_eq!(Kind::parse("IMAGE/JPEG"), Some(Kind::Jpeg));
        for webm in ["video/webm;codecs=vp8,opus", "video/webm; codecs=\"vp8, opus\"", " video/webm ;x=y"] {
            assert_eq!(Kind::parse(webm), Some(Kind::Webm), "{webm}");
        }
        assert_eq!(Kind::parse("image/svg+xml"), None);
    }
}
