//! One module per owner kind: identifiers, wording, and the operations that only this owner kind
//! has. Surfaces never import each other. What they share is in `uploads` and `library`.

pub mod archives;
pub mod disks;
pub mod files;
pub mod imports;
pub mod packages;
pub mod sessions;
pub mod spaces;
