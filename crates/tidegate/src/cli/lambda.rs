//! `tidegate lambda`: answers the events of an AWS Lambda function. Lambda starts the binary under the
//! name `bootstrap` and without arguments, which means the same.

use std::process::ExitCode;
use std::time::Instant;

use tokio::runtime::Builder;

use super::{print_error, process};
use crate::config::{Config, lambda_memory_mib, lambda_runtime_address, missing_lambda_variables};
use crate::server;

/// The memory in MiB at which a function has one core. Source: "Configure Lambda function memory".
const MEMORY_PER_CORE: u64 = 1769;

/// What the help of the subcommand says besides.
pub(super) const HELP: &str = "\
It needs PostgreSQL, a bucket, and PUBLIC_BASE_URL. LAMBDA_ROLE says which events are answered.
`tidegate settings lambda` lists its settings.";

/// Answers events until the Runtime API is gone, or SIGTERM comes.
pub(super) fn run(config: Config, environment: &[(String, String)], started: Instant) -> ExitCode {
    let missing = missing_lambda_variables(environment);
    if !missing.is_empty() {
        let message = "`tidegate lambda` runs in AWS Lambda only, which would set";
        print_error(&format!("{message} {}", missing.join(", ")));
        return ExitCode::FAILURE;
    }
    let (builder, address) = (runtime(lambda_memory_mib(environment)), lambda_runtime_address(environment));
    process::run_on(builder, config, |config, stop| async move {
        server::lambda::run(config, &address, started, stop).await
    })
}

/// Returns the runtime of a function with so much memory. One that has less than two cores gets one
/// thread: to hand work to another thread costs more than most requests.
fn runtime(memory_mib: u64) -> Builder {
    let cores = usize::try_from(memory_mib / MEMORY_PER_CORE).unwrap_or(1);
    if cores < 2 {
        return Builder::new_current_thread();
    }
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(cores);
    builder
}
