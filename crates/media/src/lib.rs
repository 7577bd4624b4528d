//! What is done to bytes of unknown origin before anybody may see them: they are sniffed, scanned for malware, decoded in a
//! process of their own and made anew without what they carried besides the picture. Bytes in, bytes out: knows no
//! database, no store and no HTTP.

pub mod clamd;
pub mod image;
pub mod kind;
pub mod sandbox;
pub mod video;
