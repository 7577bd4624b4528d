# Everything on AWS: bucket, CDN, API Gateway, Lambda, SQS, an RDS Proxy and alarms.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { service = "tidegate", environment = var.environment }
  }
}

module "bucket" {
  source = "../../modules/bucket"

  name              = var.bucket
  distribution_arns = [module.cdn.arn]
  allowed_origins   = var.allowed_origins
}

module "cdn" {
  source = "../../modules/cdn"

  name                        = "tidegate-${var.environment}"
  bucket_regional_domain_name = module.bucket.regional_domain_name
  public_keys                 = { for file in var.public_key_files : trimsuffix(basename(file), ".pub.pem") => file(file) }
  allowed_origins             = var.allowed_origins
  aliases                     = [var.cdn_domain_name]
  certificate_arn             = var.cdn_certificate_arn
}

module "service" {
  source = "../../modules/service"

  name              = "tidegate"
  environment       = var.environment
  package           = var.package
  architecture      = var.architecture
  settings          = merge(module.bucket.settings, module.cdn.settings, var.settings)
  secrets           = var.secrets
  private_key       = var.private_key_file == null ? null : trimspace(file(var.private_key_file))
  server_statements = concat(module.bucket.server_statements, module.cdn.server_statements)
  worker_statements = module.cdn.worker_statements
  domain_name       = var.api_domain_name
  certificate_arn   = var.api_certificate_arn
  vpc               = var.vpc
  rds_proxy         = var.rds_proxy
  authorizer        = var.authorizer
}

resource "aws_sns_topic" "alarms" {
  name = "tidegate-${var.environment}-alarms"
}

# CloudFront's metrics are in us-east-1, and alarms tell topics of their own region.
resource "aws_sns_topic" "cdn_alarms" {
  region = "us-east-1"
  name   = "tidegate-${var.environment}-cdn-alarms"
}

# For whoever runs `tidegate keys rotate` and `tidegate doctor`.
resource "aws_iam_policy" "operator" {
  name        = "tidegate-${var.environment}-operator"
  description = "What the operator of Tidegate may do"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    for at, one in concat(
      module.bucket.server_statements, module.bucket.doctor_statements, module.cdn.doctor_statements,
      module.cdn.rotation_statements, module.service.rotation_statements, module.service.doctor_statements,
    ) : merge(one, { Sid = "${one.Sid}${at}" })
  ] })
}

module "alarms" {
  source = "../../modules/alarms"

  name           = "tidegate-${var.environment}"
  topic_arns     = [aws_sns_topic.alarms.arn]
  cdn_topic_arns = [aws_sns_topic.cdn_alarms.arn]
  functions      = module.service.function_names
  api            = { id = module.service.api_id }
  queue_names    = { jobs = module.service.queue_name, dead_letters = module.service.dead_letter_queue_name }
  distribution   = { id = module.cdn.id }
}
