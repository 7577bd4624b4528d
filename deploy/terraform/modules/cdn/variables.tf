variable "name" {
  description = "Names the resources in the account."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,47}$", var.name))
    error_message = "The name must have 1 to 48 letters, digits, '-' and '_', and begin with a letter or a digit."
  }
}

variable "bucket_regional_domain_name" {
  description = "The bucket's host name: output `regional_domain_name` of the module `bucket`."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+\\.s3[.-][a-z0-9.-]*amazonaws\\.com(\\.cn)?$", var.bucket_regional_domain_name))
    error_message = "It must be the regional host name of a bucket, such as name.s3.eu-central-1.amazonaws.com."
  }
}

variable "public_keys" {
  description = "Public keys that grants are verified with, as PEM, by a name of your choice. Two while one replaces the other."
  type        = map(string)

  validation {
    condition     = length(var.public_keys) >= 1 && length(var.public_keys) <= 5
    error_message = "There must be one to five keys: a key group holds five."
  }

  validation {
    condition     = alltrue([for name, pem in var.public_keys : can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,47}$", name))])
    error_message = "The name of a key must have 1 to 48 letters, digits, '-' and '_'."
  }

  validation {
    condition     = alltrue([for pem in values(var.public_keys) : can(regex("^-----BEGIN PUBLIC KEY-----\\r?\\n[A-Za-z0-9+/=\\r\\n]+-----END PUBLIC KEY-----\\s*$", pem))])
    error_message = "Each must be a public key as PEM (-----BEGIN PUBLIC KEY-----), as `tidegate keys generate` writes it to a file that ends in .pub.pem. Never give a private key."
  }
}

variable "signing_key" {
  description = "The name, among `public_keys`, of the key that the server signs with. Null: the first one by name."
  type        = string
  default     = null

  validation {
    condition     = var.signing_key == null || contains(keys(var.public_keys), coalesce(var.signing_key, "?"))
    error_message = "It must be the name of one of public_keys."
  }
}

variable "rotated_by" {
  description = "Who changes the key group after it was created: `server` (`tidegate keys rotate`; changes of `public_keys` then reach no group) or `terraform`."
  type        = string
  default     = "server"

  validation {
    condition     = contains(["server", "terraform"], var.rotated_by)
    error_message = "It must be server or terraform."
  }
}

variable "aliases" {
  description = "Your own host names of the distribution. Signed cookies need one that shares a domain with the API."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for alias in var.aliases : can(regex("^(\\*\\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", alias))])
    error_message = "Each must be a host name in lower case, such as images.example.com."
  }
}

variable "certificate_arn" {
  description = "The certificate of `aliases`, which lies in us-east-1 whatever the region of the bucket."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:[a-z-]+:acm:us-east-1:[0-9]{12}:certificate/", var.certificate_arn))
    error_message = "It must be the ARN of a certificate in us-east-1: CloudFront takes no other."
  }

  validation {
    condition     = (var.certificate_arn == null) == (length(var.aliases) == 0)
    error_message = "Set both aliases and certificate_arn, or neither."
  }
}

variable "allowed_origins" {
  description = "Origins of the pages that read by JavaScript. Empty: no CORS."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "Each must be an origin without a slash at the end, such as https://app.example.com. A wildcard is not accepted, because responses allow credentials."
  }
}

variable "cross_origin_resource_policy" {
  description = "Whose pages may embed what is served (`CROSS_ORIGIN_RESOURCE_POLICY`). Null: `same-site` with aliases, `cross-origin` without, since pages are never of the same site as cloudfront.net."
  type        = string
  default     = null

  validation {
    condition     = var.cross_origin_resource_policy == null || contains(["same-origin", "same-site", "cross-origin"], coalesce(var.cross_origin_resource_policy, "?"))
    error_message = "It must be same-origin, same-site or cross-origin."
  }
}

variable "price_class" {
  description = "Where CloudFront serves from: `PriceClass_100` is North America, Europe and Israel."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "It must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "access_logs" {
  description = "A bucket for access logs, as ARN, with a prefix if you like. Null: none. Query strings and cookies are left out, since they hold signatures."
  type        = object({ bucket_arn = string })
  default     = null

  validation {
    condition     = var.access_logs == null || can(regex("^arn:[a-z-]+:s3:::[a-z0-9.-]+(/.*)?$", try(var.access_logs.bucket_arn, "")))
    error_message = "It must be the ARN of a bucket, such as arn:aws:s3:::my-logs or arn:aws:s3:::my-logs/cdn."
  }
}

variable "web_acl_arn" {
  description = "A web ACL of AWS WAF in us-east-1. Null: none. A grant is checked all the same."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource that has some."
  type        = map(string)
  default     = {}
}
