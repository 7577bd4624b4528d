//! Export of spans to a collector, by OTLP over HTTP.

use anyhow::Context as _;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, filter::LevelFilter};

use super::TraceContext;

/// The exporter of spans.
#[derive(Debug, Default)]
pub struct ExportGuard(Option<SdkTracerProvider>);

impl ExportGuard {
    /// Sends the remaining spans and stops the exporter.
    pub fn shutdown(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Returns the layer that exports this workspace's spans, if an endpoint is configured.
pub(super) fn layer<S>(endpoint: Option<&str>) -> anyhow::Result<(Option<impl Layer<S>>, ExportGuard)>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let Some(endpoint) = endpoint else { return Ok((None, ExportGuard::default())) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .build()
        .context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        // The sampling decision is the caller's; traces that begin here are kept.
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(Resource::builder().with_service_name("tidegate").build())
        .build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("tidegate")).with_filter(
        Targets::new().with_target("tidegate", LevelFilter::TRACE).with_target("store", LevelFilter::TRACE),
    );
    Ok((Some(spans), ExportGuard(Some(provider))))
}

/// Sets the parent of a span to the caller's trace.
pub fn set_parent(span: &tracing::Span, trace: &TraceContext) {
    let ids = TraceId::from_hex(&trace.trace_id)
        .ok()
        .zip(trace.parent_id.as_deref().and_then(|parent| SpanId::from_hex(parent).ok()));
    let Some((trace_id, parent)) = ids else { return };
    let flags = if trace.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let remote = SpanContext::new(trace_id, parent, flags, true, TraceState::default());
    let context = opentelemetry::Context::new().with_remote_span_context(remote);
    if let Err(error) = span.set_parent(context) {
        tracing::debug!(%error, "a trace could not be joined");
    }
}
