//! What queries of datasets ask for.

use serde::Deserialize;
use utoipa::IntoParams;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DatasetsAsked {
    /// 1 to 1,000; 100 if left out.
    pub(super) limit: Option<String>,
    /// Where the page before said to go on.
    pub(super) cursor: Option<String>,
}

/// In which dataset.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InDataset {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
}

/// Which children.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChildrenAsked {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// The collection; the top of the dataset if left out.
    pub(super) parent_id: Option<String>,
    /// READY if left out; PENDING, SCANNING, REJECTED, FAILED, or ALL that is there; DELETED for what can be restored.
    pub(super) status: Option<String>,
    /// 1 to 1,000; 100 if left out.
    pub(super) limit: Option<String>,
    /// Where the page before said to go on.
    pub(super) cursor: Option<String>,
}

/// Which changes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesAsked {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// Of one package or collection only.
    pub(super) package_id: Option<String>,
    /// 1 to 1,000; 100 if left out.
    pub(super) limit: Option<String>,
    /// Where the page before said to go on.
    pub(super) cursor: Option<String>,
}

/// Which object of a package.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfPackage {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// The package, as `N:package:…`.
    #[param(required)]
    pub(super) package_id: Option<String>,
    /// The asset below the package.
    pub(super) path: Option<String>,
    /// `false`: the URL in JSON instead of a redirect.
    pub(super) redirect: Option<String>,
    /// `prefix`: over all assets of the package.
    pub(super) scope: Option<String>,
    /// 1 to 1,000; 100 if left out.
    pub(super) limit: Option<String>,
    /// Where the page before said to go on.
    pub(super) cursor: Option<String>,
}
