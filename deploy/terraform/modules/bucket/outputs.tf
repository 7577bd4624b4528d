output "name" {
  description = "The bucket's name."
  value       = aws_s3_bucket.this.id
}

output "arn" {
  description = "The bucket's ARN."
  value       = local.arn
}

output "regional_domain_name" {
  description = "The host name that CloudFront reads from."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}

output "served_roots" {
  description = "Patterns of the keys that CloudFront may read."
  value       = local.served_roots
}

output "kms_statement" {
  description = "The statement that the policy of `kms_key_arn` needs, so that CloudFront can decrypt."
  value = jsonencode({
    Sid       = "CloudFrontDecrypts"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = ["kms:Decrypt"]
    Resource  = "*"
    Condition = { StringEquals = { "aws:SourceArn" = var.distribution_arns } }
  })
}

output "server_statements" {
  description = "The IAM statements that a server needs, for a role of your own or for the module `service`."
  value = concat([
    {
      Sid    = "Objects"
      Effect = "Allow"
      Action = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
        "s3:RestoreObject",
      ]
      Resource = ["${local.arn}/*"]
    },
    {
      Sid    = "Bucket"
      Effect = "Allow"
      Action = [
        "s3:GetBucketVersioning",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListBucketVersions",
      ]
      Resource = [local.arn]
    },
    ],
    [for key in var.kms_key_arn == null ? [] : [var.kms_key_arn] : {
      Sid      = "BucketKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [key]
  }])
}

output "doctor_statements" {
  description = "The IAM statements that `tidegate doctor` needs besides, to read how the bucket is configured."
  value = [{
    Sid    = "Configuration"
    Effect = "Allow"
    Action = [
      "s3:GetBucketCORS",
      "s3:GetBucketPolicy",
      "s3:GetBucketPolicyStatus",
      "s3:GetBucketPublicAccessBlock",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
    ]
    Resource = [local.arn]
  }]
}

output "settings" {
  description = "Settings of the server that follow from this bucket."
  value = merge(
    {
      S3_BUCKET             = aws_s3_bucket.this.id
      AWS_REGION            = aws_s3_bucket.this.region
      IMAGE_BASE_PATH       = "/${var.image_base_path}"
      RETENTION_DAYS        = tostring(var.noncurrent_days)
      UPLOAD_EXPIRY_SECONDS = tostring((var.incomplete_upload_days - 1) * 86400)
    },
    # Objects in these classes can't be read before a thaw.
    [for days in [[for rule in var.archive : rule.days if rule.storage_class != "GLACIER_IR"]] : length(days) == 0 ? {} : { ARCHIVE_AFTER_DAYS = tostring(min(days...)) }][0],
    var.kms_key_arn == null ? {} : {
      S3_SERVER_SIDE_ENCRYPTION = "aws:kms"
      S3_KMS_KEY_ID             = var.kms_key_arn
    },
  )
}
