# A distribution that serves a private bucket under CloudFront signatures.

locals {
  signing_key = coalesce(var.signing_key, sort(keys(var.public_keys))[0])
  key_group   = var.rotated_by == "server" ? aws_cloudfront_key_group.server[0] : aws_cloudfront_key_group.terraform[0]
  policy      = coalesce(var.cross_origin_resource_policy, length(var.aliases) > 0 ? "same-site" : "cross-origin")

  day = 24 * 60 * 60
  # How long CloudFront keeps an object, by type. Browsers obey the object's own Cache-Control.
  lifetimes = { parquet = 30 * local.day, others = local.day }

  # Uploads are other people's content: whatever they are, nothing in them runs. A browser that opens
  # audio or video by its address requests it again from the page that it makes of it, which has no
  # origin in a sandbox.
  content_policies = {
    others = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    media  = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
  }

  # Path patterns are compared with their case, and `*` stands for slashes too.
  behaviors = concat(
    [for ending in ["parquet", "PARQUET"] : { path = "*.${ending}", cache = "parquet", headers = "others" }],
    [for ending in ["mp4", "mov", "webm"] : { path = "*.${ending}", cache = "others", headers = "media" }],
  )
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = var.name
  description                       = "Signs what CloudFront asks of the bucket"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_public_key" "this" {
  for_each = var.public_keys

  # Names are unique, and another key under the same name is created before the first is deleted.
  name        = "${var.name}-${each.key}-${substr(sha256(trimspace(replace(each.value, "\r", ""))), 0, 8)}"
  comment     = "Verifies grants of Tidegate"
  encoded_key = "${trimspace(replace(each.value, "\r", ""))}\n"

  # A key that a group holds can't be deleted.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudfront_key_group" "server" {
  count = var.rotated_by == "server" ? 1 : 0

  name    = var.name
  comment = "Changed by tidegate keys rotate"
  items   = [for name in sort(keys(var.public_keys)) : aws_cloudfront_public_key.this[name].id]

  lifecycle {
    ignore_changes = [items]
  }
}

# Under a name of its own: while `rotated_by` changes, there are two groups.
resource "aws_cloudfront_key_group" "terraform" {
  count = var.rotated_by == "terraform" ? 1 : 0

  name    = "${var.name}-terraform"
  comment = "Changed by Terraform"
  items   = [for name in sort(keys(var.public_keys)) : aws_cloudfront_public_key.this[name].id]
}

# All three lifetimes are equal: CloudFront then keeps objects for this long, whatever their own
# Cache-Control says to browsers. Signatures are not part of the cache key.
resource "aws_cloudfront_cache_policy" "this" {
  for_each = local.lifetimes

  name        = "${var.name}-${each.key}"
  min_ttl     = each.value
  default_ttl = each.value
  max_ttl     = each.value

  parameters_in_cache_key_and_forwarded_to_origin {
    # A compressed response has no ranges.
    enable_accept_encoding_brotli = false
    enable_accept_encoding_gzip   = false

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# The bucket answers preflights, which name origin, method and headers.
resource "aws_cloudfront_origin_request_policy" "this" {
  name = "${var.name}-cors"

  cookies_config {
    cookie_behavior = "none"
  }
  headers_config {
    header_behavior = "whitelist"
    headers {
      items = ["Access-Control-Request-Headers", "Access-Control-Request-Method", "Origin"]
    }
  }
  query_strings_config {
    query_string_behavior = "none"
  }
}

resource "aws_cloudfront_response_headers_policy" "this" {
  for_each = local.content_policies

  name    = "${var.name}-${each.key}"
  comment = "What Tidegate's own edge sends"

  dynamic "cors_config" {
    for_each = length(var.allowed_origins) > 0 ? [1] : []

    content {
      # Signed cookies are credentials; with them no list may be "*".
      access_control_allow_credentials = true
      access_control_max_age_sec       = 86400
      origin_override                  = true

      access_control_allow_headers {
        items = ["Cache-Control", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range"]
      }
      access_control_allow_methods {
        items = ["GET", "HEAD", "OPTIONS"]
      }
      access_control_allow_origins {
        items = var.allowed_origins
      }
      access_control_expose_headers {
        items = ["Accept-Ranges", "Content-Encoding", "Content-Length", "Content-Range", "Date", "ETag", "Last-Modified"]
      }
    }
  }

  security_headers_config {
    content_type_options {
      override = true
    }
    content_security_policy {
      content_security_policy = each.value
      override                = true
    }
    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = false
      override                   = true
      preload                    = false
    }
  }

  custom_headers_config {
    items {
      header   = "Cross-Origin-Resource-Policy"
      value    = local.policy
      override = true
    }
  }

  # Metadata of objects is for the operator.
  remove_headers_config {
    dynamic "items" {
      for_each = ["x-amz-meta-original-filename", "x-amz-meta-original-key", "x-amz-meta-session-id", "x-amz-meta-uploaded-by", "x-amz-version-id"]

      content {
        header = items.value
      }
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  comment         = var.name
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = var.price_class
  aliases         = var.aliases
  web_acl_id      = var.web_acl_arn
  tags            = var.tags

  origin {
    origin_id                = "bucket"
    domain_name              = var.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  default_cache_behavior {
    target_origin_id           = "bucket"
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = false
    trusted_key_groups         = [local.key_group.id]
    cache_policy_id            = aws_cloudfront_cache_policy.this["others"].id
    origin_request_policy_id   = aws_cloudfront_origin_request_policy.this.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this["others"].id
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.behaviors

    content {
      path_pattern               = ordered_cache_behavior.value.path
      target_origin_id           = "bucket"
      viewer_protocol_policy     = "https-only"
      allowed_methods            = ["GET", "HEAD", "OPTIONS"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = false
      trusted_key_groups         = [local.key_group.id]
      cache_policy_id            = aws_cloudfront_cache_policy.this[ordered_cache_behavior.value.cache].id
      origin_request_policy_id   = aws_cloudfront_origin_request_policy.this.id
      response_headers_policy_id = aws_cloudfront_response_headers_policy.this[ordered_cache_behavior.value.headers].id
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.certificate_arn == null
    acm_certificate_arn            = var.certificate_arn
    ssl_support_method             = var.certificate_arn == null ? null : "sni-only"
    # With the certificate of cloudfront.net, CloudFront decides itself.
    minimum_protocol_version = var.certificate_arn == null ? "TLSv1" : "TLSv1.2_2021"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
}

# Logs go by way of CloudWatch, which writes only the fields that are named. The older kind of log
# would hold signatures.
resource "aws_cloudwatch_log_delivery_source" "this" {
  count  = var.access_logs == null ? 0 : 1
  region = "us-east-1"

  name         = var.name
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.this.arn
}

resource "aws_cloudwatch_log_delivery_destination" "this" {
  count  = var.access_logs == null ? 0 : 1
  region = "us-east-1"

  name          = var.name
  output_format = "json"

  delivery_destination_configuration {
    destination_resource_arn = var.access_logs.bucket_arn
  }
}

resource "aws_cloudwatch_log_delivery" "this" {
  count  = var.access_logs == null ? 0 : 1
  region = "us-east-1"

  delivery_source_name     = aws_cloudwatch_log_delivery_source.this[0].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.this[0].arn
  record_fields = [
    "date", "time", "x-edge-location", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status", "sc-bytes",
    "sc-range-start", "sc-range-end", "time-taken", "time-to-first-byte", "x-edge-result-type",
    "x-edge-detailed-result-type", "x-edge-request-id", "cs-protocol", "cs-protocol-version", "ssl-protocol",
  ]
}
