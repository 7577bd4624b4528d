variable "region" {
  description = "The bucket's region."
  type        = string
}

variable "bucket" {
  description = "The bucket's name. Names are shared by all accounts of AWS."
  type        = string
}

variable "public_key_files" {
  description = "Files that `tidegate keys generate` wrote, which end in .pub.pem."
  type        = list(string)

  validation {
    condition     = length(var.public_key_files) > 0 && alltrue([for file in var.public_key_files : endswith(file, ".pub.pem")])
    error_message = "Name at least one file, each of which ends in .pub.pem. The other file of a pair is the private key: never give it to Terraform."
  }
}

variable "allowed_origins" {
  description = "Origins of your pages, such as https://app.example.com."
  type        = list(string)
  default     = []
}

variable "aliases" {
  description = "Your own host names of the CDN, such as images.example.com."
  type        = list(string)
  default     = []
}

variable "certificate_arn" {
  description = "The certificate of `aliases` in us-east-1."
  type        = string
  default     = null
}
