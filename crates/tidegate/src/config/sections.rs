//! The sections that settings are listed in.

use super::settings::Setting;

/// The sections by the beginning of a setting's name. The first that fits decides.
const SECTIONS: &[(&str, &[&str])] = &[
    ("sign-in", &["AUTH_", "OIDC_"]),
    ("quotas", &["PER_", "MAX_FILES_", "MAX_DISKS_", "MAX_MEDIA_", "MAX_IMAGES_", "MAX_SESSIONS_", "MAX_SPACES_"]),
    ("quotas", &["MAX_DATASETS_", "MAX_OPEN_UPLOADS_"]),
    ("limits", &["MAX_CON", "MAX_REQUESTS_", "MAX_UPLOADS_", "MAX_EVENT_STREAMS", "MAX_DOWNLOADS_", "RATE_LIMIT_"]),
    ("limits", &["REQUEST_", "GRAPHQL_", "SHUTDOWN_"]),
    ("database", &["DATABASE_", "RDS_"]),
    ("store", &["UPLOAD_ROOT", "STORE_", "AWS_", "S3_"]),
    ("delivery", &["CLOUDFRONT_", "EDGE_", "IMAGE_BASE_PATH", "IMAGE_CACHE_", "ACCEL_", "GRANT_", "CORS_", "CROSS_"]),
    ("links", &["SIGNED_URL_", "SPACE_LINK_", "UPLOAD_SIGNING_", "MEDIA_LINK_", "MEDIA_ORIGINAL_", "FILES_PUBLIC"]),
    ("uploads", &["UPLOAD_", "MULTIPART_", "IMAGE_MAX_", "MAX_BODY_", "COMPLETE_", "PACKAGES_", "MEDIA_UPLOAD_"]),
    ("uploads", &["MEDIA_MAX_IMAGE_MB", "MEDIA_MAX_VIDEO_MB", "IMPORT_", "PROXY_"]),
    ("media", &["SCANNER", "CLAMAV_", "PUBLISH_", "MEDIA_", "FFMPEG_"]),
    ("jobs", &["WORKER", "JOB_", "REDIS_"]),
    ("lambda", &["LAMBDA_"]),
    ("retention", &["RETENTION_", "AUDIT_", "SWEEP_", "ARCHIVE_"]),
    ("logs and metrics", &["LOG_", "METRICS", "OTEL_"]),
    ("server", &["TIDEGATE_DATA", "ENV", "SURFACES", "BIND_", "PORT", "PUBLIC_", "PENNSIEVE_", "ALLOWED_", "TRUSTED_"]),
    ("server", &["GRAPHIQL", "DASHBOARD"]),
];

impl Setting {
    /// Returns the section that the setting is listed in.
    pub fn section(&self) -> &'static str {
        let fits = |prefixes: &[&str]| prefixes.iter().any(|prefix| self.name.starts_with(prefix));
        SECTIONS.iter().find(|(_, prefixes)| fits(prefixes)).map_or("other", |(section, _)| section)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::SETTINGS;
    use super::*;

    #[test]
    fn every_setting_is_in_a_section_and_every_prefix_is_of_one() {
        let other: Vec<&str> =
            SETTINGS.iter().filter(|setting| setting.section() == "other").map(|setting| setting.name).collect();
        assert!(other.is_empty(), "{other:?}");
        for prefix in SECTIONS.iter().flat_map(|(_, prefixes)| prefixes.iter()) {
            assert!(SETTINGS.iter().any(|setting| setting.name.starts_with(prefix)), "{prefix}");
        }
    }
}
