mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = {
      arn                         = "arn:aws:s3:::photos"
      id                          = "photos"
      region                      = "eu-central-1"
      bucket_regional_domain_name = "photos.s3.eu-central-1.amazonaws.com"
    }
  }
}

variables {
  name              = "photos"
  distribution_arns = ["arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE"]
  allowed_origins   = ["https://app.example.com", "http://localhost:3002"]
}

run "is_private" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "the public access block is not complete"
  }
  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "ACLs are not off"
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "objects are not encrypted by S3"
  }
  assert {
    condition     = aws_s3_bucket.this.force_destroy == false
    error_message = "a bucket that holds objects can be destroyed"
  }
}

run "policy_denies_plain_http" {
  assert {
    condition = anytrue([for one in jsondecode(aws_s3_bucket_policy.this.policy).Statement :
      one.Effect == "Deny" && one.Principal == "*" && one.Action == "s3:*"
      && jsonencode(one.Condition) == jsonencode({ Bool = { "aws:SecureTransport" = "false" } })
      && jsonencode(one.Resource) == jsonencode(["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"])
    ])
    error_message = "plain HTTP is not denied for bucket and objects"
  }
}

run "policy_allows_only_the_distribution" {
  assert {
    condition = [for one in jsondecode(aws_s3_bucket_policy.this.policy).Statement : one if one.Effect == "Allow"] == [{
      Sid       = "ServedRootsToCloudFront"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "s3:GetObject"
      Resource  = [for root in output.served_roots : "arn:aws:s3:::photos/${root}"]
      Condition = { StringEquals = { "aws:SourceArn" = ["arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE"] } }
    }]
    error_message = "somebody else, or another action, is allowed"
  }
}

run "policy_opens_served_roots" {
  assert {
    condition = alltrue([for key in [
      "images/alice/0190d0a0-0000-7000-8000-000000000001/0190d0a0-0000-4000-8000-000000000002/disk.img",
      "sessions/0190d0a0-0000-7000-8000-000000000001/processed/a/b/image.jpg",
      "spaces/0190d0a0-0000-7000-8000-000000000001/pub/a/b/image.jpg",
      "O1/D20/P300/view/data 1.parquet",
      "O1/D20/P300/.zattrs",
    ] : anytrue([for root in output.served_roots : can(regex("^${replace(replace(root, "?", "."), "*", ".*")}$", key))])])
    error_message = "a served root is closed"
  }
}

run "policy_opens_nothing_else" {
  assert {
    condition = !anytrue([for key in [
      ".incoming/0190d0a0-0000-7000-8000-000000000001",
      ".quarantine/0190d0a0-0000-7000-8000-000000000001/0190d0a0000040008000000000000002",
      ".quarantine/orphans/2026-11-21/images/alice/i/v/disk.img",
      ".trash/images/alice/i/v/disk.img",
      ".parts/u/part_000001",
      ".gone/0190d0a0-0000-7000-8000-000000000001",
      "packages/1/20/300/0190d0a0-0000-7000-8000-000000000001",
      "sessions/0190d0a0-0000-7000-8000-000000000001/general/0190d0a0-0000-4000-8000-000000000002.jpg",
      "sessions/0190d0a0-0000-7000-8000-000000000001/processed",
      "sessions/short/processed/a",
      "spaces/0190d0a0-0000-7000-8000-000000000001/raw/a",
      "storage/alice/0a1b2c3d_notes.txt",
      "storage/alice/images/a/b/c/0a1b2c3d_disk.img",
      "images/alice/disk.img",
      "O1/D20/data.parquet",
      "index.html",
      "",
    ] : anytrue([for root in output.served_roots : can(regex("^${replace(replace(root, "?", "."), "*", ".*")}$", key))])])
    error_message = "a key outside of the served roots is open"
  }
}

run "without_a_distribution_nothing_is_open" {
  variables {
    distribution_arns = []
  }
  assert {
    condition     = !anytrue([for one in jsondecode(aws_s3_bucket_policy.this.policy).Statement : one.Effect == "Allow"])
    error_message = "something is allowed"
  }
}

run "another_image_base_path" {
  variables {
    image_base_path = "disks/v1"
  }
  assert {
    condition     = contains(output.served_roots, "disks/v1/?*/?*/?*/?*") && !anytrue([for root in output.served_roots : startswith(root, "images/")])
    error_message = "the served root of disk images is not below image_base_path"
  }
  assert {
    condition     = output.settings.IMAGE_BASE_PATH == "/disks/v1"
    error_message = "the server is told another path"
  }
}

run "pages_can_upload_in_parts" {
  assert {
    condition = alltrue([for rule in aws_s3_bucket_cors_configuration.this[0].cors_rule :
      rule.allowed_origins == toset(["https://app.example.com", "http://localhost:3002"])
      && rule.allowed_methods == toset(["GET", "HEAD", "PUT"])
      && contains(rule.expose_headers, "ETag")
    ])
    error_message = "ETag is not exposed, or other origins or methods are allowed"
  }
}

run "no_origins_no_cors" {
  variables {
    allowed_origins = []
  }
  assert {
    condition     = length(aws_s3_bucket_cors_configuration.this) == 0
    error_message = "there is a CORS rule for nobody"
  }
}

run "old_versions_go_after_30_days" {
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "the bucket keeps no versions"
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.noncurrent_version_expiration[0].noncurrent_days if length(rule.noncurrent_version_expiration) > 0] == [30]
    error_message = "old versions do not go after 30 days"
  }
  assert {
    condition     = output.settings.RETENTION_DAYS == "30"
    error_message = "the server promises another retention"
  }
}

run "incomplete_uploads_outlive_those_of_the_server" {
  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id => rule.abort_incomplete_multipart_upload[0].days_after_initiation
      if length(rule.abort_incomplete_multipart_upload) > 0
    } == { incomplete-uploads = 8, incomplete-uploads-of-sessions = 1 }
    error_message = "incomplete uploads stay, or go too early"
  }
  assert {
    condition     = tonumber(output.settings.UPLOAD_EXPIRY_SECONDS) == 7 * 86400
    error_message = "the server ends uploads after S3 does"
  }
}

run "what_lasts_is_tiered" {
  assert {
    condition = toset([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.filter[0].prefix
    if anytrue([for one in rule.transition : one.storage_class == "INTELLIGENT_TIERING"])]) == toset(["images/", "packages/", "sessions/", "spaces/", "storage/", "O"])
    error_message = "other prefixes are tiered"
  }
}

run "archives_where_told" {
  variables {
    archive = [{ prefix = "packages/", days = 90 }, { prefix = "images/", days = 180, storage_class = "DEEP_ARCHIVE" }]
  }
  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.filter[0].prefix => one(rule.transition).storage_class if startswith(rule.id, "archive-")
    } == { "packages/" = "GLACIER", "images/" = "DEEP_ARCHIVE" }
    error_message = "archive rules are not as told"
  }
  assert {
    condition     = output.settings.ARCHIVE_AFTER_DAYS == "90"
    error_message = "the server does not ask whether objects are archived"
  }
}

run "an_archive_that_is_read_at_once" {
  variables {
    archive = [{ prefix = "packages/", days = 90, storage_class = "GLACIER_IR" }]
  }
  assert {
    condition     = !contains(keys(output.settings), "ARCHIVE_AFTER_DAYS")
    error_message = "the server asks in vain whether objects are archived"
  }
}

run "encrypts_with_a_key_of_kms" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }
  assert {
    condition = alltrue([for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    ])
    error_message = "the key is not used"
  }
  assert {
    condition     = output.settings.S3_SERVER_SIDE_ENCRYPTION == "aws:kms" && contains(flatten(output.server_statements[*].Action), "kms:GenerateDataKey")
    error_message = "the server does not use the key, or may not"
  }
  assert {
    condition     = jsondecode(output.kms_statement).Principal.Service == "cloudfront.amazonaws.com"
    error_message = "CloudFront can't decrypt"
  }
}

run "refuses_names_with_dots" {
  command = plan
  variables {
    name = "photos.example.com"
  }
  expect_failures = [var.name]
}

run "refuses_a_distribution_id" {
  command = plan
  variables {
    distribution_arns = ["E1EXAMPLE"]
  }
  expect_failures = [var.distribution_arns]
}

run "refuses_wildcard_origins" {
  command = plan
  variables {
    allowed_origins = ["*"]
  }
  expect_failures = [var.allowed_origins]
}

run "refuses_origins_with_a_path" {
  command = plan
  variables {
    allowed_origins = ["https://app.example.com/"]
  }
  expect_failures = [var.allowed_origins]
}

run "refuses_a_base_path_of_another_kind" {
  command = plan
  variables {
    image_base_path = "spaces/images"
  }
  expect_failures = [var.image_base_path]
}

run "refuses_a_base_path_with_wildcards" {
  command = plan
  variables {
    image_base_path = "*"
  }
  expect_failures = [var.image_base_path]
}

run "refuses_a_hidden_base_path" {
  command = plan
  variables {
    image_base_path = ".incoming"
  }
  expect_failures = [var.image_base_path]
}

run "refuses_uploads_that_end_before_they_begin" {
  command = plan
  variables {
    incomplete_upload_days = 1
  }
  expect_failures = [var.incomplete_upload_days]
}

run "refuses_to_keep_versions_for_no_time" {
  command = plan
  variables {
    noncurrent_days = 0
  }
  expect_failures = [var.noncurrent_days]
}

run "refuses_to_archive_work_in_progress" {
  command = plan
  variables {
    archive = [{ prefix = ".quarantine/", days = 1 }]
  }
  expect_failures = [var.archive]
}

run "refuses_an_unknown_storage_class" {
  command = plan
  variables {
    archive = [{ prefix = "packages/", days = 1, storage_class = "FROZEN" }]
  }
  expect_failures = [var.archive]
}

run "refuses_an_alias_of_a_key" {
  command = plan
  variables {
    kms_key_arn = "alias/mine"
  }
  expect_failures = [var.kms_key_arn]
}
