variable "name" {
  description = "The bucket's name (`S3_BUCKET`)."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name must have 3 to 63 lower-case letters, digits and hyphens, and begin and end with a letter or a digit. A dot would break the certificate of the bucket's host name."
  }
}

variable "distribution_arns" {
  description = "The CloudFront distributions that may read the served roots. Two while you move from one to another."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.distribution_arns : can(regex("^arn:[a-z-]+:cloudfront::[0-9]{12}:distribution/[A-Z0-9]+$", arn))])
    error_message = "Each must be the ARN of a distribution, such as arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE."
  }
}

variable "image_base_path" {
  description = "Where disk images lie (`IMAGE_BASE_PATH`), without a slash at either end."
  type        = string
  default     = "images"

  validation {
    # The rules of the server: crates/tidegate/src/model/key/mod.rs.
    condition = alltrue([
      length(var.image_base_path) <= 200,
      can(regex("^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", var.image_base_path)),
      !can(regex("^(packages|sessions|spaces|storage|O[0-9]*)(/|$)", var.image_base_path)),
      !can(regex("\\.meta(/|$)", var.image_base_path)),
    ])
    error_message = "It must be a path of segments of letters, digits, '-', '_' and '.', such as images, that does not begin as another kind's keys do (packages, sessions, spaces, storage, O1) and has no segment that ends in .meta."
  }
}

variable "allowed_origins" {
  description = "Origins of the pages that upload to the bucket and read from it. Empty: no CORS."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "Each must be an origin: scheme, host in lower case and, if not the scheme's, port, without a slash at the end, such as https://app.example.com. A wildcard is not accepted."
  }
}

variable "kms_key_arn" {
  description = "The KMS key that encrypts objects. Null: AES-256 with keys of S3. CloudFront needs a statement in the key's policy: see the output `kms_statement`."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "It must be the ARN of a key, such as arn:aws:kms:eu-central-1:111122223333:key/…. An alias is not accepted, because a key's policy can't name one."
  }
}

variable "noncurrent_days" {
  description = "Days after which old versions of objects are removed. It is also `RETENTION_DAYS`: how long a delete can be undone."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 36500 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "It must be a whole number of days from 1 to 36500."
  }
}

variable "incomplete_upload_days" {
  description = "Days after which S3 removes the parts of an upload that was never completed. `UPLOAD_EXPIRY_SECONDS` is one day less."
  type        = number
  default     = 8

  validation {
    condition     = var.incomplete_upload_days >= 2 && var.incomplete_upload_days <= 366 && floor(var.incomplete_upload_days) == var.incomplete_upload_days
    error_message = "It must be a whole number of days from 2 to 366: S3 must not remove parts before the server ends the upload."
  }
}

variable "intelligent_tiering" {
  description = "Whether objects go to Intelligent-Tiering, which moves what is not read to cheaper tiers. Its archive tiers are not used."
  type        = bool
  default     = true
}

variable "archive" {
  description = "Prefixes whose objects go to Glacier after some days. A read then answers 409 until the object is thawed. The shortest time is `ARCHIVE_AFTER_DAYS`."
  type = list(object({
    prefix        = string
    days          = number
    storage_class = optional(string, "GLACIER")
  }))
  default = []

  validation {
    condition     = alltrue([for rule in var.archive : can(regex("^[A-Za-z0-9_][^*?]*/$", rule.prefix))])
    error_message = "Each prefix must begin with a letter, a digit or '_' and end in a slash, such as packages/. Folders that begin with a dot hold work in progress."
  }

  validation {
    condition     = alltrue([for rule in var.archive : contains(["GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"], rule.storage_class)])
    error_message = "A storage class must be GLACIER_IR, GLACIER or DEEP_ARCHIVE."
  }

  validation {
    condition     = alltrue([for rule in var.archive : rule.days >= 1 && floor(rule.days) == rule.days])
    error_message = "Days must be a whole number of at least 1."
  }
}

variable "access_logs" {
  description = "A bucket for the access logs of this one, by its name. Null: none. Log lines hold the signatures of presigned requests."
  type        = object({ bucket = string, prefix = optional(string, "") })
  default     = null
}

variable "force_destroy" {
  description = "Whether `destroy` also removes a bucket that holds objects."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
