//! Metrics in CloudWatch's embedded metric format: JSON lines on standard output, from which
//! CloudWatch makes metrics. What was recorded is written when it is flushed, and then begins anew.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use serde_json::{Map, Value, json};

use super::metrics_table::{METRICS, MetricKind};

/// The most metrics of a document, and the most values of a metric (embedded metric format).
const MOST: usize = 100;
/// The most values of a histogram that are held, which is more than one event brings.
const MOST_VALUES: usize = 100_000;
/// The most distinct metrics that are held.
const MOST_HELD: usize = 10_000;
/// Labels that are written beside a metric and are no dimension of it: with them there would be a
/// metric of its own, and its price, for each route.
const PROPERTIES: [&str; 2] = ["route", "method"];

/// The recorder, once started.
static RECORDER: OnceLock<EmbeddedMetrics> = OnceLock::new();

/// Records metrics between two flushes.
#[derive(Debug, Clone)]
pub(super) struct EmbeddedMetrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: String,
    counters: Mutex<HashMap<Key, Arc<Sum>>>,
    gauges: Mutex<HashMap<Key, Arc<Level>>>,
    histograms: Mutex<HashMap<Key, Arc<Values>>>,
}

/// A counter: what was added since the last flush, and in all if it is set by its total.
#[derive(Debug, Default)]
struct Sum {
    added: AtomicU64,
    total: AtomicU64,
}

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        self.added.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        let before = self.total.fetch_max(value, Ordering::Relaxed);
        self.added.fetch_add(value.saturating_sub(before), Ordering::Relaxed);
    }
}

/// A gauge: its value, if it was set since the last flush.
#[derive(Debug, Default)]
struct Level(Mutex<(f64, bool)>);

impl Level {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut level = locked(&self.0);
        *level = (change(level.0), true);
    }
}

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        self.change(|level| level + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|level| level - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

/// The values of a histogram since the last flush.
#[derive(Debug, Default)]
struct Values(Mutex<Vec<f64>>);

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        let mut values = locked(&self.0);
        if values.len() < MOST_VALUES && value.is_finite() {
            values.push(value);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the entry of a key, a new one if there is room.
fn entry<T: Default>(held: &Mutex<HashMap<Key, Arc<T>>>, key: &Key) -> Arc<T> {
    let mut held = locked(held);
    if let Some(known) = held.get(key) {
        return Arc::clone(known);
    }
    let new = Arc::<T>::default();
    if held.len() < MOST_HELD {
        held.insert(key.clone(), Arc::clone(&new));
    }
    new
}

impl Recorder for EmbeddedMetrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(entry(&self.0.counters, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(entry(&self.0.gauges, key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(entry(&self.0.histograms, key))
    }
}

/// Starts the recorder for a namespace of CloudWatch. Further calls do nothing.
pub fn start_embedded_metrics(namespace: &str) {
    RECORDER.get_or_init(|| {
        let recorder = EmbeddedMetrics::new(namespace);
        if metrics::set_global_recorder(recorder.clone()).is_err() {
            tracing::debug!("metrics were started before");
        }
        recorder
    });
}

/// Writes what was recorded since the last call to standard output.
pub fn flush_embedded_metrics() {
    let Some(recorder) = RECORDER.get() else { return };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut text = String::new();
    for document in recorder.drain(u64::try_from(now.as_millis()).unwrap_or_default()) {
        text.push_str(&document.to_string());
        text.push('\n');
    }
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        tracing::debug!(%error, "metrics can't be written");
    }
}

/// The labels of a metric, by name and value.
type Labels = Vec<(String, String)>;
/// Metrics by their names.
type Metrics = Vec<(String, Value)>;

impl EmbeddedMetrics {
    fn new(namespace: &str) -> Self {
        let namespace = namespace.to_owned();
        let (counters, gauges, histograms) = Default::default();
        Self(Arc::new(Inner { namespace, counters, gauges, histograms }))
    }

    /// Returns the documents of what was recorded, and forgets it. Metrics with the same labels share
    /// documents.
    fn drain(&self, timestamp: u64) -> Vec<Value> {
        let mut sets: BTreeMap<Labels, Metrics> = BTreeMap::new();
        let mut add = |key: &Key, value: Value| {
            let mut labels: Labels =
                key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
            labels.sort();
            sets.entry(labels).or_default().push((key.name().to_owned(), value));
        };
        for (key, sum) in locked(&self.0.counters).iter() {
            let added = sum.added.swap(0, Ordering::Relaxed);
            if added > 0 {
                add(key, json!(added));
            }
        }
        for (key, level) in locked(&self.0.gauges).iter() {
            let mut level = locked(&level.0);
            let (value, is_new) = (level.0, std::mem::take(&mut level.1));
            if is_new && value.is_finite() {
                add(key, json!(value));
            }
        }
        for (key, values) in locked(&self.0.histograms).iter() {
            let values = std::mem::take(&mut *locked(&values.0));
            for some in values.chunks(MOST) {
                add(key, json!(some));
            }
        }
        let mut documents = Vec::new();
        for (labels, mut found) in sets {
            found.sort_by(|one, other| one.0.cmp(&other.0));
            // A document has a metric once; the further values of a histogram go into further ones.
            while !found.is_empty() {
                let (now, later) = once_each(found);
                documents.extend(now.chunks(MOST).map(|chunk| self.document(timestamp, &labels, chunk)));
                found = later;
            }
        }
        documents
    }

    fn document(&self, timestamp: u64, labels: &[(String, String)], found: &[(String, Value)]) -> Value {
        let is_dimension = |name: &&str| !PROPERTIES.contains(name);
        let dimensions: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).filter(is_dimension).collect();
        let metrics: Vec<Value> = found.iter().map(|(name, _)| json!({ "Name": name, "Unit": unit(name) })).collect();
        let directive = json!({ "Namespace": self.0.namespace, "Dimensions": [dimensions], "Metrics": metrics });
        let mut document = Map::new();
        document.insert("_aws".into(), json!({ "Timestamp": timestamp, "CloudWatchMetrics": [directive] }));
        document.extend(labels.iter().map(|(name, value)| (name.clone(), json!(value))));
        document.extend(found.iter().cloned());
        Value::Object(document)
    }
}

/// Splits sorted metrics in those that occur for the first time, and the others.
fn once_each(found: Metrics) -> (Metrics, Metrics) {
    let (mut first, mut others) = (Metrics::new(), Metrics::new());
    for metric in found {
        let is_new = first.last().is_none_or(|(name, _)| *name != metric.0);
        if is_new { first.push(metric) } else { others.push(metric) }
    }
    (first, others)
}

/// Returns the unit of a metric in CloudWatch, by its name and kind.
fn unit(name: &str) -> &'static str {
    let is_count = METRICS.iter().any(|metric| metric.name == name && metric.kind == MetricKind::Counter);
    match name {
        _ if name.contains("_bytes") => "Bytes",
        _ if name.ends_with("_seconds") => "Seconds",
        _ if is_count => "Count",
        _ => "None",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(metrics: &EmbeddedMetrics, work: impl FnOnce()) -> Vec<Value> {
        metrics::with_local_recorder(metrics, work);
        metrics.drain(7)
    }

    #[test]
    fn what_was_recorded_is_written_once() {
        let recorder = EmbeddedMetrics::new("Mine");
        let documents = record(&recorder, || {
            for status in ["200", "200", "404"] {
                metrics::counter!("tidegate_http_requests_total", "door" => "api", "route" => "/v1/me", "method" => "GET", "status" => status).increment(1);
            }
            metrics::histogram!("tidegate_lambda_start_seconds").record(0.5);
            metrics::histogram!("tidegate_lambda_start_seconds").record(f64::NAN);
            metrics::gauge!("tidegate_jobs", "state" => "dead").set(3.0);
            metrics::counter!("tidegate_disk_refused_total").absolute(4);
        });
        assert_eq!(documents.len(), 4, "{documents:#?}");
        let plain = &documents[0];
        assert_eq!(plain["tidegate_lambda_start_seconds"], json!([0.5]));
        assert_eq!(plain["tidegate_disk_refused_total"], 4);
        assert_eq!(
            plain["_aws"],
            json!({"Timestamp": 7, "CloudWatchMetrics": [{"Namespace": "Mine", "Dimensions": [[]], "Metrics": [
                {"Name": "tidegate_disk_refused_total", "Unit": "Count"},
                {"Name": "tidegate_lambda_start_seconds", "Unit": "Seconds"},
            ]}]})
        );
        let requests = &documents[1];
        assert_eq!(requests["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["door", "status"]]));
        assert_eq!((&requests["route"], &requests["tidegate_http_requests_total"]), (&json!("/v1/me"), &json!(2)));
        assert_eq!(documents[3]["tidegate_jobs"], 3.0);
        let again = record(&recorder, || metrics::counter!("tidegate_disk_refused_total").absolute(5));
        assert_eq!(again.len(), 1);
        assert_eq!(again[0]["tidegate_disk_refused_total"], 1, "what was added, not the total");
        assert!(record(&recorder, || ()).is_empty());
    }

    #[test]
    fn no_document_has_more_than_cloudwatch_takes() {
        let recorder = EmbeddedMetrics::new("Mine");
        let documents = record(&recorder, || {
            for number in 0..250 {
                metrics::counter!(format!("tidegate_{number}_total")).increment(1);
                metrics::histogram!("tidegate_lambda_event_seconds").record(0.1);
            }
        });
        assert_eq!(documents.len(), 5);
        let metrics = |document: &Value| document["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len();
        assert_eq!(documents.iter().map(metrics).collect::<Vec<_>>(), [100, 100, 51, 1, 1]);
        let of =
            |document: &Value| document.get("tidegate_lambda_event_seconds").map(|all| all.as_array().unwrap().len());
        let values: Vec<usize> = documents.iter().filter_map(of).collect();
        assert_eq!(values, [100, 100, 50], "no value is left out");
    }
}
