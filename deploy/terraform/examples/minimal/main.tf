# Bucket and CDN on AWS, before a server of your own: on a machine, in containers, on Kubernetes.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region
}

module "bucket" {
  source = "../../modules/bucket"

  name              = var.bucket
  distribution_arns = [module.cdn.arn]
  allowed_origins   = var.allowed_origins
}

module "cdn" {
  source = "../../modules/cdn"

  name                        = var.bucket
  bucket_regional_domain_name = module.bucket.regional_domain_name
  public_keys                 = { for file in var.public_key_files : trimsuffix(basename(file), ".pub.pem") => file(file) }
  allowed_origins             = var.allowed_origins
  aliases                     = var.aliases
  certificate_arn             = var.certificate_arn
}

# What the server may do. Attach it to the role of its machine or of its pods.
resource "aws_iam_policy" "server" {
  name        = "${var.bucket}-server"
  description = "What a Tidegate server may do"
  policy      = jsonencode({ Version = "2012-10-17", Statement = concat(module.bucket.server_statements, module.cdn.server_statements, module.cdn.worker_statements) })
}

# What `tidegate doctor` reads besides. Attach it, too, to whoever runs that.
resource "aws_iam_policy" "doctor" {
  name        = "${var.bucket}-doctor"
  description = "What tidegate doctor may read of bucket and CDN"
  policy      = jsonencode({ Version = "2012-10-17", Statement = concat(module.bucket.doctor_statements, module.cdn.doctor_statements) })
}
