# What is the same for all mocks of one type, such as ids, is compared in e2e/test_terraform.py.
mock_provider "aws" {
  mock_resource "aws_cloudfront_distribution" {
    defaults = {
      arn         = "arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE"
      id          = "E1EXAMPLE"
      domain_name = "d111111abcdef8.cloudfront.net"
    }
  }
}

variables {
  name                        = "photos"
  bucket_regional_domain_name = "photos.s3.eu-central-1.amazonaws.com"
  allowed_origins             = ["https://app.example.com"]
  public_keys = {
    first = <<-PEM
      -----BEGIN PUBLIC KEY-----
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEexample0000000000000000000000000000000000000
      -----END PUBLIC KEY-----
    PEM
  }
}

run "only_signed_requests_are_served" {
  assert {
    condition = alltrue([for behavior in concat(aws_cloudfront_distribution.this.default_cache_behavior, aws_cloudfront_distribution.this.ordered_cache_behavior) :
      behavior.trusted_key_groups == tolist([output.key_group_id])
      && behavior.viewer_protocol_policy == "https-only"
      && toset(behavior.allowed_methods) == toset(["GET", "HEAD", "OPTIONS"])
      && behavior.compress == false
    ])
    error_message = "a behavior serves without signature or HTTPS, lets others than readers in, or compresses"
  }
}

run "reads_the_bucket_as_itself" {
  assert {
    condition = alltrue([for origin in aws_cloudfront_distribution.this.origin :
      origin.origin_access_control_id == aws_cloudfront_origin_access_control.this.id && origin.domain_name == "photos.s3.eu-central-1.amazonaws.com"
    ])
    error_message = "the origin has no access control"
  }
  assert {
    condition     = aws_cloudfront_origin_access_control.this.signing_behavior == "always" && aws_cloudfront_origin_access_control.this.signing_protocol == "sigv4"
    error_message = "requests to the bucket are not signed"
  }
}

run "caches_parquet_30_days_and_others_24_hours" {
  assert {
    condition = { for name, policy in aws_cloudfront_cache_policy.this : name => toset([policy.min_ttl, policy.default_ttl, policy.max_ttl]) } == {
      parquet = toset([2592000])
      others  = toset([86400])
    }
    error_message = "lifetimes are others"
  }
  assert {
    condition     = toset([for behavior in aws_cloudfront_distribution.this.ordered_cache_behavior : behavior.path_pattern]) == toset(["*.parquet", "*.PARQUET", "*.mp4", "*.mov", "*.webm"])
    error_message = "other types have a behavior of their own"
  }
}

run "caches_whole_objects_whatever_the_signature" {
  assert {
    condition = alltrue([for policy in aws_cloudfront_cache_policy.this : alltrue([for one in policy.parameters_in_cache_key_and_forwarded_to_origin :
      one.query_strings_config[0].query_string_behavior == "none"
      && one.cookies_config[0].cookie_behavior == "none"
      && one.headers_config[0].header_behavior == "none"
      && one.enable_accept_encoding_gzip == false && one.enable_accept_encoding_brotli == false
    ])])
    error_message = "the cache key depends on the reader"
  }
}

run "content_is_inert" {
  assert {
    condition = alltrue([for policy in aws_cloudfront_response_headers_policy.this : alltrue([
      policy.security_headers_config[0].content_type_options[0].override,
      strcontains(policy.security_headers_config[0].content_security_policy[0].content_security_policy, "default-src 'none'"),
      !strcontains(policy.security_headers_config[0].content_security_policy[0].content_security_policy, "script-src"),
    ])])
    error_message = "content may be sniffed, or run scripts"
  }
  assert {
    condition     = strcontains(aws_cloudfront_response_headers_policy.this["others"].security_headers_config[0].content_security_policy[0].content_security_policy, "sandbox")
    error_message = "content is not in a sandbox"
  }
  assert {
    condition     = length(setsubtract(["x-amz-meta-original-filename", "x-amz-meta-uploaded-by"], [for one in aws_cloudfront_response_headers_policy.this["others"].remove_headers_config[0].items : one.header])) == 0
    error_message = "readers are told who uploaded"
  }
}

run "named_pages_read_with_credentials" {
  assert {
    condition = alltrue([for policy in aws_cloudfront_response_headers_policy.this : alltrue([
      policy.cors_config[0].access_control_allow_credentials,
      policy.cors_config[0].access_control_allow_origins[0].items == toset(["https://app.example.com"]),
      contains(policy.cors_config[0].access_control_allow_headers[0].items, "Range"),
      contains(policy.cors_config[0].access_control_expose_headers[0].items, "Content-Range"),
      contains(policy.cors_config[0].access_control_expose_headers[0].items, "ETag"),
      !anytrue([for item in policy.cors_config[0].access_control_allow_headers[0].items : item == "*"]),
    ])])
    error_message = "CORS is not for the named pages, or lacks what reads by range need"
  }
}

run "no_origins_no_cors" {
  variables {
    allowed_origins = []
  }
  assert {
    condition     = alltrue([for policy in aws_cloudfront_response_headers_policy.this : length(policy.cors_config) == 0])
    error_message = "there are CORS headers for nobody"
  }
  assert {
    condition     = !contains(keys(output.settings), "CORS_ALLOW_ORIGIN")
    error_message = "the server is told of origins"
  }
}

run "is_as_the_sources_have_it" {
  assert {
    condition     = aws_cloudfront_distribution.this.price_class == "PriceClass_100" && aws_cloudfront_distribution.this.enabled
    error_message = "the price class is another"
  }
}

run "its_own_name_has_current_tls" {
  variables {
    aliases         = ["images.example.com"]
    certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
  }
  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021"
    error_message = "old versions of TLS are accepted"
  }
  assert {
    condition     = output.settings.CLOUDFRONT_DOMAIN == "images.example.com" && output.settings.CLOUDFRONT_AUTH_MODE == "cookie" && output.settings.CROSS_ORIGIN_RESOURCE_POLICY == "same-site"
    error_message = "the server is told another name or mode"
  }
}

run "without_its_own_name_urls_are_signed" {
  assert {
    condition     = output.settings.CLOUDFRONT_DOMAIN == "d111111abcdef8.cloudfront.net" && output.settings.CLOUDFRONT_AUTH_MODE == "url" && output.settings.CROSS_ORIGIN_RESOURCE_POLICY == "cross-origin"
    error_message = "cookies can't be set for cloudfront.net"
  }
}

run "two_keys_overlap" {
  variables {
    rotated_by  = "terraform"
    signing_key = "second"
    public_keys = {
      first  = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
      second = "-----BEGIN PUBLIC KEY-----\r\nMFkx\r\n-----END PUBLIC KEY-----\r\n"
    }
  }
  assert {
    condition     = length(aws_cloudfront_public_key.this) == 2 && length(output.key_ids) == 2
    error_message = "there are not two keys"
  }
  assert {
    condition     = aws_cloudfront_key_group.terraform[0].name != "photos"
    error_message = "it has the name of the group that it replaces, and can't be created beside it"
  }
  assert {
    condition     = aws_cloudfront_public_key.this["second"].encoded_key == "-----BEGIN PUBLIC KEY-----\nMFkx\n-----END PUBLIC KEY-----\n"
    error_message = "line ends are not those that CloudFront gives back, so that every apply makes a new key"
  }
}

run "logs_hold_no_signatures" {
  variables {
    access_logs = { bucket_arn = "arn:aws:s3:::logs/cdn" }
  }
  assert {
    condition     = !anytrue([for field in aws_cloudwatch_log_delivery.this[0].record_fields : contains(["cs-uri-query", "cs(Cookie)", "cs(Referer)"], field)])
    error_message = "query strings, cookies or referrers are logged"
  }
  assert {
    condition     = aws_cloudwatch_log_delivery_source.this[0].region == "us-east-1"
    error_message = "CloudFront's logs come from us-east-1"
  }
}

run "servers_look_and_workers_invalidate" {
  assert {
    condition     = jsonencode([for one in output.server_statements : one.Action]) == jsonencode([["cloudfront:GetKeyGroup"]])
    error_message = "a server may do more"
  }
  assert {
    condition     = jsonencode([for one in output.worker_statements : [one.Action, one.Resource]]) == jsonencode([[["cloudfront:CreateInvalidation"], ["arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE"]]])
    error_message = "a worker may do more"
  }
}

run "refuses_a_private_key" {
  command = plan
  variables {
    public_keys = { first = "-----BEGIN PRIVATE KEY-----\nMFkw\n-----END PRIVATE KEY-----\n" }
  }
  expect_failures = [var.public_keys]
}

run "refuses_a_pair" {
  command = plan
  variables {
    public_keys = { first = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n-----BEGIN PRIVATE KEY-----\nMFkw\n-----END PRIVATE KEY-----\n" }
  }
  expect_failures = [var.public_keys]
}

run "refuses_no_key" {
  command = plan
  variables {
    public_keys = {}
  }
  expect_failures = [var.public_keys]
}

run "refuses_a_key_that_is_not_there" {
  command = plan
  variables {
    signing_key = "second"
  }
  expect_failures = [var.signing_key]
}

run "refuses_a_name_without_certificate" {
  command = plan
  variables {
    aliases = ["images.example.com"]
  }
  expect_failures = [var.certificate_arn]
}

run "refuses_a_certificate_of_another_region" {
  command = plan
  variables {
    aliases         = ["images.example.com"]
    certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
  }
  expect_failures = [var.certificate_arn]
}

run "refuses_wildcard_origins" {
  command = plan
  variables {
    allowed_origins = ["*"]
  }
  expect_failures = [var.allowed_origins]
}

run "refuses_the_website_of_a_bucket" {
  command = plan
  variables {
    bucket_regional_domain_name = "photos.s3-website.eu-central-1.example.com"
  }
  expect_failures = [var.bucket_regional_domain_name]
}

run "refuses_an_unknown_price_class" {
  command = plan
  variables {
    price_class = "PriceClass_1"
  }
  expect_failures = [var.price_class]
}

run "refuses_an_unknown_rotation" {
  command = plan
  variables {
    rotated_by = "hand"
  }
  expect_failures = [var.rotated_by]
}
