# A private bucket of which CloudFront can read the served roots and nothing else.

locals {
  arn = aws_s3_bucket.this.arn

  # The served roots, as crates/tidegate/src/model/key/mod.rs has them (`Layout::served_root`). In a policy
  # `*` stands for any characters, slashes included, and `?` for one.
  served_roots = [
    "${var.image_base_path}/?*/?*/?*/?*", # {owner}/{image}/{version}/{file}
    "sessions/????????-????-????-????-????????????/processed/?*",
    "spaces/????????-????-????-????-????????????/pub/?*",
    "O?*/D?*/P?*/?*", # assets of packages
  ]

  # First segments of keys that stay. Uploads in progress (.incoming/, .quarantine/) are soon gone.
  lasting_prefixes = ["${var.image_base_path}/", "packages/", "sessions/", "spaces/", "storage/", "O"]
}

resource "aws_s3_bucket" "this" {
  bucket        = var.name
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "DenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.arn, "${local.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "DenyOldTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.arn, "${local.arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
      ],
      [for arns in [var.distribution_arns] : {
        Sid       = "ServedRootsToCloudFront"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = [for root in local.served_roots : "${local.arn}/${root}"]
        Condition = { StringEquals = { "aws:SourceArn" = arns } }
    } if length(arns) > 0])
  })

  # A policy is refused while the block would call it public, and another one may be in force before.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_cors_configuration" "this" {
  count  = length(var.allowed_origins) > 0 ? 1 : 0
  bucket = aws_s3_bucket.this.id

  cors_rule {
    id              = "pages"
    allowed_origins = var.allowed_origins
    allowed_methods = ["GET", "HEAD", "PUT"]
    allowed_headers = ["*"]
    # Without ETag, a page can't complete an upload in parts.
    expose_headers  = ["Accept-Ranges", "Content-Encoding", "Content-Length", "Content-Range", "ETag", "Last-Modified", "x-amz-request-id"]
    max_age_seconds = 3000
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket                                 = aws_s3_bucket.this.id
  transition_default_minimum_object_size = "all_storage_classes_128K"

  rule {
    id     = "incomplete-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = var.incomplete_upload_days
    }
  }

  # Clients of sessions upload in one request: parts below this prefix are the server's own.
  rule {
    id     = "incomplete-uploads-of-sessions"
    status = "Enabled"

    filter {
      prefix = "sessions/"
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  dynamic "rule" {
    for_each = var.intelligent_tiering ? local.lasting_prefixes : []

    content {
      id     = "tiering-${replace(trimsuffix(rule.value, "/"), "/", "-")}"
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      transition {
        days          = 0
        storage_class = "INTELLIGENT_TIERING"
      }
    }
  }

  dynamic "rule" {
    for_each = var.archive

    content {
      id     = "archive-${replace(trimsuffix(rule.value.prefix, "/"), "/", "-")}"
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      transition {
        days          = rule.value.days
        storage_class = rule.value.storage_class
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  count  = var.access_logs == null ? 0 : 1
  bucket = aws_s3_bucket.this.id

  target_bucket = var.access_logs.bucket
  target_prefix = "${var.access_logs.prefix}${var.name}/"
}
