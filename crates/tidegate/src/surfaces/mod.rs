//! One module per kind of owner: identifiers, wording, and the acts that only this owner has. Surfaces never import each other.

pub mod archives;
pub mod disks;
pub mod files;
pub mod imports;
pub mod packages;
pub mod sessions;
pub mod spaces;
