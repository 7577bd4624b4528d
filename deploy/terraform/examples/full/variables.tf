variable "region" {
  description = "The region of everything but the CDN."
  type        = string
}

variable "environment" {
  description = "The environment, which is part of names, such as prod."
  type        = string
  default     = "prod"
}

variable "bucket" {
  description = "The bucket's name. Names are shared by all accounts of AWS."
  type        = string
}

variable "package" {
  description = "The zip file that `make package` made."
  type        = string
}

variable "architecture" {
  description = "What the package was built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "public_key_files" {
  description = "Files that `tidegate keys generate` wrote, which end in .pub.pem."
  type        = list(string)

  validation {
    condition     = length(var.public_key_files) > 0 && alltrue([for file in var.public_key_files : endswith(file, ".pub.pem")])
    error_message = "Name at least one file, each of which ends in .pub.pem. The other file of a pair is the private key: never give it to Terraform."
  }
}

variable "private_key_file" {
  description = "A file with the first value of the private key's parameter: that of `tidegate keys dummy --form base64`, whose public half is then among public_key_files."
  type        = string
  default     = null
}

variable "allowed_origins" {
  description = "Origins of your pages, such as https://app.example.com."
  type        = list(string)
  default     = []
}

variable "cdn_domain_name" {
  description = "The CDN's host name, such as images.example.com."
  type        = string
}

variable "cdn_certificate_arn" {
  description = "Its certificate, in us-east-1."
  type        = string
}

variable "api_domain_name" {
  description = "The API's host name, such as api.example.com."
  type        = string
}

variable "api_certificate_arn" {
  description = "Its certificate, in the region of the API."
  type        = string
}

variable "settings" {
  description = "Further settings of the server, such as AUTH_JWKS_URL and CLAMAV_HOST."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Settings whose values must not be printed: UPLOAD_SIGNING_KEY, AUTH_SERVICE_TOKEN."
  type        = map(string)
  sensitive   = true
}

variable "vpc" {
  description = "Subnets and security groups of the functions."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
}

variable "rds_proxy" {
  description = "The database and the proxy to create in front of it: see the module service."
  type = object({
    instance_identifier = optional(string)
    cluster_identifier  = optional(string)
    secret_arn          = string
    subnet_ids          = list(string)
    security_group_ids  = list(string)
    user                = string
    database            = string
  })
}

variable "authorizer" {
  description = "Who checks tokens before the server does: see the module service."
  type = object({
    type             = string
    lambda_arn       = optional(string)
    simple_responses = optional(bool, true)
    cache_seconds    = optional(number, 0)
    issuer           = optional(string)
    audience         = optional(list(string), [])
  })
  default = null
}
