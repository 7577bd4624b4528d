//! Query parameters of the routes of datasets.

use serde::Deserialize;
use utoipa::IntoParams;

/// A query that selects a page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// 1 to 1,000; 100 if left out.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<String>,
    /// Where the page before said to go on.
    pub(super) cursor: Option<String>,
}

/// A query that names a dataset.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DatasetQuery {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
}

/// The query of `GET /packages/children`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChildrenQuery {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// The collection; the top of the dataset if left out.
    pub(super) parent_id: Option<String>,
    /// READY if left out; PENDING, SCANNING, REJECTED, FAILED, or ALL that is there; DELETED for what can be restored.
    pub(super) status: Option<String>,
    /// 1 to 1,000; 100 if left out.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<String>,
    /// Where the page before said to go on.
    pub(super) cursor: Option<String>,
    /// Instead of `cursor`: the number of items to pass over, from 0.
    #[param(value_type = Option<i64>, minimum = 0)]
    pub(super) offset: Option<String>,
}

/// The query of `GET /packages/changelog`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangelogQuery {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// Of one package or collection only.
    pub(super) package_id: Option<String>,
    /// 1 to 1,000; 100 if left out.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<String>,
    /// Where the page before said to go on.
    pub(super) cursor: Option<String>,
}

/// The query of `GET /packages/assets`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AssetsQuery {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// The package, as `N:package:…`.
    #[param(required)]
    pub(super) package_id: Option<String>,
    /// That asset alone.
    pub(super) path: Option<String>,
    /// 1 to 1,000; 100 if left out.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<String>,
    /// Where the page before said to go on.
    pub(super) cursor: Option<String>,
}

/// A query that names one asset.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AssetQuery {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// The package, as `N:package:…`.
    #[param(required)]
    pub(super) package_id: Option<String>,
    /// The asset below the package.
    #[param(required)]
    pub(super) path: Option<String>,
}

/// The query of `GET /packages/presign/s3`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PresignQuery {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// The package, as `N:package:…`.
    #[param(required)]
    pub(super) package_id: Option<String>,
    /// The asset below the package; the source file if left out.
    pub(super) path: Option<String>,
    /// `false`: the URL in JSON instead of a redirect.
    pub(super) redirect: Option<String>,
}

/// The query of `GET /packages/cloudfront/sign`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SignQuery {
    /// The dataset, as `N:dataset:…`.
    #[param(required)]
    pub(super) dataset_id: Option<String>,
    /// The package, as `N:package:…`.
    #[param(required)]
    pub(super) package_id: Option<String>,
    /// The asset below the package; needed unless `scope` is `prefix`, where it has no effect.
    pub(super) path: Option<String>,
    /// `prefix`: over all assets of the package.
    pub(super) scope: Option<String>,
}
