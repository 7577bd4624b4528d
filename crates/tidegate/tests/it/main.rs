//! Integration tests of the server in one binary: everything goes through the doors of a real
//! server in this process.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends at the first error")]
#![expect(clippy::disallowed_methods, reason = "tests read files, and what their run is given")]

mod access;
mod archived;
mod audit;
mod authority;
mod bulk;
mod callers;
mod cli;
mod cli_settings;
mod conditions;
mod connections;
mod contract;
mod dashboard;
mod disks;
mod edge;
mod edge_wire;
mod fairness;
mod files;
mod files_faults;
mod files_limits;
mod files_scanned;
mod files_visibility;
mod graphql;
mod guards;
mod headers;
mod histories;
mod hostile_cases;
mod jobs;
mod lambda;
mod landing_page;
mod layers;
mod overview;
mod packages;
mod poolers;
mod positions;
mod postgres;
mod queues;
mod quota_bounds;
mod quotas;
mod races;
mod references;
mod remote_key;
mod s3_door;
mod s3_store;
mod seals;
mod sessions;
mod sessions_faults;
mod sessions_listed;
mod sign_in;
mod site;
mod space_links;
mod spaces;
mod startup;
mod strangers;
mod support;
mod tidy;
mod turns;
mod upload_progress;
