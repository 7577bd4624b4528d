//! The classes of jobs. Each has workers of its own, so that none waits behind another.

/// A class of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobClass {
    /// Short jobs, and jobs that nobody waits for.
    Upkeep,
    /// Malware scans of files and packages.
    Scans,
    /// Processing of images.
    Images,
    /// Processing of videos.
    Videos,
}

impl JobClass {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::Upkeep, Self::Scans, Self::Images, Self::Videos];

    /// Returns the class with a name; `None` if there is none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Returns the name in the database, in metrics and in `WORKER_CLASSES`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upkeep => "upkeep",
            Self::Scans => "scans",
            Self::Images => "images",
            Self::Videos => "videos",
        }
    }
}
